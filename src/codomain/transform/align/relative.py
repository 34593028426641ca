"""Vectors described by their cosines to anchors: spaces that differ by a rotation then coincide."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from codomain.arrays import Floats, Kind
from codomain.stage import check_int
from codomain.transform.align.maps import Doubles, unit
from codomain.transform.estimator import Estimator

_WHITEN = 1e-2
"""Share of the mean eigenvalue that is added before whitening: directions that the anchors do not span stay small."""


class Relative(Estimator):
    """Cosines to anchors, scaled to length one: classifiers move between encoders whose anchors are the same texts.

    `anchors` of the sample's rows are anchors, chosen by `choice`: "random", "kmeans" (the rows nearest to its centroids) or
    "farthest" (each as far as can be from those before). `anchors="all"` takes the sample as it is: that is how another
    encoder is given its vectors of the same texts, `Relative("all").fit(other[first.rows_])`. `centre` takes the
    anchors' mean from everything, as spaces whose vectors all point one way have cosines that are all alike; `whiten`
    undoes what anchors share, r (A A^T + lam I)^-1/2; `sparse_top` keeps that many largest cosines.
    For retrieval with pairs at hand `Align` is better; this is for heads and for comparing encoders.
    "Relative representations enable zero-shot latent space communication" (2023).

    >>> rng = np.random.default_rng(0)
    >>> X, rotation = rng.standard_normal((50, 8)), np.linalg.qr(rng.standard_normal((8, 8)))[0]
    >>> one, other = Relative(20).fit(X), Relative(20).fit(X @ rotation)
    >>> bool(np.allclose(one.transform(X), other.transform(X @ rotation), atol=1e-5))
    True
    """

    first_parameters: ClassVar[dict[str, str]] = {"center": "centre"}

    name = "relative"
    takes: ClassVar[tuple[Kind, ...]] = ("dense",)
    gives: ClassVar[Kind] = "dense"
    papers = (146,)
    _fitted = ("mean_", "anchors_", "rows_", "whitening_")

    mean_: Floats
    anchors_: Floats
    rows_: np.ndarray
    whitening_: Floats

    def __init__(
        self,
        anchors: int | Literal["all"] = 768,
        choice: Literal["random", "kmeans", "farthest"] = "random",
        center: bool = True,
        whiten: bool = False,
        sparse_top: int | None = None,
        seed: int = 0,
    ) -> None:
        self.anchors = anchors
        self.choice = choice
        self.center = center
        self.whiten = whiten
        self.sparse_top = sparse_top
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """The number of anchors, known beforehand unless they are "all" rows or more than there are."""
        if self.anchors != "all":
            check_int("anchors", self.anchors)
        if self.choice not in ("random", "kmeans", "farthest"):
            raise ValueError(f"needs choice 'random', 'kmeans' or 'farthest', not {self.choice!r}")
        if self.sparse_top is not None:
            check_int("sparse_top", self.sparse_top)
        check_int("seed", self.seed, 0)
        if self.__sklearn_is_fitted__():
            return len(self.anchors_)
        return None if self.anchors == "all" else int(self.anchors)

    def _fit(self, X: Floats) -> None:
        rows = np.arange(len(X))
        if self.anchors != "all" and self.anchors < len(X):
            rows = _CHOICES[self.choice](X, int(self.anchors), np.random.default_rng(self.seed))
        chosen = X[rows].astype(np.float64)
        mean = chosen.mean(axis=0) if self.center else np.zeros(X.shape[1])
        A = unit(chosen - mean)
        self.rows_ = rows.astype(np.int64)
        self.mean_, self.anchors_ = mean.astype(np.float32), A.astype(np.float32)
        self.whitening_ = np.zeros((0, 0), np.float32)
        if self.whiten:
            values, vectors = np.linalg.eigh(A @ A.T)
            values = values.clip(0) + _WHITEN * max(values.mean(), 1e-12)
            self.whitening_ = ((vectors / np.sqrt(values)) @ vectors.T).astype(np.float32)

    def _apply(self, X: Floats) -> Floats:
        # r(x) = (cos(x, a_1), ..., cos(x, a_m))
        r = unit(X.astype(np.float64) - self.mean_) @ self.anchors_.T
        r[~X.any(axis=1)] = 0
        if self.whitening_.size:
            r = r @ self.whitening_
        if self.sparse_top is not None and self.sparse_top < r.shape[1]:
            smaller = np.argpartition(-r, self.sparse_top - 1, axis=1)[:, self.sparse_top :]
            np.put_along_axis(r, smaller, 0, axis=1)
        return unit(r).astype(np.float32)


def _random(X: Floats, m: int, rng: np.random.Generator) -> np.ndarray:
    """The same row numbers for every encoder that has as many rows: anchors are parallel without more ado."""
    return np.sort(rng.choice(len(X), m, replace=False))


def _nearest_centroids(X: Floats, m: int, rng: np.random.Generator) -> np.ndarray:
    import faiss

    directions = np.ascontiguousarray(unit(X.astype(np.float64)), np.float32)
    kmeans = faiss.Kmeans(X.shape[1], m, niter=20, seed=int(rng.integers(2**31)), min_points_per_centroid=1)
    kmeans.train(directions)
    assert kmeans.centroids is not None
    rows = np.unique((directions @ kmeans.centroids.T).argmax(axis=0))
    # two centroids may share their nearest row: random ones fill up
    rest = rng.permutation(np.setdiff1d(np.arange(len(X)), rows))[: m - len(rows)]
    return np.sort(np.concatenate([rows, rest]))


def _farthest(X: Floats, m: int, rng: np.random.Generator) -> np.ndarray:
    directions: Doubles = unit(X.astype(np.float64))
    rows = [int(rng.integers(len(X)))]
    nearest = directions @ directions[rows[0]]
    for _ in range(m - 1):
        nearest[rows[-1]] = np.inf  # never again
        rows.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, directions @ directions[rows[-1]])
    return np.asarray(rows)


_CHOICES = {"random": _random, "kmeans": _nearest_centroids, "farthest": _farthest}
