"""Pipelines tried on one corpus: shared beginnings are made once, every query is asked by itself and timed on one thread."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, cast

import numpy as np

from codomain.arrays import Floats, Hits, Rows, as_float32
from codomain.contracts import Encoder, Transform
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
from codomain.stage import Stage
from codomain.tuning.cutting import key_of_cutting
from codomain.tuning.labels import pipeline_of, unlabeled
from codomain.tuning.trials.answers import Answers, sample
from codomain.tuning.trials.cache import EncodedQueries, StageCache
from codomain.tuning.trials.outcome import StageCosts

_KEPT = 3
"""Beginnings of pipelines (vectors after some transforms) that stay in memory."""


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
            transform.fit(sample(as_float32(vectors)))
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
        """Vectors by row as the first dense branch stores them, for rankers."""
        branch = first_dense(self.root)
        if branch is None:
            raise PipelineError("this pipeline has no encoder of dense vectors, so its documents have none.")
        return cast(Floats, self.evaluator.prefix(branch.stages[:-1])[1][rows])
