"""Retrieval measures by query, through ir-measures, and rank correlation, through scipy."""

from __future__ import annotations

import re
from collections.abc import Sequence

from numpy.typing import ArrayLike

from codomain.errors import InputError, MissingExtra
from codomain.measure.data.datasets import Qrels
from codomain.measure.data.runs import Run

_OTHER_NAMES = {"mrr": "RR", "map": "AP", "recall": "R", "precision": "P", "ndcg": "nDCG", "success": "Success"}


def metric_name(text: str) -> str:
    """The name under which ir-measures knows a metric.

    >>> [metric_name(name) for name in ("ndcg@10", "recall@100", "MRR", "MAP", "success@1")]
    ['nDCG@10', 'R@100', 'RR', 'AP', 'Success@1']
    """
    head = re.match(r"[A-Za-z]*", text)
    assert head is not None
    return _OTHER_NAMES.get(head.group().lower(), head.group()) + text[head.end() :]


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
    for text in metrics:
        try:
            measures[text] = ir_measures.parse_measure(metric_name(text))
        except (NameError, ValueError, TypeError, SyntaxError):
            raise InputError(f'there is no metric "{text}": examples are nDCG@10, R@100, RR, AP, Success@1.') from None
    # ir-measures sorts by score and breaks ties by name: give it ranks for scores, so that our order is the one measured
    ranks = {q: {d: float(-i) for i, (d, _) in enumerate(found)} for q, found in run.rankings.items() if found}
    values: dict[str, dict[str, float]] = {text: dict.fromkeys(qrels, 0.0) for text in metrics}
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
