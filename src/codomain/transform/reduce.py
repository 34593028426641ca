"""Fewer dimensions: the first k (`truncate`), or the k directions of largest variance (`pca`)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from codomain.stages import stage, whole
from codomain.transform.estimator import Estimator
from codomain.vectors import Floats


@stage("normalize", takes=["dense"], gives="dense")
class Normalize(Estimator):
    """Scale every vector to length one; a zero vector stays zero.

    >>> Normalize().transform(np.float32([[3, 4], [0, 0]]))
    array([[0.6, 0.8], [0. , 0. ]], dtype=float32)
    """

    needs_fit: ClassVar[bool] = False

    def _apply(self, X: Floats) -> Floats:
        return unit_rows(X)


@stage("truncate", takes=["dense"], gives="dense", papers=[67])
class Truncate(Estimator):
    """Keep the first `dim` dimensions and scale to length one again.

    "Redundancy, Isotropy, and Intrinsic Dimensionality of Prompt-based Text Embeddings" (2025): a quarter of the
    dimensions costs little; models trained with Matryoshka losses are made for it.

    >>> Truncate(2).transform(np.float32([[3, 4, 12]]))
    array([[0.6, 0.8]], dtype=float32)
    """

    needs_fit: ClassVar[bool] = False

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def output_dim(self, dim: int | None) -> int:
        """`self.dim`; raises ValueError for input that has fewer."""
        return _at_most(self.dim, dim)

    def _apply(self, X: Floats) -> Floats:
        _at_most(self.dim, X.shape[1])
        return unit_rows(X[:, : self.dim])


@stage("pca", takes=["dense"], gives="dense", papers=[67])
class PCA(Estimator):
    """Project on the `dim` directions of largest variance around the mean; `whiten` gives them equal variance.

    Centred scores differ from the plain ones: the overlap with the uncompressed ranking falls while retrieval
    quality often rises. From fewer samples than `dim`, the missing directions are any orthogonal ones.

    >>> X = np.float32([[0, 0, 5], [4, 4, 5], [2, 2, 5.1]])
    >>> PCA(1).fit(X).components_.round(2)
    array([[0.71, 0.71, 0. ]], dtype=float32)
    """

    _fitted = ("mean_", "components_", "explained_variance_")

    def __init__(self, dim: int, whiten: bool = False) -> None:
        self.dim = dim
        self.whiten = whiten

    def output_dim(self, dim: int | None) -> int:
        """`self.dim`; raises ValueError for input that has fewer."""
        return _at_most(self.dim, dim)

    def _fit(self, X: Floats) -> None:
        mean = X.mean(axis=0, dtype=np.float64)
        centred = X - mean
        variance, directions = np.linalg.eigh(centred.T @ centred / max(len(X) - 1, 1))
        largest = slice(None, -self.dim - 1, -1)  # eigh sorts upwards
        components = directions[:, largest].T
        # a direction's sign is arbitrary: make its largest entry positive, so that every machine gives the same
        peak = np.abs(components).argmax(axis=1)
        components *= np.sign(components[np.arange(self.dim), peak])[:, None]
        self.mean_ = mean.astype(np.float32)
        self.components_ = components.astype(np.float32)
        self.explained_variance_ = variance[largest].clip(0).astype(np.float32)

    def _apply(self, X: Floats) -> Floats:
        projected = (X - self.mean_) @ self.components_.T
        if self.whiten:
            spread = np.sqrt(self.explained_variance_)
            # a direction without variance has nothing to say; dividing by it would make noise of it
            projected *= np.where(spread > 1e-6 * spread.max(initial=0), 1 / spread.clip(1e-30), 0)
        return np.asarray(projected, np.float32)


def unit_rows(X: Floats) -> Floats:
    """Rows (n, d) scaled to length one; zero rows stay zero."""
    norms = np.sqrt(np.einsum("ij,ij->i", X, X))[:, None]
    return np.asarray(X / np.where(norms > 0, norms, 1), np.float32)


def _at_most(wanted: int, dim: int | None) -> int:
    wanted = whole("dim", wanted)
    if dim is not None and dim < wanted:
        raise ValueError(f"needs at least {wanted} dimensions")
    return wanted
