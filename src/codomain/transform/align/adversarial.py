"""Vectors of one encoder in the space of another without pairs, by networks that must not be told apart: an experiment."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar, Self

import numpy as np

from codomain.arrays import Floats, Kind, unit_rows
from codomain.errors import MissingExtra
from codomain.stage import check_float, check_int
from codomain.transform.estimator import Estimator, VectorError


class AdversarialTranslator(Estimator):
    """Experimental: translate vectors between two spaces through a shared latent one, learnt against discriminators.

    `fit(X, y)` takes X (n, d_new) and y (m, d_old), no row of which is the partner of another; `transform` gives unit vectors
    of y's space. Prefer `UnpairedAlign`, which needs fewer rows and seconds, and knows when it has failed: this one does
    not. The defaults are the paper's, made for a million vectors a side and days on a GPU; `steps` is the number of batches.
    "Harnessing the Universal Geometry of Embeddings" (2025). Needs torch, the extra `learn`, to fit and to transform.

    >>> AdversarialTranslator(width=64, steps=100)
    adversarial_translator(64, steps=100)

    Raises MissingExtra without torch; VectorError for one side, or fewer than two vectors that are not zero on a side.
    """

    name = "adversarial_translator"
    takes: ClassVar[tuple[Kind, ...]] = ("dense",)
    gives: ClassVar[Kind] = "dense"
    papers = ()
    _fitted = ("weights_", "dims_")

    weights_: Floats
    dims_: np.ndarray

    def __init__(
        self,
        width: int = 1024,
        steps: int = 100_000,
        batch_size: int = 256,
        lr: float = 2e-5,
        judge_lr: float = 1e-5,
        dropout: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.width = width
        self.steps = steps
        self.batch_size = batch_size
        self.lr = lr
        self.judge_lr = judge_lr
        self.dropout = dropout
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """Dimensions of y, known once fitted; raises ValueError for an argument out of its range."""
        for argument, least in (("width", 1), ("steps", 1), ("batch_size", 2), ("seed", 0)):
            check_int(argument, getattr(self, argument), least)
        check_float("lr", self.lr, 0)
        check_float("judge_lr", self.judge_lr, 0)
        check_float("dropout", self.dropout, 0, 0.99)
        return int(self.dims_[1]) if self.__sklearn_is_fitted__() else None

    def fit(self, X: Floats, y: Any = None) -> Self:
        """Learn from X (n, d_new) and y (m, d_old), no pairs."""
        if y is None:
            raise VectorError(f"{self} learns from two sides: call fit(X, y) with vectors of the other encoder as y.")
        sides = [self._floats(side, None) for side in (X, y)]
        try:
            self.output_dim(None)
        except ValueError as error:
            raise VectorError(f"{self} {error}.") from None
        known = [unit_rows(side[side.any(axis=1)]) for side in sides]
        if min(map(len, known)) < 2:
            raise VectorError(f"{self} cannot be fitted: a side has fewer than two vectors that are not zero.")
        train = _training("AdversarialTranslator.fit").train
        self.weights_ = train(self, *known)
        self.dims_ = np.array([side.shape[1] for side in sides])
        self.n_features_in_ = sides[0].shape[1]
        return self

    def fit_transform(self, X: Floats, y: Any = None) -> Floats:
        """`fit`, then `transform` of the same vectors."""
        return self.fit(X, y).transform(X)

    def guess(self, X: Floats) -> Floats:
        """What `transform` gives: there is no test of the map that could refuse it."""
        return self.transform(X)

    def _apply(self, X: Floats) -> Floats:
        translate = _training("AdversarialTranslator.transform").translate
        moved: Floats = translate(self.weights_, (int(self.dims_[0]), int(self.dims_[1])), self.width, unit_rows(X))
        moved[~X.any(axis=1)] = 0
        return moved


def _training(what: str) -> Any:
    if find_spec("torch") is None:
        raise MissingExtra(what, "learn")
    from codomain.transform.training import adversarial as adversarial_training

    return adversarial_training
