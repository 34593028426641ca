"""What one branch of pipelines answers: every query once at each depth, kept on disk; its index is built when first needed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from codomain import __version__
from codomain.arrays import Floats, Hits, as_float32
from codomain.contracts import Index, TextIndex, Transform
from codomain.items import texts_of
from codomain.measure.threads import threads
from codomain.plan import Branch
from codomain.retriever import InMemoryRows
from codomain.store.branches.branch import MOST_TO_FIT
from codomain.tuning.trials.outcome import StageCosts

if TYPE_CHECKING:
    from codomain.tuning.trials.evaluator import Evaluator


class Answers:
    """One branch: rows and scores of every query at every depth that was asked, with times; built when first needed."""

    def __init__(self, evaluator: Evaluator, branch: Branch) -> None:
        self.evaluator = evaluator
        self.branch = branch
        self._index: Any = None
        self._fitted = branch
        self._by_depth: dict[str, dict[str, np.ndarray[Any, Any]]] = {}
        self._fresh = False
        kept = evaluator.cache.answers(*self._key("costs"))
        self._costs: StageCosts | None = None if kept is None else StageCosts(**json.loads(str(kept["costs"])))

    def ask(self, query: int, depth: int, where: str | None = None) -> tuple[Hits, float]:
        """The hits of one query, under a filter, and the milliseconds that they took, without encoding it."""
        known = self._at(depth, where is not None)
        place = self.evaluator.questions.places[query]
        if np.isnan(known["ms"][place]):
            self._build()
            began = time.perf_counter()
            hits = self._search(query, depth, where)
            known["ms"][place] = 1e3 * (time.perf_counter() - began)
            known["rows"][place], known["scores"][place] = hits.rows[0], hits.scores[0]
            self._fresh = True
        hits = Hits(known["rows"][place : place + 1].astype(np.int64), known["scores"][place : place + 1])
        return hits, float(known["ms"][place])

    @property
    def costs(self) -> StageCosts:
        """What the branch takes; builds it if nobody has yet."""
        if self._costs is None:
            self._build()
        assert self._costs is not None
        return self._costs

    def release(self) -> None:
        """Put new answers on disk, and give the index back."""
        if self._fresh:
            for depth, known in self._by_depth.items():
                self.evaluator.cache.keep_answers(known, *self._key(depth))
            self._fresh = False
        self._index = None

    def _at(self, depth: int, filtered: bool) -> dict[str, np.ndarray[Any, Any]]:
        name = f"{depth} under {self.evaluator.filters}" if filtered else str(depth)
        if name not in self._by_depth:
            number = len(self.evaluator.queries)
            self._by_depth[name] = self.evaluator.cache.answers(*self._key(name)) or {
                "rows": np.full((number, depth), -1, np.int32),
                "scores": np.full((number, depth), -np.inf, np.float32),
                "ms": np.full(number, np.nan, np.float32),
            }
        return self._by_depth[name]

    def _key(self, what: str) -> tuple[str, ...]:
        maker = self.branch.encoder.fingerprint if self.branch.encoder is not None else ""
        corpus, queries = self.evaluator.corpus.fingerprint, self.evaluator.questions.fingerprint
        return (__version__, corpus, "" if what == "costs" else queries, self.branch.name, maker, what)

    def _build(self) -> None:
        if self._index is None:
            self._index, costs = self._built()
            if self._costs is None:
                self._costs = costs
                self.evaluator.cache.keep_answers({"costs": np.array(json.dumps(vars(costs)))}, *self._key("costs"))
            self._search(0, self.evaluator.k)  # what is compiled or mapped on first use is no query's fault

    def _built(self) -> tuple[Any, StageCosts]:
        began = time.perf_counter()
        encoding = 0.0
        passages = self.evaluator.corpus.passages
        if self.branch.encoder is None:
            index = self.branch.build(texts_of(passages), InMemoryRows(self.branch, passages, None))
        else:
            _, encoded = self.evaluator.prefix(self.branch.stages[:1])
            encoding = time.perf_counter() - began
            codes = encoded
            if self.branch.transforms:
                *head, last = self.branch.stages[:-1]
                fitted, vectors = self.evaluator.prefix(head)
                transform = cast(Transform, last).fit(sample(as_float32(vectors)))
                codes = transform.transform(vectors) if transform.codec is None else transform.codec.encode(vectors)
                self._fitted = Branch((*fitted, last, self.branch.stages[-1]))
            with threads():  # transforms are small products, which wait for threads longer than they take
                index = self._fitted.build(codes, InMemoryRows(self._fitted, passages, encoded))
        built = time.perf_counter() - began - encoding
        encode_s = self.evaluator.encode_s.get(str(self.branch.stages[0]), 0.0)
        return index, StageCosts(cast(Index, index).nbytes / len(self.evaluator.corpus.documents), built, encode_s)

    def _search(self, query: int, depth: int, where: str | None = None) -> Hits:
        allow = None if where is None else self.evaluator.corpus.masks[where]
        if self.branch.encoder is None:
            return cast(TextIndex, self._index).search(texts_of([self.evaluator.queries[query]]), depth, allow)
        vector = self.evaluator.asked(self.branch.encoder).vectors[query]
        return cast(Hits, self._index.search(self._fitted.query_vectors(vector), depth, allow))


def sample(vectors: Floats) -> Floats:
    """What a collection fits transforms on."""
    if len(vectors) <= MOST_TO_FIT:
        return vectors
    return vectors[np.random.default_rng(0).choice(len(vectors), MOST_TO_FIT, False)]
