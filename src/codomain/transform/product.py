"""Whole parts of a vector in one code each: product quantisation, plain and after a learnt rotation, trained by FAISS."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from codomain.arrays import Floats
from codomain.codecs.codec import Codec
from codomain.registry import stage
from codomain.stage import check_int
from codomain.transform.quantize import Quantizer

_SAMPLE = 64
"""Rows for each codeword that codebooks are learnt from."""
_ITERATIONS = 4
"""Of k-means between two steps of the rotation."""


@stage("pq", takes=["dense"], gives="codes")
class PQ(Quantizer):
    """Codes for `m` parts of the vector, each the number of the nearest of 2^bits codewords: m bytes with 8 bits.

    "Product Quantization for Nearest Neighbor Search" (2011): k-means in every part, by FAISS. Queries are scored against
    the codewords themselves (asymmetric). `m` divides the dimensions; fewer samples than codewords become the codewords.

    >>> X = np.float32([[0, 0, 5, 5], [1, 1, 5, 6], [9, 9, 0, 0]])
    >>> quantizer = PQ(2).fit(X)
    >>> quantizer.bits_per_vector, np.array_equal(quantizer.transform(X), X)
    (16, True)
    """

    _fitted: ClassVar[tuple[str, ...]] = ("codebooks_",)

    def __init__(self, m: int, bits: int = 8, seed: int = 0) -> None:
        self.m = m
        self.bits = bits
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError for dimensions that m does not divide, and for bits other than 4 and 8."""
        m = check_int("m", self.m)
        check_int("seed", self.seed, 0, 2**31 - 1)
        if check_int("bits", self.bits) not in (4, 8):
            raise ValueError(f"needs bits 4 or 8, not {self.bits}")
        if dim is not None and dim % m:
            raise ValueError(f"needs a number of dimensions that m={m} divides")
        return dim

    def _fit(self, X: Floats) -> None:
        self.codebooks_ = self._codebooks(self._sample(X))

    def _codec(self, dim: int) -> Codec:
        return Codec("product", dim, codebooks=self.codebooks_)

    def _sample(self, X: Floats) -> Floats:
        most = _SAMPLE * 2**self.bits
        if len(X) <= most:
            return X
        kept: Floats = X[np.sort(np.random.default_rng(self.seed).choice(len(X), most, replace=False))]
        return kept

    def _codebooks(self, X: Floats, iterations: int = 25) -> Floats:
        """Codebooks (m, 2^bits, d / m) from a sample."""
        import faiss

        codewords, size = 2**self.bits, X.shape[1] // self.m
        if len(X) <= codewords:  # nothing to cluster: what was seen is the codebook, the last of it again to the end
            held = X[np.minimum(np.arange(codewords), len(X) - 1)]
            return np.asarray(held.reshape(codewords, self.m, size).transpose(1, 0, 2), np.float32, order="C")
        quantizer = faiss.ProductQuantizer(X.shape[1], self.m, self.bits)
        quantizer.cp.seed, quantizer.cp.niter, quantizer.cp.min_points_per_centroid = 1 + self.seed, iterations, 1
        with _OneThread():
            quantizer.train(np.ascontiguousarray(X))
        centroids: Floats = faiss.vector_to_array(quantizer.centroids).reshape(self.m, codewords, size).copy()
        return centroids


@stage("opq", takes=["dense"], gives="codes")
class OPQ(PQ):
    """`pq` after a rotation that is learnt with it, so that the parts share the variance: smaller error, same bytes.

    "Optimized Product Quantization" (2013): the eigenvectors of the sample, dealt to the parts so that each has the same
    product of eigenvalues; from there, `rounds` times, codebooks for the rotation and the rotation for the codebooks.

    >>> rng = np.random.default_rng(0)
    >>> X = np.float32(rng.standard_normal((500, 2)) @ rng.standard_normal((2, 8)))
    >>> pq, opq = (np.square(q.fit(X).transform(X) - X).sum() for q in (PQ(2, 4), OPQ(2, 4)))
    >>> bool(opq < pq)
    True
    """

    _fitted = ("codebooks_", "rotation_")

    def __init__(self, m: int, bits: int = 8, rounds: int = 5, seed: int = 0) -> None:
        super().__init__(m, bits, seed)
        self.rounds = rounds

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError as `pq` does."""
        check_int("rounds", self.rounds, 0)
        return super().output_dim(dim)

    def _fit(self, X: Floats) -> None:
        X = self._sample(X)
        rotation = _allocated(X, self.m)
        for _ in range(self.rounds if len(X) > 2**self.bits else 0):
            codec = Codec("product", X.shape[1], codebooks=self._codebooks(X @ rotation, _ITERATIONS))
            # min_R |X R - Y|: the orthogonal Procrustes problem, R = U V^T for X^T Y = U S V^T   (OPQ, non-parametric)
            rotated = X @ rotation
            u, _, vt = np.linalg.svd(X.T.astype(np.float64) @ codec.decode(codec.encode(rotated)))
            rotation = (u @ vt).astype(np.float32)
        self.rotation_ = rotation
        self.codebooks_ = self._codebooks(X @ rotation)

    def _codec(self, dim: int) -> Codec:
        return Codec("product", dim, rotation=self.rotation_, codebooks=self.codebooks_)


def _allocated(X: Floats, parts: int) -> Floats:
    """The eigenvectors of the second moments in the columns (d, d), dealt so that all parts have the same product of values.

    "Optimized Product Quantization" (2013), 3.2: from the largest down, each to the part of the smallest product that has room.
    """
    values, vectors = np.linalg.eigh(X.T.astype(np.float64) @ X / len(X))
    dim = len(values)
    weights = np.log(np.maximum(values, 1e-10 * max(values[-1], 1e-30)))
    weights -= weights.min()  # so that a part does not become smaller by getting more
    room, product = np.full(parts, dim // parts), np.zeros(parts)
    columns: list[list[int]] = [[] for _ in range(parts)]
    for i in range(dim - 1, -1, -1):
        part = int(np.where(room > 0, product, np.inf).argmin())
        columns[part].append(i)
        product[part] += weights[i]
        room[part] -= 1
    return np.ascontiguousarray(vectors[:, np.concatenate(columns)], np.float32)


class _OneThread:
    """Many small k-means: threads would mostly wait for each other, eight times as long on a busy machine."""

    def __enter__(self) -> None:
        import faiss

        self._threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)

    def __exit__(self, *_: Any) -> None:
        import faiss

        faiss.omp_set_num_threads(self._threads)
