"""An approximate index on one's own vectors: does the order of insertion matter, and where does it find less?

"The Impacts of Data, Ordering, and Intrinsic Dimensionality on Recall in Hierarchical Navigable Small Worlds" (2024).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, Rows, as_float32
from codomain.index.diagnostics import lid_of
from codomain.index.flat import Flat
from codomain.index.hnsw import HNSW

_ROUNDS = 10
"""Of k-means."""


def graph(X: Floats, m: int = 16, ef_construction: int = 128, ef_search: int = 64) -> Any:
    """A faiss HNSW graph over (n, d) whose `search(Q, k)` gives Hits; built by one thread, so the order is the order."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        index = HNSW(m, ef_construction, ef_search)
        index._trivial = 0  # a set this small would be scanned
        return index.build(as_float32(X))
    finally:
        faiss.omp_set_num_threads(threads)


def local_dimensions(X: Floats, Q: Floats, k: int = 100) -> NDArray[np.float32]:
    """The local dimension (q,) of (n, d) around each query, by the distances to its k nearest; NaN where there is none.

    >>> line = np.linspace(0, 1, 2000, dtype=np.float32)[:, None] * np.ones((1, 8), np.float32)
    >>> local_dimensions(line, line[500:501], 50).round()
    array([1.], dtype=float32)
    """
    X, Q = as_float32(X), as_float32(Q)
    near = Flat("l2").build(X).search(Q, min(k + 1, len(X)))
    distances = np.sqrt(np.maximum(-near.scores, 0))
    floor = 1e-4 * max(float(distances.max(initial=0.0)), 1e-12)
    found = np.full(len(Q), np.nan, np.float32)
    for i, row in enumerate(distances):
        told = lid_of(row[None, row > floor])
        if len(told):
            found[i] = told[0]
    return found


def orders(X: Floats, categories: NDArray[np.integer] | None = None, seed: int = 0) -> dict[str, Rows]:
    """Orders (n,) to add the rows of (n, d) in: as given, random, by local dimension up and down, and by category.

    Without `categories` rows are grouped by k-means into about the square root of n clusters.
    """
    X = as_float32(X)
    rng = np.random.default_rng(seed)
    dimensions = np.nan_to_num(local_dimensions(X, X), nan=0.0)
    ascending = np.argsort(dimensions, kind="stable")
    groups = _clusters(X, rng) if categories is None else np.asarray(categories)
    return {
        "given": np.arange(len(X)),
        "random": rng.permutation(len(X)),
        "lid_ascending": ascending,
        "lid_descending": ascending[::-1].copy(),
        "category": np.argsort(groups, kind="stable"),
    }


def decile_recall(index: Any, X: Floats, Q: Floats, k: int = 10, parts: int = 5) -> tuple[float, float]:
    """Recall@k of an index over (n, d) for the queries of the lowest and of the highest local dimension, a part each."""
    exact = Flat().build(as_float32(X)).search(as_float32(Q), k)
    found = index.search(as_float32(Q), k).rows
    recall = (exact.rows[:, :, None] == found[:, None, :]).any(axis=2).mean(axis=1)
    dimensions = np.nan_to_num(local_dimensions(X, Q), nan=0.0)
    order = np.argsort(dimensions, kind="stable")
    size = max(1, len(order) // parts)
    return float(recall[order[:size]].mean()), float(recall[order[-size:]].mean())


def _clusters(X: Floats, rng: np.random.Generator) -> Rows:
    """The number (n,) of the k-means cluster of each row."""
    import faiss

    count = max(2, min(int(np.sqrt(len(X))), len(X) // 4))
    kmeans = faiss.Kmeans(X.shape[1], count, niter=_ROUNDS, seed=int(rng.integers(1 << 30)), min_points_per_centroid=1)
    kmeans.train(X)
    return np.asarray(kmeans.index.search(X, 1)[1][:, 0], np.int64)
