"""The shape of a cloud of vectors: how many dimensions it fills, and how evenly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from codomain.arrays import Floats, as_float32
from codomain.errors import InputError
from codomain.index.diagnostics import lid
from codomain.index.flat import Flat
from codomain.transform.dimension import neighbor_distances, twonn

_LEFT_OUT = 0.1
"""Share of the largest ratios that the fitted line of TwoNN leaves out, as its paper does."""
_BLOCK = 64
"""Neighbourhoods measured at once."""


def intrinsic_dimension(
    X: Floats,
    method: Literal["twonn", "mle"] = "twonn",
    sample: int = 5_000,
    seed: int = 0,
    neighbors: int = 10,
) -> float:
    """How many dimensions vectors (n, d) vary in, near each of them; at most `sample` rows are looked at.

    "twonn": the ratio of the distances to the second and the first neighbour, "Estimating the intrinsic dimension of
    datasets by a minimal neighborhood information" (2017). "mle": "Maximum Likelihood Estimation of Intrinsic Dimension"
    (2004) with `neighbours`, whose inverses are averaged: fewer are noisier, more are no longer near. Duplicates are
    dropped. Both are too low with fewer than 2,000 rows and above ten dimensions: compare at equal numbers of rows.

    >>> plane = np.random.default_rng(0).random((3000, 2)) @ np.eye(2, 8)
    >>> round(intrinsic_dimension(plane)), round(intrinsic_dimension(plane, "mle"))
    (2, 2)

    NaN where too few different rows are left; raises InputError for an unknown method, NaN or infinity.
    """
    if method == "twonn":
        return twonn(X, sample, seed)
    if method != "mle":
        raise InputError(f"there is no method {method!r} for the intrinsic dimension: take 'twonn' or 'mle'.")
    X = np.unique(as_float32(X), axis=0)
    if len(X) > sample:
        X = X[np.sort(np.random.default_rng(seed).choice(len(X), sample, replace=False))]
    k = neighbors
    if len(X) <= k:
        return math.nan
    T = neighbor_distances(X, k)
    # 1/m(x) = 1/(k-1) sum_{j<k} ln T_k(x) / T_j(x)
    inverse = float(np.log(T[:, -1:] / T[:, :-1]).sum(axis=1).mean() / (k - 1))
    return 1 / inverse if inverse > 0 else math.inf


def local_dimension(
    X: Floats, method: Literal["twonn", "mle"] = "twonn", neighbors: int = 128, sample: int = 1_000, seed: int = 0
) -> Floats:
    """The dimension (s,) around each of at most `sample` rows of (n, d), from its nearest neighbours alone.

    "twonn" fits TwoNN to each neighbourhood; the mean is the measure of "Less is More: Local Intrinsic Dimensions of
    Contextual Language Models" (2025). "mle" is `codomain.index.diagnostics.lid`. Duplicates are dropped, and rows whose
    neighbourhood tells nothing are left out.

    >>> plane = np.random.default_rng(0).random((2000, 2)) @ np.eye(2, 8)
    >>> [float(local_dimension(plane, method).mean().round()) for method in ("twonn", "mle")]
    [2.0, 2.0]

    Raises InputError for an unknown method, fewer than three different rows, NaN or infinity.
    """
    X = np.unique(_rows(X), axis=0)
    # about their mean: far from zero, float32 products would not tell near rows apart
    X = (X - X.mean(axis=0, dtype=np.float64)).astype(np.float32)
    if method == "mle":
        return lid(X, neighbors, sample, seed)
    if method != "twonn":
        raise InputError(f"there is no method {method!r} for the local dimension: take 'twonn' or 'mle'.")
    if len(X) < 3:
        raise InputError(f"a local dimension needs at least 3 different vectors, not {len(X)}.")
    rows = np.arange(len(X))
    if len(rows) > sample:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), sample, replace=False))
    near = Flat("l2").build(X).search(X[rows], min(neighbors + 1, len(X))).rows
    found = [_fitted_twonn(X[block]) for block in np.array_split(near, math.ceil(len(near) / _BLOCK))]
    dimensions = np.concatenate(found)
    return np.asarray(dimensions[np.isfinite(dimensions)], np.float32)


def turning_point(dimensions: Sequence[float], rise: float = 0.05) -> int | None:
    """Where a series of mean local dimensions turned: the place of the least value that was fallen to and risen from since.

    Both ways by the share `rise` of it at least, so that noise does not count. "Less is More: Local Intrinsic Dimensions of
    Contextual Language Models" (2025): it falls while a model learns and rises when it over-fits.

    >>> turning_point([8.3, 7.0, 6.1, 6.2, 7.6]), turning_point([8.3, 7.0, 6.1, 6.2])
    (2, None)

    None where it has not turned; raises InputError for a rise that is not above 0.
    """
    if not rise > 0:
        raise InputError(f"rise is a share above 0, not {rise!r}.")
    highest = least = -1
    for i, value in enumerate(dimensions):
        if math.isnan(value):
            continue
        if highest < 0 or (least < 0 and value > dimensions[highest]):
            highest = i
        elif value < dimensions[least if least >= 0 else highest] and (
            least >= 0 or value < (1 - rise) * dimensions[highest]
        ):
            least = i
        elif least >= 0 and value > (1 + rise) * dimensions[least]:
            return least
    return None


def _fitted_twonn(clouds: Floats) -> np.ndarray:
    """TwoNN's dimension (b,) of each cloud of (b, n, d), by the slope of a line through 0 without the largest ratios."""
    centered = clouds - clouds.mean(axis=1, keepdims=True, dtype=np.float64)
    half = np.einsum("bnd,bnd->bn", centered, centered) / 2
    apart = half[:, :, None] + half[:, None] - centered @ centered.transpose(0, 2, 1)  # half the squared distances
    n = clouds.shape[1]
    apart[:, np.arange(n), np.arange(n)] = np.inf
    first, second = np.sqrt(2 * np.partition(apart, 1, axis=2)[:, :, :2].clip(0)).transpose(2, 0, 1)
    found = np.full(len(clouds), math.nan)
    for i, (r1, r2) in enumerate(zip(first, second, strict=True)):
        different = r1 > 1e-6 * r2.max()
        logs = np.sort(np.log(r2[different] / r1[different]))
        count = len(logs)
        kept = int(count * (1 - _LEFT_OUT))
        # -ln(1 - F(mu)) = d ln mu, where F is the share of smaller ratios: the slope of the line through 0
        y, x = -np.log1p(-np.arange(1, kept + 1) / max(count, 1)), logs[:kept]
        if kept and x @ x > 0:
            found[i] = (x @ y) / (x @ x)
    return found


