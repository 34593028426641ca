"""Pipelines tried on one corpus: shared beginnings are made once, every query is asked by itself and timed on one thread."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, cast

import numpy as np

from codomain import __version__
from codomain.arrays import Floats, Hits, Rows, as_float32
from codomain.contracts import Encoder, Index, TextIndex, Transform
from codomain.errors import PipelineError
from codomain.items import Item, texts_of
from codomain.measure.data.corpus import Corpus, Questions
from codomain.measure.data.datasets import Qrels
from codomain.measure.data.runs import Run
from codomain.measure.metrics.retrieval import per_query
from codomain.measure.threads import threads
from codomain.plan import Branch, branches, first_dense, plan, run
from codomain.progress import Progress
from codomain.read.situated import situate
from codomain.retriever import InMemoryRows
from codomain.stage import Stage
from codomain.store.branches.branch import MOST_TO_FIT
from codomain.tuning.cutting import key_of_cutting
from codomain.tuning.labels import pipeline_of, unlabeled
from codomain.tuning.trials.cache import EncodedQueries, StageCache

_KEPT = 3
"""Beginnings of pipelines (vectors after some transforms) that stay in memory."""


@dataclass(frozen=True)
class StageCosts:
    """What a pipeline takes: bytes that its indexes hold for a document, seconds to build them and to encode."""

    bytes: float = 0.0
    build_s: float = 0.0
    encode_s: float = 0.0


class Evaluator:
    """A corpus and queries on which pipelines are tried; see `Trial`.

    >>> import tempfile
    >>> from pathlib import Path
    >>> corpus = Corpus(["a red fox", "a blue whale"], [0, 1], ["a", "b"])
    >>> evaluator = Evaluator(corpus, Questions({"q": "whales"}, {"q": {"b": 1}}), StageCache(Path(tempfile.mkdtemp())))
    >>> evaluator.trial("bm25()").answer(0)[0]
    [1]
    """

    def __init__(self, corpus: Corpus, questions: Questions, cache: StageCache, k: int = 10) -> None:
        self.corpus = corpus
        self.questions = questions
        self.cache = cache
        self.k = k
        self.queries = [*questions.texts.values()]
        place = {id: number for number, id in enumerate(corpus.documents)} if questions.exclude_self else {}
        self.own = [place.get(id) for id in questions.texts]
        self.where = [questions.where.get(id) for id in questions.texts]
        self.encoded: set[str] = set()
        self.encode_s: dict[str, float] = {}
        self._asked: dict[str, EncodedQueries] = {}
        self._beginnings: OrderedDict[str, tuple[tuple[Stage, ...], Any]] = OrderedDict()
        self._branches: dict[str, Answers] = {}
        self._inside: dict[str, Evaluator] = {}

    @cached_property
    def filters(self) -> str:
        """Hash of the queries' filters and of what they match."""
        asked = sorted(self.questions.where.items())
        return hashlib.sha256(json.dumps([asked, self.corpus.allowed], sort_keys=True).encode()).hexdigest()

    def trial(self, expression: str) -> Candidate:
        """A pipeline to ask; nothing is built before the first question that no earlier trial has answered."""
        return Candidate(self.of(expression), expression)

    def of(self, label: str) -> Evaluator:
        """The evaluator on the passages of a trial: another one where documents are cut otherwise."""
        expression, chunks = unlabeled(label)
        if chunks is None or not self.corpus.others:
            return self
        key = key_of_cutting(chunks, expression)
        if key not in self._inside:
            self._inside[key] = Evaluator(self.corpus.others[key], self.questions, self.cache, self.k)
        for other in (self, *(inside for name, inside in self._inside.items() if name != key)):
            other._beginnings.clear()  # trials with other chunks come later, or never
        return self._inside[key]

    def answers(self, branch: Branch) -> Answers:
        """What a branch answers, shared by all pipelines that it is part of."""
        if branch.name not in self._branches:
            self._branches[branch.name] = Answers(self, branch)
        return self._branches[branch.name]

    def asked(self, encoder: Any) -> EncodedQueries:
        """The queries as an encoder gives them."""
        name = str(encoder)
        if name not in self._asked:
            with threads(1):
                self._asked[name] = self.cache.queries(encoder, self.queries)
        return self._asked[name]

    def encode(self, encoder: Any, progress: Progress | None = None) -> Any:
        """The passages as an encoder gives them, situated in their documents as the collection does."""
        began, before = time.perf_counter(), self.cache.texts_encoded
        with threads():
            vectors = self.cache.documents(encoder, self.corpus.passages, progress)
        self.encoded.add(str(encoder))
        if self.cache.texts_encoded > before:
            self.encode_s[str(encoder)] = time.perf_counter() - began
        if self.corpus.chunked and self.corpus.situate and isinstance(vectors, np.ndarray):
            vectors = situate(vectors, self.corpus.owners, self.corpus.situate)
        return vectors

    def prefix(self, stages: Sequence[Stage], progress: Progress | None = None) -> tuple[tuple[Stage, ...], Any]:
        """An encoder and some transforms, fitted, with the vectors that they give for the passages."""
        name = " >> ".join(map(str, stages))
        if name in self._beginnings:
            self._beginnings.move_to_end(name)
            return self._beginnings[name]
        *first, last = stages
        if not first:
            made: tuple[tuple[Stage, ...], Any] = ((last,), self.encode(last, progress))
        else:
            fitted, vectors = self.prefix(first)
            transform = cast(Transform, last)
            transform.fit(_sample(as_float32(vectors)))
            made = ((*fitted, last), transform.transform(vectors))
        self._beginnings[name] = made
        while len(self._beginnings) > _KEPT:
            self._beginnings.popitem(last=False)
        return made

    def items(self, rows: Rows) -> list[str | Item]:
        """Passages by row, for rankers."""
        return [self.corpus.passages[row] for row in rows]

    def value(self, rankings: dict[str, list[int]], metric: str) -> dict[str, float]:
        """A metric for the queries that have been ranked, documents best first."""
        ids = self.corpus.documents
        found = {q: [(ids[row], -float(i)) for i, row in enumerate(rows)] for q, rows in rankings.items()}
        qrels: Qrels = {query: self.questions.qrels[query] for query in rankings}
        return per_query(Run("trial", found), qrels, [metric])[metric]


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
                transform = cast(Transform, last).fit(_sample(as_float32(vectors)))
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


