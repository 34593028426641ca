"""What a user will wait: real collections with the pipelines that matter, timed query by query on one thread, in turns."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
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
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.outcome import Timing

_WHOLE = 1_000_000
"""Tokens of a chunk that is a whole document."""
_ROUNDS, _QUERIES = 5, 20
"""Rounds in which every collection is asked so many queries: what slows the machine down for a while, slows all of them."""
_BUSY = 0.25
"""Of the processors, what others may keep busy before it is said."""


class LatencyTimer:
    """Times searches for ten documents in collections made for the purpose, on one thread.

    `times` has what was timed so far, by pipeline; `busy` how many processors others kept busy, where that was many.
    """

    def __init__(
        self, documents: Collection | Corpus, cache: StageCache, queries: Sequence[str | Item], place: Path
    ) -> None:
        self.documents = documents
        self.cache = cache
        self.queries = queries[: _ROUNDS * _QUERIES]
        self.folder = place / f"confirm-{os.getpid()}"  # two may tune at once
        for other in place.glob("confirm-*"):
            if not alive(int(other.name.removeprefix("confirm-"))):
                shutil.rmtree(other, ignore_errors=True)
        self.times: dict[str, Timing] = {}
        self.busy = _busy()
        self._encoders: dict[str, FrozenEncoder] = {}  # models are slow to load

    def _documents(self, encoder: Encoder, given: Sequence[Any], progress: Any = None) -> Any:
        """Documents from the cache, encoded only where it does not have them."""
        items = [one if isinstance(one, str) else as_item(one, encoder.modalities) for one in given]
        return self.cache.documents(encoder, items, progress)

    def time(self, expressions: Sequence[str], deadline: float | None = None) -> None:
        """Time the first pipeline, and the others as long as there is time to build them; the collections are gone afterwards."""
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            with ExitStack() as stack:
                opened: dict[str, Collection] = {}
                for number, expression in enumerate(expressions):
                    if number == 0 or deadline is None or time.time() < deadline:
                        opened[expression] = stack.enter_context(self._built(expression, self.folder / str(number)))
                with threads(1):
                    self._in_turns(opened)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _built(self, expression: str, folder: Path) -> Collection:
        create(folder, expression, **_settings(self.documents)).close()
        collection = Collection(folder, self._planned(expression))  # which takes over the encoders
        try:
            collection.add(_records(self.documents))
            collection.reindex()
        except BaseException:
            collection.close()
            raise
        return collection

    def _in_turns(self, opened: Mapping[str, Collection]) -> None:
        for collection in opened.values():
            for query in self.queries[:_QUERIES]:
                collection.search(query)
        rounds: dict[str, list[list[float]]] = {expression: [] for expression in opened}
        for number in range(_ROUNDS):
            some = self.queries[number * _QUERIES :][:_QUERIES] or self.queries[:_QUERIES]  # few are asked again
            for expression, collection in opened.items():
                rounds[expression].append([_ms(collection, query) for query in some])
                self.times[expression] = _timing(rounds[expression])

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


def _timing(rounds: Sequence[Sequence[float]]) -> Timing:
    every = np.concatenate(rounds)
    medians = [float(np.median(one)) for one in rounds]
    return Timing(float(np.quantile(every, 0.5)), float(np.quantile(every, 0.95)), min(medians), max(medians))


def _busy() -> float | None:
    """Processors that were busy in the last minute, where they were more than a quarter of all beside this process."""
    try:
        load = os.getloadavg()[0] - 1.0
    except OSError:  # not known on this system
        return None
    return load if load > _BUSY * (os.cpu_count() or 1) else None


def alive(process: int) -> bool:
    """Whether a process runs."""
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
