"""Fewer dimensions: the first k (`truncate`), the k directions of largest variance (`pca`) or of largest size (`svd`)."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from codomain.arrays import Floats, unit_rows
from codomain.errors import notice
from codomain.registry import stage
from codomain.stage import check_int
from codomain.transform.dimension import auto_dimension
from codomain.transform.estimator import Estimator


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


class Reducer(Estimator):
    """A transform to `dim` dimensions; with "auto" their number is decided by the sample: see `auto_dimension`."""

    dim: int | Literal["auto"]

    def output_dim(self, dim: int | None) -> int | None:
        """`self.dim`; raises ValueError for input that has fewer. With "auto" None before `fit`, then what was decided."""
        if self.dim == "auto":
            return self._decided() if hasattr(self, "n_features_in_") else None
        return _at_most(self.dim, dim)

    def _decided(self) -> int:
        """Dimensions after `fit`."""
        return len(self.components_)  # type: ignore[attr-defined]

    def _kept(self, X: Floats) -> int:
        """Dimensions to keep of a sample."""
        return auto_dimension(X) if self.dim == "auto" else self.dim


class _Principal(Reducer):
    """Projection on the eigenvectors of largest value of the sample's second moments, about `mean_`."""

    _fitted: ClassVar[tuple[str, ...]] = ("mean_", "components_", "explained_variance_")

    def _fit(self, X: Floats) -> None:
        kept = self._kept(X)
        spanned = max(len(X) - self._lost, 0)
        if spanned < kept:
            notice(
                f"{self} was fitted on {len(X):,} vectors, which span {spanned:,} directions at most: the other "
                f"{kept - spanned:,} of {kept:,} dimensions say nothing."
            )
        mean = self._center(X)
        centered = X - mean
        variance, components = principal(centered.T @ centered / max(len(X) - self._lost, 1), kept)
        self.mean_ = mean.astype(np.float32)
        self.components_ = components
        self.explained_variance_ = variance.clip(0).astype(np.float32)

    _lost = 0
    """Degrees of freedom that the center takes."""

    def _center(self, X: Floats) -> np.ndarray:
        raise NotImplementedError

    def _apply(self, X: Floats) -> Floats:
        return np.asarray((X - self.mean_) @ self.components_.T, np.float32)


@stage("pca", takes=["dense"], gives="dense", papers=[67])
class PCA(_Principal):
    """Project on the `dim` directions of largest variance around the mean; `whiten` gives them equal variance.

    Centred scores differ from the plain ones: the overlap with the uncompressed ranking falls while retrieval
    quality often rises. From fewer samples than `dim`, the missing directions are any orthogonal ones, and a message says so. "auto" keeps four
    times the intrinsic dimension of the sample.

    >>> X = np.float32([[0, 0, 5], [4, 4, 5], [2, 2, 5.1]])
    >>> PCA(1).fit(X).components_.round(2)
    array([[0.71, 0.71, 0. ]], dtype=float32)
    """

    def __init__(self, dim: int | Literal["auto"], whiten: bool = False) -> None:
        self.dim = dim
        self.whiten = whiten

    _lost = 1

    def _center(self, X: Floats) -> np.ndarray:
        return np.asarray(X.mean(axis=0, dtype=np.float64))

    def _apply(self, X: Floats) -> Floats:
        projected = super()._apply(X)
        if self.whiten:
            spread = np.sqrt(self.explained_variance_)
            # a direction without variance has nothing to say; dividing by it would make noise of it
            projected *= np.where(spread > 1e-6 * spread.max(initial=0), 1 / spread.clip(1e-30), 0)
        return projected


@stage("svd", takes=["dense"], gives="dense", papers=[67])
class SVD(_Principal):
    """Project on the `dim` largest right singular vectors of the sample: `pca` without the mean.

    Inner products stay as near as `dim` dimensions allow to what they were, so that the ranking does, too.

    >>> SVD(1).fit(np.float32([[3, 4], [6, 8]])).transform(np.float32([[3, 4], [4, -3]])).round(2)
    array([[5.],
           [0.]], dtype=float32)
    """

    def __init__(self, dim: int | Literal["auto"]) -> None:
        self.dim = dim

    def _center(self, X: Floats) -> np.ndarray:
        return np.zeros(X.shape[1])


def principal(moments: np.ndarray, kept: int | slice) -> tuple[np.ndarray, Floats]:
    """Eigenvalues, from the largest down, and unit eigenvectors in rows: the first `kept`, or those of a slice.

    >>> principal(np.diag([1.0, 3.0]), 1)[1]
    array([[0., 1.]], dtype=float32)
    """
    values, vectors = np.linalg.eigh(moments)
    band = kept if isinstance(kept, slice) else slice(kept)
    components = vectors[:, ::-1][:, band].T  # eigh sorts upwards
    # a direction's sign is arbitrary: make its largest entry positive, so that every machine gives the same
    peak = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(len(components)), peak])[:, None]
    return values[::-1][band], np.asarray(components, np.float32, order="C")


def _at_most(wanted: object, dim: int | None) -> int:
    wanted = check_int("dim", wanted)
    if dim is not None and dim < wanted:
        raise ValueError(f"needs at least {wanted} dimensions")
    return wanted
