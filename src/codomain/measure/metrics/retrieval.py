"""Retrieval measures by query, through ir-measures, and rank correlation, through scipy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from numpy.typing import ArrayLike

from codomain.errors import InputError, RegistryError
from codomain.measure.data.datasets import Qrels
from codomain.measure.data.runs import Run
from codomain.measure.metrics.spelling import belongs_to_ir_measures, cut_of, exponential, ir_measure, metric_name
from codomain.registry import lookup, names, register

Metric = Callable[[Sequence[str], Mapping[str, int]], float]
"""From the ids found for a query and its judgments to a value."""


def metric(name: str) -> Callable[[Metric], Metric]:
    """Register a retrieval metric of a single query, for `evaluate`, `tune` and `codomain eval --metric NAME@k`.

    The function is called with the ids found, best first, cut at k, and the grade of each judged document.

    >>> @metric("HalfRight")
    ... def half_right(found, judged):
    ...     return float(sum(judged.get(id, 0) > 0 for id in found) >= len(found) / 2)
    >>> run = Run("r", {"q": [("x", 2.0), ("d", 1.0)]})
    >>> per_query(run, {"q": {"d": 1}}, ["HalfRight@2"])
    {'HalfRight@2': {'q': 1.0}}

    Raises RegistryError for a name that is taken.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise RegistryError(f"the metric name {name!r} is not a word.")
    if belongs_to_ir_measures(name):
        raise RegistryError(f"the metric name {name!r} belongs to ir-measures.")
    return register("metric", name)


def one_name(text: str) -> str:
    """What two spellings of a metric have in common, registered ones included.

    >>> one_name("ndcg@10") == one_name("NDCG@10"), one_name("R@10") == one_name("recall@10")
    (True, True)
    """
    name, at, cut = text.strip().partition("@")
    registered = _registered(name)
    return f"{registered}{at}{cut}" if registered else metric_name(text)


def distinct(metrics: Sequence[str]) -> list[str]:
    """The metrics, each once, as it is written first.

    >>> distinct(["ndcg@10", "MRR", "nDCG@10"])
    ['ndcg@10', 'MRR']
    """
    first: dict[str, str] = {}
    for text in metrics:
        first.setdefault(one_name(text), text)
    return [*first.values()]


def per_query(run: Run, qrels: Qrels, metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """Every metric's value for every judged query; a query without hits has 0. Equal scores keep the run's order.

    >>> run = Run("r", {"q": [("x", 2.0), ("d", 1.0)]})
    >>> per_query(run, {"q": {"d": 1}}, ["MRR", "recall@1"])
    {'MRR': {'q': 0.5}, 'recall@1': {'q': 0.0}}

    Raises InputError for a metric that is unknown or cannot be computed and for a judgment that is no whole number, and
    MissingExtra without ir-measures.
    """
    measures: dict[Any, list[str]] = {}
    own: dict[str, Metric] = {}
    for text in metrics:
        registered = _registered(text.partition("@")[0])
        if registered:
            own[text] = _of_first(lookup("metric", registered), cut_of(text))
            continue
        measure = ir_measure(text)
        if exponential(measure):
            own[text] = partial(exponential_ndcg, cut=measure.params.get("cutoff"))
        else:
            measures.setdefault(measure, []).append(text)
    judgments = _whole(qrels)
    values: dict[str, dict[str, float]] = {text: dict.fromkeys(qrels, 0.0) for text in metrics}
    for text, measure_one in own.items():
        for query, judged in judgments.items():
            found = [id for id, _ in run.rankings.get(query, ())]
            values[text][query] = float(measure_one(found, judged)) if found else 0.0
    if not measures:
        return values
    import ir_measures

    # ir-measures sorts by score and breaks ties by name: give it ranks for scores, so that our order is the one measured
    ranks = {q: {d: float(-i) for i, (d, _) in enumerate(found)} for q, found in run.rankings.items() if found}
    for row in ir_measures.iter_calc([*measures], judgments, ranks):
        if row.query_id in qrels:
            for text in measures[row.measure]:
                values[text][row.query_id] = float(row.value)
    return values


def exponential_ndcg(found: Sequence[str], judged: Mapping[str, int], cut: int | None = None) -> float:
    """nDCG with a gain of 2^grade - 1, of the ids found, best first; the ideal ranking is cut as well.

    "Learning to Rank using Gradient Descent" (2005).

    >>> round(exponential_ndcg(["b", "a"], {"a": 2, "b": 1}), 3)
    0.797
    """
    # DCG = sum_i (2^rel_i - 1) / log2(i + 1)
    found = found[:cut]
    ideal = sorted((grade for grade in judged.values() if grade > 0), reverse=True)[:cut]
    if ideal and ideal[0] > 60:
        raise InputError(f"a grade of {ideal[0]} has no exponential gain that could be added up: 60 is the largest.")
    best = sum((2.0**grade - 1) / math.log2(i + 2) for i, grade in enumerate(ideal))
    gain = sum((2.0 ** max(judged.get(id, 0), 0) - 1) / math.log2(i + 2) for i, id in enumerate(found))
    return gain / best if best else 0.0


def _of_first(measure_one: Metric, cut: int | None) -> Metric:
    return lambda found, judged: measure_one(found[:cut], judged)


def _registered(name: str) -> str:
    """The registered metric of this name, in any case; "" for none."""
    return next((one for one in names("metric") if one.lower() == name.strip().lower()), "")


def _whole(qrels: Qrels) -> Qrels:
    """The judgments with grades of Python's int; raises InputError for a fraction."""
    found: Qrels = {}
    for query, judged in qrels.items():
        for document, grade in judged.items():
            if not isinstance(grade, int) and not (math.isfinite(grade) and float(grade).is_integer()):
                raise InputError(
                    f'the document "{document}" is judged {grade} for the query "{query}": a judgment is a whole number.'
                )
        found[query] = {document: int(grade) for document, grade in judged.items()}
    return found


def spearman(found: ArrayLike, wanted: ArrayLike) -> float:
    """Spearman's rank correlation; 0 where one side is constant.

    >>> round(spearman([1, 2, 3], [10, 30, 20]), 3)
    0.5
    """
    import numpy as np

    if np.size(found) < 2 or np.ptp(found) == 0 or np.ptp(wanted) == 0:
        return 0.0
    from scipy.stats import spearmanr

    return float(spearmanr(found, wanted).statistic)
