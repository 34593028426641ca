"""What a user will wait: real collections with the pipelines that matter, timed query by query on one thread."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from codomain.contracts import Progress
from codomain.measure.tuning.bench import threads
from codomain.measure.tuning.cache import StageCache
from codomain.measure.tuning.corpus import Corpus
from codomain.read import Record
from codomain.retrieve import leaves, plan
from codomain.stages import Stage
from codomain.store.collection import Collection
from codomain.store.exchange import documents as stored
from codomain.store.opening import create
from codomain.vectors import Kind

_WHOLE = 1_000_000
"""Tokens of a chunk that is a whole document."""
_QUERIES = 100
"""Queries that are timed, after as many to warm up."""


class Remembered(Stage):
    """An encoder whose documents come from the cache; queries are encoded as ever."""

    def __init__(self, encoder: Any, cache: StageCache) -> None:
        self.encoder = encoder
        self.cache = cache
        self.dim, self.fingerprint = encoder.dim, encoder.fingerprint

    @property
    def name(self) -> str:  # type: ignore[override]
        """The encoder's own."""
        return str(self.encoder.name)

    @property
    def gives(self) -> Kind:  # type: ignore[override]
        """The encoder's own."""
        return self.encoder.gives  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return str(self.encoder)

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Any:
        """From the cache, encoded only where that does not have them."""
        return self.cache.documents(self.encoder, texts, progress)

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> Any:
        """What the encoder gives."""
        return self.encoder.encode_queries(texts, progress)


def confirmed(
    documents: Collection | Corpus,
    cache: StageCache,
    expressions: Sequence[str],
    queries: Sequence[str],
    place: Path,
) -> dict[str, tuple[float, float]]:
    """p50 and p95 in milliseconds of a search for ten documents, by pipeline, in a collection made for the purpose."""
    encoders: dict[str, Remembered] = {}  # models are slow to load
    return {e: _timed(documents, cache, e, queries[:_QUERIES], place / "confirm", encoders) for e in expressions}


def _timed(
    documents: Collection | Corpus,
    cache: StageCache,
    expression: str,
    queries: Sequence[str],
    place: Path,
    encoders: dict[str, Remembered],
) -> tuple[float, float]:
    shutil.rmtree(place, ignore_errors=True)
    try:
        root = plan(expression)
        for leaf in leaves(root):
            if leaf.encoder is not None:
                encoder, *rest = leaf.stages
                if str(encoder) not in encoders:
                    encoders[str(encoder)] = Remembered(encoder, cache)
                leaf.stages = (encoders[str(encoder)], *rest)
        create(place, expression, **_settings(documents)).close()
        with Collection(place, root) as collection:  # which takes over the encoders of the tree
            collection.add(_records(documents))
            collection.reindex()
            with threads(1):
                for query in queries:
                    collection.search(query)
                ms = [_ms(collection, query) for query in queries]
        return float(np.quantile(ms, 0.5)), float(np.quantile(ms, 0.95))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _settings(documents: Collection | Corpus) -> dict[str, Any]:
    """A collection's own; a data set's documents are not cut into chunks."""
    return asdict(documents.settings) if isinstance(documents, Collection) else {"chunk_size": _WHOLE, "overlap": 0}


def _records(documents: Collection | Corpus) -> Iterator[Record]:
    if isinstance(documents, Corpus):
        for id, text in zip(documents.documents, documents.passages, strict=True):
            if text.strip():
                yield Record(id, text)
        return
    for row in stored(documents):
        yield Record(row["id"], row["text"], row["title"], row["metadata"], markdown=row["markdown"])


def _ms(collection: Collection, query: str) -> float:
    began = time.perf_counter()
    collection.search(query)
    return 1e3 * (time.perf_counter() - began)
