"""Is the difference real? Paired bootstrap intervals, a paired permutation test, and what a sample could show; seeded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codomain.errors import InputError

Values = NDArray[np.float64]

_EXACT = 13
"""Up to so many queries all sign flips are tried: 2^13 of them are fewer than the random ones."""


@dataclass(frozen=True)
class Comparison:
    """Second minus first, over the queries of both: mean difference, its interval, p, and who won how often."""

    difference: float
    low: float
    high: float
    p: float
    wins: int
    losses: int
    queries: int

    def __str__(self) -> str:
        return f"{self.difference:+.4f} [{self.low:+.4f}, {self.high:+.4f}], p = {self.p:.3g}, {self.queries} queries"


def interval(
    values: Mapping[str, float], *, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """The percentile bootstrap interval of a mean over queries.

    >>> interval({"a": 1.0, "b": 1.0})
    (1.0, 1.0)

    Raises InputError without any query.
    """
    if not values:
        raise InputError("an interval needs at least one query.")
    means = _resampled_means(np.array(list(values.values()), np.float64), draws, seed)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def compare(
    first: Mapping[str, float], second: Mapping[str, float], *, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> Comparison:
    """Two systems' values by query, paired: how much the second is better, and whether chance explains it.

    The p-value is two-sided, of the test that swaps the two systems' values at random within each query; exact up to
    13 queries. A Comparison of Statistical Significance Tests for Information Retrieval Evaluation (2007).

    >>> print(compare({"a": 0.1, "b": 0.2, "c": 0.3}, {"a": 0.2, "b": 0.3, "c": 0.4}))
    +0.1000 [+0.1000, +0.1000], p = 0.25, 3 queries

    Raises InputError when the two do not answer the same queries.
    """
    if first.keys() != second.keys() or not first:
        raise InputError(
            f"a paired comparison needs the same queries on both sides, not {len(first)} and {len(second)}."
        )
    differences = np.array([second[query] - first[query] for query in first], np.float64)
    low, high = interval(dict(enumerate(differences)), level=level, draws=draws, seed=seed)  # type: ignore[arg-type]
    return Comparison(
        difference=float(differences.mean()),
        low=low,
        high=high,
        p=permutation_p(differences, draws=draws, seed=seed),
        wins=int((differences > 0).sum()),
        losses=int((differences < 0).sum()),
        queries=len(differences),
    )


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
    from scipy.special import stdtrit

    return float(differences.mean() - stdtrit(n - 1, level) * differences.std(ddof=1) / math.sqrt(n))


def _resampled_means(values: Values, draws: int, seed: int) -> Values:
    rng = np.random.default_rng(seed)
    n = len(values)
    return np.concatenate([values[rng.integers(0, n, (rows, n))].mean(axis=1) for rows in _parts(draws, n)])


def _parts(draws: int, n: int) -> Iterator[int]:
    """Draws in portions of at most a million values."""
    step = max(1, 1_000_000 // n)
    for done in range(0, draws, step):
        yield min(step, draws - done)
