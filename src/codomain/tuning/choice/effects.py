"""What each choice is worth: pipelines that differ in it alone are compared, and p-values hold for all comparisons together."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from codomain.measure.metrics.simultaneous import max_t
from codomain.tuning.search_space import AXES, parts
from codomain.tuning.trials.outcome import Outcome, Values

LEVEL = 0.05
"""The probability that equal choices are told apart, over all comparisons of a run."""


@dataclass(frozen=True)
class Difference:
    """The better of two values of an axis minus the other, over all pairs of pipelines that differ in nothing else."""

    better: str
    worse: str
    by_query: Values
    """Mean over the pairs (queries,)."""
    pairs: int
    corrected_p: float

    @property
    def mean(self) -> float:
        """Over the queries; 0 or more."""
        return float(self.by_query.mean())

    @property
    def decided(self) -> bool:
        """Whether chance does not explain it, corrected for everything that was compared."""
        return self.corrected_p < LEVEL


@dataclass(frozen=True)
class Effect:
    """One axis: its values, best first, the best beside the second, and what is certainly worse than the best."""

    axis: str
    values: tuple[str, ...]
    difference: Difference | None
    """None with a single value, or where no two pipelines differ in the first two alone."""
    worse: tuple[Difference, ...]

    @property
    def decided(self) -> bool:
        """Whether the best value is told apart from the second."""
        return self.difference is not None and self.difference.decided


def effects(outcomes: Sequence[Outcome], rows: int = 0, never_dropped: Iterable[str] | None = None) -> list[Effect]:
    """What each axis is worth on these queries.

    Pipelines that outlasted others are better on the queries so far by selection: where some were dropped, only those that
    could not be are compared, which `never_dropped` names.
    """
    done = [outcome for outcome in outcomes if outcome.status == "done"]
    if never_dropped is not None and any(outcome.status == "dropped" for outcome in outcomes):
        names = {*never_dropped}
        done = [outcome for outcome in done if outcome.expression in names]
    labels = [parts(outcome.expression, rows) for outcome in done]
    found = [(axis, *pair) for axis in AXES for pair in _pairs(done, labels, axis)]
    corrected = max_t(np.stack([values for *_, values, _ in found], axis=1)) if found else np.zeros(0)
    by_axis: dict[str, dict[tuple[str, str], Difference]] = {axis: {} for axis in AXES}
    for (axis, first, second, values, pairs), p in zip(found, corrected, strict=True):
        by_axis[axis][first, second] = Difference(first, second, values, pairs, float(p))
        by_axis[axis][second, first] = Difference(second, first, -values, pairs, float(p))
    return [_effect(axis, differences) for axis, differences in by_axis.items()]


def _pairs(
    done: Sequence[Outcome], labels: Sequence[Mapping[str, str]], axis: str
) -> list[tuple[str, str, Values, int]]:
    """Two values of an axis with their difference by query, for all that pipelines differ in alone."""
    alike: dict[tuple[str, ...], dict[str, Outcome]] = {}
    for outcome, own in zip(done, labels, strict=True):
        if own[axis] == "none" and axis not in ("fusion", "ranker"):
            continue  # without an encoder there is no such choice
        rest = tuple(value for other, value in own.items() if other != axis)
        alike.setdefault(rest, {}).setdefault(own[axis], outcome)
    sums: dict[tuple[str, str], Values] = {}
    numbers: dict[tuple[str, str], int] = {}
    for group in alike.values():
        for first, second in itertools.combinations(sorted(group), 2):
            difference = group[first].values - group[second].values
            sums[first, second] = sums.get((first, second), 0) + difference
            numbers[first, second] = numbers.get((first, second), 0) + 1
    return [(*pair, values / numbers[pair], numbers[pair]) for pair, values in sums.items()]


def _effect(axis: str, differences: dict[tuple[str, str], Difference]) -> Effect:
    values = sorted({value for pair in differences for value in pair})
    if not values:
        return Effect(axis, (), None, ())
    place = {value: i for i, value in enumerate(values)}
    # the values' effects by least squares, since not every two of them need be in one pair
    equations = np.zeros((len(differences), len(values)))
    for row, (first, second) in enumerate(differences):
        equations[row, [place[first], place[second]]] = 1, -1
    means = [round(one.mean, 9) for one in differences.values()]
    effect = np.linalg.lstsq(equations, np.array(means), rcond=None)[0].round(9)
    ordered = sorted(values, key=lambda value: (-effect[place[value]], value))
    best = ordered[0]
    worse = [differences[best, value] for value in ordered[1:] if (best, value) in differences]
    return Effect(
        axis,
        tuple(ordered),
        differences.get((best, ordered[1])),
        tuple(one for one in worse if one.decided and one.mean > 0),
    )
