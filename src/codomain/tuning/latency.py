"""What a user will wait: real collections with the pipelines that matter, timed query by query on one thread."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from codomain.contracts import Encoder
from codomain.encode.frozen import FrozenEncoder
from codomain.items import Item, as_item
from codomain.measure.data.corpus import Corpus
from codomain.measure.threads import threads
from codomain.plan import PlanNode, branches, plan
from codomain.read import Record
from codomain.store.collection import Collection
from codomain.store.exchange.export import documents as stored
from codomain.store.open_create import create
from codomain.tuning.cache import StageCache

_WHOLE = 1_000_000
"""Tokens of a chunk that is a whole document."""
_QUERIES = 100
"""Queries that are timed, after as many to warm up."""


class LatencyTimer:
    """Times searches for ten documents in a collection made for the purpose, on one thread."""

    def __init__(
        self, documents: Collection | Corpus, cache: StageCache, queries: Sequence[str | Item], place: Path
    ) -> None:
        self.documents = documents
        self.cache = cache
        self.queries = queries[:_QUERIES]
        self.folder = place / f"confirm-{os.getpid()}"  # two may tune at once
        for other in place.glob("confirm-*"):
            if not _alive(int(other.name.removeprefix("confirm-"))):
                shutil.rmtree(other, ignore_errors=True)
        self._encoders: dict[str, FrozenEncoder] = {}  # models are slow to load

    def _documents(self, encoder: Encoder, given: Sequence[Any], progress: Any = None) -> Any:
        """Documents from the cache, encoded only where it does not have them."""
        items = [one if isinstance(one, str) else as_item(one, encoder.modalities) for one in given]
        return self.cache.documents(encoder, items, progress)

    def time(self, expression: str) -> tuple[float, float]:
        """p50 and p95 in milliseconds; the collection is gone afterwards."""
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            create(self.folder, expression, **_settings(self.documents)).close()
            with Collection(self.folder, self._planned(expression)) as collection:  # which takes over the encoders
                collection.add(_records(self.documents))
                collection.reindex()
                with threads(1):
                    for query in self.queries:
                        collection.search(query)
                    ms = [_ms(collection, query) for query in self.queries]
            return float(np.quantile(ms, 0.5)), float(np.quantile(ms, 0.95))
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _planned(self, expression: str) -> PlanNode:
        """The tree of a pipeline whose encoders find documents in the cache."""
        root = plan(expression)
        for branch in branches(root):
            encoder: Any = branch.stages[0]
            rest = branch.stages[1:]
            if branch.encoder is not None:
                if str(encoder) not in self._encoders:
                    self._encoders[str(encoder)] = FrozenEncoder(
                        encoder, encoder.dim, encoder.fingerprint, partial(self._documents, encoder)
                    )
                branch.stages = (self._encoders[str(encoder)], *rest)
        return root


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _settings(documents: Collection | Corpus) -> dict[str, Any]:
    """A collection's own; a data set's documents are not cut into chunks."""
    return asdict(documents.settings) if isinstance(documents, Collection) else {"chunk_size": _WHOLE, "overlap": 0}


def _records(documents: Collection | Corpus) -> Iterator[Record]:
    if isinstance(documents, Corpus):
        for id, item in zip(documents.documents, documents.passages, strict=True):
            passage = Item(item) if isinstance(item, str) else item
            if passage.text.strip() or passage.media:
                yield Record(id, passage.text, media=passage.media)
        return
    for row in stored(documents):
        yield Record(
            row["id"],
            row["text"],
            row["title"],
            row["metadata"],
            markdown=row["markdown"],
            media=row.get("media", ()),
        )


def _ms(collection: Collection, query: str | Item) -> float:
    began = time.perf_counter()
    collection.search(query)
    return 1e3 * (time.perf_counter() - began)
