"""Vectors of one encoder in the space of another: an index stays searchable when the encoder changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

import numpy as np

from codomain.arrays import Floats, Kind
from codomain.stage import check_int
from codomain.transform.align.maps import Doubles, Map, drift, identity, lowrank, procrustes, ridge, unit
from codomain.transform.estimator import Estimator, VectorError

Method = Literal["auto", "identity", "drift", "procrustes", "lowrank", "ridge"]

_METHODS = ("identity", "drift", "procrustes", "lowrank", "ridge")
"""Simplest first: nothing, one vector, a rotation, then matrices of little and of full rank."""

_SPLIT = 100
"""Pairs from which `auto` holds one part out; from fewer it takes five folds in turn, so that each pair counts."""

_MEAN = 0.5
"""Share of the old mean that a prediction of unit vectors keeps.

All of it puts the prediction where the old vector stood, but errors in the rest then leave the mean to rank: it prefers
the same generic rows for every query. Queries in other words than the pairs, 1,000 of them, found their verse first in
0.82, with half of the mean in 0.88, with none in 0.88; the ten nearest agreed in 0.40, 0.40 and 0.34.
"""

_HELD_OUT = 400
"""Pairs held out at most: enough for a standard error of a hundredth."""


class Align(Estimator):
    """Map vectors of one encoder into the space of another, from a few hundred texts that both have encoded.

    `fit(X, y)` takes pairs of rows: X (n, d_new) is mapped to y (n, d_old), and `transform` predicts the old vectors of
    others: queries of a new encoder search what an old one has stored. Where the old vectors have length one, so have the
    predictions. Rows that are zero on one side say nothing and are left out; a zero row is mapped to zero.

    `method="auto"` fits all that apply and keeps the simplest within one standard error of the best, by how far the scores
    of held-out pairs stand out from all others. `method_` says which. `rank` is that of "lowrank".
    "Query Drift Compensation: Enabling Compatibility in Continual Learning of Retrieval Embedding Models" (2025) is "drift";
    one vector mends a fine-tune, not another model.

    >>> rng = np.random.default_rng(0)
    >>> old = rng.standard_normal((200, 8)).astype(np.float32)
    >>> new = old @ np.linalg.qr(rng.standard_normal((8, 8)))[0].astype(np.float32)
    >>> align = Align("ridge").fit(new, old)
    >>> bool(np.allclose(align.transform(new), old, atol=0.01))
    True

    Raises VectorError for vectors without partners, or a method that needs equal dimensions where they differ.
    """

    name = "align"
    takes: ClassVar[tuple[Kind, ...]] = ("dense",)
    gives: ClassVar[Kind] = "dense"
    papers = ()
    _fitted = ("shift_", "length_", "matrix_", "offset_", "unit_", "chosen_")

    shift_: Floats
    length_: float
    matrix_: Floats
    offset_: Floats
    unit_: bool
    chosen_: int

    def __init__(self, method: Method = "auto", rank: int | Literal["auto"] = "auto", seed: int = 0) -> None:
        self.method = method
        self.rank = rank
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """Dimensions of the old space, known once fitted; raises ValueError for an unknown method or rank."""
        if self.method not in ("auto", *_METHODS):
            raise ValueError(f"needs a method out of auto, {', '.join(_METHODS)}, not {self.method!r}")
        if self.rank != "auto":
            check_int("rank", self.rank)
        check_int("seed", self.seed, 0)
        return len(self.offset_) if self.__sklearn_is_fitted__() else None

    def fit(self, X: Floats, y: Any = None) -> Self:
        """Learn from pairs: X (n, d_new) of the new encoder, y (n, d_old) of the old one, the same texts in the same order."""
        A, B = paired(self, X, y)
        try:
            self.output_dim(None)
        except ValueError as error:
            raise VectorError(f"{self} {error}.") from None
        known = (A.any(axis=1)) & (B.any(axis=1))
        if not known.any():
            raise VectorError(f"{self} cannot be fitted: every pair has a zero vector.")
        new, old = A[known].astype(np.float64), B[known].astype(np.float64)
        methods = candidates(new.shape[1], old.shape[1])
        if self.method != "auto" and self.method not in methods:
            raise VectorError(
                f"{self} needs vectors of equal dimensions, but they have {new.shape[1]} and {old.shape[1]}: "
                'method="procrustes" does not need them.'
            )
        self.unit_ = bool(np.allclose(np.linalg.norm(old, axis=1), 1, atol=1e-3))
        chosen = self._choose(methods, new, old) if self.method == "auto" else self.method
        found = self._map(chosen, new, old)
        self.chosen_ = _METHODS.index(chosen)
        self.shift_, self.matrix_ = found.shift.astype(np.float32), found.matrix.astype(np.float32)
        self.offset_ = found.offset.astype(np.float32)
        self.length_ = float(found.length)
        self.n_features_in_ = new.shape[1]
        return self

    def fit_transform(self, X: Floats, y: Any = None) -> Floats:
        """`fit`, then `transform` of the same vectors."""
        return self.fit(X, y).transform(X)

    @property
    def method_(self) -> str:
        """The method in use: what "auto" chose."""
        return _METHODS[int(self.chosen_)]

    def _apply(self, X: Floats) -> Floats:
        moved = Map(self.shift_, self.length_, self.matrix_, self.offset_)(X.astype(np.float64))  # type: ignore[arg-type]
        if self.unit_:
            moved = unit(moved)
        moved[~X.any(axis=1)] = 0
        return moved.astype(np.float32)

    def _map(self, method: str, A: Doubles, B: Doubles) -> Map:
        found = lowrank(A, B, self.rank) if method == "lowrank" and self.rank != "auto" else _FITS[method](A, B)
        return found._replace(offset=_MEAN * found.offset) if self.unit_ else found

    def _choose(self, methods: tuple[str, ...], A: Doubles, B: Doubles) -> str:
        """The simplest method within one standard error of the best on pairs that it was not fitted on."""
        if len(A) < 3:
            return methods[0]  # nothing to hold out
        order = np.random.default_rng(self.seed).permutation(len(A))
        if len(A) < _SPLIT:
            folds = np.array_split(order, min(5, len(A)))
        else:
            folds = [order[: min(len(A) // 4, _HELD_OUT)]]
        scores: dict[str, Doubles] = {}
        for method in methods:
            parts = []
            for held in folds:
                rest = np.setdiff1d(order, held)
                predicted = self._map(method, A[rest], B[rest])(A[held])
                parts.append(_lead(unit(predicted) if self.unit_ else predicted, B, held))
            scores[method] = np.concatenate(parts)
        best = max(methods, key=lambda method: scores[method].mean())
        for method in methods:
            gap = scores[best] - scores[method]
            # paired: the same held-out rows for both, so that an easy or a hard row counts for neither
            if gap.mean() <= gap.std(ddof=1) / np.sqrt(len(gap)):
                return method
        return best


_FITS: dict[str, Callable[[Doubles, Doubles], Map]] = {
    "identity": identity, "drift": drift, "procrustes": procrustes, "lowrank": lowrank, "ridge": ridge,
}  # fmt: skip


def candidates(new_dim: int, old_dim: int) -> tuple[str, ...]:
    """The methods that apply to two dimensions, simplest first.

    >>> candidates(384, 256)
    ('procrustes', 'lowrank', 'ridge')
    """
    return _METHODS if new_dim == old_dim else _METHODS[2:]


def paired(estimator: Estimator, X: Floats, y: Any) -> tuple[Floats, Floats]:
    """Both sides checked, as float32; raises VectorError where there is no second side or the rows are not pairs."""
    if y is None:
        raise VectorError(
            f"{estimator} learns from pairs: call fit(X, y) with the partner of each row of X as a row of y."
        )
    A, B = estimator._floats(X, None), estimator._floats(y, None)
    if len(A) != len(B):
        raise VectorError(f"{estimator} needs pairs, but X has {len(A)} rows and y {len(B)}.")
    if len(A) == 0 or A.shape[1] == 0 or B.shape[1] == 0:
        raise VectorError(f"{estimator} cannot be fitted: the samples have shape {A.shape} and {B.shape}.")
    return A, B


def _lead(predicted: Doubles, stored: Doubles, rows: np.ndarray) -> Doubles:
    """By how many standard deviations of all scores that of its own row leads the mean, for each prediction.

    The rank of that row is 1 for every useful map, and the nearest that a map shares with the true vectors prefer ridge, which
    shrinks what it is unsure of: over four changes of encoder this lead alone ordered the maps as new queries did.
    """
    scores = predicted @ stored.T
    own = scores[np.arange(len(rows)), rows]
    spread = scores.std(axis=1)
    return np.asarray(np.divide(own - scores.mean(axis=1), spread, out=np.zeros_like(own), where=spread > 1e-12))
