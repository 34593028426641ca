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
from codomain.store.open_create import create
from codomain.tuning.cutting import records_of
from codomain.tuning.labels import unlabeled
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.outcome import Timing

_WHOLE = 1_000_000
"""Tokens of a chunk that is a whole document."""
_ROUNDS, _QUERIES = 5, 20
"""Rounds in which every collection is asked so many queries: what slows the machine down for a while, slows all of them."""
_BUSY = 0.1
"""Of the time of timed searches, what they may wait for a processor before it is said."""


class LatencyTimer:
    """Times searches for ten documents in collections made for the purpose, on one thread.

    `where` are the filters of the queries. `times` has what was timed so far, by pipeline.
    """

    def __init__(
        self,
        documents: Collection | Corpus,
        cache: StageCache,
        queries: Sequence[str | Item],
        place: Path,
        where: Sequence[str | None] = (),
    ) -> None:
        self.documents = documents
        self.cache = cache
        self.queries = [*zip(queries, where or [None] * len(queries), strict=True)][: _ROUNDS * _QUERIES]
        self.folder = place / f"confirm-{os.getpid()}"  # two may tune at once
        for other in place.glob("confirm-*"):
            if not alive(int(other.name.removeprefix("confirm-"))):
                shutil.rmtree(other, ignore_errors=True)
        self.times: dict[str, Timing] = {}
        self._waited, self._took = 0.0, 0.0
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
        pipe, chunks = unlabeled(expression)
        settings = _settings(self.documents)
        if chunks is not None:
            settings |= {"chunk_size": chunks.size, "overlap": chunks.overlap}
        create(folder, pipe, **settings).close()
        collection = Collection(folder, self._planned(pipe))  # which takes over the encoders
        try:
            collection.add(_records(self.documents))
            collection.reindex()
        except BaseException:
            collection.close()
            raise
        return collection

    def _in_turns(self, opened: Mapping[str, Collection]) -> None:
        for collection in opened.values():
            for query, where in self.queries[:_QUERIES]:
                _ms(collection, query, where)
        rounds: dict[str, list[list[float]]] = {expression: [] for expression in opened}
        began, waited = time.perf_counter(), _waited()
        for number in range(_ROUNDS):
            some = self.queries[number * _QUERIES :][:_QUERIES] or self.queries[:_QUERIES]  # few are asked again
            for expression, collection in opened.items():
                rounds[expression].append([_ms(collection, query, where) for query, where in some])
                self.times[expression] = _timing(rounds[expression])
        if waited is not None and (now := _waited()) is not None:
            self._waited += now - waited
            self._took += time.perf_counter() - began

    @property
    def busy(self) -> float | None:
        """The share of the time that timed searches waited for a processor, where it was more than a tenth and is known."""
        share = self._waited / self._took if self._took else 0.0
        return share if share > _BUSY else None

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


def _waited(root: Path = Path("/")) -> float | None:
    """Seconds that this thread was ready to run while others had the processors; None where the system does not tell.

    Linux counts it for each thread, in containers as well: the second number of schedstat, in nanoseconds. The load average
    counts the processes of other containers, and no processors.
    """
    try:
        return int((root / "proc/thread-self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


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
    yield from records_of(documents)


def _ms(collection: Collection, query: str | Item, where: str | None) -> float:
    began = time.perf_counter()
    if where is None:
        collection.search(query)
    else:
        collection.search(query, where=where)
    return 1e3 * (time.perf_counter() - began)
