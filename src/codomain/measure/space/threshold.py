"""What cosine is a match? Thresholds with their intervals, and how far right, retrieved and random pairs lie apart.

After "A Compass for Navigating the World of Sentence Embeddings for the Telecom Domain" (2024). A threshold belongs to one
encoder on one corpus: it does not carry over to another, nor past centring or quantising.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, unit_rows
from codomain.errors import InputError
from codomain.index.flat import Flat

Target = Literal["f1"] | tuple[Literal["precision", "recall"], float]
Values = NDArray[np.float64]

_AT_ONCE = 2_000_000
"""Numbers in a block of resampled queries."""


@dataclass(frozen=True)
class Threshold:
    """A similarity to accept from, its 95 % interval over resampled queries, and what it does on these queries.

    `curve` (3, t) holds thresholds, falling, with the precision and recall of each; NaN is a target that is never reached.
    """

    value: float
    low: float
    high: float
    precision: float
    recall: float
    auc: float
    curve: Values


def calibrate_threshold(
    similarities: Sequence[float] | NDArray[np.floating],
    correct: Sequence[bool] | NDArray[np.bool_],
    target: Target = "f1",
    draws: int = 1_000,
    seed: int = 0,
) -> Threshold:
    """The similarity (q,) from which the best hit of a query is taken to be right, and how sure that is.

    Target "f1" is the best F1 of "accepted" against "right"; ("precision", p) the lowest threshold with that precision,
    ("recall", r) the highest with that recall. The interval is of the percentile bootstrap over queries; draws in which the
    target cannot be reached are left out.

    >>> calibrate_threshold([0.9, 0.8, 0.3, 0.2], [True, True, False, False]).value
    0.8

    Raises InputError where the two differ in length, are empty, not finite, all right or all wrong.
    """
    similarity = np.asarray(similarities, np.float64)
    right = np.asarray(correct, bool)
    if similarity.shape != right.shape or similarity.ndim != 1 or not len(right):
        raise InputError(
            f"a threshold needs a similarity and a verdict for each query, not {similarity.shape} and {right.shape}."
        )
    if not np.isfinite(similarity).all():
        raise InputError("a similarity is not finite: no threshold can be told.")
    if right.all() or not right.any():
        raise InputError(
            f"all {len(right)} best hits are {'right' if right.all() else 'wrong'}: a threshold needs both."
        )
    _check(target)
    order = np.argsort(-similarity, kind="stable")
    similarity, right = similarity[order], right[order]
    ends = np.append(similarity[1:] < similarity[:-1], True)  # equal similarities are accepted together
    precision, recall = _precision_recall(np.ones((1, len(right))), right, ends)
    chosen = _chosen(similarity[ends], precision, recall, target)[0]
    found = _resampled(similarity, right, ends, target, draws, seed)
    low, high = np.quantile(found, [0.025, 0.975]) if len(found) else (math.nan, math.nan)
    at = np.flatnonzero(similarity[ends] == chosen)
    curve = np.stack([similarity[ends], precision[0], recall[0]])
    p, r = (float(curve[row, at[0]]) if len(at) else math.nan for row in (1, 2))
    return Threshold(float(chosen), float(low), float(high), p, r, auc(similarity[right], similarity[~right]), curve)


def _resampled(
    similarity: Values, right: NDArray[np.bool_], ends: NDArray[np.bool_], target: Target, draws: int, seed: int
) -> Values:
    """Thresholds of resampled queries; a draw is how often each query occurs."""
    rng = np.random.default_rng(seed)
    n, found = len(right), []
    step = max(1, _AT_ONCE // n)
    for done in range(0, draws, step):
        weights = rng.multinomial(n, np.full(n, 1 / n), min(step, draws - done)).astype(np.float64)
        both = (weights @ right > 0) & (weights @ ~right > 0)
        precision, recall = _precision_recall(weights[both], right, ends)
        found.append(_chosen(similarity[ends], precision, recall, target))
    values = np.concatenate(found)
    return values[np.isfinite(values)]


def _precision_recall(weights: Values, right: NDArray[np.bool_], ends: NDArray[np.bool_]) -> tuple[Values, Values]:
    """Of each draw (b, q), at each threshold (b, t)."""
    true = np.cumsum(weights * right, axis=1)
    accepted = np.cumsum(weights, axis=1)
    return (true / np.maximum(accepted, 1))[:, ends], (true / true[:, -1:])[:, ends]


def _chosen(thresholds: Values, precision: Values, recall: Values, target: Target) -> Values:
    """The threshold (b,) of each draw; NaN where it cannot be reached."""
    if target == "f1":
        # F1 = 2 p r / (p + r)
        score = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
        return np.asarray(thresholds[score.argmax(axis=1)])
    kind, level = target
    if kind == "recall":
        return np.asarray(thresholds[(recall >= level - 1e-12).argmax(axis=1)])  # the last one has recall 1
    reached = precision >= level - 1e-12
    last = thresholds[reached.shape[1] - 1 - reached[:, ::-1].argmax(axis=1)]
    return np.where(reached.any(axis=1), last, math.nan)


def _check(target: Target) -> None:
    if target == "f1":
        return
    ok = isinstance(target, tuple) and len(target) == 2 and target[0] in ("precision", "recall")
    if not ok or not 0 < float(target[1]) <= 1:
        raise InputError(f"the target is 'f1', ('precision', p) or ('recall', r) with 0 < p, r <= 1, not {target!r}.")


@dataclass(frozen=True)
class Profile:
    """Cosines of queries with their relevant documents, with the k nearest ones, and with random ones.

    `auc` is the chance that a relevant pair is more similar than a random one; `overlap` 1 - |2 AUC - 1| is 0 where the
    two lie apart and 1 where they cannot be told; `noise` is the 99th percentile of the random pairs.
    """

    relevant: Values
    top: Values
    random: Values
    auc: float
    overlap: float
    noise: float
    best: Values
    """Of each query's nearest document (q,)."""
    right: NDArray[np.bool_]
    """Whether that one is relevant (q,)."""


