"""Principal directions at equal variance: without it, unit vectors vary less than any useful prior."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from codomain.arrays import Floats

_FLAT = 1e-6
"""Share of the largest variance below which a direction says nothing."""


class Whitening(NamedTuple):
    """x -> (x - mean) @ directions: mean (d,), directions (d, k), of variance one over the fitted rows."""

    mean: Floats
    directions: Floats

    @classmethod
    def fit(cls, vectors: Floats, dims: int) -> Self:
        """Of the `dims` directions in which vectors (n, d) vary most; dims 0 leaves them as they are.

        >>> fitted = Whitening.fit(np.float32([[1, 0], [3, 0], [5, 0]]), 2)
        >>> fitted.apply(np.float32([[5, 0]])).round(4)
        array([[1.2247]], dtype=float32)
        """
        dim = vectors.shape[1]
        if dims == 0 or len(vectors) < 2:
            return cls(np.zeros(dim, np.float32), np.eye(dim, dtype=np.float32))
        mean = vectors.mean(axis=0, dtype=np.float64)
        centered = vectors - mean
        variance, directions = np.linalg.eigh(centered.T @ centered / len(vectors))
        if variance[-1] <= 0 or not np.any(vectors[1:] != vectors[0]):
            return cls(mean.astype(np.float32), np.eye(dim, dtype=np.float32))
        kept = [i for i in range(dim)[::-1] if variance[i] > _FLAT * variance[-1]][:dims]
        return cls(mean.astype(np.float32), (directions[:, kept] / np.sqrt(variance[kept])).astype(np.float32))

    def apply(self, vectors: Floats) -> Floats:
        """Vectors (n, d) to float32 (n, k), clipped to its range."""
        with np.errstate(over="ignore", invalid="ignore"):
            white = np.ascontiguousarray((vectors - self.mean) @ self.directions, np.float32)
        if not np.isfinite(white).all():
            limit = np.finfo(np.float32).max
            exact = (vectors.astype(np.float64) - self.mean) @ self.directions
            white = exact.clip(-limit, limit).astype(np.float32)
        return white
