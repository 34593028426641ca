"""One pipeline on one data set: the run, every metric for every query, and what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from codomain.errors import InputError
from codomain.measure.datasets import Dataset, load
from codomain.measure.metrics import per_query, spearman
from codomain.measure.runs import Run
from codomain.measure.significance import Comparison, compare, interval
from codomain.pipeline import Pipeline, pipeline
from codomain.retrieve import Leaf, Retriever, leaves, plan
from codomain.stages import Stage

_TOGETHER = 256
"""Queries searched at once."""


@dataclass
class Evaluation:
    """Values by metric and query (by pair, for a similarity set: the cosine found); `means` and `intervals` sum them up."""

    dataset: str
    pipeline: str
    values: dict[str, dict[str, float]]
    run: Run
    means: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    def mean(self, metric: str) -> float:
        """The metric over all queries; raises InputError for one that was not measured."""
        try:
            return self.means[metric]
        except KeyError:
            raise InputError(f"{metric} was not measured: there is {', '.join(self.means)}.") from None

    def interval(self, metric: str) -> tuple[float, float]:
        """Its 95% bootstrap interval over queries."""
        self.mean(metric)
        return self.intervals[metric]

    def against(self, baseline: Evaluation, metric: str) -> Comparison:
        """This minus a baseline on the same retrieval set, paired by query."""
        for evaluation in (self, baseline):
            evaluation.mean(metric)
        return compare(baseline.values[metric], self.values[metric])

    def rows(self) -> list[dict[str, Any]]:
        """One row a metric: mean, low, high, queries."""
        return [
            {"metric": m, "mean": self.mean(m), "low": low, "high": high, "queries": len(self.values[m])}
            for m, (low, high) in self.intervals.items()
        ]


def evaluate(
    expression: str | Stage | Pipeline,
    dataset: str | Dataset,
    metrics: Sequence[str] = ("nDCG@10", "R@100"),
    k: int = 100,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """Index a data set's documents in memory, search its queries k deep, and measure each query.

    A similarity set is measured by Spearman's correlation of the cosines of the pipeline's vectors, whatever `metrics` says.

    >>> found = evaluate("bm25()", "wordnet", metrics=["RR"], k=10)
    >>> len(found.values["RR"])
    1000

    Raises InputError for an unknown data set or metric, and PipelineError for a pipeline that cannot search.
    """
    pipe = pipeline(expression)
    data = dataset if isinstance(dataset, Dataset) else load(dataset)
    if data.kind == "similarity":
        return _similarity(pipe, data)
    if not data.queries or not data.documents:
        raise InputError(f'the data set "{data.name}" has no judged queries or no documents.')
    per_query(Run("", {}), {}, metrics)  # an unknown metric fails before the long work, not after it
    documents, queries = list(data.documents), list(data.queries)
    began = time.perf_counter()
    retriever = Retriever(pipe).index([data.documents[d] for d in documents], progress)
    indexed = time.perf_counter()
    run = Run(str(pipe), {})
    for start in range(0, len(queries), _TOGETHER):
        some = queries[start : start + _TOGETHER]
        hits = retriever.search([data.queries[q] for q in some], k)
        run.rankings.update(Run.from_hits("", hits, some, documents).rankings)
    run.seconds = {"index": indexed - began, "search": time.perf_counter() - indexed}
    return measured(run, data, metrics)


def measured(run: Run, dataset: Dataset, metrics: Sequence[str] = ("nDCG@10", "R@100")) -> Evaluation:
    """The evaluation of a run that is already there, such as one read from a file."""
    values = per_query(run, dataset.qrels, metrics)
    means = {metric: float(np.mean(list(v.values()))) for metric, v in values.items()}
    return Evaluation(dataset.name, run.name, values, run, means, {metric: interval(v) for metric, v in values.items()})


def _similarity(pipe: Pipeline, data: Dataset) -> Evaluation:
    dense = [leaf for leaf in leaves(plan(pipe)) if leaf.encoder is not None]
    if not dense:
        raise InputError(f"{pipe} has no encoder, and a similarity set measures vectors.")
    began = time.perf_counter()
    vectors = _vectors(dense[0], [text for left, right, _ in data.pairs for text in (left, right)])
    seconds = time.perf_counter() - began
    lengths = np.linalg.norm(vectors, axis=1)
    vectors = vectors / np.where(lengths > 0, lengths, 1)[:, None]
    cosines = (vectors[::2] * vectors[1::2]).sum(axis=1).astype(np.float64)
    wanted = np.array([score for *_, score in data.pairs])
    rng = np.random.default_rng(0)
    draws = (rng.integers(0, len(wanted), len(wanted)) for _ in range(1000))
    bootstrap = [spearman(cosines[rows], wanted[rows]) for rows in draws]
    run = Run(str(pipe), {}, {"encode": seconds})
    return Evaluation(
        data.name,
        str(pipe),
        {"Spearman": {str(i): float(cosine) for i, cosine in enumerate(cosines)}},
        run,
        {"Spearman": spearman(cosines, wanted)},
        {"Spearman": (float(np.quantile(bootstrap, 0.025)), float(np.quantile(bootstrap, 0.975)))},
    )


def _vectors(leaf: Leaf, texts: list[str]) -> np.ndarray[Any, Any]:
    """Texts (n,) as the vectors that the branch stores, float32: quantised ones as what they stand for."""
    assert leaf.encoder is not None
    vectors: np.ndarray[Any, Any] = leaf.encoder.encode_documents(texts)
    if leaf.needs_fit:
        leaf.fit(vectors)
    for transform in leaf.transforms:
        vectors = transform.transform(vectors)
    return vectors
