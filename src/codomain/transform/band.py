"""A band of singular directions: what is left when the largest, the smallest or both are removed."""

from __future__ import annotations

import warnings
from typing import Any, Literal, Self, get_args

import numpy as np

from codomain.arrays import Floats
from codomain.errors import CodomainWarning, InputError
from codomain.registry import stage
from codomain.stage import check_float, check_int
from codomain.transform.estimator import Estimator, VectorError
from codomain.transform.reduce import principal

Drop = Literal["edges", "head", "tail"]

_COST = (
    "spectral_band() without an unembedding matrix drops the largest directions of the vectors themselves, which lost 0.07 to 0.18 of "
    "nDCG@10 on three judged sets (0.15 to 0.27 with drop='head'): pca() halves the dimensions for 0.02 to 0.04."
)
_ROWS = 1 << 14
"""Rows of an unembedding matrix added up at a time."""


@stage("spectral_band", takes=["dense"], gives="dense", papers=[182])
class SpectralBand(Estimator):
    """Project on a band of right singular vectors: H / `ratio` of H, without the largest and the smallest.

    "Your UnEmbedding Matrix is Secretly a Feature Lens for Text Embeddings" (2026): the states of a language model lean to
    the tokens that are frequent, along the edges of the spectrum of its unembedding matrix; `from_unembedding` fits a
    band to that. For other encoders `fit` takes the second moments of the vectors themselves, as "All-but-the-Top" (2018):
    this loses much, and `fit` warns of it. nDCG@10 of static() on NPL, SciFact and Cranfield is 0.336, 0.564 and 0.449 whole,
    0.219, 0.492 and 0.269 in half the dimensions without the edges, and 0.320, 0.525 and 0.430 by pca(192).

    `drop` says which end goes: "edges" (both, alike), "head" (the largest) or "tail"; `band=(start, stop)` says it in
    directions, the largest first. Put normalize() behind it.

    >>> SpectralBand(drop="head").fit(np.float32([[9, 0], [0, 1]])).transform(np.float32([[5, 7]]))
    array([[7.]], dtype=float32)
    """

    _fitted = ("components_",)

    def __init__(self, ratio: float = 2, drop: Drop = "edges", band: tuple[int, int] | None = None) -> None:
        self.ratio = ratio
        self.drop = drop
        self.band = band
        self._given = False

    @classmethod
    def from_unembedding(
        cls, model: Any, ratio: float = 2, drop: Drop = "edges", band: tuple[int, int] | None = None
    ) -> Self:
        """Fitted to an unembedding matrix (vocabulary, H), or to that of a model of `transformers`; `fit` leaves it so.

        A model's matrix is what its `get_output_embeddings()` holds, which are the input embeddings where the two are
        tied. Raises InputError for a model that has neither.
        """
        fitted = cls(ratio, drop, band)
        W = _unembedding(model)
        fitted.output_dim(W.shape[1])
        fitted._fit(W)
        fitted.n_features_in_ = W.shape[1]
        fitted._given = True
        return fitted

    @property
    def needs_fit(self) -> bool:  # type: ignore[override]
        """Not when it was made from an unembedding matrix."""
        return not self._given

    def output_dim(self, dim: int | None) -> int | None:
        """The width of the band; raises ValueError for a band outside the dimensions."""
        check_float("ratio", self.ratio, 1)
        if self.drop not in get_args(Drop):
            raise ValueError(f"needs drop 'edges', 'head' or 'tail', not {self.drop!r}")
        if self.band is not None:
            if not isinstance(self.band, list | tuple) or len(self.band) != 2:
                raise ValueError(f"needs band to be (start, stop), not {self.band!r}")
            stop = check_int("the band's stop", self.band[1])
            check_int("the band's start", self.band[0], 0, stop - 1)
            if dim is not None and dim < stop:
                raise ValueError(f"needs at least {stop} dimensions")
            return stop - self.band[0]
        return None if dim is None else max(1, int(dim / self.ratio))

    def fit(self, X: Floats, y: Any = None) -> Self:
        """Learn from vectors (n, d), unless the directions came from an unembedding matrix."""
        if not self._given:
            if self.drop != "tail" and self.band is None:
                warnings.warn(_COST, CodomainWarning, stacklevel=2)
            return super().fit(X, y)
        self._checked(X)
        return self

    def _fit(self, X: Floats) -> None:
        # V of X = U S V^T are the eigenvectors of X^T X, which is small however many rows there are
        moments = np.zeros((X.shape[1], X.shape[1]))
        for start in range(0, len(X), _ROWS):
            block = X[start : start + _ROWS].astype(np.float64)
            moments += block.T @ block
        _, self.components_ = principal(moments, self._slice(X.shape[1]))

    def _slice(self, dim: int) -> slice:
        if self.band is not None:
            return slice(*self.band)
        width = self.output_dim(dim)
        assert width is not None
        start = {"edges": (dim - width) // 2, "head": dim - width, "tail": 0}[self.drop]
        return slice(start, start + width)

    def _apply(self, X: Floats) -> Floats:
        return np.asarray(X @ self.components_.T, np.float32)


def _unembedding(model: Any) -> Floats:
    """The matrix (vocabulary, H) that turns states into logits, float32."""
    matrix = model
    if hasattr(model, "get_output_embeddings"):
        layer = model.get_output_embeddings()
        if layer is None and hasattr(model, "get_input_embeddings"):
            layer = model.get_input_embeddings()
        if layer is None:
            raise InputError(f"{type(model).__name__} has no unembedding matrix: pass the matrix itself.")
        matrix = layer.weight
    if hasattr(matrix, "detach"):
        matrix = matrix.detach().float().cpu().numpy()
    matrix = np.asarray(matrix, np.float32)
    if matrix.ndim != 2 or 0 in matrix.shape or not np.isfinite(matrix).all():
        raise VectorError(f"an unembedding matrix has finite numbers (vocabulary, H), not the shape {matrix.shape}.")
    return matrix
