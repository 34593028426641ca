"""The interval of a mean over queries or other items: one function for every report, made to cover where items are few.

Values of a metric lie in a known range, 0 to 1: their interval is that of "A New Confidence Interval for the Mean of a Bounded
Random Variable" (2019), which is Clopper's and Pearson's for values that are 0 or 1. It needs no spread: ten queries that are all
answered give [0.69, 1]. Values without a known range, and paired differences, get the symmetric studentized bootstrap below 100
clusters (or items), Student's t where that has no finite quantile, and percentiles from 100 on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from codomain.errors import InputError, MissingExtra

Values = NDArray[np.float64]

Groups = Mapping[str, str]
"""The cluster of each query; one that is not named is a cluster of its own."""

_FEW = 100
"""Below so many clusters a percentile interval is too narrow."""
_NO_SPREAD = 1e-12
"""Standard error, in units of the largest value, that is rounding."""


def interval(
    values: Mapping[str, float],
    *,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
    groups: Groups | None = None,
) -> tuple[float, float]:
    """The interval of a mean over queries; clusters of `groups` are drawn whole.

    Values that all lie in 0 to 1 are taken for those of a metric with that range. Other values that are all alike have no
    spread to learn from: their interval is the value itself.

    >>> low, high = interval(dict.fromkeys("abcdefghij", 1.0))  # ten of ten: Clopper and Pearson say 0.692 to 1
    >>> round(low, 1), high
    (0.7, 1.0)

    Raises InputError without any query, and for a value that is no finite number.
    """
    every, sums, sizes = _checked(values, groups)
    if every.min() >= 0 and every.max() <= 1:
        return _bounded(sums, sizes, level, draws, seed, (0.0, 1.0))
    return _resampled(sums, sizes, level, draws, seed)


def difference_interval(
    differences: Mapping[str, float],
    *,
    level: float = 0.95,
    draws: int = 10_000,
    seed: int = 0,
    groups: Groups | None = None,
    bounds: tuple[float, float] | None = None,
) -> tuple[float, float]:
    """The interval of a mean of paired differences; `bounds` is the range that they can have, -1 to 1 for most metrics.

    Differences that are all alike, such as ties, say by their number alone how far the mean may be from them.

    >>> low, high = difference_interval(dict.fromkeys("abcdefghij", 0.0), bounds=(-1, 1))
    >>> round(low, 1), round(high, 1)
    (-0.3, 0.3)

    Raises InputError as `interval`.
    """
    every, sums, sizes = _checked(differences, groups)
    if bounds is not None and np.ptp(every) <= _NO_SPREAD * np.abs(every).max():
        return _bounded(sums, sizes, level, draws, seed, bounds)
    low, high = _resampled(sums, sizes, level, draws, seed)
    least, most = bounds or (-math.inf, math.inf)
    return max(low, least), min(high, most)


def _checked(values: Mapping[str, float], groups: Groups | None) -> tuple[Values, Values, Values]:
    """The values (n,), and the sums and sizes (c,) of their clusters."""
    if not values:
        raise InputError("an interval needs at least one query.")
    every = np.array([*values.values()], np.float64)
    if not np.isfinite(every).all():
        raise InputError("an interval needs values that are finite numbers.")
    return every, *clusters(values, every, groups)


def _bounded(
    sums: Values, sizes: Values, level: float, draws: int, seed: int, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Weights are Dirichlet(1, ..., 1) over the clusters and one more, all of whose values are the range's least, or most."""
    rng = np.random.default_rng(seed)
    size, found = float(sizes.mean()), np.empty((2, draws))
    for start, rows in _parts(draws, len(sums) + 1):
        weights = rng.standard_exponential((rows, len(sums) + 1))
        total, weight = weights[:, 1:] @ sums, weights @ np.concatenate([[size], sizes])
        for side, bound in enumerate(bounds):
            found[side, start : start + rows] = (total + weights[:, 0] * size * bound) / weight
    low, high = np.quantile(found[0], (1 - level) / 2), np.quantile(found[1], (1 + level) / 2)
    # where all values are at the end of the range, so is the interval's, whatever the last digit of a quotient is
    mean = float(sums.sum() / sizes.sum())
    return max(bounds[0], min(float(low), mean)), min(bounds[1], max(float(high), mean))


def wilson(successes: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of a share of n independent trials (Wilson 1927).

    >>> [round(bound, 4) for bound in wilson(2, 20)]
    [0.0279, 0.301]
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def _resampled(sums: Values, sizes: Values, level: float, draws: int, seed: int) -> tuple[float, float]:
    """Percentiles; below 100 clusters mean -+ q s, q the quantile of |mean* - mean| / s* over resamples, at least Student's t."""
    c, mean, error = len(sums), float(sums.sum() / sizes.sum()), standard_error(sums, sizes)
    if c < 2 or error <= _NO_SPREAD * float(np.abs(sums).max()):
        return mean, mean
    means, errors = _draws(sums, sizes, draws, seed)
    if c >= _FEW:
        low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)
    try:
        from scipy.special import stdtrit
    except ImportError:
        raise MissingExtra("an interval from few values", "measure") from None

    student = float(stdtrit(c - 1, (1 + level) / 2))
    off = np.abs(means - mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        far = np.where(errors > _NO_SPREAD * error, off / errors, np.where(off > _NO_SPREAD * error, np.inf, 0.0))
    q = float(np.quantile(far, level, method="inverted_cdf"))
    half = error * (max(q, student) if math.isfinite(q) else student)
    return mean - half, mean + half


def clusters(queries: Mapping[str, object], values: Values, groups: Groups | None) -> tuple[Values, Values]:
    """Sums and sizes (c,) of the clusters; each query is one where there are no groups."""
    if groups is None:
        return values, np.ones(len(values))
    place: dict[tuple[bool, str], int] = {}
    of = [place.setdefault((q in groups, groups.get(q, q)), len(place)) for q in queries]
    return np.asarray(np.bincount(of, values), np.float64), np.asarray(np.bincount(of), np.float64)


def standard_error(sums: Values, sizes: Values) -> float:
    """Of the mean over all that the clusters hold: sd / sqrt(n) where each holds one; infinite for a single cluster."""
    c, n = len(sums), sizes.sum()
    if c < 2:
        return math.inf
    apart = sums - sizes * (sums.sum() / n)
    return math.sqrt(c / (c - 1) * float(apart @ apart)) / float(n)


def _draws(sums: Values, sizes: Values, draws: int, seed: int) -> tuple[Values, Values]:
    """The mean (draws,) of each resample of the clusters, and its standard error."""
    rng = np.random.default_rng(seed)
    c = len(sums)
    means, errors = np.empty(draws), np.empty(draws)
    for start, rows in _parts(draws, c):
        drawn = rng.integers(0, c, (rows, c))
        total, size = sums[drawn], sizes[drawn]
        n = size.sum(axis=1)
        mean = total.sum(axis=1) / n
        apart = total - size * mean[:, None]
        means[start : start + rows] = mean
        errors[start : start + rows] = np.sqrt(c / (c - 1) * (apart**2).sum(axis=1)) / n
    return means, errors


def _parts(draws: int, n: int) -> Iterator[tuple[int, int]]:
    """Where portions of at most a million values start, and how many draws each has."""
    step = max(1, 1_000_000 // n)
    for start in range(0, draws, step):
        yield start, min(step, draws - start)
