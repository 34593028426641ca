"""How many dimensions vectors need: the intrinsic dimension, from the distances to the two nearest neighbours."""

from __future__ import annotations

import math

import numpy as np

from codomain.arrays import Floats, as_float32

_SAMPLE = 5_000
"""Rows from which the estimate is taken: fewer than 2,000 make it too low."""
_MORE = 4
"""Neighbours measured exactly beyond those asked for: float32 products may take them in another order."""
_BLOCK = 1_000


def twonn(X: Floats, sample: int = _SAMPLE, seed: int = 0) -> float:
    """The intrinsic dimension of vectors (n, d) by the ratio of the distances to the second and the first neighbour.

    "Estimating the intrinsic dimension of datasets by a minimal neighborhood information" (2017), by maximum likelihood.
    Duplicates are dropped, at most `sample` of the other rows are looked at. NaN when fewer than three rows are left;
    infinite when all are equally far from each other.

    >>> line = np.random.default_rng(0).random((3000, 1)) * np.ones((1, 8))
    >>> round(twonn(line), 1)
    1.0
    """
    X = np.unique(as_float32(X), axis=0)
    if len(X) > sample:
        X = X[np.sort(np.random.default_rng(seed).choice(len(X), sample, replace=False))]
    if len(X) < 3:
        return math.nan
    first, second = neighbor_distances(X, 2).T
    # mu_i = r_i2 / r_i1 is Pareto distributed with exponent d:  d = N / sum_i ln mu_i
    logs = float(np.log(second / first).sum())
    return len(X) / logs if logs > 0 else math.inf


def neighbor_distances(X: Floats, count: int) -> np.ndarray:
    """Distances (n, count), the nearest first, from each of different rows (n, d) to its nearest others, float64."""
    # about their mean: far from zero, float32 products would not tell near rows apart
    X = (X - X.mean(axis=0, dtype=np.float64)).astype(np.float32)
    X /= np.float32(max(float(np.abs(X).max()), 1e-30))
    half = np.einsum("ij,ij->i", X, X) / 2
    near = min(count + _MORE, len(X) - 1)
    found = np.empty((len(X), count))
    for start in range(0, len(X), _BLOCK):
        block = X[start : start + _BLOCK]
        closeness = block @ X.T - half
        closeness[np.arange(len(block)), np.arange(start, start + len(block))] = -np.inf
        rows = np.argpartition(closeness, -near, axis=1)[:, -near:]
        apart = X[rows].astype(np.float64) - block[:, None]
        found[start : start + _BLOCK] = np.sort(np.linalg.norm(apart, axis=2), axis=1)[:, :count]
    # rows that differ by less than float64 can square are apart all the same
    return np.maximum(found, 1e-300)


def auto_dimension(X: Floats) -> int:
    """Dimensions to keep of vectors (n, d): four times the intrinsic dimension, all where that cannot be told.

    "Redundancy, Isotropy, and Intrinsic Dimensionality of Prompt-based Text Embeddings" (2025) relates the two; the
    factor is a start for a search on one's own queries (`codomain.measure.space.compression.frontier`).

    >>> plane = np.random.default_rng(0).random((3000, 2)) @ np.ones((2, 1)) * np.ones((1, 32))
    >>> auto_dimension(plane)
    4
    """
    dim = X.shape[1]
    found = 4 * twonn(X)
    return int(min(dim, max(1, math.ceil(found - 0.5)))) if math.isfinite(found) else dim
