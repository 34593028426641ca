"""Is an encoder fit for choosing training texts? Do neighbours have like losses and like sources, and what does a choice cover."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codomain.arrays import Floats, Rows, unit_rows
from codomain.errors import InputError
from codomain.measure.metrics.retrieval import spearman
from codomain.measure.space.neighbors import nearest

_ITERATIONS = 20
_BLOCK = 2_000
_SIMILAR = 0.95
"""Cosine from which two texts count as nearly the same."""


class Coherence(NamedTuple):
    """The variance of losses within clusters over that of random clusters of the same sizes, with its 95 % interval.

    1 means that neighbourhood tells nothing of the loss; `rank` is Spearman's correlation of cosine with minus the
    difference of losses, over random pairs. `values` (n,) are the rows' parts, whose mean is the ratio, for paired
    comparisons of encoders; NaN for a row alone in its cluster.
    """

    ratio: float
    low: float
    high: float
    rank: float
    values: NDArray[np.float64]


def loss_coherence(
    X: Floats, loss: ArrayLike, n_clusters: int | None = None, lengths: ArrayLike | None = None, draws: int = 1_000,
    seed: int = 0,
) -> Coherence:  # fmt: skip
    """Whether texts with near vectors (n, d) have near losses (n,), of any language model or `character_loss`.

    Spherical k-means, `n_clusters` or one for every twenty rows. Losses go with lengths: give `lengths` (n,), and what
    their logarithm explains (a line) is taken out of the loss first. The interval is over clusters.
    "Analyzing Similarity Metrics for Data Selection for Language Model Pretraining" (2025).

    >>> X = np.float32([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    >>> loss_coherence(X, [1, 1, 5, 5], n_clusters=2).ratio
    0.0

    Raises InputError for losses that are missing, not finite or all alike.
    """
    U, values = unit_rows(X), np.asarray(loss, np.float64)
    if values.shape != (len(U),) or not np.isfinite(values).all():
        raise InputError(f"every vector needs one finite loss: there are {len(U)} vectors and losses {values.shape}.")
    if lengths is not None:
        values = _without(values, np.log(np.maximum(np.asarray(lengths, np.float64), 1)))
    spread = values.var(ddof=1) if len(values) > 1 else 0.0
    if not spread > 1e-12:
        raise InputError("all losses are alike: there is nothing for neighbours to share.")
    groups = kmeans(U, max(2, len(U) // 20) if n_clusters is None else n_clusters, seed)
    counts = np.bincount(groups)
    means = np.bincount(groups, values) / np.maximum(counts, 1)
    size = counts[groups]
    # n_c / (n_c - 1) * (loss - its cluster's mean)^2 / variance: 1 on average in random clusters of these sizes
    parts = np.where(size > 1, (values - means[groups]) ** 2 * size / np.maximum(size - 1, 1) / spread, np.nan)
    several = counts > 1
    if not several.any():
        raise InputError("no cluster has two rows: take fewer clusters.")
    within, rows = np.bincount(groups, np.nan_to_num(parts), len(counts))[several], counts[several]
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(within), (draws, len(within)))
    low, high = np.quantile(within[chosen].sum(axis=1) / rows[chosen].sum(axis=1), [0.025, 0.975])
    a, b = rng.integers(0, len(U), (2, 20_000))
    apart = a != b
    cosines = np.einsum("ij,ij->i", U[a[apart]], U[b[apart]])
    rank = spearman(cosines, -np.abs(values[a[apart]] - values[b[apart]]))
    return Coherence(float(within.sum() / rows.sum()), float(low), float(high), rank, parts)


def source_purity(X: Floats, sources: Sequence[str], n_clusters: int | None = None, seed: int = 0) -> float:
    """The share of rows (n, d) whose source is the most frequent of their cluster, one cluster for every twenty rows.

    >>> source_purity(np.float32([[1, 0], [1, 0.1], [0, 1], [0.1, 1]]), ["a", "a", "b", "b"], n_clusters=2)
    1.0
    """
    if len(sources) != len(X) or not len(X):
        raise InputError(f"every vector needs a source: there are {len(X)} vectors and {len(sources)} sources.")
    groups = kmeans(unit_rows(X), max(2, len(X) // 20) if n_clusters is None else n_clusters, seed)
    names, codes = np.unique(np.asarray(sources), return_inverse=True)
    table = np.zeros((int(groups.max()) + 1, len(names)), np.int64)
    np.add.at(table, (groups, codes), 1)
    return float(table.max(axis=1).sum() / len(X))


def near_duplicates(X: Floats, tau: float = _SIMILAR) -> list[tuple[int, int, float]]:
    """Pairs of rows (n, d) with a cosine of at least tau, the nearest first; exact, in blocks.

    >>> near_duplicates(np.float32([[1, 0], [0, 1], [1, 0.01]]))[0][:2]
    (0, 2)
    """
    U = unit_rows(X)
    found: list[tuple[int, int, float]] = []
    for start in range(0, len(U), _BLOCK):
        cosines = U[start : start + _BLOCK] @ U.T
        a, b = np.nonzero(cosines >= tau)
        later = b > a + start
        pairs = zip(a[later].tolist(), b[later].tolist(), cosines[a[later], b[later]].tolist(), strict=True)
        found += [(start + i, j, cosine) for i, j, cosine in pairs]
    return sorted(found, key=lambda pair: (-pair[2], pair[:2]))


def select_diverse(
    X: Floats, budget: int | float, method: Literal["kmeans", "facility", "semdedup"] = "kmeans", tau: float = _SIMILAR,
    seed: int = 0,
) -> Rows:  # fmt: skip
    """Rows of (n, d) that stand for all, in ascending order: `budget` of them, a count or a share below 1.

    "kmeans": the row nearest to the middle of each of as many clusters. "facility": greedily, each row that adds most to
    the mean over all rows of their cosine to the nearest chosen one (facility location; all cosines are in memory, 4 n^2
    bytes). "semdedup": of rows with a cosine of at least tau only the one farthest from its cluster's middle, as in
    "SemDeDup: Data-efficient learning at web-scale through semantic deduplication" (2023); the budget is then what is left
    at most, dropped are the rows nearest to another one.

    >>> select_diverse(np.float32([[1, 0], [1, 0.1], [0, 1], [0.1, 1]]), 2).shape
    (2,)

    Raises InputError for a budget that is not from 1 to n rows.
    """
    U = unit_rows(X)
    if isinstance(budget, bool) or not 0 < budget <= len(U):
        raise InputError(f"a budget is a share below 1 or a count up to the {len(U)} rows, not {budget!r}.")
    count = max(1, round(budget * len(U))) if budget < 1 else int(budget)
    if method == "kmeans":
        return _medoids(U, count, seed)
    if method == "facility":
        return _facility(U, count)
    if method == "semdedup":
        return _semdedup(U, count, tau, seed)
    raise InputError(f'the method is "kmeans", "facility" or "semdedup", not {method!r}.')


class Coverage(NamedTuple):
    """How near all rows are to the chosen ones: mean and worst cosine to the nearest, and the share with one of at least tau."""

    mean: float
    worst: float
    share: float


def coverage(chosen: Floats, X: Floats, tau: float = 0.5) -> Coverage:
    """How well some vectors (m, d) stand for all (n, d).

    >>> coverage(np.float32([[1, 0]]), np.float32([[1, 0], [0, 1]]))
    Coverage(mean=0.5, worst=0.0, share=0.5)
    """
    C, U = unit_rows(chosen), unit_rows(X)
    if not len(C) or not len(U):
        raise InputError("coverage needs chosen vectors and all of them.")
    near = np.concatenate([(U[i : i + _BLOCK] @ C.T).max(axis=1) for i in range(0, len(U), _BLOCK)])
    return Coverage(float(near.mean()), float(near.min()), float((near >= tau).mean()))


def character_loss(texts: Sequence[str], training: Sequence[str], order: int = 3) -> NDArray[np.float64]:
    """Bits per character (n,) of texts under a character model of the training texts: a loss that needs no network.

    Counts of the characters after the last `order` ones, interpolated with shorter contexts (Witten-Bell).

    >>> seen, unseen = character_loss(["the cat sat", "zqx vkj wpy"], ["the cat sat on the mat"])
    >>> bool(seen < unseen)
    True
    """
    counts: list[dict[str, dict[str, int]]] = [{} for _ in range(order + 1)]
    for text in training:
        for i, character in enumerate(text):
            for length in range(min(order, i) + 1):
                after = counts[length].setdefault(text[i - length : i], {})
                after[character] = after.get(character, 0) + 1
    totals = [{context: (sum(after.values()), len(after)) for context, after in level.items()} for level in counts]
    return np.array([_bits(text, counts, totals, order) for text in texts])


def _bits(
    text: str, counts: list[dict[str, dict[str, int]]], totals: list[dict[str, tuple[int, int]]], order: int
) -> float:
    bits = 0.0
    for i, character in enumerate(text):
        p = 1 / 65_536  # a character that was never seen
        for length in range(min(order, i) + 1):
            context = text[i - length : i]
            if context not in totals[length]:
                break
            # Witten-Bell: p_l = (count + different * p_{l-1}) / (total + different)
            total, different = totals[length][context]
            p = (counts[length][context].get(character, 0) + different * p) / (total + different)
        bits -= math.log2(p)
    return bits / max(1, len(text))


def kmeans(U: Floats, k: int, seed: int = 0) -> NDArray[np.int64]:
    """The cluster (n,) of unit rows (n, d) by spherical k-means with FAISS; k at most the number of rows.

    >>> len(set(kmeans(np.eye(4, dtype=np.float32), 4).tolist()))
    4
    """
    return _clusters(U, k, seed)[1]


def _clusters(U: Floats, k: int, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    import faiss

    if not 1 <= k <= len(U):
        raise InputError(f"{len(U)} rows make from 1 to {len(U)} clusters, not {k}.")
    model = faiss.Kmeans(
        U.shape[1], k, niter=_ITERATIONS, seed=seed + 1, spherical=True, min_points_per_centroid=1, verbose=False
    )
    model.train(np.ascontiguousarray(U))
    middles = unit_rows(np.asarray(model.centroids, np.float32).reshape(k, -1))
    groups = np.concatenate([(U[i : i + _BLOCK] @ middles.T).argmax(axis=1) for i in range(0, len(U), _BLOCK)])
    return middles, groups


def _medoids(U: Floats, count: int, seed: int) -> Rows:
    middles, groups = _clusters(U, count, seed)
    cosines = np.einsum("ij,ij->i", U, middles[groups])
    order = np.lexsort((-cosines, groups))
    first = np.r_[True, groups[order][1:] != groups[order][:-1]]
    chosen = order[first]
    if len(chosen) < count:  # empty clusters: duplicates, or more clusters than places
        rest = np.setdiff1d(np.arange(len(U)), chosen)
        farthest = np.argsort((U[rest] @ U[chosen].T).max(axis=1), kind="stable")
        chosen = np.r_[chosen, rest[farthest[: count - len(chosen)]]]
    return np.sort(chosen)


def _facility(U: Floats, count: int) -> Rows:
    cosines = U @ U.T
    best = np.full(len(U), -1.0, np.float32)
    # lazily: a row's gain only shrinks as others are chosen, so one that is still ahead when computed again is the largest
    heap = [(-float(gain), row) for row, gain in enumerate((cosines - best).sum(axis=1, dtype=np.float64))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while len(chosen) < count:
        _, row = heapq.heappop(heap)
        gain = float(np.maximum(cosines[row] - best, 0).sum(dtype=np.float64))
        if heap and -gain > heap[0][0]:
            heapq.heappush(heap, (-gain, row))
            continue
        chosen.append(row)
        best = np.maximum(best, cosines[row])
    return np.sort(np.array(chosen, np.int64))


def _semdedup(U: Floats, count: int, tau: float, seed: int) -> Rows:
    middles, groups = _clusters(U, max(1, len(U) // 100), seed)
    far = np.einsum("ij,ij->i", U, middles[groups])
    left = np.ones(len(U), bool)
    for a, b, _ in near_duplicates(U, tau):
        if left[a] and left[b]:
            left[a if far[a] > far[b] else b] = False  # the one nearer to the middle says less
    kept = np.flatnonzero(left)
    if len(kept) > count:
        closest = nearest(U[kept], 1).scores[:, 0]
        kept = np.sort(kept[np.argsort(closest, kind="stable")[:count]])
    return kept


def _without(values: NDArray[np.float64], cause: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a line through the cause does not explain."""
    if cause.shape != values.shape:
        raise InputError(f"every loss needs a length: there are {len(values)} losses and {cause.size} lengths.")
    centered = cause - cause.mean()
    slope = centered @ values / max(float(centered @ centered), 1e-12)
    return np.asarray(values - slope * centered)
