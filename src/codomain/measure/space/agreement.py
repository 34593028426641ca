"""Would another encoder find the same things? Similarity of two spaces as a whole, and of what they retrieve.

"Beyond Benchmarks: Evaluating Embedding Model Similarity for Retrieval Augmented Generation Systems" (2024): the two
disagree, and it is the second that users see.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, as_float32, unit_rows
from codomain.errors import InputError
from codomain.index.flat import Flat
from codomain.measure.space.neighbors import nearest

Ranked = NDArray[np.integer]
"""Rows (q, k), the best first."""


def cka(X: Floats, Y: Floats, debiased: bool = True) -> float:
    """Linear centred kernel alignment of two encoders' vectors (n, d1) and (n, d2) of the same texts: 1 up to rotation and scale.

    "Similarity of Neural Network Representations Revisited" (2019). As defined it is near 1 for unrelated vectors when n is
    not many times d; `debiased` takes Hilbert-Schmidt's criterion without its bias ("Feature Selection via Dependence
    Maximization", 2012), about 0 for unrelated vectors of any number.

    >>> X, Y = np.random.default_rng(0).standard_normal((2, 50, 40))
    >>> round(cka(X, Y, debiased=False), 1), round(abs(cka(X, Y)), 1), round(cka(X, 3 * X), 3)
    (0.4, 0.0, 1.0)

    NaN where one side does not vary. Raises InputError where the numbers of rows differ or there are fewer than four.
    """
    if len(X) != len(Y) or len(X) < 4:
        raise InputError(f"an alignment needs the same texts on both sides, four at least, not {len(X)} and {len(Y)}.")
    A, B = (as_float32(one).astype(np.float64) for one in (X, Y))
    A, B = A - A.mean(axis=0), B - B.mean(axis=0)
    cross, own, other = _hsic(A, B, debiased), _hsic(A, A, debiased), _hsic(B, B, debiased)
    return cross / math.sqrt(own * other) if own > 0 and other > 0 else math.nan


def _hsic(X: NDArray[np.float64], Y: NDArray[np.float64], debiased: bool) -> float:
    """Hilbert-Schmidt's independence criterion of K = XX', L = YY', through d1 x d2 products, never an n x n matrix."""
    trace = float(np.square(X.T @ Y).sum())  # tr(KL) = |X'Y|^2
    if not debiased:
        return trace
    n = len(X)
    kd, ld = np.einsum("nd,nd->n", X, X), np.einsum("nd,nd->n", Y, Y)
    # with diagonals of zero: [tr(KL) + 1'K1 1'L1 / ((n-1)(n-2)) - 2/(n-2) 1'KL1] / (n (n-3))
    k1, l1 = X @ X.sum(axis=0) - kd, Y @ Y.sum(axis=0) - ld
    both = trace - float(kd @ ld)
    return float(both + k1.sum() * l1.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k1 @ l1)) / (n * (n - 3))


def jaccard_at_k(A: Ranked, B: Ranked, k: int) -> NDArray[np.float64]:
    """For each query (q,) how many of the k best of both are shared, over how many there are: |A n B| / |A u B|.

    >>> jaccard_at_k(np.array([[1, 2, 3]]), np.array([[2, 1, 9]]), 3)
    array([0.5])
    """
    A, B = _checked(A, B, k)
    shared = (A[:, :, None] == B[:, None, :]).any(axis=2).sum(axis=1)
    return np.asarray(shared / (2 * A.shape[1] - shared))


def rank_similarity(A: Ranked, B: Ranked, k: int) -> NDArray[np.float64]:
    """For each query (q,) how alike the shared ones of the k best are ranked: (1/H_c) sum 2 / ((1 + |i - j|)(i + j)).

    i and j are the ranks of a shared row on both sides, from 1, c is the number of those rows and H_c its harmonic number; 0
    where none is shared, 1 where all are and are ranked alike.

    >>> rank_similarity(np.array([[1, 2]]), np.array([[1, 2]]), 2), rank_similarity(np.array([[1]]), np.array([[2]]), 1)
    (array([1.]), array([0.]))
    """
    A, B = _checked(A, B, k)
    same = A[:, :, None] == B[:, None, :]
    i, j = np.arange(1, k + 1)[:, None], np.arange(1, k + 1)[None, :]
    weight = 2 / ((1 + np.abs(i - j)) * (i + j))
    harmonic = np.concatenate([[1.0], np.cumsum(1 / np.arange(1, k + 1))])  # the first for no row at all
    common = same.sum(axis=(1, 2))
    return np.asarray((same * weight).sum(axis=(1, 2)) / harmonic[common])


class Similarity(NamedTuple):
    """Two encoders: debiased CKA, and by k the mean Jaccard and rank similarity of what they retrieve."""

    first: str
    second: str
    cka: float
    jaccard: dict[int, float]
    rank: dict[int, float]


class Agreement(NamedTuple):
    """All pairs of encoders, and the rows (2 * encoders - 1, 4) of their tree, as scipy's `dendrogram` draws it."""

    pairs: list[Similarity]
    tree: NDArray[np.float64]


def agreement(
    vectors: Mapping[str, Floats], queries: Mapping[str, Floats] | None = None, ks: Sequence[int] = (1, 5, 10, 100)
) -> Agreement:
    """Compare encoders by name, their vectors (n, d) of the same texts; without queries every text asks for its neighbours.

    The tree joins those that retrieve most alike at the largest k, by average linkage of one minus Jaccard.

    >>> X = np.random.default_rng(0).standard_normal((40, 8))
    >>> found = agreement({"a": X, "b": 2 * X}, ks=(1, 5))
    >>> round(found.pairs[0].cka, 3), found.pairs[0].jaccard
    (1.0, {1: 1.0, 5: 1.0})

    Raises InputError for fewer than two encoders and for numbers of rows that differ.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    names = [*vectors]
    if len(names) < 2:
        raise InputError(f"an agreement is between two encoders at least, not {len(names)}.")
    n = len(vectors[names[0]])
    ks = sorted({k for k in ks if k < n} or {1})
    ranked = {
        name: nearest(X, ks[-1]).rows
        if queries is None
        else Flat().build(unit_rows(X)).search(unit_rows(queries[name]), ks[-1]).rows
        for name, X in vectors.items()
    }
    pairs, apart = [], np.zeros((len(names), len(names)))
    for i, j in combinations(range(len(names)), 2):
        a, b = names[i], names[j]
        jaccard = {k: float(jaccard_at_k(ranked[a], ranked[b], k).mean()) for k in ks}
        rank = {k: float(rank_similarity(ranked[a], ranked[b], k).mean()) for k in ks}
        pairs.append(Similarity(a, b, cka(vectors[a], vectors[b]), jaccard, rank))
        apart[i, j] = apart[j, i] = 1 - jaccard[ks[-1]]
    return Agreement(pairs, np.asarray(linkage(squareform(apart), "average")))


def _checked(A: Ranked, B: Ranked, k: int) -> tuple[Ranked, Ranked]:
    A, B = np.asarray(A), np.asarray(B)
    if A.ndim != 2 or B.ndim != 2 or len(A) != len(B) or min(A.shape[1], B.shape[1]) < k or k < 1:
        raise InputError(f"two rankings to depth {k} of the same queries are needed, not {A.shape} and {B.shape}.")
    return A[:, :k], B[:, :k]