def similarity_profile(Q: Floats, X: Floats, relevant: Sequence[Sequence[int]], k: int = 10, seed: int = 0) -> Profile:
    """The three samples of cosines for queries (q, d), documents (n, d), and the rows that answer each query.

    >>> X = np.eye(4, dtype=np.float32)
    >>> profile = similarity_profile(X, X, [[0], [1], [2], [3]], k=2)
    >>> profile.auc, profile.overlap, bool(profile.right.all())
    (1.0, 0.0, True)

    Random pairs, twenty a query, are never relevant ones. Raises InputError where a query has no answer among the rows.
    """
    Q, X = unit_rows(Q), unit_rows(X)
    if len(relevant) != len(Q) or not len(Q) or not all(len(rows) for rows in relevant):
        raise InputError(f"each of {len(Q)} queries needs rows that answer it.")
    if any(not 0 <= row < len(X) for rows in relevant for row in rows):
        raise InputError(f"an answer is not among the {len(X)} documents.")
    near = Flat().build(X).search(Q, min(k, len(X)))
    right = np.array([row in set(rows) for row, rows in zip(near.rows[:, 0].tolist(), relevant, strict=True)])
    own = np.concatenate([X[list(rows)] @ q for q, rows in zip(Q, relevant, strict=True)]).astype(np.float64)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(X), (len(Q), 20))
    others = np.array(
        [[row not in set(rows) for row in some] for some, rows in zip(drawn.tolist(), relevant, strict=True)]
    )
    if not others.any():
        raise InputError("every document answers every query: there are no random pairs to compare with.")
    random = np.einsum("qd,qrd->qr", Q, X[drawn])[others].astype(np.float64)
    separation = auc(own, random)
    return Profile(
        relevant=own,
        top=near.scores.ravel().astype(np.float64),
        random=random,
        auc=separation,
        overlap=1 - abs(2 * separation - 1),
        noise=float(np.quantile(random, 0.99)),
        best=near.scores[:, 0].astype(np.float64),
        right=right,
    )


def auc(high: Values, low: Values) -> float:
    """The chance that a value of the first sample exceeds one of the second, ties counted half; NaN for an empty one.

    >>> auc(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    if not len(high) or not len(low):
        return math.nan
    ordered = np.sort(low)
    below = np.searchsorted(ordered, high, "left") + np.searchsorted(ordered, high, "right")
    return float(below.mean() / (2 * len(low)))
