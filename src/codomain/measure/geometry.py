"""The shape of a cloud of vectors: how many dimensions it fills, and how evenly."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from codomain.errors import InputError
from codomain.transform.dimension import neighbour_distances, twonn
from codomain.vectors import Floats, as_float32

_NEIGHBOURS = 10
"""Of a row, for the likelihood: fewer are noisier, more are no longer near."""


def intrinsic_dimension(
    X: Floats, method: Literal["twonn", "mle"] = "twonn", sample: int = 5_000, seed: int = 0
) -> float:
    """How many dimensions vectors (n, d) vary in, near each of them; at most `sample` rows are looked at.

    "twonn": the ratio of the distances to the second and the first neighbour, "Estimating the intrinsic dimension of
    datasets by a minimal neighborhood information" (2017). "mle": "Maximum Likelihood Estimation of Intrinsic Dimension"
    (2004) with 10 neighbours, whose inverses are averaged. Duplicates are dropped; fewer than 2,000 rows make both too low.

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
    k = _NEIGHBOURS
    if len(X) <= k:
        return math.nan
    T = neighbour_distances(X, k)
    # 1/m(x) = 1/(k-1) sum_{j<k} ln T_k(x) / T_j(x)
    inverse = float(np.log(T[:, -1:] / T[:, :-1]).sum(axis=1).mean() / (k - 1))
    return 1 / inverse if inverse > 0 else math.inf


def isoscore(X: Floats) -> float:
    """How evenly vectors (n, d) use the directions of their space: 1 for all alike, 0 for one alone.

    "IsoScore: Measuring the Uniformity of Embedding Space Utilization" (2022). Variance that is the same in k of the d
    directions gives (k - 1) / (d - 1). Vectors that do not vary, or have one dimension, give 0 and 1.

    >>> round(isoscore(np.float32([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])), 2)
    0.5
    """
    X = _rows(X).astype(np.float64)
    d = X.shape[1]
    centred = X - X.mean(axis=0)
    variances = np.linalg.eigvalsh(centred.T @ centred).clip(0)
    size = float(np.linalg.norm(variances))
    if size == 0 or d == 1:
        return float(size > 0)
    variances = variances * (math.sqrt(d) / size)
    # defect = |v - 1| / sqrt(2 (d - sqrt d));  phi = (d - defect^2 (d - sqrt d))^2 / d^2;  iota = (d phi - 1) / (d - 1)
    defect = float(((variances - 1) ** 2).sum()) / 2
    phi = (d - defect) ** 2 / d**2
    return float(np.clip((d * phi - 1) / (d - 1), 0, 1))


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
