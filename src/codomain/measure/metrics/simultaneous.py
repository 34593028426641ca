"""Many paired comparisons at once: p-values that hold for all of them together, by the largest of their statistics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_EXACT = 13
"""Up to so many queries all sign flips are tried."""
_CELLS = 4_000_000
"""Statistics that are held at once."""


def max_t(differences: Values, *, draws: int = 4000, seed: int = 0) -> Values:
    """Two-sided p-values (c,) of paired differences (n, c), corrected for being c by Westfall and Young's step-down maxT.

    The signs of a query's differences are swapped together, so that comparisons which go up and down together cost less than
    with Holm. The probability that any true null falls below a level is at most that level. A column of zeros has 1.
    "Resampling-Based Multiple Testing" (1993).

    >>> max_t(np.array([[0.1, 0.0], [0.2, 0.0], [0.1, 0.1], [0.2, -0.1], [0.1, 0.0], [0.2, 0.0]])).round(3).tolist()
    [0.031, 1.0]
    """
    n, c = differences.shape
    size = np.sqrt((differences**2).sum(axis=0))
    scaled = np.divide(differences, size, out=np.zeros_like(differences), where=size > 0)
    # |sum| over the root of the sum of squares grows with |t|, and swapping signs leaves the squares as they are
    seen = np.abs(scaled.sum(axis=0))
    order = np.argsort(-seen, kind="stable")
    scaled, least = scaled[:, order], seen[order] * (1 - 1e-12)
    as_far, tried = np.zeros(c, np.int64), 0
    for signs in _signs(n, draws, max(1, _CELLS // max(c, 1)), seed):
        far = np.abs(signs @ scaled)
        highest = np.maximum.accumulate(far[:, ::-1], axis=1)[:, ::-1]  # of this comparison and all weaker ones
        as_far += (highest >= least).sum(axis=0)
        tried += len(signs)
    p = as_far / tried if n <= _EXACT else (as_far + 1) / (tried + 1)
    corrected = np.empty(c)
    corrected[order] = np.maximum.accumulate(p)
    corrected[size == 0] = 1.0
    return corrected


def _signs(n: int, draws: int, at_once: int, seed: int) -> Iterator[Values]:
    """Rows of signs (rows, n): all there are for few queries, else drawn."""
    if n <= _EXACT:
        every = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        for start in range(0, len(every), at_once):
            yield np.asarray(every[start : start + at_once], np.float64)
        return
    rng = np.random.default_rng(seed)
    for start in range(0, draws, at_once):
        yield np.asarray(1.0 - 2.0 * rng.integers(0, 2, (min(at_once, draws - start), n)), np.float64)
