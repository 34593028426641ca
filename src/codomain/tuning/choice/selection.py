"""From trials to a decision: the frontier that chance does not explain, and the cheapest pipeline that is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from codomain.measure.metrics.significance import Comparison, compare, lower_bound, min_detectable
from codomain.tuning.choice.shrinkage import cautious, expected_regret, shrunken
from codomain.tuning.search_space import parts
from codomain.tuning.trials.outcome import SAME, Outcome, Values

_LATENCY = 1.25
"""Milliseconds that differ by less are no difference: a timing repeats about so well."""
_BUILD = 1.5
_LEVEL = 0.05
_CAUTION = 1.0
"""Standard errors by which a pipeline must be better to be taken for better than the one to start from."""

Prefer = Literal["bytes", "latency"]


@dataclass(frozen=True)
class Limits:
    """What a pipeline may cost: milliseconds of 95 in 100 queries, bytes a document; None for any."""

    latency_ms: float | None = None
    bytes: float | None = None

    def hold(self, outcome: Outcome) -> bool:
        """Whether a pipeline stays within them."""
        return (self.latency_ms is None or outcome.p95 <= self.latency_ms) and (
            self.bytes is None or outcome.bytes <= self.bytes
        )

    def __str__(self) -> str:
        parts = [] if self.latency_ms is None else [f"{self.latency_ms:g} ms (p95)"]
        parts += [] if self.bytes is None else [f"{self.bytes:g} bytes a document"]
        return " and ".join(parts)


def pareto(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Those that no other is at least as good as on every axis, and better on one: quality, bytes, p50, build time.

    The raw frontier: much of it is noise, see `frontier`. Times that a measurement could not tell apart count as equal.
    """
    done = [outcome for outcome in outcomes if outcome.status == "done"]
    return [
        one
        for one in done
        if not any(
            no_dearer(other, one)
            and other.quality >= one.quality
            and (other.quality > one.quality or not no_dearer(one, other) or done.index(other) < done.index(one))
            for other in done
            if other is not one
        )
    ]


def no_dearer(one: Outcome, other: Outcome) -> bool:
    """Whether one pipeline costs no more than another: bytes exactly, times within what a measurement repeats."""
    return (
        one.bytes <= other.bytes
        and one.p50 <= _LATENCY * other.p50
        and one.build_s <= _BUILD * other.build_s + 1.0  # a second is nothing
    )


def frontier(outcomes: Sequence[Outcome], level: float = _LEVEL, tries: int | None = None) -> list[Outcome]:
    """The raw frontier without differences that are not significant: a point stays if it beats each kept one that costs no more.

    By a one-sided paired t-test, corrected for the number of all trials: points of the raw frontier are the largest of many
    values, and copies of one pipeline would leave several of them otherwise. The cheapest stays in any case. `tries` is the number of
    all trials, where `outcomes` are some of them.
    """
    raw = sorted(pareto(outcomes), key=lambda outcome: (outcome.bytes, outcome.p50, -outcome.quality))
    tries = tries or sum(bool(outcome.by_query) for outcome in outcomes)
    kept: list[Outcome] = []
    for one in raw:
        rivals = [other for other in kept if no_dearer(other, one)]
        if all(lower_bound(one.values - other.values, 1 - level / tries) > SAME for other in rivals):
            kept.append(one)
    return kept


@dataclass(frozen=True)
class PipelineChoice:
    """The recommended pipeline, the best one within the limits, and all that are as good within the margin."""

    recommended: Outcome
    best: Outcome
    highest: Outcome
    """The one within the limits with the highest mean; of several the best one, the recommended, the cheapest."""
    tied: tuple[Outcome, ...]
    against_best: Comparison
    detectable: float
    """The smallest difference to the best that these queries could show."""
    regret: float
    """How far the recommended one is expected to be below the best of those within the limits."""


