"""Vectors of one encoder in the space of another without a single pair: the shapes of the two clouds are enough."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, Kind
from codomain.stage import check_int
from codomain.transform.align.maps import Doubles, Map, orthogonal, unit
from codomain.transform.align.matching import (
    TARGETS,
    centered_gram,
    kmeans,
    knn_targets,
    match,
    mutual_nearest,
    similarity,
)
from codomain.transform.estimator import Estimator, VectorError

_CLUSTERS = (12, 20)
"""Numbers of clusters that "auto" tries."""

_STARTS = 10
"""Random permutations from which each matching of clusters starts."""

_SAMPLE = 10_000
"""Rows that a k-means learns from."""

_ROWS = 1000
"""Rows that one step of the first refinement moves."""

_TARGETS = 20_000
"""Rows of the other side among which a step looks for targets."""

_SMOOTHING = 0.5
_STEPS = 75
_CHECK_STEPS = 30
_FINE = 500
"""Clusters of the second refinement."""

_FEWEST = 40
"""Rows on each side without which clusters say nothing."""

_MEAN = 0.5
"""Share of the other side's mean that a prediction of unit vectors keeps, for the reasons that `Align` gives."""

_ACCEPTED = 0.25
"""Agreement of two starts, as a share of the way from that of random rotations to one, from which an alignment is accepted."""

_LIKER = 0.05
"""How much more alike the shapes of the pairs found must be than of those that refined random rotations find, as a share of
the way to one.

Agreement alone is no proof: two starts may share their error. Over verses of two encoders, maps that found .78 of the partners
and more came to .07 to .09, those that found under .26 to .03 at most. The nearest-neighbour objective does not tell them apart.
"""

_SAME = 0.5
"""Mean cosine from which two maps are taken for one."""

_SHAPE = 1500
"""Pairs at most whose shapes are compared."""


class CloudPair(NamedTuple):
    """Both clouds, centred and of unit length, of equal width."""

    A: Floats
    B: Floats


