"""Fewer dimensions along directions that are not principal: random ones, and principal ones of a curved space."""

from __future__ import annotations

from typing import Literal

import numpy as np

from codomain.arrays import Floats
from codomain.registry import stage
from codomain.stage import check_float, check_int
from codomain.transform.reduce import Reducer

_ROWS = 1024
"""Rows compared with the landmarks at a time."""
_FLOOR = 1e-10
"""Eigenvalues below this share of the largest are rounding errors: their directions say nothing."""


@stage("random_projection", takes=["dense"], gives="dense")
class RandomProjection(Reducer):
    """Project on `dim` random directions, R / sqrt(dim) with Gaussian R: inner products stay what they were, on average.

    "Extensions of Lipschitz mappings into a Hilbert space" (1984). It learns nothing from the sample but its dimensions.

    >>> X = np.random.default_rng(1).standard_normal((100, 512))
    >>> Z = RandomProjection(128).fit_transform(X)
    >>> round(float(np.mean(np.square(Z).sum(axis=1) / np.square(X).sum(axis=1))), 1)
    1.0
    """

    _fitted = ("components_",)

    def __init__(self, dim: int, seed: int = 0) -> None:
        self.dim = dim
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """`self.dim`; raises ValueError for input that has fewer."""
        check_int("seed", self.seed, 0)
        check_int("dim", self.dim)
        return super().output_dim(dim)

    def _fit(self, X: Floats) -> None:
        kept = self._kept(X)
        R = np.random.default_rng(self.seed).standard_normal((kept, X.shape[1]))
        self.components_ = (R / np.sqrt(kept)).astype(np.float32)

    def _apply(self, X: Floats) -> Floats:
        return np.asarray(X @ self.components_.T, np.float32)


@stage("kernel_pca", takes=["dense"], gives="dense")
class KernelPCA(Reducer):
    """Principal components in the space of the kernel exp(-gamma |x - y|^2): `dim` curved directions.

    "Nonlinear Component Analysis as a Kernel Eigenvalue Problem" (1998) on at most `landmarks` rows of the sample
    (Nystroem), to which other rows are compared. "median" takes for 1 / gamma the median of their squared distances.
    Each vector costs a comparison with every landmark, at search as at indexing. From fewer rows than `dim`, the missing
    components are zero.

    >>> X = np.float32([[0, 0], [0, 1], [4, 4], [4, 5]])
    >>> first = KernelPCA(1).fit_transform(X)[:, 0]
    >>> bool(np.sign(first[:2]).sum() * np.sign(first[2:]).sum() == -4)
    True
    """

    _fitted = ("landmarks_", "components_", "means_", "gamma_")

    def __init__(
        self,
        dim: int | Literal["auto"],
        gamma: float | Literal["median"] = "median",
        landmarks: int = 1000,
        seed: int = 0,
    ) -> None:
        self.dim = dim
        self.gamma = gamma
        self.landmarks = landmarks
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """`self.dim`; raises ValueError for input that has fewer, or landmarks that are fewer than `dim`."""
        check_int("seed", self.seed, 0)
        if self.gamma != "median":
            check_float("gamma", self.gamma, 0)
        check_int("landmarks", self.landmarks, 1 if self.dim == "auto" else check_int("dim", self.dim), 10_000)
        return super().output_dim(dim)

    def _fit(self, X: Floats) -> None:
        kept = self._kept(X)
        if len(X) > self.landmarks:
            X = X[np.sort(np.random.default_rng(self.seed).choice(len(X), self.landmarks, replace=False))]
        distances = _squared_distances(X, X)
        self.gamma_ = _reciprocal_median(distances) if self.gamma == "median" else float(self.gamma)
        K = np.exp(-self.gamma_ * distances)
        self.landmarks_ = X.copy()
        self.means_ = np.append(K.mean(axis=0), K.mean())  # of the columns, and of all
        # K~ = K - 1K - K1 + 1K1 = U L U^T; the components of x are U^T k~(x) / sqrt(L)
        values, vectors = np.linalg.eigh(self._centered(K))
        values, vectors = values[::-1][:kept], vectors[:, ::-1][:, :kept]
        real = values > _FLOOR * max(values[0], 1e-30)
        peak = np.abs(vectors).argmax(axis=0)
        vectors = vectors * np.sign(vectors[peak, np.arange(vectors.shape[1])])
        self.components_ = np.zeros((kept, len(X)))
        self.components_[: len(values)] = (vectors / np.sqrt(np.where(real, values, np.inf))).T

    def _centered(self, K: np.ndarray) -> np.ndarray:
        """Kernel values (n, landmarks), as if the landmarks had mean zero in the kernel's space."""
        return np.asarray(K - self.means_[:-1] - K.mean(axis=1, keepdims=True) + self.means_[-1])

    def _apply(self, X: Floats) -> Floats:
        out = np.empty((len(X), len(self.components_)), np.float32)
        for start in range(0, len(X), _ROWS):
            K = np.exp(-self.gamma_ * _squared_distances(X[start : start + _ROWS], self.landmarks_))
            out[start : start + _ROWS] = self._centered(K) @ self.components_.T
        return out


def _reciprocal_median(distances: np.ndarray) -> float:
    """1 / the median of the distances (n, n) between different rows; 1 where that is zero."""
    middle = float(np.median(distances[np.triu_indices(len(distances), 1)])) if len(distances) > 1 else 0.0
    return 1 / middle if middle > 0 else 1.0


def _squared_distances(X: Floats, Y: Floats) -> np.ndarray:
    """|x - y|^2 (n, m) in float64: small eigenvalues would make large numbers of what float32 rounds off."""
    x, y = X.astype(np.float64), Y.astype(np.float64)
    distances = np.einsum("ij,ij->i", x, x)[:, None] + np.einsum("ij,ij->i", y, y) - 2 * (x @ y.T)
    return np.asarray(np.maximum(distances, 0, out=distances))
