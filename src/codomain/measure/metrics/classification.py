"""How good predicted labels are: accuracy and macro-F1 with intervals over documents, and paired differences of macro-F1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.errors import InputError
from codomain.measure.metrics.intervals import interval

Labels = Sequence[str] | NDArray[np.str_]


class Score(NamedTuple):
    """A value with its bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def accuracy(truth: Labels, found: Labels, *, draws: int = 2_000, seed: int = 0) -> Score:
    """The share of documents with the right label, and its 95 % interval over documents.

    >>> accuracy(["a", "b"], ["a", "b"]).value
    1.0

    Raises InputError for lists that differ in length or are empty.
    """
    wanted, predicted, _ = _coded(truth, found)
    right = {str(i): float(one) for i, one in enumerate(wanted == predicted)}
    low, high = interval(right, draws=draws, seed=seed)
    return Score(sum(right.values()) / len(right), low, high)


def macro_f1(truth: Labels, found: Labels, *, draws: int = 2_000, seed: int = 0) -> Score:
    """The mean of the classes' F1, and its 95 % interval over documents; classes are those of either side.

    >>> round(macro_f1(["a", "a", "b"], ["a", "b", "b"]).value, 3)
    0.667

    Raises InputError for lists that differ in length or are empty.
    """
    wanted, predicted, classes = _coded(truth, found)
    values = [_f1(wanted, predicted, classes, weights) for weights in _resamples(len(wanted), draws, seed)]
    return _score(_f1(wanted, predicted, classes), values)


def f1_difference(truth: Labels, first: Labels, second: Labels, *, draws: int = 2_000, seed: int = 0) -> Score:
    """Macro-F1 of the second labels minus that of the first, with its paired 95 % interval over documents.

    >>> f1_difference(["a", "b"], ["a", "b"], ["a", "b"]).high
    0.0

    Raises InputError for lists that differ in length or are empty.
    """
    if len(first) != len(second):
        raise InputError(f"a paired comparison needs the same documents, not {len(first)} and {len(second)}.")
    one, two = _coded(truth, first), _coded(truth, second)

    def difference(weights: NDArray[np.float64] | None = None) -> float:
        return _f1(*two, weights) - _f1(*one, weights)

    return _score(difference(), [difference(weights) for weights in _resamples(len(first), draws, seed)])


def _coded(truth: Labels, found: Labels) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    if len(truth) != len(found) or not len(truth):
        raise InputError(f"labels are compared one by one: there are {len(truth)} true ones and {len(found)} found.")
    names, codes = np.unique([*truth, *found], return_inverse=True)
    return codes[: len(truth)], codes[len(truth) :], len(names)


def _f1(
    wanted: NDArray[np.intp], found: NDArray[np.intp], classes: int, weights: NDArray[np.float64] | None = None
) -> float:
    # F1 = 2 tp / (found + wanted) for each class, 0 where there is neither
    hit = wanted == found
    right = np.bincount(wanted[hit], None if weights is None else weights[hit], classes)
    either = np.bincount(wanted, weights, classes) + np.bincount(found, weights, classes)
    return float((2 * right / np.maximum(either, 1e-12)).mean())


def _resamples(n: int, draws: int, seed: int) -> list[NDArray[np.float64]]:
    """How often each of n documents is in each bootstrap sample."""
    rng = np.random.default_rng(seed)
    return [np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64) for _ in range(draws)]


def _score(value: float, resampled: Sequence[float]) -> Score:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Score(float(value), float(low), float(high))