class UnpairedAlign(Estimator):
    """Map vectors of one encoder into the space of another from texts of the same kind, of which none need be in both.

    `fit(X, y)` takes X (n, d_new) and y (m, d_old), no row of which is the partner of another; `transform` predicts vectors of
    y's space. `seeds=(rows of X, rows of y)`, known pairs, stand in for the matching of clusters: from 20 on they
    make of the hard case an easy one. A few thousand rows a side and one distribution of topics are needed.

    `aligned_` says whether two starts that share no clustering (of seeds: that lack other seeds) were refined to the same map,
    against what two random rotations come to (`agreement_`, `null_`, mean cosines), and whether the pairs found lie to each
    other alike on both sides, more than those of the refined random rotations do (`likeness_`, `null_likeness_`, correlations
    of centred Grams). `transform` refuses what was not accepted, `guess` does not. `anchors_` (2, p) are the pairs
    found: rows of X and of y that are each other's nearest, the closest first, ready for `Relative` or for `Align`.

    `runs` clusterings of each side into `clusters` are matched, each with each, and the best `runs` matches kept; targets
    are means of `neighbours` rows, found as `match` says.

    "mini-vec2vec: Scaling Universal Geometry Alignment with Linear Transformations" (2025); with seeds, "Bootstrapping
    Parallel Anchors for Relative Representations" (2023).

    >>> rng = np.random.default_rng(1)
    >>> old = np.repeat(rng.standard_normal((30, 16)), 40, axis=0) + 0.3 * rng.standard_normal((1200, 16))
    >>> rotation = np.linalg.qr(rng.standard_normal((16, 16)))[0]
    >>> order = rng.permutation(1200)
    >>> align = UnpairedAlign(runs=10).fit(old[order[:600]] @ rotation, old[order[600:]])
    >>> align.aligned_
    True

    Raises VectorError for too few rows, seeds that are not rows, or where `transform` has no accepted map.
    """

    first_parameters: ClassVar[dict[str, str]] = {"neighbors": "neighbours"}

    name = "unpaired_align"
    takes: ClassVar[tuple[Kind, ...]] = ("dense",)
    gives: ClassVar[Kind] = "dense"
    papers = ()
    _fitted = (
        "shift_",
        "length_",
        "matrix_",
        "offset_",
        "unit_",
        "aligned_",
        "agreement_",
        "null_",
        "likeness_",
        "null_likeness_",
        "anchors_",
    )

    shift_: Floats
    length_: float
    matrix_: Floats
    offset_: Floats
    unit_: bool
    aligned_: bool
    agreement_: float
    null_: float
    likeness_: float
    null_likeness_: float
    anchors_: NDArray[np.int64]

    def __init__(
        self,
        runs: int = 30,
        clusters: int | Literal["auto"] = "auto",
        neighbors: int = 50,
        match: Literal["knn", "mutual", "sinkhorn"] = "knn",
        seed: int = 0,
    ) -> None:
        self.runs = runs
        self.clusters = clusters
        self.neighbors = neighbors
        self.match = match
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """Dimensions of y, known once fitted; raises ValueError for an argument out of its range."""
        check_int("runs", self.runs, 2)
        if self.clusters != "auto":
            check_int("clusters", self.clusters, 3)
        check_int("neighbors", self.neighbors)
        if self.match not in TARGETS:
            raise ValueError(f"needs a match out of {', '.join(TARGETS)}, not {self.match!r}")
        check_int("seed", self.seed, 0)
        return len(self.offset_) if self.__sklearn_is_fitted__() else None

    def fit(self, X: Floats, y: Any = None, seeds: Any = None) -> Self:
        """Learn from X (n, d_new) and y (m, d_old), no pairs; `seeds` are two equally long arrays of rows that are."""
        if y is None:
            raise VectorError(f"{self} learns from two sides: call fit(X, y) with vectors of the other encoder as y.")
        X, y = self._floats(X, None), self._floats(y, None)
        try:
            self.output_dim(None)
        except ValueError as error:
            raise VectorError(f"{self} {error}.") from None
        pairs = self._pairs(seeds, X, y)
        rows, columns = np.flatnonzero(X.any(axis=1)), np.flatnonzero(y.any(axis=1))
        if min(len(rows), len(columns)) < _FEWEST:
            raise VectorError(
                f"{self} needs at least {_FEWEST} vectors that are not zero on each side, "
                f"but X has {len(rows)} and y {len(columns)}."
            )
        mx, my = X[rows].mean(axis=0, dtype=np.float64), y[columns].mean(axis=0, dtype=np.float64)
        width = max(X.shape[1], y.shape[1])
        sides = CloudPair(_directions(X, mx, width), _directions(y, my, width))
        known = CloudPair(sides.A[rows], sides.B[columns])
        if not (known.A.any() and known.B.any()):
            raise VectorError(f"{self} cannot be fitted: all vectors of a side are the same.")
        W = self._align(known, CloudPair(sides.A[pairs[0]], sides.B[pairs[1]]))
        self.anchors_ = mutual_nearest(_moved(known.A, W), known.B)
        self.anchors_ = np.stack([rows[self.anchors_[0]], columns[self.anchors_[1]]])
        self.unit_ = bool(np.allclose(np.linalg.norm(y[columns], axis=1), 1, atol=1e-3))
        self.length_ = float(np.linalg.norm(y[columns] - my, axis=1).mean())
        self.shift_, self.matrix_ = mx.astype(np.float32), W[: X.shape[1], : y.shape[1]]
        self.offset_ = (my * (_MEAN if self.unit_ else 1)).astype(np.float32)
        self.n_features_in_ = X.shape[1]
        return self

    def fit_transform(self, X: Floats, y: Any = None) -> Floats:
        """`fit`, then `transform` of the same vectors."""
        return self.fit(X, y).transform(X)

    def guess(self, X: Floats) -> Floats:
        """What `transform` gives, also by a map that was not accepted: to measure how wrong it is."""
        X = self._checked(X)
        moved = Map(self.shift_, self.length_, self.matrix_, self.offset_)(X.astype(np.float64))  # type: ignore[arg-type]
        if self.unit_:
            moved = unit(moved)
        moved[~X.any(axis=1)] = 0
        return moved.astype(np.float32)

    def _apply(self, X: Floats) -> Floats:
        if not self.aligned_:
            raise VectorError(
                f"{self} found no alignment that holds (two starts agree by {self.agreement_:.2f}, random rotations by "
                f"{self.null_:.2f}; shapes of the pairs by {self.likeness_:.2f} and {self.null_likeness_:.2f}): give more vectors on each side, or known pairs as seeds; guess() shows what it has."
            )
        return self.guess(X)

    def _align(self, sides: CloudPair, pairs: CloudPair) -> Floats:
        """The rotation, and in `agreement_`, `likeness_`, what random rotations have of both, and `aligned_` what speaks for it."""
        rng = np.random.default_rng(self.seed)
        W, *halves = self._from_seeds(pairs, rng) if len(pairs.A) else self._from_clusters(sides, rng)
        random = [orthogonal(rng.standard_normal(W.shape)).astype(np.float32) for _ in halves]
        halves = [self._refined(sides, start, _CHECK_STEPS, rng) for start in halves]
        random = [self._refined(sides, start, _STEPS, rng) for start in random]
        self.agreement_, self.null_ = _agree(sides.A, *halves), _agree(sides.A, *random)
        W = self._finer(sides, self._refined(sides, W, _STEPS, rng))
        self.likeness_ = _likeness(sides, W)
        # a random start that came to W itself speaks for it, not against
        wrong = [R for R in random if _agree(sides.A, R, W) < _SAME]
        self.null_likeness_ = max((_likeness(sides, R) for R in wrong), default=0.0)
        self.aligned_ = bool(
            self.agreement_ - self.null_ >= _ACCEPTED * (1 - self.null_)
            and self.likeness_ - self.null_likeness_ >= _LIKER * (1 - self.null_likeness_)
        )
        return W

    def _from_seeds(self, pairs: CloudPair, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """The map of all seeds, and two that lack a quarter each, not the same."""
        order = rng.permutation(len(pairs.A))
        out = max(1, len(order) // 4)
        parts = [order, order[out:], order[:-out]]
        W, V, U = (_fitted(pairs.A[part], pairs.B[part]) for part in parts)
        return W, V, U

    def _from_clusters(self, sides: CloudPair, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """The map of the number of clusters that is most stable, and two from clusterings that have none in common."""
        few = max(3, min(len(sides.A), len(sides.B)) // 5)
        tried = _CLUSTERS if self.clusters == "auto" else (self.clusters,)
        best: tuple[float, tuple[Floats, Floats, Floats]] | None = None
        for k in sorted({min(k, few) for k in tried}):
            W, V, U = (self._pseudo(sides, anchors) for anchors in self._anchors(sides, k, rng))
            stable = _agree(sides.A, V, U)
            if best is None or stable > best[0]:
                best = stable, (W, V, U)
        assert best is not None
        return best[1]

    def _anchors(self, sides: CloudPair, k: int, rng: np.random.Generator) -> list[CloudPair]:
        """Matched centroids (runs, k, d) of the best among all pairs of clusterings, of the even and of the odd ones."""
        centroids = [
            [kmeans(side[_some(len(side), _SAMPLE, rng)], k, int(rng.integers(2**31))) for _ in range(self.runs)]
            for side in sides
        ]
        grams = [[centered_gram(C) for C in of] for of in centroids]
        found = []
        for i, SA in enumerate(grams[0]):
            for j, SB in enumerate(grams[1]):
                p, score = match(SA, SB, _STARTS, rng)
                found.append((score, centroids[0][i], centroids[1][j][p], (i % 2, j % 2)))
        found.sort(key=lambda one: -one[0])
        all_, even, odd = found, [f for f in found if f[3] == (0, 0)], [f for f in found if f[3] == (1, 1)]
        return [
            CloudPair(np.stack([A for _, A, _, _ in kept]), np.stack([B for _, _, B, _ in kept]))
            for kept in (all_[: self.runs], even[: self.runs], odd[: self.runs])
        ]

    def _pseudo(self, sides: CloudPair, anchors: CloudPair) -> Floats:
        # r(x) = (cos(x, a_1), cos(x, a_2), ...): relative to matched anchors, both sides are in one space
        rows = [_some(len(side), _SAMPLE, np.random.default_rng(self.seed)) for side in sides]
        A, B = sides.A[rows[0]], sides.B[rows[1]]
        r = [_unit(X @ C.reshape(-1, C.shape[-1]).T) for X, C in ((A, anchors.A), (B, anchors.B))]
        return _fitted(A, knn_targets(r[0], r[1], B, self._near(len(B)))[1])

    def _refined(self, sides: CloudPair, W: Floats, steps: int, rng: np.random.Generator) -> Floats:
        """Refine-1: W <- (1 - a) W + a Procrustes(x, mean of the targets nearest to x W), for random rows x."""
        for _ in range(steps):
            x = sides.A[_some(len(sides.A), _ROWS, rng)]
            B = sides.B[_some(len(sides.B), _TARGETS, rng)]
            kept, targets = TARGETS[self.match](_moved(x, W), B, B, self._near(len(B)))
            if len(kept) == 0:
                break
            W = (1 - _SMOOTHING) * W + _SMOOTHING * _fitted(x[kept], targets)
        return W

    def _finer(self, sides: CloudPair, W: Floats) -> Floats:
        """Refine-2: once, on clusters of one side and those of the other that begin where W puts the first."""
        k = min(_FINE, len(sides.A) // 5, len(sides.B) // 5)
        A = kmeans(sides.A, k, self.seed)
        B = kmeans(sides.B, k, self.seed, _moved(A, W))
        W = (1 - _SMOOTHING) * W + _SMOOTHING * _fitted(A, B)
        # smoothing leaves what is no rotation: back to the nearest one
        return orthogonal(W.astype(np.float64)).astype(np.float32)

    def _near(self, rows: int) -> int:
        # of few rows, fewer: fifty of the 2,500 verses are two in a hundred
        return min(self.neighbors, max(1, rows // 20))

    def _pairs(self, seeds: Any, X: Floats, y: Floats) -> NDArray[np.int64]:
        """The seeds as (2, s); raises VectorError for what is not rows of X and of y, or a single one."""
        if seeds is None:
            return np.zeros((2, 0), np.int64)
        try:
            pairs = np.asarray([np.asarray(rows) for rows in seeds])
        except (TypeError, ValueError):
            pairs = np.zeros(0)
        if pairs.ndim != 2 or len(pairs) != 2 or not np.issubdtype(pairs.dtype, np.integer):
            raise VectorError(f"{self} takes seeds as two equally long lists of row numbers, of X and of y.")
        if pairs.shape[1] < 2:
            raise VectorError(f"{self} needs at least two seeds, not {pairs.shape[1]}.")
        for rows, side, size in ((pairs[0], "X", len(X)), (pairs[1], "y", len(y))):
            if rows.min() < 0 or rows.max() >= size:
                raise VectorError(f"{self} has the seed {rows.max()}, but {side} has {size} rows.")
        return pairs.astype(np.int64)


def _directions(X: Floats, mean: Doubles, width: int) -> Floats:
    moved = unit(X - mean).astype(np.float32)
    moved[~X.any(axis=1)] = 0
    return np.pad(moved, ((0, 0), (0, width - X.shape[1])))


def _fitted(A: Floats, B: Floats) -> Floats:
    """W = argmin ||A W - N(B)||, orthogonal."""
    return orthogonal(A.astype(np.float64).T @ unit(B.astype(np.float64))).astype(np.float32)


def _unit(X: Floats) -> Floats:
    return np.asarray(X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-12))


def _moved(A: Floats, W: Floats) -> Floats:
    return _unit(A @ W)


def _agree(A: Floats, U: Floats, V: Floats) -> float:
    return float((_moved(A, U) * _moved(A, V)).sum(axis=1).mean())


def _likeness(sides: CloudPair, W: Floats) -> float:
    """How alike the pairs lie to each other within each side that W makes each other's nearest."""
    a, b = mutual_nearest(_moved(sides.A, W), sides.B)[:, :_SHAPE]
    return similarity(sides.A[a], sides.B[b])


def _some(n: int, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return np.arange(n) if n <= most else rng.choice(n, most, replace=False)
