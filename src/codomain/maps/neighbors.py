"""The nearest others of every vector: exact for few, by inverted lists for many."""

from __future__ import annotations

from typing import Any

import numpy as np

from codomain.arrays import Floats

Neighbors = np.ndarray[Any, np.dtype[np.int32]]

_EXACT = 6_000
"""So many vectors are compared each with each."""
_PROBED = 5
_SEED = 1234


def nearest_others(units: Floats, k: int) -> Neighbors:
    """The k nearest others (n, k) of unit vectors (n, d) by cosine, nearest first; k below n.

    Where the lists that are looked into hold fewer than k others, a row itself fills the places.

    >>> nearest_others(np.float32([[1, 0], [0.8, 0.6], [0, 1]]), 1).ravel().tolist()
    [1, 0, 1]
    """
    import faiss

    n, dim = units.shape
    index: Any = faiss.IndexFlatIP(dim)
    if n > _EXACT:
        lists = int(2 * np.sqrt(n))
        index = faiss.IndexIVFFlat(index, dim, lists, faiss.METRIC_INNER_PRODUCT)
        index.cp.niter, index.cp.seed, index.cp.max_points_per_centroid = 6, _SEED, 40
        index.train(units)
        index.nprobe = _PROBED
    index.add(units)
    _, found = index.search(units, k + 1)
    own = np.arange(n)[:, None]
    others = found != own
    others[others.all(axis=1), -1] = False  # a copy took the place of the row itself
    found = found[others].reshape(n, k)
    return np.where(found < 0, own, found).astype(np.int32)
