"""Centroids by FAISS's k-means, and the nearest of them: what every index with lists begins with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from codomain.arrays import Floats

_ROWS = 1 << 14
_SEED = 1234
_SAMPLE = 64
"""Rows for each centroid that it is learnt from."""


def centroids(rows: int, read: Callable[[np.ndarray], Floats], lists: int, spherical: bool = False) -> Floats:
    """`lists` centroids (lists, d) of `rows` vectors, learnt from a sample; `read(rows)` gives the vectors of sorted rows.

    >>> centroids(100, lambda rows: np.float32(rows[:, None] >= 50), 2).ravel().tolist() in ([0.0, 1.0], [1.0, 0.0])
    True
    """
    import faiss

    wanted = min(rows, _SAMPLE * lists)
    sample = np.arange(rows) if wanted == rows else np.random.default_rng(_SEED).choice(rows, wanted, replace=False)
    vectors = read(np.sort(sample))
    means = faiss.Kmeans(vectors.shape[1], lists, niter=10, seed=_SEED, spherical=spherical, verbose=False)
    means.cp.min_points_per_centroid = 1
    means.train(vectors)
    return np.asarray(means.centroids, np.float32)


def nearest(centroids: Floats, rows: int, read: Callable[[slice], Floats]) -> np.ndarray:
    """The centroid nearest to each of `rows` vectors (rows,) int32, block by block; `read(slice)` gives their vectors.

    >>> nearest(np.float32([[0], [1]]), 3, lambda part: np.float32([[0.1], [0.9], [2]])[part]).tolist()
    [0, 1, 1]
    """
    half = half_squares(centroids)
    found = np.empty(rows, np.int32)
    for start in range(0, rows, _ROWS):
        part = slice(start, min(start + _ROWS, rows))
        # the nearest x of a query q has the highest <q, x> - |x|^2 / 2
        found[part] = (read(part) @ centroids.T - half).argmax(axis=1)
    return found


def half_squares(centroids: Floats) -> Floats:
    """|x|^2 / 2 of each centroid (lists,)."""
    return np.asarray(np.einsum("ij,ij->i", centroids, centroids) / 2)
