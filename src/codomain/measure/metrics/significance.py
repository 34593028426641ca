"""Is the difference real? Paired intervals, a paired permutation test, and what a sample could show; seeded.

Queries that share a document or a template say the same thing twice: `groups` names the cluster of each, and intervals
and tests then draw whole clusters. Intervals are those of intervals.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from codomain.errors import InputError, MissingExtra
from codomain.measure.metrics.intervals import Groups as Groups
from codomain.measure.metrics.intervals import Values as Values
from codomain.measure.metrics.intervals import clusters, difference_interval, standard_error
from codomain.measure.metrics.intervals import interval as interval

_EXACT = 13
"""Up to so many queries all sign flips are tried: 2^13 of them are fewer than the random ones."""


@dataclass(frozen=True)
class Comparison:
    """Second minus first, over the queries of both: mean difference, its interval, p, and who won how often.

    `corrected_p` is Holm's, where several were compared at once; `min_detectable` the smallest difference that so many
    queries would have shown in four of five cases.
    """

    difference: float
    low: float
    high: float
    p: float
    wins: int
    losses: int
    queries: int
    min_detectable: float = math.nan
    corrected_p: float | None = None

    @property
    def ties(self) -> int:
        """Queries with equal values."""
        return self.queries - self.wins - self.losses

    def __str__(self) -> str:
        return f"{self.difference:+.4f} [{self.low:+.4f}, {self.high:+.4f}], p = {self.p:.3g}, {self.queries} queries"


def compare(
    first: Mapping[str, float],
    second: Mapping[str, float],
    *,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
    groups: Groups | None = None,
) -> Comparison:
    """Two systems' values by query, paired: how much the second is better, and whether chance explains it.

    The p-value is two-sided, of the test that swaps the two systems' values at random within each query (each group);
    exact up to 13. A Comparison of Statistical Significance Tests for Information Retrieval Evaluation (2007).

    >>> print(compare({"a": 1.5, "b": 2.5, "c": 3.5}, {"a": 2.0, "b": 3.0, "c": 4.0}))
    +0.5000 [+0.5000, +0.5000], p = 0.25, 3 queries

    Raises InputError when the two do not answer the same queries.
    """
    if first.keys() != second.keys() or not first:
        raise InputError(
            f"a paired comparison needs the same queries on both sides, not {len(first)} and {len(second)}."
        )
    by_query = {query: float(second[query]) - float(first[query]) for query in first}
    differences = np.array([*by_query.values()], np.float64)
    metric = all(0 <= value <= 1 for side in (first, second) for value in side.values())
    bounds = (-1.0, 1.0) if metric else None
    low, high = difference_interval(by_query, level=level, draws=draws, seed=seed, groups=groups, bounds=bounds)
    sums, sizes = clusters(by_query, differences, groups)
    return Comparison(
        difference=float(differences.mean()),
        low=low,
        high=high,
        p=permutation_p(sums, draws=draws, seed=seed),
        wins=int((differences > 0).sum()),
        losses=int((differences < 0).sum()),
        queries=len(differences),
        min_detectable=2.8 * standard_error(sums, sizes),
    )


def compare_all(
    baseline: Mapping[str, float],
    others: Mapping[str, Mapping[str, float]],
    *,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
    groups: Groups | None = None,
) -> dict[str, Comparison]:
    """Each of several systems minus one baseline, their p-values corrected by Holm for being several.

    >>> found = compare_all({"a": 0.1, "b": 0.1}, {"x": {"a": 0.2, "b": 0.2}, "y": {"a": 0.1, "b": 0.1}})
    >>> [(name, one.p, one.corrected_p) for name, one in found.items()]
    [('x', 0.5, 1.0), ('y', 1.0, 1.0)]
    """
    found = {
        name: compare(baseline, values, level=level, draws=draws, seed=seed, groups=groups)
        for name, values in others.items()
    }
    return corrected(found)


def corrected(comparisons: Mapping[str, Comparison]) -> dict[str, Comparison]:
    """The same comparisons with `corrected_p` by Holm."""
    ps = holm([one.p for one in comparisons.values()])
    return {name: replace(one, corrected_p=p) for (name, one), p in zip(comparisons.items(), ps, strict=True)}


def sharing(keys: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Groups of queries that share a key, directly or through others: their documents, their template, their sentences.

    >>> sharing({"a": ["d1"], "b": ["d2", "d1"], "c": ["d3"]})
    {'a': 'a', 'b': 'a', 'c': 'c'}
    """
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for query, own in keys.items():
        for key in own:
            parent[root(f"key {key}")] = root(f"query {query}")
    first: dict[str, str] = {}
    return {query: first.setdefault(root(f"query {query}"), query) for query in keys}


def permutation_p(differences: Values, *, draws: int = 10_000, seed: int = 0) -> float:
    """The share of sign flips of paired differences (n,) whose mean is at least as far from zero.

    >>> permutation_p(np.array([1.0, 1.0]))
    0.5
    """
    n = len(differences)
    far = abs(differences.sum()) * (1 - 1e-12)
    if n <= _EXACT:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float((np.abs(signs @ differences) >= far).mean())
    rng = np.random.default_rng(seed)
    as_far = sum(
        int((np.abs((1 - 2.0 * rng.integers(0, 2, (rows, n))) @ differences) >= far).sum()) for rows in _parts(draws, n)
    )
    return (as_far + 1) / (draws + 1)


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for being several: that any true null falls below alpha has at most probability alpha.

    "A Simple Sequentially Rejective Multiple Test Procedure" (1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    corrected, largest = [0.0] * len(p), 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        largest = max(largest, min(1.0, (len(p) - rank) * p[place]))
        corrected[place] = largest
    return corrected


def min_detectable(differences: Values) -> float:
    """The smallest mean difference that so many paired differences (n,) show in four of five cases, at a level of 5 %.

    2.8 standard errors: 1.96 for the level and 0.84 for the power. Infinite for a single query.

    >>> round(min_detectable(np.array([0.1, -0.1, 0.1, -0.1])), 3)
    0.162
    """
    n = len(differences)
    return 2.8 * float(np.std(differences, ddof=1)) / math.sqrt(n) if n > 1 else math.inf


def lower_bound(differences: Values, level: float = 0.95) -> float:
    """The one-sided lower bound of the mean of paired differences (n,), by Student's t; minus infinity for a single one.

    A system is not inferior within a margin when the bound of its difference to the other lies above minus that margin:
    that a test finds no difference shows nothing.

    >>> round(lower_bound(np.array([0.0, 0.1, 0.2])), 3)
    -0.069
    """
    n = len(differences)
    if n < 2:
        return -math.inf
    try:
        from scipy.special import stdtrit
    except ImportError:
        raise MissingExtra("an interval from few values", "measure") from None

    return float(differences.mean() - stdtrit(n - 1, level) * differences.std(ddof=1) / math.sqrt(n))


def _parts(draws: int, n: int) -> Iterator[int]:
    """Draws in portions of at most a million values."""
    step = max(1, 1_000_000 // n)
    for done in range(0, draws, step):
        yield min(step, draws - done)
