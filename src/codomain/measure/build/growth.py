"""What happens as a corpus grows: the same queries on nested corpora, and what takes the place of the answers.

"CoRECT: A Framework for Evaluating Embedding Compression Techniques at Scale" (2025). Compression looks free on small
corpora. The smallest corpus holds the judged documents and, with a mining run, each query's best wrong ones, its
distractors; larger ones add random documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from codomain.errors import InputError
from codomain.measure.data.datasets import Dataset
from codomain.measure.data.encoded import encoded
from codomain.measure.data.runs import Run
from codomain.measure.metrics.significance import Comparison, compare, lower_bound
from codomain.measure.tasks.evaluation import measured
from codomain.pipeline import Pipeline, pipeline
from codomain.plan import branches
from codomain.retriever import Retriever
from codomain.stage import Stage

FoundAs = Literal["relevant", "distractor", "random"]

_TOGETHER = 256


@dataclass(frozen=True)
class Nested:
    """Corpora that contain each other, smallest first, with the same queries; distractors by query."""

    sets: tuple[Dataset, ...]
    distractors: dict[str, frozenset[str]]

    def kind(self, query: str, document: str) -> FoundAs:
        """What a document is to a query."""
        if self.sets[0].qrels[query].get(document, 0) > 0:
            return "relevant"
        return "distractor" if document in self.distractors.get(query, ()) else "random"


def nested(data: Dataset, sizes: Sequence[int], mining: Run | None = None, each: int = 100, seed: int = 0) -> Nested:
    """Corpora of the given sizes: judged documents and each query's `each` best wrong ones of the mining run, then random ones.

    A size below that core is raised to it; one above the number of documents is lowered.

    >>> from codomain.measure import load
    >>> data = load("wordnet").sample(20)
    >>> [len(one.documents) for one in nested(data, [100, 1000]).sets]
    [100, 1000]

    Raises InputError for a set of another kind, or no sizes.
    """
    if data.kind != "retrieval" or not data.queries or not sizes or min(sizes) < 1:
        raise InputError("growing corpora need a retrieval set and sizes of 1 and more.")
    wrong: dict[str, frozenset[str]] = {}
    if mining is not None:
        for query in data.queries:
            ranked = [d for d, _ in mining.rankings.get(query, []) if data.qrels[query].get(d, 0) <= 0]
            wrong[query] = frozenset(ranked[:each])
    core = {document for judged in data.qrels.values() for document in judged}.union(*wrong.values())
    core &= data.documents.keys()
    rest = [id for id in data.documents if id not in core]
    order = np.random.default_rng(seed).permutation(len(rest))
    sets = []
    for size in sorted({min(max(size, len(core)), len(data.documents)) for size in sizes}):
        kept = core.union(rest[i] for i in order[: size - len(core)])
        documents = {id: text for id, text in data.documents.items() if id in kept}
        sets.append(replace(data, name=f"{data.name} {size:,}", documents=documents, metadata={}))
    return Nested(tuple(sets), wrong)


class Point(NamedTuple):
    """A pipeline on a corpus: the metric with its interval, what the k best are on average, and the gap to the reference.

    `gap` is the reference (the first pipeline) minus this, paired; `no_worse` whether the difference is shown to be within
    the margin; `hits` the mean number of relevant, distracting and random documents among the k best.
    """

    size: int
    pipeline: str
    mean: float
    low: float
    high: float
    hits: dict[FoundAs, float]
    gap: Comparison
    no_worse: bool
    values: dict[str, float]


def growth_curve(
    pipelines: Sequence[str | Stage | Pipeline],
    corpora: Nested,
    metric: str = "nDCG@10",
    k: int = 100,
    top: int = 10,
    margin: float = 0.01,
) -> list[Point]:
    """Every pipeline on every corpus, each indexed again; documents and queries are encoded once for each encoder.

    The first pipeline is what the others are compared with: the exact one. Raises InputError without pipelines.
    """
    if not pipelines:
        raise InputError("a growth curve needs pipelines: the exact one first.")
    vectors: dict[str, dict[str, Any]] = {}
    points: list[Point] = []
    for data in corpora.sets:
        reference: dict[str, float] | None = None
        for expression in pipelines:
            run = _run(pipeline(expression), data, k, vectors)
            found = measured(run, data, [metric])
            values = found.values[metric]
            reference = values if reference is None else reference
            hits: dict[FoundAs, float] = {"relevant": 0.0, "distractor": 0.0, "random": 0.0}
            for query, ranking in run.rankings.items():
                for document, _ in ranking[:top]:
                    hits[corpora.kind(query, document)] += 1 / len(data.queries)
            gap = compare(values, reference)
            losses = np.array([values[query] - reference[query] for query in values])
            low, high = found.interval(metric)
            points.append(
                Point(
                    len(data.documents),
                    str(run.name),
                    found.mean(metric),
                    low,
                    high,
                    hits,
                    gap,
                    lower_bound(losses) > -margin or not losses.any(),
                    values,
                )
            )
    return points


def growth_of_gap(small: Point, small_exact: Point, large: Point, large_exact: Point) -> Comparison:
    """How much more a pipeline loses against the exact one on the larger corpus, paired by query."""
    lost = [
        {query: exact.values[query] - one.values[query] for query in one.values}
        for one, exact in ((small, small_exact), (large, large_exact))
    ]
    return compare(*lost)


class _Known:
    """An encoder of dense vectors that remembers every text it was given, and keeps vectors on disk as `encoded` does."""

    def __init__(self, encoder: Any, seen: dict[str, dict[str, Any]]) -> None:
        self._encoder, self._seen = encoder, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def __str__(self) -> str:
        return str(self._encoder)

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> Any:
        return self._all("documents", texts)

    def encode_queries(self, texts: Sequence[str], progress: Any = None) -> Any:
        return self._all("queries", texts)

    def _all(self, role: Literal["documents", "queries"], texts: Sequence[str]) -> Any:
        seen = self._seen.setdefault(f"{self._encoder.fingerprint} {role}", {})
        new = list(dict.fromkeys(text for text in texts if text not in seen))
        if new:
            seen |= dict(zip(new, encoded(self._encoder, new, role), strict=True))
        return np.stack([seen[text] for text in texts])


def _run(pipe: Pipeline, data: Dataset, k: int, vectors: dict[str, dict[str, Any]]) -> Run:
    retriever = Retriever(pipe)
    for branch in branches(retriever.root):
        if branch.is_dense:
            branch.stages = (cast(Stage, _Known(branch.encoder, vectors)), *branch.stages[1:])
    documents, queries = list(data.documents), list(data.queries)
    retriever.index([data.documents[d] for d in documents])
    run = Run(str(pipe), {})
    for start in range(0, len(queries), _TOGETHER):
        some = queries[start : start + _TOGETHER]
        hits = retriever.search([data.queries[q] for q in some], k)
        run.rankings.update(Run.from_hits("", hits, some, documents).rankings)
    return run
