"""One pipeline on one data set: the run, every metric for every query or item, and what it cost; several beside each other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from codomain.errors import InputError
from codomain.measure.data.datasets import Dataset, load
from codomain.measure.data.judgments import known, own_documents
from codomain.measure.data.runs import Run
from codomain.measure.metrics.corpus_level import Ranked, Repeated
from codomain.measure.metrics.retrieval import distinct, one_name, per_query
from codomain.measure.metrics.significance import Comparison, Groups, compare, corrected, interval, sharing
from codomain.measure.tasks.kinds import Task
from codomain.pipeline import Pipeline, pipeline
from codomain.plan import Branch, first_dense, plan
from codomain.progress import Progress
from codomain.registry import lookup
from codomain.retriever import Retriever
from codomain.stage import Stage

_TOGETHER = 256
"""Queries searched at once."""

_RETRIEVAL = ("nDCG@10", "R@100")


@dataclass
class Evaluation:
    """Values by metric and query, item or pair (there the cosine found); `means` and `intervals` sum them up.

    `groups` are the clusters that intervals and tests draw whole; `unaveraged` holds the metrics that are no mean of values;
    `notes` says what was left out, in sentences.
    """

    dataset: str
    pipeline: str
    values: dict[str, dict[str, float]]
    run: Run
    means: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    groups: Groups | None = None
    unaveraged: dict[str, Ranked | Repeated] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def mean(self, metric: str) -> float:
        """The metric, in any spelling, over all queries; raises InputError for one that was not measured."""
        return self.means[self._measured(metric)]

    def interval(self, metric: str) -> tuple[float, float]:
        """Its 95% interval over queries."""
        return self.intervals[self._measured(metric)]

    def _measured(self, metric: str) -> str:
        """How a metric was written when it was measured."""
        if metric in self.means:
            return metric
        for one in self.means:
            if one_name(one) == one_name(metric):
                return one
        raise InputError(f"{metric} was not measured: there is {', '.join(self.means)}.")

    def against(self, baseline: Evaluation, metric: str) -> Comparison:
        """This minus a baseline on the same set, paired by query or item."""
        one, other = self._measured(metric), baseline._measured(metric)
        mine, theirs = self.unaveraged.get(one), baseline.unaveraged.get(other)
        if mine is not None and type(mine) is type(theirs):
            return mine.minus(theirs)  # type: ignore[arg-type]
        return compare(baseline.values[other], self.values[one], groups=self.groups)

    def rows(self) -> list[dict[str, Any]]:
        """One row a metric: mean, low, high, queries."""
        return [
            {"metric": m, "mean": self.mean(m), "low": low, "high": high, "queries": len(self.values[m])}
            for m, (low, high) in self.intervals.items()
        ]


def evaluate(
    expression: str | Stage | Pipeline,
    dataset: str | Dataset,
    metrics: Sequence[str] | None = None,
    k: int = 100,
    progress: Progress | None = None,
    groups: Groups | Literal["document"] | None = None,
    *,
    exclude_self: bool | None = None,
    skip_unjudged: bool = False,
) -> Evaluation:
    """Measure a pipeline on a data set, every query or item by itself.

    Retrieval (nDCG@10 and R@100 unless `metrics` says otherwise): the documents are indexed in memory, the queries searched k
    deep. The other kinds measure the vectors that the pipeline stores: similarity by Spearman's correlation of their
    cosines, pairs by AP, bitext by accuracy of the nearest, labelled texts by accuracy of a linear probe and V-measure of
    k-means. `groups` names clusters of queries; "document" makes one of those that share a relevant document. `exclude_self` leaves
    the document with a query's own id out of its ranking, as BEIR does; None: where most such documents are the query's text
    and none is judged relevant (ArguAna, Quora). `skip_unjudged` leaves out judgments of what is not there, as `load` does.

    >>> found = evaluate("bm25()", "wordnet", metrics=["RR"], k=10)
    >>> len(found.values["RR"])
    1000

    Raises InputError for an unknown data set or metric, and PipelineError for a pipeline that cannot search.
    """
    pipe = pipeline(expression)
    data = known(dataset, skip_unjudged) if isinstance(dataset, Dataset) else load(dataset, skip_unjudged=skip_unjudged)
    if data.kind != "retrieval":
        return _of_vectors(pipe, data, metrics, progress)
    metrics = distinct(metrics or _RETRIEVAL)
    if not data.queries or not data.documents:
        raise InputError(f'the data set "{data.name}" has no judged queries or no documents.')
    per_query(Run("", {}), {}, metrics)  # an unknown metric fails before the long work, not after it
    documents, queries = list(data.documents), list(data.queries)
    began = time.perf_counter()
    own, _ = _own(data, exclude_self)
    retriever = Retriever(pipe).index([data.documents[d] for d in documents], progress)
    indexed = time.perf_counter()
    run = Run(str(pipe), {})
    for start in range(0, len(queries), _TOGETHER):
        some = queries[start : start + _TOGETHER]
        hits = retriever.search([data.queries[q] for q in some], k + bool(own))
        run.rankings.update(Run.from_hits("", hits, some, documents).rankings)
    run.seconds = {"index": indexed - began, "search": time.perf_counter() - indexed}
    for query in run.rankings:  # one deeper than asked where one may go
        run.rankings[query] = [hit for hit in run.rankings[query] if query not in own or hit[0] != query][:k]
    return measured(run, data, metrics, groups, exclude_self=exclude_self)


def measured(
    run: Run,
    dataset: Dataset,
    metrics: Sequence[str] = _RETRIEVAL,
    groups: Groups | Literal["document"] | None = None,
    *,
    exclude_self: bool | None = None,
) -> Evaluation:
    """The evaluation of a run that is already there, such as one read from a file; `exclude_self` as in `evaluate`."""
    if groups == "document":
        groups = sharing({q: [d for d, grade in judged.items() if grade > 0] for q, judged in dataset.qrels.items()})
    own, notes = _own(dataset, exclude_self)
    rankings = {q: [hit for hit in found if q not in own or hit[0] != q] for q, found in run.rankings.items()}
    run = replace(run, rankings=rankings)
    values = per_query(run, dataset.qrels, distinct(metrics))
    means = {metric: float(np.mean(list(v.values()))) for metric, v in values.items()}
    intervals = {metric: interval(v, groups=groups) for metric, v in values.items()}
    notes = [f"left out: {reason} ({number:,})" for reason, number in dataset.left_out.items()] + notes
    return Evaluation(dataset.name, run.name, values, run, means, intervals, groups, notes=notes)


def _own(data: Dataset, exclude_self: bool | None) -> tuple[frozenset[str], list[str]]:
    """The queries whose own document is left out of their ranking, and what is said of it.

    Raises InputError where such documents are to be left out and are judged relevant.
    """
    found = own_documents(data)
    several = f"{len(found.ids):,} {'query' if len(found.ids) == 1 else 'queries'}"
    if exclude_self and found.relevant:
        raise InputError(
            f"{data.name}: {found.relevant:,} of {several} with the id of a document are judged to be answered by that "
            "document: it cannot be left out (--exclude-self)."
        )
    if found.ids and (found.excluded if exclude_self is None else exclude_self):
        why = "their texts are the same; --include-self counts it" if exclude_self is None else "as asked"
        said = f"left out: the document with the query's own id, from the ranking of {several}, as BEIR does ({why})"
        return frozenset(found.ids), [said]
    if found.ids and exclude_self is None and not found.relevant:
        return frozenset(), [
            f"{several} share their id with a document that says something else: it is counted; BEIR leaves it out, as "
            "--exclude-self does"
        ]
    return frozenset(), []


def compare_evaluations(
    first: Mapping[str, Evaluation], others: Mapping[str, Mapping[str, Evaluation]]
) -> dict[tuple[str, str, str], Comparison]:
    """One pipeline's evaluations by task minus several others': by (metric, task, pipeline), corrected by Holm per metric.

    Metrics of the same rankings rise and fall together; correcting for them as well would only cost power.
    """
    found: dict[tuple[str, str, str], Comparison] = {}
    for metric in dict.fromkeys(metric for one in first.values() for metric in one.means):
        family = {
            (metric, task, name): one.against(evaluations[task], metric)
            for task, one in first.items()
            if metric in one.means
            for name, evaluations in others.items()
        }
        found |= dict(zip(family, corrected({str(k): c for k, c in family.items()}).values(), strict=True))
    return found


def _of_vectors(pipe: Pipeline, data: Dataset, metrics: Sequence[str] | None, progress: Progress | None) -> Evaluation:
    task: Task = lookup("task", data.kind)()
    wanted = _wanted(data, task, metrics)
    dense = first_dense(plan(pipe))
    if dense is None:
        raise InputError(f"{pipe} has no encoder of dense vectors, and the set {data.name} measures vectors.")
    began = time.perf_counter()
    vectors = _vectors(dense, task.texts(data), progress)
    found = Evaluation(data.name, str(pipe), {}, Run(str(pipe), {}, {"encode": time.perf_counter() - began}))
    for metric in wanted:
        measured = task.measure(vectors, data, metric)
        found.values[metric] = dict(zip(task.items(data), measured.by_item.tolist(), strict=True))
        found.means[metric], found.intervals[metric] = measured.value, measured.interval
        if measured.unaveraged is not None:
            found.unaveraged[metric] = measured.unaveraged
    return found


def _wanted(data: Dataset, task: Task, metrics: Sequence[str] | None) -> list[str]:
    """The metrics of a task that are wanted, however they are written."""
    if not metrics:
        return list(task.metrics)
    named = {name.lower().replace("-", ""): name for name in task.metrics}
    wanted = []
    for metric in metrics:
        if metric.lower().replace("-", "") not in named:
            raise InputError(
                f'"{metric}" is not measured on {data.name}, a {data.kind} set: {", ".join(task.metrics)} is.'
            )
        wanted.append(named[metric.lower().replace("-", "")])
    return [*dict.fromkeys(wanted)]


def _vectors(branch: Branch, texts: list[str], progress: Progress | None = None) -> np.ndarray[Any, Any]:
    """Texts (n,) as the vectors that the branch stores, float32: quantised ones as what they stand for."""
    assert branch.encoder is not None
    vectors: np.ndarray[Any, Any] = branch.encoder.encode_documents(texts, progress)
    if branch.needs_fit:
        branch.fit(vectors)
    for transform in branch.transforms:
        vectors = transform.transform(vectors)
    return vectors
