"""A siamese head on frozen vectors: both texts of a pair through one small network, so that their cosine follows given scores."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from codomain.arrays import Floats, Kind, unit_rows
from codomain.errors import MissingExtra
from codomain.stage import check_float, check_int
from codomain.transform.align.align import paired
from codomain.transform.estimator import Estimator, VectorError

LEAST = 50
"""Pairs below which nothing is left to validate on."""


class SiameseHead(Estimator):
    """Map both sides of pairs by one residual network, so that cosines follow scores: f(x) = norm(x + W2 relu(W1 x + b)).

    `fit(X, y, scores)` takes pairs of rows X (n, d) and y (n, d) and how alike the two of each are, in any unit. W2 starts at
    zero, so that training begins at the plain cosine; the loss is the squared error of the cosine, through a line, on the
    scores. Pairs are split by their left vector, 15 % validate: the best epoch by Spearman's correlation. The head is kept
    only if five others, each trained without a fifth of the pairs, gain on what they have not seen, with the 95 % interval
    of the change above zero; else vectors stay as they are (`gain_` is then 0).

    Documents and queries are mapped alike, so an existing index has to be filled again.
    "An Analysis of Embedding Layers and Similarity Scores using Siamese Neural Networks" (2023). Fitting needs torch, the
    extra `learn`; applying does not. In a pipeline: `save_transform(head, path)`, then `minilm() >> fitted(path) >> flat()`.

    >>> SiameseHead(width=32)
    siamese(32)

    Raises MissingExtra without torch; VectorError without pairs, with fewer than 50, or with scores that do not vary.
    """

    name = "siamese"
    takes: ClassVar[tuple[Kind, ...]] = ("dense",)
    gives: ClassVar[Kind] = "dense"
    papers = (133,)
    _fitted = ("gain_", "down_", "bias_", "up_")

    gain_: float
    down_: Floats
    bias_: Floats
    up_: Floats

    def __init__(
        self,
        width: int = 128,
        epochs: int = 30,
        lr: float = 1e-3,
        weight_decay: float = 0.01,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        self.width = width
        self.epochs = epochs
        self.lr = lr
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError for arguments out of range."""
        check_int("width", self.width)
        check_int("epochs", self.epochs)
        check_int("batch_size", self.batch_size, 2)
        check_int("seed", self.seed, 0)
        check_float("lr", self.lr, 0)
        check_float("weight_decay", self.weight_decay, 0)
        return dim

    def fit(self, X: Floats, y: Any = None, scores: ArrayLike | None = None) -> Self:
        """Learn from pairs X (n, d) and y (n, d) and their scores (n,); a pair with a zero vector is left out."""
        A, B = paired(self, X, y)
        try:
            self.output_dim(None)
        except ValueError as error:
            raise VectorError(f"{self} {error}.") from None
        if A.shape[1] != B.shape[1]:
            raise VectorError(f"{self} needs both sides in equal dimensions, not {A.shape[1]} and {B.shape[1]}.")
        given = self._scores(scores, len(A))
        known = A.any(axis=1) & B.any(axis=1)
        if len(np.unique(A[known], axis=0)) < LEAST:
            raise VectorError(
                f"{self} needs {LEAST} pairs with different left vectors at least: some have to validate."
            )
        if np.ptp(given[known]) == 0:
            raise VectorError(f"{self} needs scores that differ: all are {given[known][0]:g}.")
        if find_spec("torch") is None:
            raise MissingExtra("SiameseHead.fit", "learn")
        from codomain.transform.training.siamese import train

        self.gain_, (self.down_, self.bias_, self.up_) = train(
            self, unit_rows(A[known]), unit_rows(B[known]), given[known]
        )
        self.n_features_in_ = A.shape[1]
        return self

    def fit_transform(self, X: Floats, y: Any = None, scores: ArrayLike | None = None) -> Floats:
        """`fit`, then `transform` of the left sides."""
        return self.fit(X, y, scores).transform(X)

    def _scores(self, scores: ArrayLike | None, n: int) -> np.ndarray:
        if scores is None:
            raise VectorError(f"{self} learns from scores of pairs: call fit(X, y, scores).")
        given = np.asarray(scores, np.float64)
        if given.shape != (n,):
            raise VectorError(f"{self} needs one score for each of {n} pairs, not an array of shape {given.shape}.")
        if not np.isfinite(given).all():
            raise VectorError(f"{self} needs finite scores: {int((~np.isfinite(given)).sum())} are not.")
        return given

    def _apply(self, X: Floats) -> Floats:
        return headed(X, self.down_, self.bias_, self.up_) if self.gain_ else X


def headed(X: Floats, down: Floats, bias: Floats, up: Floats) -> Floats:
    """norm(x + W2 relu(W1 x + b)) of unit rows x, with W1 = `down` (w, d), b = `bias` (w,), W2 = `up` (d, w); zero stays zero."""
    x = unit_rows(X)
    moved = unit_rows((x + np.maximum(x @ down.T + bias, 0) @ up.T).astype(np.float32))
    moved[~X.any(axis=1)] = 0
    return moved
