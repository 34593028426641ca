"""Measures that are no plain mean over items: rank correlation and average precision of pairs; accuracy and V-measure of repeated trials.

Each gives its value, its 95 % bootstrap interval, and the paired comparison with another system's on the same items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from codomain.errors import InputError
from codomain.measure.metrics.significance import Comparison, Values

_TAILS = (0.025, 0.975)
_DRAWS = 1_000


@dataclass(frozen=True, eq=False)
class Ranked:
    """Scores (n,) of pairs against what they should be (n,): Spearman's correlation, or AP of telling 1 from 0.

    `groups` (n,) numbers the clusters that are drawn whole: pairs that share a sentence.
    """

    kind: Literal["Spearman", "AP"]
    scores: Values
    truth: Values
    groups: NDArray[np.intp]

    @property
    def value(self) -> float:
        """Over all pairs."""
        return self._of(self.scores, np.ones(len(self.scores)))

    def interval(self, seed: int = 0) -> tuple[float, float]:
        """Of the value, over pairs or their clusters."""
        low, high = np.quantile([self._of(self.scores, weights) for weights in self._resamples(seed)], _TAILS)
        return float(low), float(high)

    def minus(self, other: Self, seed: int = 0) -> Comparison:
        """This minus another system's on the same pairs.

        Interval: paired bootstrap. p: the two systems' ranks of a pair change sides at random, cluster by cluster. A pair
        is won where its share in the value is larger: z-score product of the ranks, or for AP, among the pairs that are 1,
        the precision at its place.
        """
        if len(self.scores) != len(other.scores) or not np.array_equal(self.truth, other.truth):
            raise InputError("a paired comparison needs the same pairs on both sides.")
        mine, theirs = (
            _midranks(np.unique(s, return_inverse=True)[1], np.ones(len(s))) for s in (self.scores, other.scores)
        )
        difference = self.value - other.value
        drawn = np.array([self._of(mine, w) - self._of(theirs, w) for w in self._resamples(seed)])
        rng, ones = np.random.default_rng(seed), np.ones(len(mine))
        far = 0
        for _ in range(_DRAWS):
            swap = (rng.random(self.groups.max() + 1) < 0.5)[self.groups]
            other_way = self._of(np.where(swap, theirs, mine), ones) - self._of(np.where(swap, mine, theirs), ones)
            far += abs(other_way) >= abs(difference) * (1 - 1e-12)
        low, high = np.quantile(drawn, _TAILS)
        apart = self._shares(mine) - self._shares(theirs)
        return Comparison(
            difference=difference,
            low=float(low),
            high=float(high),
            p=(far + 1) / (_DRAWS + 1),
            wins=int((apart > 1e-12).sum()),
            losses=int((apart < -1e-12).sum()),
            queries=len(mine),
            min_detectable=2.8 * float(drawn.std(ddof=1)),
        )

    @cached_property
    def _place(self) -> NDArray[np.intp]:
        """The place of each truth among the distinct ones."""
        return np.asarray(np.unique(self.truth, return_inverse=True)[1])

    def _resamples(self, seed: int) -> Iterator[Values]:
        """How often each pair is in each bootstrap sample."""
        rng = np.random.default_rng(seed)
        clusters = int(self.groups.max()) + 1
        for _ in range(_DRAWS):
            yield np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)[self.groups].astype(np.float64)

    def _of(self, scores: Values, weights: Values) -> float:
        inverse = np.unique(scores, return_inverse=True)[1]
        if self.kind == "Spearman":
            return _correlation(_midranks(inverse, weights), _midranks(self._place, weights), weights)
        # AP = sum_n (R_n - R_{n-1}) P_n over the distinct scores, from the highest
        found = np.bincount(inverse, weights)[::-1].cumsum()
        own = np.bincount(inverse, weights * (self.truth > 0))[::-1]
        right = own.cumsum()
        return float((own * right / np.maximum(found, 1e-12)).sum() / right[-1]) if right[-1] else 0.0

    def _shares(self, ranks: Values) -> Values:
        if self.kind == "Spearman":
            return _standard(ranks) * _standard(_midranks(self._place, np.ones(len(ranks))))
        inverse = np.unique(ranks, return_inverse=True)[1]
        found, right = (np.bincount(inverse, w)[::-1].cumsum()[::-1] for w in (np.ones(len(ranks)), self.truth > 0))
        return np.where(self.truth > 0, (right / found)[inverse], 0.0)


@dataclass(frozen=True, eq=False)
class Repeated:
    """Values (r, n) of n items in r trials (splits, seeds), whose mean is the measure.

    Bootstrap samples draw trials and items, each with replacement: both are what might have been otherwise.
    """

    values: Values

    @property
    def value(self) -> float:
        """Over all trials and items."""
        return float(self.values.mean())

    def interval(self, seed: int = 0) -> tuple[float, float]:
        """Of the value."""
        low, high = np.quantile(self._drawn(self.values, seed), _TAILS)
        return float(low), float(high)

    def minus(self, other: Self, seed: int = 0) -> Comparison:
        """This minus another system's, on the same items in the same trials; p is the bootstrap's, two-sided."""
        if self.values.shape != other.values.shape:
            raise InputError("a paired comparison needs the same items on both sides.")
        differences = self.values - other.values
        drawn = self._drawn(differences, seed)
        low, high = np.quantile(drawn, _TAILS)
        side = min((drawn <= 0).sum(), (drawn >= 0).sum())
        by_item = differences.mean(axis=0)
        return Comparison(
            difference=float(differences.mean()),
            low=float(low),
            high=float(high),
            p=min(1.0, 2 * (float(side) + 1) / (len(drawn) + 1)),
            wins=int((by_item > 1e-12).sum()),
            losses=int((by_item < -1e-12).sum()),
            queries=len(by_item),
            min_detectable=2.8 * float(drawn.std(ddof=1)),
        )

    @staticmethod
    def _drawn(values: Values, seed: int) -> Values:
        rng = np.random.default_rng(seed)
        r, n = values.shape
        return np.array(
            [values[rng.integers(0, r, r)].mean(axis=0)[rng.integers(0, n, n)].mean() for _ in range(2 * _DRAWS)]
        )


def _midranks(inverse: NDArray[np.intp], weights: Values) -> Values:
    """Mean ranks of items that stand as often as their weights say; equal values share theirs."""
    own = np.bincount(inverse, weights)
    return np.asarray((own.cumsum() - (own - 1) / 2)[inverse], np.float64)


def _correlation(a: Values, b: Values, weights: Values) -> float:
    total = weights.sum()
    a, b = a - weights @ a / total, b - weights @ b / total
    scale = float(np.sqrt((weights @ a**2) * (weights @ b**2)))
    return float(weights @ (a * b)) / scale if scale > 0 else 0.0


def _standard(ranks: Values) -> Values:
    spread = float(ranks.std())
    return np.asarray((ranks - ranks.mean()) / (spread if spread > 0 else 1), np.float64)