def choose(
    outcomes: Sequence[Outcome],
    margin: float = 0.01,
    limits: Limits | None = None,
    prefer: Prefer = "bytes",
    start: str | None = None,
    rows: int = 0,
) -> PipelineChoice | None:
    """The cheapest pipeline that is not inferior to the best within the margin; None when none that finds anything stays within the limits.

    The best is not the one with the highest mean, which of many is the luckiest: values are first drawn towards what their
    choices give in other pipelines (see `shrunken`), and `start` is left only for one that is better by more than a standard
    error. Not inferior: the lower 95 % bounds of its paired difference to the best, of the values as they are and as they are
    drawn, lie above minus the margin; of many that are worse, some look as good on a few queries. "Cheapest" is fewest bytes a document, or with prefer="latency" the lowest p50; of equally cheap ones the better. Of equally good ones the
    cheapest is the best.
    """
    allowed = [o for o in outcomes if o.status == "done" and (limits is None or limits.hold(o))]
    if not any(o.values.any() for o in allowed):
        return None  # or none finds anything: all are equally bad, which is no reason to take the cheapest
    values = shrunken(np.stack([o.values for o in allowed]), [parts(o.expression, rows) for o in allowed])
    lead = np.round(_leads(values, [o.expression for o in allowed], start), 9)
    place = min(range(len(allowed)), key=lambda i: (-lead[i], _cost(allowed[i], prefer)))
    best = allowed[place]
    tied = [
        o
        for o, drawn in zip(allowed, values, strict=True)
        if o is best
        or (lower_bound(o.values - best.values) > SAME - margin and lower_bound(drawn - values[place]) > SAME - margin)
    ]
    cheapest = min(tied, key=lambda o: _cost(o, prefer))
    near = [o for o in tied if _as_cheap(o, cheapest, prefer)]
    recommended = max(near, key=lambda outcome: outcome.quality)
    return PipelineChoice(
        recommended,
        best,
        max(allowed, key=lambda o: (o.quality, o is best, o is recommended, -o.bytes, -o.p50)),
        tuple(tied),
        compare(best.by_query, recommended.by_query),
        min_detectable(_spread(tied, best, recommended, allowed)),
        expected_regret(values, allowed.index(recommended)),
    )


def _leads(values: Values, expressions: Sequence[str], start: str | None) -> Values:
    """What speaks for each pipeline (m,): its mean, or how certainly it is better than the one to start from."""
    if start not in expressions:
        return np.asarray(values.mean(axis=1))
    return cautious(values, expressions.index(start), _CAUTION)


def _cost(outcome: Outcome, prefer: Prefer) -> tuple[float, float]:
    return (outcome.bytes, outcome.p50) if prefer == "bytes" else (outcome.p50, outcome.bytes)


def _as_cheap(one: Outcome, cheapest: Outcome, prefer: Prefer) -> bool:
    """As cheap as the cheapest on the preferred axis, and no more expensive on the other."""
    if prefer == "bytes":
        return one.bytes <= cheapest.bytes and one.p50 <= _LATENCY * cheapest.p50
    return one.p50 <= _LATENCY * cheapest.p50 and one.bytes <= cheapest.bytes


def _spread(tied: Sequence[Outcome], best: Outcome, recommended: Outcome, allowed: Sequence[Outcome]) -> Values:
    """Differences that stand for what these queries can tell apart: the recommended and the best, or the median pair."""
    if recommended is not best:
        return recommended.values - best.values
    others = sorted((o for o in allowed if o is not best), key=lambda o: float(np.std(o.values - best.values)))
    return others[len(others) // 2].values - best.values if others else np.zeros(1)


def certain(difference: Comparison) -> bool:
    """Whether both the interval and the permutation test say that there is a difference.

    >>> certain(compare({"q": 0.0}, {"q": 1.0}))
    False
    """
    return (difference.low > 0 or difference.high < 0) and difference.p < _LEVEL


def optimism(outcomes: Sequence[Outcome], draws: int = 200, seed: int = 0) -> float:
    """How much better the best of several looks than it is: the winner on resampled queries, there minus on all of them.

    "Estimating the Error Rate of a Prediction Rule: Improvement on Cross-Validation" (1983).
    """
    values = np.stack([outcome.values for outcome in outcomes])
    values = values - values.mean(axis=0)  # how hard queries are for all is no optimism, and would need many more draws
    means, number = values.mean(axis=1), values.shape[1]
    rng = np.random.default_rng(seed)
    gaps = []
    for _ in range(draws):
        again = values[:, rng.integers(0, number, number)].mean(axis=1)
        winner = int((again >= again.max() - SAME).argmax())
        gaps.append(again[winner] - means[winner])
    return float(np.mean(gaps))