class Candidate:
    """A pipeline on a evaluator: `answer(i)` gives the documents of query i and the milliseconds that a user waits for them."""

    def __init__(self, evaluator: Evaluator, expression: str) -> None:
        self.evaluator = evaluator
        self.expression = expression
        self.root = plan(pipeline_of(expression))
        self._answers = {branch.name: evaluator.answers(branch) for branch in branches(self.root)}
        encoders = {str(e): e for own in self._answers.values() if (e := own.branch.encoder) is not None}
        self.encoders: list[Encoder] = [*encoders.values()]

    @property
    def costs(self) -> StageCosts:
        """Summed over the branches."""
        parts = [own.costs for own in self._answers.values()]
        encoders = {
            str(e): own.costs.encode_s for own in self._answers.values() if (e := own.branch.encoder) is not None
        }
        return StageCosts(sum(p.bytes for p in parts), sum(p.build_s for p in parts), sum(encoders.values()))

    def prepare(self) -> None:
        """Answer a query without measuring, so that later ones find all that is slow the first time."""
        for own in self._answers.values():
            _ = own.costs
        for encoder in self.encoders:
            self.evaluator.asked(encoder)
        self._run(0, min(self.evaluator.k, len(self.evaluator.corpus.passages)))

    def answer(self, query: int) -> tuple[list[int], float]:
        """The k best documents, as numbers, and the milliseconds: encoding, every branch, fusion and rankers."""
        own = self.evaluator.own[query]
        depth = k = self.evaluator.k + (own is not None)
        passages = len(self.evaluator.corpus.passages)
        total = 0.0
        while True:
            hits, ms = self._run(query, min(depth, passages))
            total += ms
            found = self.evaluator.corpus.first_documents(hits.rows[0], k)
            # several chunks of one document count once: deeper until k documents are there, as a collection does
            if len(found) >= k or (hits.rows[0] < 0).any() or depth >= passages:
                break
            depth *= 4
        found = [document for document in found if document != own][: self.evaluator.k]
        return found, total + sum(float(self.evaluator.asked(encoder).ms[query]) for encoder in self.encoders)

    def release(self) -> None:
        """Put what is new on disk and give the indexes back."""
        for own in self._answers.values():
            own.release()

    def _run(self, query: int, depth: int) -> tuple[Hits, float]:
        inside = known = 0.0
        where = self.evaluator.where[query]

        def search(branch: Branch, _: Sequence[str | Item], deep: int, where: str | None = where) -> Hits:
            nonlocal inside, known
            began = time.perf_counter()
            hits, ms = self._answers[branch.name].ask(query, deep, where)
            known += ms
            inside += 1e3 * (time.perf_counter() - began)
            return hits

        # as a collection does: fusions scale scores by what branches find without the filter
        everything = None if where is None else partial(search, where=None)
        began = time.perf_counter()
        hits = run(self.root, [self.evaluator.queries[query]], depth, search, self, None, everything)
        return hits, 1e3 * (time.perf_counter() - began) - inside + known

    def items(self, rows: Rows) -> list[str | Item]:
        """Passages by row, for rankers."""
        return self.evaluator.items(rows)

    def texts(self, rows: Rows) -> list[str]:
        """Their texts."""
        return texts_of(self.items(rows))

    def vectors(self, rows: Rows) -> Floats:
        """Vectors by row in the first dense branch's encoder space, for rankers."""
        branch = first_dense(self.root)
        if branch is None:
            raise PipelineError("this pipeline has no encoder of dense vectors, so its documents have none.")
        return cast(Floats, self.evaluator.prefix(branch.stages[:1])[1][rows])


def _sample(vectors: Floats) -> Floats:
    """What a collection fits transforms on."""
    if len(vectors) <= MOST_TO_FIT:
        return vectors
    return vectors[np.random.default_rng(0).choice(len(vectors), MOST_TO_FIT, False)]
