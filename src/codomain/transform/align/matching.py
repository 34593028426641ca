"""Which cluster, and which vector, of one space stands for which of another: the matchings of unpaired alignment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats
from codomain.errors import MissingExtra
from codomain.transform.align.maps import Doubles, unit

_SINKHORN_ROWS = 2000
"""Vectors on a side of one Sinkhorn plan at most: it is a dense matrix of float64."""


def kmeans(X: Floats, k: int, seed: int, start: Floats | None = None) -> Floats:
    """`k` unit centroids (k, d) of X (n, d) by FAISS: the best of ten tries, or from `start` (k, d) where it is given.

    One try is not enough: over disjoint halves of 5,000 verses the centroids of two sides then differ too much to be matched.
    """
    import faiss

    tries = 10 if start is None else 1
    means = faiss.Kmeans(
        X.shape[1], k, niter=20, nredo=tries, seed=seed, spherical=True, min_points_per_centroid=1, verbose=False
    )
    means.train(np.ascontiguousarray(X), init_centroids=start)
    return np.asarray(means.centroids, np.float32)


def centered_gram(C: Floats) -> Doubles:
    """S = H N(C) N(C)^T H with H = I - 11^T / k: who is near whom, free of what all have in common."""
    S = unit(C.astype(np.float64))
    S = S @ S.T
    S -= S.mean(axis=0)
    return np.asarray(S - S.mean(axis=1, keepdims=True))


def similarity(A: Floats, B: Floats) -> float:
    """The correlation of two centred Grams over pairs of different rows: 1 for A and B that a rotation makes equal.

    >>> A = np.float32([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]])
    >>> round(similarity(A, A @ np.float32([[0, 1], [-1, 0]])), 3)
    1.0
    """
    if len(A) < 3:
        return 0.0
    upper = np.triu_indices(len(A), 1)
    SA, SB = centered_gram(A)[upper], centered_gram(B)[upper]
    size = float(SA.std() * SB.std())
    return float(((SA - SA.mean()) * (SB - SB.mean())).mean()) / size if size > 0 else 0.0


def match(SA: Doubles, SB: Doubles, starts: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], float]:
    """The row of SB for each row of SA, by similarities (k, k) within each side alone, and how well they then agree.

    The permutation p that maximises tr(S_A P S_B P^T) = sum_ij S_A[i, j] S_B[p_i, p_j], by 2-opt from `starts` random ones
    all at once: scipy's takes a hundred times as long. The agreement is that sum as a cosine. (The other method of
    scipy, "faq", does not move from its start: the gradient of centred Grams is zero there.)

    >>> S = np.array([[3, 1, 0], [1, 2, 0], [0, 0, 1.0]])
    >>> match(S, S[[2, 0, 1]][:, [2, 0, 1]], 10, np.random.default_rng(0))
    (array([1, 2, 0]), 1.0)
    """
    k = len(SA)
    p = np.stack([rng.permutation(k) for _ in range(starts)])
    each, dA = np.arange(starts), np.diag(SA)
    while True:
        C = SB[p[:, :, None], p[:, None, :]]
        dC = np.diagonal(C, axis1=1, axis2=2)
        AC = SA @ C
        dAC = np.diagonal(AC, axis1=1, axis2=2)
        # what swapping p_r and p_s gains: 2 sum_(j != r, s) (A_rj - A_sj)(C_sj - C_rj) + (A_rr - A_ss)(C_ss - C_rr)
        gain = AC + AC.transpose(0, 2, 1) - dAC[:, :, None] - dAC[:, None, :]
        gain -= (dA[:, None] - SA) * (C - dC[:, :, None]) + (SA - dA) * (dC[:, None, :] - C)
        gain = 2 * gain + (dA[:, None] - dA) * (dC[:, None, :] - dC[:, :, None])
        best = gain.reshape(starts, -1).argmax(axis=1)
        better = gain.reshape(starts, -1)[each, best] > 1e-9
        if not better.any():
            break
        r, s = best // k, np.where(better, best % k, best // k)
        p[each, r], p[each, s] = p[each, s], p[each, r]
    totals = (SA * C).sum(axis=(1, 2))
    size = float(np.linalg.norm(SA) * np.linalg.norm(SB))
    return p[totals.argmax()], float(totals.max()) / size if size > 0 else 0.0


def knn_targets(moved: Floats, y_keys: Floats, y: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
    """For each row of `moved` the mean of the `k` rows of y whose keys have the highest inner product; all rows have one."""
    rows = neighbors(moved, y_keys, k)
    return np.arange(len(moved)), _means(rows, y)


def mutual_targets(moved: Floats, y_keys: Floats, y: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
    """As `knn_targets`, over neighbours that count the row among their own `k` nearest; rows without any are left out."""
    rows = neighbors(moved, y_keys, k)
    back = neighbors(y_keys, moved, min(len(moved), k))
    known = np.zeros((len(moved), len(y)), bool)
    known[back.ravel(), np.repeat(np.arange(len(y)), back.shape[1])] = True
    both = np.take_along_axis(known, rows, axis=1)
    kept = np.flatnonzero(both.any(axis=1))
    weights = both[kept] / both[kept].sum(axis=1, keepdims=True)
    return kept, np.asarray(np.einsum("nk,nkd->nd", weights.astype(np.float32), y[rows[kept]]))


def sinkhorn_targets(moved: Floats, y_keys: Floats, y: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
    """For each row the mean of y under an entropic transport plan, whose temperature leaves about `k` rows in play."""
    if len(y) > _SINKHORN_ROWS:
        chosen = np.linspace(0, len(y) - 1, _SINKHORN_ROWS).astype(np.int64)
        y_keys, y = y_keys[chosen], y[chosen]
    scores = (moved @ y_keys.T).astype(np.float64)
    k = min(k, len(y))
    nearest = np.partition(scores, -k, axis=1)[:, -k:]
    plan = sinkhorn(scores, max(float(nearest.std()), 1e-3), 20)
    return np.arange(len(moved)), (plan / plan.sum(axis=1, keepdims=True)).astype(np.float32) @ y


TARGETS: dict[str, Callable[[Floats, Floats, Floats, int], tuple[NDArray[np.int64], Floats]]] = {
    "knn": knn_targets, "mutual": mutual_targets, "sinkhorn": sinkhorn_targets,
}  # fmt: skip


def sinkhorn(scores: Doubles, eps: float, iterations: int = 100) -> Doubles:
    """The plan (n, m) that maximises <plan, scores> + eps entropy under uniform margins 1/n and 1/m.

    In the log domain: f = eps log a - eps LSE_j((s + g) / eps), and g alike, so that a small eps neither over- nor underflows.

    >>> sinkhorn(np.eye(2), 0.01).round(3)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    try:
        from scipy.special import logsumexp
    except ImportError:
        raise MissingExtra("matching without pairs", "engines") from None

    n, m = scores.shape
    S = scores / eps
    f, g = np.zeros((n, 1)), np.zeros((1, m))
    for _ in range(iterations):
        f = -np.log(n) - logsumexp(S + g, axis=1, keepdims=True)
        g = -np.log(m) - logsumexp(S + f, axis=0, keepdims=True)
    return np.asarray(np.exp(S + f + g))


