"""Trials on as much of the corpus as the time allows: on a part first, then on more, until all of it or the end of the budget."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from codomain.measure.data.corpus import Questions
from codomain.plan import branches, plan
from codomain.tuning.labels import pipeline_of
from codomain.tuning.search_space import neighbors, starting
from codomain.tuning.trials.coverage import SHARE, Rate, part_of, sizes, time_for_people
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.racing import Rules
from codomain.tuning.trials.trial_runner import TrialRunner

Rates = dict[str, Rate]


@dataclass(frozen=True)
class Tried:
    """What came of it: outcomes on the widest part on which every pipeline could be measured, and who measured there."""

    outcomes: list[Outcome]
    interrupted: bool
    trials: TrialRunner
    whole: bool
    more_seconds: float = 0.0
    """What the rest of the corpus would take."""
    start: str = ""
    """What the choice starts from: the present pipeline, or a plain one."""
    never_dropped: tuple[str, ...] = ()


def widened(
    trials: TrialRunner, questions: Questions, asked: Questions, expressions: list[str], rules: Rules, seed: int
) -> Tried:
    """Try pipelines on all documents, or where a deadline does not allow that on parts that grow while time lasts.

    `questions` are all there are: their judged documents are in every part. `asked` are those that choose.
    """
    rates: Rates = {}
    order: Sequence[int] | None = None
    if rules.deadline is not None:
        try:
            rates, order = trials.survey(questions, expressions, rules.deadline - time.time(), seed)
        except KeyboardInterrupt:
            return Tried([], True, trials, True)
        expressions = _cheap_first(expressions, rates)
    if order is None:
        start, rules = _from(expressions, rules, trials)
        return Tried(*trials.run(asked, expressions, rules), trials, True, 0.0, start, rules.never_dropped)
    judged = len({document for grades in questions.qrels.values() for document in grades})
    levels = sizes(len(order), judged)
    slow = _too_slow(expressions, rates, levels[0] / len(order), rules)
    left = [expression for expression in expressions if expression not in slow]
    skipped = [Outcome(expression, "skipped", reason=reason) for expression, reason in slow.items()]
    rates = {name: rate for name, rate in rates.items() if any(name in _encoders(one) for one in left)}
    start, rules = _from(left, rules, trials)
    tried = _by_levels(trials, asked, left, rules, rates, order, levels)
    return replace(tried, outcomes=[*tried.outcomes, *skipped], start=start, never_dropped=rules.never_dropped)


def _from(expressions: list[str], rules: Rules, trials: TrialRunner) -> tuple[str, Rules]:
    """The pipeline to start from, and rules by which it and those that differ in one choice are asked to the end."""
    start = rules.always or starting(expressions)
    return start, replace(rules, never_dropped=tuple(neighbors(expressions, start, len(trials.corpus.documents))))


def _encoders(expression: str) -> list[str]:
    return [str(branch.encoder) for branch in branches(plan(pipeline_of(expression))) if branch.encoder is not None]


def _cheap_first(expressions: Sequence[str], rates: Rates) -> list[str]:
    """The first one where it is, of the others those before that need the least encoding: they are measured, whatever time is left.

    >>> some = ["bm25()", "minilm() >> flat()", "static() >> flat()", "static() >> int8() >> flat()"]
    >>> _cheap_first(some, {"minilm()": Rate(0.1, 800), "static()": Rate(0.001, 800)})[1:]
    ['static() >> flat()', 'static() >> int8() >> flat()', 'minilm() >> flat()']
    """
    takes = {name: rate.seconds * rate.missing for name, rate in rates.items()}
    first, *others = expressions
    return [first, *sorted(others, key=lambda one: sum(takes.get(name, 0.0) for name in {*_encoders(one)}))]


def _too_slow(expressions: Sequence[str], rates: Rates, share: float, rules: Rules) -> dict[str, str]:
    """Pipelines with an encoder for which not even the smallest part can be encoded, and why; never the one always measured."""
    assert rules.deadline is not None
    left = max(rules.deadline - time.time(), 0.0)
    reasons = {
        name: (
            f"encoding {share * rate.missing:,.0f} passages, the smallest part, with {name} would take about "
            f"{time_for_people(share * rate.seconds * rate.missing)} of {time_for_people(left)} that were left: give a larger "
            f"budget"
        )
        for name, rate in rates.items()
        if share * rate.seconds * rate.missing > left
    }
    return {
        one: next(reasons[name] for name in _encoders(one) if name in reasons)
        for one in expressions
        if one != rules.always and any(name in reasons for name in _encoders(one))
    }


def _by_levels(
    trials: TrialRunner,
    asked: Questions,
    left: list[str],
    rules: Rules,
    rates: Rates,
    order: Sequence[int],
    levels: Sequence[int],
) -> Tried:
    assert rules.deadline is not None
    every = len(order)

    def encoding(documents: int) -> float:
        return documents / every * sum(rate.seconds * rate.missing for rate in rates.values())

    room = rules.deadline - time.time()
    level = max((place for place, size in enumerate(levels) if encoding(size) <= SHARE * room), default=0)
    best: Tried | None = None
    before = 0
    dropped: list[Outcome] = []
    while True:
        size = levels[level]
        here = trials if size == every else replace(trials, corpus=part_of(trials.corpus, order[:size]))
        began = time.time()
        outcomes, interrupted = here.run(asked, left, rules)
        trying = max(0.0, time.time() - began - encoding(size - before))  # what the trials took, without encoding
        unfinished = interrupted or any(outcome.status == "skipped" for outcome in outcomes)
        if best is not None and unfinished:
            return replace(best, interrupted=interrupted)
        more = 0.0 if size == every else encoding(every - size) + trying * every / size
        best = Tried([*outcomes, *dropped], interrupted, here, size == every, more)
        if unfinished or size == every:
            return best
        dropped += [outcome for outcome in outcomes if outcome.status != "done"]
        left = [outcome.expression for outcome in outcomes if outcome.status == "done"]
        room = rules.deadline - time.time()
        wider = [
            place
            for place in range(level + 1, len(levels))
            if encoding(levels[place] - size) + trying * levels[place] / size <= room
        ]
        if not wider:
            return best
        before, level = size, wider[-1]
