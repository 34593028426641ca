"""Which sentence says the same in the other language: nearest by cosine, or by cosine against the neighbourhood's mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from codomain.arrays import Floats, Rows, unit_rows
from codomain.errors import InputError

_BLOCK = 1_000


class Bitext(NamedTuple):
    """For each source: the row of its target and the score."""

    targets: Rows
    scores: Floats

    def accuracy(self, right: ArrayLike | None = None) -> float:
        """The share of sources whose target is the right one: row i for source i, where nothing else is said."""
        wanted = np.arange(len(self.targets)) if right is None else np.asarray(right)
        return float((self.targets == wanted).mean())


def bitext(
    sources: Floats, targets: Floats, margin: Literal["ratio", "distance"] | None = "ratio", k: int = 4
) -> Bitext:
    """The best target (n,) of each source, vectors (n, d) and (m, d), by cosine or by margin.

    "ratio" divides each cosine by the mean of both sides' k nearest, "distance" subtracts it: a target that is near
    everything no longer wins. "Margin-based Parallel Corpus Mining with Multilingual Sentence Embeddings" (2019);
    without margin the test of "MINERS: Multilingual Language Models as Semantic Retrievers" (2024). Exact, in blocks.

    >>> bitext(np.float32([[1, 0], [0, 1]]), np.float32([[0, 1], [1, 0]])).targets.tolist()
    [1, 0]

    Raises InputError for sides that do not fit together.
    """
    if np.ndim(sources) != 2 or np.ndim(targets) != 2 or np.shape(sources)[1] != np.shape(targets)[1]:
        raise InputError(f"both sides need vectors of one encoder, not {np.shape(sources)} and {np.shape(targets)}.")
    if not len(targets) or k < 1 or margin not in ("ratio", "distance", None):
        raise InputError('bitext needs targets, k of at least 1 and the margin "ratio", "distance" or None.')
    S, T = unit_rows(sources), unit_rows(targets)
    near_t = _mean_of_nearest(T, S, k) if margin and len(S) else np.zeros(len(T), np.float32)
    found, scores = np.empty(len(S), np.int64), np.empty(len(S), np.float32)
    for start in range(0, len(S), _BLOCK):
        cosines = S[start : start + _BLOCK] @ T.T
        if margin:
            # margin(x, y) = f(cos(x, y), sum_{z in NN_k(x)} cos(x, z) / 2k + sum_{z in NN_k(y)} cos(y, z) / 2k)
            around = (_top_mean(cosines, k)[:, None] + near_t) / 2
            cosines = cosines - around if margin == "distance" else cosines / np.maximum(around, 1e-6)
        best = cosines.argmax(axis=1)
        found[start : start + len(best)] = best
        scores[start : start + len(best)] = cosines[np.arange(len(best)), best]
    return Bitext(found, scores)


def fuse_distances(distances: Sequence[Floats], weights: Sequence[float] | None = None) -> Floats:
    """Distances (n, m) of the same pairs by several encoders as one: the weighted mean, each with mean 0 and deviation 1.

    Raw distances of two encoders differ in scale, and the one that spreads more would decide alone.
    "MINERS: Multilingual Language Models as Semantic Retrievers" (2024) calls the sum DistFuse.

    >>> near, far = np.float32([[0, 1]]), np.float32([[100, 300]])
    >>> fuse_distances([near, far]).tolist()
    [[-1.0, 1.0]]

    Raises InputError for distances of different shapes, or weights that do not fit.
    """
    weight = np.ones(len(distances)) if weights is None else np.asarray(weights, np.float64)
    if not distances or len({np.shape(d) for d in distances}) > 1 or weight.shape != (len(distances),):
        raise InputError("fused distances are of one shape, with one weight each.")
    if not weight.sum() > 0 or (weight < 0).any():
        raise InputError("weights are not negative and not all zero.")
    fused = np.zeros(np.shape(distances[0]))
    for w, D in zip(weight / weight.sum(), distances, strict=True):
        values = np.asarray(D, np.float64)
        spread = values.std()
        fused += w * (values - values.mean()) / (spread if spread > 0 else 1)
    return fused.astype(np.float32)


def _mean_of_nearest(A: Floats, B: Floats, k: int) -> Floats:
    return np.concatenate([_top_mean(A[i : i + _BLOCK] @ B.T, k) for i in range(0, len(A), _BLOCK)])


def _top_mean(cosines: Floats, k: int) -> Floats:
    k = min(k, cosines.shape[1])
    return np.asarray(np.partition(cosines, -k, axis=1)[:, -k:].mean(axis=1), np.float32)