def neighbors(Q: Floats, X: Floats, k: int) -> NDArray[np.int64]:
    """The `k` rows of X with the highest inner product for each row of Q, best first (len(Q), k)."""
    import faiss

    k = min(k, len(X))
    Q, X = np.ascontiguousarray(Q, np.float32), np.ascontiguousarray(X, np.float32)
    return np.asarray(faiss.knn(Q, X, k, metric=faiss.METRIC_INNER_PRODUCT)[1], np.int64)


def mutual_nearest(A: Floats, B: Floats) -> NDArray[np.int64]:
    """Pairs (2, p) of rows that are each other's nearest, the closest pair first."""
    to, back = neighbors(A, B, 1)[:, 0], neighbors(B, A, 1)[:, 0]
    rows = np.flatnonzero(back[to] == np.arange(len(A)))
    scores = np.einsum("nd,nd->n", A[rows], B[to[rows]])
    rows = rows[np.argsort(-scores, kind="stable")]
    return np.stack([rows, to[rows]])


def _means(rows: NDArray[np.int64], y: Floats) -> Floats:
    """The mean of the rows of y named in each line of `rows`, as one sparse product: y[rows] would be k times y."""
    try:
        from scipy.sparse import csr_array
    except ImportError:
        raise MissingExtra("matching without pairs", "engines") from None

    n, k = rows.shape
    weights = np.full(n * k, 1 / k, np.float32)
    return np.asarray(csr_array((weights, rows.ravel(), np.arange(0, n * k + 1, k)), shape=(n, len(y))) @ y)
