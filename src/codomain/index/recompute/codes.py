"""Product-quantised codes: what the walk sees of a vector before it is encoded again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from codomain.arrays import Floats

CENTROIDS = 256
_SAMPLE = 64 * CENTROIDS


class Codebook(NamedTuple):
    """centroids (parts, 256, d / parts), `compact`: part p of a vector is the one of its 256 that its byte names."""

    centroids: np.ndarray

    def encode(self, vectors: Floats) -> np.ndarray:
        """Vectors (n, d) to codes (n, parts) uint8: the nearest centroid of every part."""
        quantizer = _quantizer(self.centroids)
        return np.asarray(quantizer.compute_codes(np.ascontiguousarray(vectors, np.float32)))

    def decode(self, codes: np.ndarray) -> Floats:
        """What codes (n, parts) stand for, (n, d)."""
        parts = np.arange(codes.shape[1])
        return np.asarray(self.centroids[parts, codes].reshape(len(codes), -1), np.float32)

    def table(self, query: Floats) -> Floats:
        """Inner products of the query's parts (d,) with all centroids: (parts, 256)."""
        split = query.reshape(len(self.centroids), 1, -1)
        return np.ascontiguousarray((self.centroids * split).sum(axis=2), np.float32)


def train(vectors: Floats, parts: int, seed: int) -> Codebook:
    """Learn a codebook from a sample of vectors (n, d), at least 256, with FAISS's k-means; one thread, repeatable."""
    import faiss

    quantizer = faiss.ProductQuantizer(vectors.shape[1], parts, 8)
    quantizer.cp.min_points_per_centroid = 1
    quantizer.cp.seed = seed
    rows = np.sort(np.random.default_rng(seed).permutation(len(vectors))[:_SAMPLE])
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        quantizer.train(vectors[rows])
    finally:
        faiss.omp_set_num_threads(threads)
    centroids = faiss.vector_to_array(quantizer.centroids).reshape(parts, CENTROIDS, -1)
    return Codebook(compact(centroids))


def compact(values: Floats) -> np.ndarray:
    """As float16, or unchanged where that cannot hold them: rows kept are compared with rows encoded again, clipped ones lose.

    >>> compact(np.float32([60_000])).dtype, compact(np.float32([70_000])).dtype
    (dtype('float16'), dtype('float32'))
    """
    fits = np.abs(values).max(initial=0) <= np.finfo(np.float16).max
    return values.astype(np.float16) if fits else values


def parts_of(dim: int) -> int:
    """About one byte for twelve dimensions: the largest divisor of `dim` that is no larger than dim / 12.

    >>> parts_of(384), parts_of(1000), parts_of(7)
    (32, 50, 1)
    """
    return max(parts for parts in range(1, max(dim // 12, 1) + 1) if dim % parts == 0)


def _quantizer(centroids: np.ndarray) -> Any:
    import faiss

    parts, _, width = centroids.shape
    quantizer = faiss.ProductQuantizer(parts * width, parts, 8)
    faiss.copy_array_to_vector(centroids.astype(np.float32).ravel(), quantizer.centroids)
    return quantizer
