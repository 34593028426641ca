"""A small correction on top of an encoder that cannot be changed: low-rank, residual, learnt from pairs that should meet."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from codomain.arrays import Floats, Kind, unit_rows
from codomain.errors import MissingExtra
from codomain.stage import check_float, check_int
from codomain.transform.align.align import paired
from codomain.transform.estimator import Estimator, VectorError

if TYPE_CHECKING:
    from codomain.transform.training.adapter import PairSplit

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
LEAST = 20
"""Pairs below which nothing is left to validate on."""


class LowRankAdapter(Estimator):
    """Move queries, or queries and documents, by a learnt low-rank residual: f(x) = norm(x + alpha (B A x + b)).

    `fit(X, y, corpus=None)` takes pairs of rows: queries X (n, d) and the vector y (n, d) of a right document of each; a query
    with several is given several times. Hard negatives are mined from y and `corpus` (m, d), other documents. Pairs are
    split by document, 15 % validate: the best epoch by their mean reciprocal rank, then alpha out of 0, 1/4, 1/2, 3/4 and 1.
    Zero, the encoder as it is, wins unless five further adapters, each trained without a fifth of the pairs, gain on what they
    have not seen: the 95 % interval of the paired change must lie above zero (`alpha_`, `gain_`).

    `side="query"` leaves stored documents as they are: `transform` gives them back, `transform_queries` adapts. With
    `side="both"` documents are transformed, so an existing index has to be filled again.
    "Augmented Embeddings for Custom Retrievals" (2023). Fitting needs torch, the extra `learn`; applying does not.

    >>> LowRankAdapter(rank=16, side="query")
    low_rank_adapter(16, side='query')

    Raises MissingExtra without torch; VectorError without pairs, or with fewer than 20 different documents.
    """

    name = "low_rank_adapter"
    takes: ClassVar[tuple[Kind, ...]] = ("dense",)
    gives: ClassVar[Kind] = "dense"
    papers = (45,)
    _fitted = ("alpha_", "gain_", "query_down_", "query_up_", "query_bias_", "down_", "up_", "bias_")

    alpha_: float
    gain_: float

    def __init__(
        self,
        rank: int = 64,
        side: Literal["query", "both"] = "both",
        epochs: int = 60,
        lr: float = 1e-3,
        dropout: float = 0.3,
        negatives: int = 4,
        batch_size: int = 128,
        seed: int = 0,
    ) -> None:
        self.rank = rank
        self.side = side
        self.epochs = epochs
        self.lr = lr
        self.dropout = dropout
        self.negatives = negatives
        self.batch_size = batch_size
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError for arguments out of range."""
        if self.side not in ("query", "both"):
            raise ValueError(f"needs side 'query' or 'both', not {self.side!r}")
        check_int("rank", self.rank)
        check_int("epochs", self.epochs)
        check_int("negatives", self.negatives, 0)
        check_int("batch_size", self.batch_size, 2)
        check_int("seed", self.seed, 0)
        check_float("lr", self.lr, 0)
        check_float("dropout", self.dropout, 0, 0.99)
        return dim

    def fit(self, X: Floats, y: Any = None, corpus: Floats | None = None) -> Self:
        """Learn from queries X (n, d) and a right document's vector y (n, d) of each; `corpus` (m, d) holds other documents."""
        Q, D = paired(self, X, y)
        try:
            self.output_dim(None)
        except ValueError as error:
            raise VectorError(f"{self} {error}.") from None
        if Q.shape[1] != D.shape[1]:
            raise VectorError(
                f"{self} needs queries and documents of equal dimensions, not {Q.shape[1]} and {D.shape[1]}."
            )
        others = np.zeros((0, Q.shape[1]), np.float32) if corpus is None else self._floats(corpus, Q.shape[1])
        known = Q.any(axis=1) & D.any(axis=1)
        documents, right = distinct(np.concatenate([D[known], others]))
        if len(np.unique(right[: known.sum()])) < LEAST:
            raise VectorError(f"{self} needs pairs with {LEAST} different documents at least: some have to validate.")
        if find_spec("torch") is None:
            raise MissingExtra("LowRankAdapter.fit", "learn")
        from codomain.transform.training.adapter import train

        found = train(self, unit_rows(Q[known]), unit_rows(documents), right[: known.sum()])
        self.alpha_, self.gain_ = found.alpha, found.gain
        self._keep(found)
        self.n_features_in_ = Q.shape[1]
        return self

    def fit_transform(self, X: Floats, y: Any = None) -> Floats:
        """`fit`, then `transform` of the same vectors."""
        return self.fit(X, y).transform(X)

    def transform_queries(self, Q: Floats) -> Floats:
        """Queries (q, d) adapted, unit vectors."""
        return residual(self._checked(Q), self.query_down_, self.query_up_, self.query_bias_, self.alpha_)

    def _apply(self, X: Floats) -> Floats:
        if self.side == "query":
            return X
        return residual(X, self.down_, self.up_, self.bias_, self.alpha_)

    def _keep(self, sides: PairSplit) -> None:
        self.query_down_, self.query_up_, self.query_bias_ = sides.query
        self.down_, self.up_, self.bias_ = sides.documents


def residual(X: Floats, down: Floats, up: Floats, bias: Floats, alpha: float) -> Floats:
    """norm(x + alpha (B A x + b)) with A = `down` (r, d) and B = `up` (d, r); a zero row stays zero, alpha 0 changes nothing."""
    if not alpha:
        return X
    x = unit_rows(X)
    moved = unit_rows((x + alpha * (x @ down.T @ up.T + bias)).astype(np.float32))
    moved[~X.any(axis=1)] = 0
    return moved


def distinct(X: Floats) -> tuple[Floats, np.ndarray]:
    """The different rows in order of appearance, and which of them each row is."""
    numbers: dict[bytes, int] = {}
    which = np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in X], np.int64)
    first = np.zeros(len(numbers), np.int64)
    first[which[::-1]] = np.arange(len(X))[::-1]
    return X[first], which
