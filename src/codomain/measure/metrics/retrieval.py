"""Retrieval measures by query, through ir-measures, and rank correlation, through scipy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from numpy.typing import ArrayLike

from codomain.errors import InputError, MissingExtra, RegistryError
from codomain.measure.data.datasets import Qrels
from codomain.measure.data.runs import Run
from codomain.registry import lookup, names, register

Metric = Callable[[Sequence[str], Mapping[str, int]], float]
"""From the ids found for a query and its judgements to a value."""

_IR_MEASURES = frozenset(
    {
        "ndcg",
        "r",
        "rr",
        "ap",
        "p",
        "success",
        "judged",
        "err",
        "rbp",
        "bpref",
        "infap",
        "setp",
        "setr",
        "setf",
        "iprec",
        "rprec",
    }
)
"""Names that keep ir-measures' meaning."""

_OTHER_NAMES = {"mrr": "RR", "map": "AP", "recall": "R", "precision": "P", "ndcg": "nDCG", "success": "Success"}


def metric_name(text: str) -> str:
    """The name under which ir-measures knows a metric.

    >>> [metric_name(name) for name in ("ndcg@10", "recall@100", "MRR", "MAP", "success@1")]
    ['nDCG@10', 'R@100', 'RR', 'AP', 'Success@1']
    """
    head = re.match(r"[A-Za-z]*", text)
    assert head is not None
    return _OTHER_NAMES.get(head.group().lower(), head.group()) + text[head.end() :]


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
    if metric_name(name).lower() in _IR_MEASURES:
        raise RegistryError(f"the metric name {name!r} belongs to ir-measures.")
    return register("metric", name)


def per_query(run: Run, qrels: Qrels, metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """Every metric's value for every judged query; a query without hits has 0. Equal scores keep the run's order.

    >>> run = Run("r", {"q": [("x", 2.0), ("d", 1.0)]})
    >>> per_query(run, {"q": {"d": 1}}, ["MRR", "recall@1"])
    {'MRR': {'q': 0.5}, 'recall@1': {'q': 0.0}}

    Raises InputError for an unknown metric, and MissingExtra without ir-measures.
    """
    try:
        import ir_measures
    except ImportError:
        raise MissingExtra("measuring retrieval", "measure") from None
    measures = {}
    own: dict[str, tuple[Metric, int | None]] = {}
    for text in metrics:
        name, _, cutoff = text.partition("@")
        if name in names("metric"):
            if cutoff and (not cutoff.isdecimal() or int(cutoff) < 1):
                raise InputError(f'the metric "{text}" is cut at a whole number: {name}@10.')
            own[text] = (lookup("metric", name), int(cutoff) if cutoff else None)
            continue
        try:
            measures[text] = ir_measures.parse_measure(metric_name(text))
        except (NameError, ValueError, TypeError, SyntaxError):
            raise InputError(f'there is no metric "{text}": examples are nDCG@10, R@100, RR, AP, Success@1.') from None
    values: dict[str, dict[str, float]] = {text: dict.fromkeys(qrels, 0.0) for text in metrics}
    for text, (measure_one, cutoff_at) in own.items():
        for query, judged in qrels.items():
            found = [id for id, _ in run.rankings.get(query, ())][:cutoff_at]
            values[text][query] = float(measure_one(found, judged)) if found else 0.0
    if not measures:
        return values
    # ir-measures sorts by score and breaks ties by name: give it ranks for scores, so that our order is the one measured
    ranks = {q: {d: float(-i) for i, (d, _) in enumerate(found)} for q, found in run.rankings.items() if found}
    texts = {str(measure): text for text, measure in measures.items()}
    for row in ir_measures.iter_calc(list(measures.values()), qrels, ranks):
        if row.query_id in qrels:
            values[texts[str(row.measure)]][row.query_id] = float(row.value)
    return values


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
