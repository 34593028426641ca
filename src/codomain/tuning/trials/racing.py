"""One pipeline after the other, in blocks of queries; one that a finished rival clearly beats at no greater cost is dropped.

Racing as in "Hoeffding Races: Accelerating Model Selection Search for Classification and Function Approximation" (1993),
with a paired test over the queries in place of Hoeffding's bound.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codomain.errors import CodomainError
from codomain.measure.threads import threads
from codomain.tuning.options import OnEvent
from codomain.tuning.trials.evaluator import Candidate, Evaluator
from codomain.tuning.trials.outcome import SAME, Outcome, Values

_BLOCK = 20
"""Queries between two looks at how a trial stands."""
_ALPHA = 0.05
"""Share of pipelines as good as all others that may be dropped as beaten, over all looks and all rivals."""

BEATEN = "clearly below {}, which costs no more"
NO_BETTER = "certainly no more than {1:g} better than {0}, which costs no more"


@dataclass(frozen=True)
class Rules:
    """What decides a trial: the metric, the margin that does not matter, whether losers are dropped, when time is up."""

    metric: str = "nDCG@10"
    margin: float = 0.01
    race: bool = True
    never_dropped: tuple[str, ...] = ()
    """Pipelines that are asked to the end: what choices are worth is measured on them."""
    deadline: float | None = None
    """Seconds since the epoch."""
    always: str | None = None
    """A pipeline that is measured whatever time it takes: what others are compared with."""


def try_all(
    evaluator: Evaluator, expressions: Sequence[str], rules: Rules, on_event: OnEvent, finished: Sequence[Outcome] = ()
) -> None:
    """Try pipelines in order and tell every outcome; `finished` ones race against the others.

    A pipeline that raises is an outcome with a reason; so is one whose time does not suffice.
    """
    rivals = [outcome for outcome in finished if outcome.status == "done"]
    for expression in expressions:
        on_event("begin", expression)
        try:
            outcome = _try(evaluator, expression, rules, rivals, on_event)
        except (CodomainError, MemoryError, ValueError, ArithmeticError, RuntimeError, OSError) as error:
            reason = f"{type(error).__name__}: {error}" if not isinstance(error, CodomainError) else str(error)
            outcome = Outcome(expression, "failed", reason=(reason.splitlines() or ["MemoryError"])[0])
        if outcome.status == "done":
            rivals.append(outcome)
        on_event("outcome", outcome)


def _try(
    evaluator: Evaluator,
    expression: str,
    rules: Rules,
    rivals: list[Outcome],
    on_event: OnEvent,
) -> Outcome:
    may_stop = expression != rules.always
    if may_stop and rules.deadline is not None and time.time() > rules.deadline:
        return Outcome(expression, "skipped", reason="the time was up")
    trial = evaluator.trial(expression)
    for encoder in trial.encoders:
        reason = _encode(trial.evaluator, encoder, rules, may_stop, on_event)
        if reason:
            return Outcome(expression, "skipped", reason=reason)
    with threads(1):
        trial.prepare()
        outcome = _race(evaluator, trial, expression, rules, rivals)
    trial.release()
    return outcome


def _race(evaluator: Evaluator, trial: Candidate, expression: str, rules: Rules, rivals: list[Outcome]) -> Outcome:
    ids = [*evaluator.questions.texts]
    rankings: dict[str, list[int]] = {}
    ms: list[float] = []
    looks = max(1, len(ids) // _BLOCK - 1)
    by_query: dict[str, float] = {}
    for start in range(0, len(ids), _BLOCK):
        some = range(start, min(start + _BLOCK, len(ids)))
        for query in some:
            rankings[ids[query]], milliseconds = trial.answer(query)
            ms.append(milliseconds)
        by_query |= evaluator.value({ids[query]: rankings[ids[query]] for query in some}, rules.metric)
        if not rules.race or expression in rules.never_dropped or start == 0 or len(by_query) == len(ids):
            continue
        values = np.array([*by_query.values()])
        bytes, spent = trial.costs.bytes, sum(ms) / len(ms)
        cheaper = [rival for rival in rivals if rival.bytes <= bytes and rival.mean_ms(len(ms)) <= spent]
        level = _ALPHA / looks
        for lead, how in ((0.0, BEATEN), (rules.margin / 2, NO_BETTER)):
            winner = beaten_by(values, [rival.values for rival in cheaper], lead, level)
            if winner is not None:
                rival = cheaper[winner].expression
                reason = f"after {len(values)} queries {how.format(rival, rules.margin / 2)}"
                return Outcome(expression, "dropped", by_query, ms, trial.costs, reason, rival, beaten=how is BEATEN)
        if expression != rules.always and rules.deadline is not None and time.time() > rules.deadline:
            return Outcome(expression, "skipped", by_query, ms, trial.costs, "the time was up")
    return Outcome(expression, "done", by_query, ms, trial.costs)


def beaten_by(values: Values, rivals: Sequence[Values], lead: float, alpha: float) -> int | None:
    """The first rival that is better by a one-sided paired t-test on its first (b,) values, at `alpha` over all rivals.

    With a `lead` it is enough to be certain that the rival is not worse by more than that.

    >>> beaten_by(np.array([0.1, 0.2, 0.1]), [np.array([0.8, 0.9, 0.9, 1.0])], 0.005, 0.05)
    0
    """
    b = len(values)
    if not rivals or b < 2:
        return None
    from scipy.special import stdtr

    differences = np.stack([rival[:b] for rival in rivals]) - values
    spread = differences.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (differences.mean(axis=1) + lead) / (spread / np.sqrt(b))
    # equal in every query is a tie, not a win
    beats = (spread > SAME) & (stdtr(b - 1, -t) < alpha / len(rivals))
    return int(np.argmax(beats)) if beats.any() else None


def _encode(evaluator: Evaluator, encoder: Any, rules: Rules, late: bool, on_event: OnEvent) -> str:
    """Encode the passages if the time allows; else the reason why not. What was encoded by then is kept."""
    name = str(encoder)
    if name in evaluator.encoded:
        return ""
    passages = evaluator.corpus.passages
    missing = len(evaluator.cache.missing(encoder, passages) if encoder.gives == "dense" else passages)
    done = 0

    def progress(_: str, number: int, total: int) -> None:
        nonlocal done
        done = number
        on_event("encoded", (name, number))
        if late and rules.deadline is not None and time.time() > rules.deadline and number < missing:
            raise _TimeUp

    if missing:
        on_event("encode", (name, missing))
    try:
        evaluator.prefix((encoder,), progress)
    except _TimeUp:
        return f"the time was up when {name} had encoded {done:,} of {missing:,} passages"
    return ""


class _TimeUp(Exception):
    """The deadline has passed."""