def isoscore(X: Floats, debiased: bool = False) -> float:
    """How evenly vectors (n, d) use the directions of their space: 1 for all alike, 0 for one alone.

    "IsoScore: Measuring the Uniformity of Embedding Space Utilization" (2022). Variance that is the same in k of the d
    directions gives (k - 1) / (d - 1). Vectors that do not vary, or have one dimension, give 0 and 1. Few rows look less
    even than they are; `debiased` takes that out, exactly for Gaussian rows.

    >>> round(isoscore(np.float32([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])), 2)
    0.5
    """
    X = _rows(X).astype(np.float64)
    d = X.shape[1]
    centered = X - X.mean(axis=0)
    variances = np.linalg.eigvalsh(centered.T @ centered).clip(0)
    size = float(np.linalg.norm(variances))
    if size == 0 or d == 1:
        return float(size > 0)
    if debiased and len(X) > 2:
        return _debiased_isoscore(float(variances.sum()), size, len(X), d)
    variances = variances * (math.sqrt(d) / size)
    # defect = |v - 1| / sqrt(2 (d - sqrt d));  phi = (d - defect^2 (d - sqrt d))^2 / d^2;  iota = (d phi - 1) / (d - 1)
    defect = float(((variances - 1) ** 2).sum()) / 2
    phi = (d - defect) ** 2 / d**2
    return float(np.clip((d * phi - 1) / (d - 1), 0, 1))


def _debiased_isoscore(trace: float, size: float, n: int, d: int) -> float:
    """IsoScore is (PR - 1) / (d - 1) with the participation ratio PR = tr(S)^2 / |S|^2; here |S|^2 without its bias."""
    trace, square = trace / (n - 1), (size / (n - 1)) ** 2
    # E|S|^2 = ((n - 1)^2 / ((n - 2) (n + 1))) (|S|^2 - tr(S)^2 / (n - 1)) is unbiased for Gaussian rows
    unbiased = (n - 1) ** 2 / ((n - 2) * (n + 1)) * (square - trace**2 / (n - 1))
    ratio = trace**2 / unbiased if unbiased > 0 else float(d)
    return float(np.clip((ratio - 1) / (d - 1), 0, 1))


def effective_rank(X: Floats) -> float:
    """How many directions the variance of vectors (n, d) is spread over: exp of the entropy of its shares.

    "The effective rank: A measure of effective dimensionality" (2007). Variance that is the same in k directions gives k.

    >>> round(effective_rank(np.float32([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])), 3)
    2.0

    0 for vectors that do not vary.
    """
    X = _rows(X).astype(np.float64)
    centered = X - X.mean(axis=0)
    variances = np.linalg.eigvalsh(centered.T @ centered).clip(0)
    shares = variances / variances.sum() if variances.any() else variances
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0


def partition_isotropy(X: Floats) -> float:
    """How much a common direction is in the unit vectors of (n, d): 1 for none, towards 0 for one that all share.

    The least over the largest partition function Z(c) = sum_i exp(c . x_i) over the eigenvectors c of X'X and their
    negatives, "All-but-the-Top: Simple and Effective Postprocessing for Word Representations" (2018). Rows are made of
    unit length, as it depends on the scale; zero rows are left out.

    >>> round(partition_isotropy(np.float32([[1, 0], [-1, 0], [0, 1], [0, -1]])), 3)
    1.0

    NaN where no row is left.
    """
    X = _rows(X).astype(np.float64)
    lengths = np.linalg.norm(X, axis=1)
    units = X[lengths > 0] / lengths[lengths > 0, None]
    if not len(units):
        return math.nan
    along = units @ np.linalg.eigh(units.T @ units)[1]
    Z = np.concatenate([np.exp(along).sum(axis=0), np.exp(-along).sum(axis=0)])
    return float(Z.min() / Z.max())


def mean_cosine(X: Floats) -> float:
    """The mean cosine between different rows of (n, d): 0 for directions that are spread evenly, 1 for one direction.

    "How Contextual are Contextualized Word Representations?" (2019). Exact, over all pairs; zero rows are left out, NaN
    when fewer than two others are left.

    >>> mean_cosine(np.float32([[1, 0], [0, 2], [3, 0]])) == 1 / 3
    True
    """
    X = _rows(X).astype(np.float64)
    lengths = np.linalg.norm(X, axis=1)
    units = X[lengths > 0] / lengths[lengths > 0, None]
    n = len(units)
    if n < 2:
        return math.nan
    # sum_{i != j} u_i . u_j = |sum_i u_i|^2 - n
    return float((np.square(units.sum(axis=0)).sum() - n) / (n * (n - 1)))


def _rows(X: Floats) -> Floats:
    X = as_float32(X)
    if X.size == 0:
        raise InputError(f"the vectors have shape {X.shape}: there is nothing to measure.")
    return X
