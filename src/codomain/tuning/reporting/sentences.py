"""What a comparison of pipelines shows, in words: nothing is claimed that chance explains, corrected for all that was looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np

from codomain.measure.metrics.significance import Comparison, compare, lower_bound
from codomain.measure.metrics.simultaneous import max_t
from codomain.tuning.choice.effects import LEVEL, Effect
from codomain.tuning.choice.selection import PipelineChoice, certain, optimism
from codomain.tuning.choice.shrinkage import LEAST_FOR_REGRET
from codomain.tuning.search_space import AXES, parts
from codomain.tuning.trials.coverage import time_for_people
from codomain.tuning.trials.outcome import SAME, Outcome

if TYPE_CHECKING:
    from codomain.tuning.reporting.report import Tuned

_LEAST = 30
"""Queries below which the report says that there are few."""
AXES_BY_CAUSE = ("encoder", *(axis for axis in AXES if axis != "encoder"))
"""The encoder first: where it fails, so does all that is tried with it alone."""


def sentences(tuned: Tuned) -> list[str]:
    """What could not be measured, what was chosen and why, what it is worth on queries held out, what the queries cannot tell."""
    said = (_missing, _about, _why, _against_now, _cut, _checked, _choices, _growth, _machine, _not_measured)
    return [sentence for tell in said for sentence in tell(tuned)]


def _missing(tuned: Tuned) -> Iterator[str]:
    """Choices of which no pipeline was measured: the recommendation knows nothing of them."""
    for axis, value, without in _unknown(tuned):
        reason, number = Counter(o.reason for o in without).most_common(1)[0]
        yield (
            f"Nothing is known of the {axis} {value}: {_counted(number, 'pipeline')} with it could not be measured "
            f"({reason.rstrip('.')})."
        )


def _unknown(tuned: Tuned) -> Iterator[tuple[str, str, list[Outcome]]]:
    """Axes and values of which no pipeline was measured, with those pipelines; a fusion of a failed encoder is not told again."""
    labels = {o.expression: parts(o.expression, tuned.documents) for o in tuned.outcomes}
    told: set[str] = set()
    for axis in AXES_BY_CAUSE:
        measured = {labels[o.expression][axis] for o in tuned.outcomes if o.by_query}
        without: dict[str, list[Outcome]] = {}
        for o in tuned.outcomes:
            if not o.by_query and labels[o.expression][axis] not in measured:
                without.setdefault(labels[o.expression][axis], []).append(o)
        for value, some in without.items():
            names = {o.expression for o in some}
            if not names <= told:
                told |= names
                yield axis, value, some


def _about(tuned: Tuned) -> Iterator[str]:
    number = len(next(o for o in tuned.outcomes if o.status == "done").by_query)
    noun, they = ("query", "it uses") if number == 1 else ("queries", "they use")
    kind = {
        "judged": f"{number} judged {noun}",
        "synthetic": (
            f"{number} {noun} made from the documents, not asked by people: {they} the documents' own words, "
            "which flatters lexical search"
        ),
        "feedback": f"{number} {noun} with feedback",
        "clicks": f"{number} {noun} with clicks",
        "judge": f"{number} {noun} with grades of a callable",
        "fidelity": f"{number} {noun} without judgments: {tuned.metric} is agreement with exact float32 search",
    }[tuned.questions.kind]
    if tuned.documents < tuned.of_documents:
        yield (
            f"Measured on {tuned.documents:,} of {tuned.of_documents:,} documents (those with a judgment, those that cheap "
            f"pipelines find, and others at random) and {kind}: values are higher than on all of them."
        )
        budget = (tuned.budget or 0) + tuned.more_seconds
        yield f"The others would take about {time_for_people(tuned.more_seconds)} more: --budget {_option(budget)} measures them, too."
    else:
        yield f"Measured on {_counted(tuned.documents, 'document')} and {kind}."
    if number == 1:
        yield "One query shows no difference for certain."
    elif number < _LEAST:
        yield f"{number} queries are few: only large differences can be seen."
    for reason, count in tuned.questions.left_out.items():
        yield f"Left out: {count:,} {reason}."
    yield from tuned.notes
    if tuned.of_pipelines > len(tuned.outcomes):
        yield (
            f"{len(tuned.outcomes):,} of the {tuned.of_pipelines:,} pipelines of the space were tried, those near the present "
            "one and others at random."
        )
    if tuned.frozen:
        yield tuned.frozen[0].upper() + tuned.frozen[1:] + "."
    if tuned.around != "{}":
        yield f"Measured is the dense branch by itself, in place of {{}} in {tuned.around}."
    if tuned.interrupted:
        yield "It was interrupted: pipelines that were not tried may be better."


def _why(tuned: Tuned) -> Iterator[str]:
    if tuned.choice is None:
        done = [o for o in tuned.outcomes if o.status == "done"]
        smallest, fastest = min(o.bytes for o in done), min(o.p95 for o in done)
        yield (
            f"No pipeline stays within {tuned.limits}: the smallest takes {smallest:,.0f} bytes a document, "
            f"the fastest {fastest:.2g} ms."
        )
        return
    chosen, best = tuned.choice.recommended, tuned.choice.best
    place = {row.outcome.expression: row.number for row in tuned.rows}
    spread = f" ({t.low:.2g} to {t.high:.2g} in five rounds)" if (t := chosen.confirmed) else ""
    facts = (
        f"{tuned.metric} {chosen.mean:.3f}, {chosen.bytes:,.0f} bytes a document, {chosen.p50:.2g} ms a query{spread}"
    )
    yield f"Recommended is {place[chosen.expression]}: {chosen.expression} ({facts})."
    within = f" within {tuned.limits}" if str(tuned.limits) else ""
    highest = tuned.choice.highest
    if chosen is best:
        taken = "the best" if highest is best else "taken for the best"
        yield f"It is {taken}{within}, and none that costs less comes within {tuned.margin:g} of it for certain."
    else:
        yield from _beside_the_best(tuned.choice, within, tuned.margin, place[best.expression])
    if highest.quality > max(best.quality, chosen.quality):
        yield (
            f"The highest mean, {highest.mean:.3f}, is that of {place[highest.expression]}, {highest.expression} "
            f"({highest.bytes:,.0f} bytes a document). It is not taken for the best: means are drawn towards those of related "
            "pipelines, and the present pipeline is left only for one that is better by more than a standard error."
        )
    if len(chosen.values) < LEAST_FOR_REGRET:
        if len(chosen.values) > 1:  # of one query it is said before
            yield f"How far it is below the best of those that were tried, {len(chosen.values)} queries cannot say."
    else:
        yield f"With these queries it is expected to be {tuned.choice.regret:.3f} below the best of those that were tried."
    between = "among those near it" if chosen is best else "to the best"
    if 0 < tuned.choice.detectable < inf:
        yield f"A difference {between} below {tuned.choice.detectable:.3f} could not be seen with these queries."


def _beside_the_best(choice: PipelineChoice, within: str, margin: float, place: int) -> Iterator[str]:
    """What a cheaper pipeline loses, by the bound that decided, so that the two never disagree."""
    chosen, best = choice.recommended, choice.best
    apart = chosen.values - best.values
    costs = f"{_times(best.bytes, chosen.bytes)} the bytes and {_times(best.p50, chosen.p50)} the time"
    yield (
        f"It is the cheapest of {len(choice.tied)} pipelines{within} that are not inferior to the best by more than "
        f"{margin:g}: the lower 95 % bound of the difference, by Student's t, is above -{margin:g}. The best, {place}, "
        f"{best.expression}, has {best.mean:.3f} and takes {costs}: difference {apart.mean():+.3f}, bound {lower_bound(apart):+.3f}."
    )
    if np.ptp(apart) <= SAME:
        low = choice.against_best.low
        yield (
            f"The difference is the same in each of the {len(apart)} queries, which leaves Student's t no spread: by their number "
            f"alone, other queries may show one of up to {abs(low):.3f}."
        )


def _against_now(tuned: Tuned) -> Iterator[str]:
    """Beside the present pipeline: on the queries of the choice only what is left after correcting for the choice."""
    present = next((o for o in tuned.outcomes if o.expression == tuned.now and o.status == "done"), None)
    if tuned.choice is None or present is None:
        return
    chosen = tuned.choice.recommended
    if present is chosen:
        yield "It is what the collection has now."
        return
    if tuned.held_out:
        return  # said there
    others = [o for o in tuned.outcomes if o.status == "done" and o is not present]
    p = max_t(np.stack([o.values - present.values for o in others], axis=1))[others.index(chosen)]
    gain = chosen.mean - present.mean
    told = (
        f"which chance does not explain ({_p(p)}, corrected for {len(others)} pipelines)"
        if p < LEVEL
        else f"which says nothing: the highest of {len(others)} is above by chance alone (corrected {_p(p)})"
    )
    yield f"On these queries it is {gain:+.3f} beside what the collection has now ({present.mean:.3f}), {told}."


def _cut(tuned: Tuned) -> Iterator[str]:
    for encoder, number in tuned.cut.items():
        if number:
            yield (
                f"{number:,} passages are longer than what {encoder} reads: their ends took no part. In a collection "
                "--apply --rechunk cuts their documents again."
            )


def _checked(tuned: Tuned) -> Iterator[str]:
    if tuned.choice is None:
        return
    chosen = tuned.held_out.get(tuned.choice.recommended.expression)
    if chosen is None:
        done = [o for o in tuned.outcomes if o.status == "done"]
        if len(done) > 1 and len(done[0].values) > 1:
            none = "No other queries were asked" if tuned.interrupted else "No queries were held out"
            yield f"{none}; the highest of so many looks about {max(0.0, optimism(done)):.3f} better than it is."
        return
    found = [f"On {len(chosen.values)} queries that took no part in the choice it has {chosen.mean:.3f}"]
    best = tuned.held_out.get(tuned.choice.best.expression)
    if best is not None and best is not chosen:
        found.append(f"the best {best.mean:.3f} (difference {difference(compare(best.by_query, chosen.by_query))})")
    present = tuned.held_out.get(tuned.now or "")
    if present is None or present is chosen:
        yield ", ".join(found) + "."
        return
    gain = compare(present.by_query, chosen.by_query)
    verdict = "no difference for certain" if not certain(gain) else "better" if gain.difference > 0 else "worse"
    yield ", ".join(found) + f", what the collection has now {present.mean:.3f} ({difference(gain)}): {verdict}."


def _choices(tuned: Tuned) -> Iterator[str]:
    for effect in tuned.effects:
        if effect.difference is not None:
            yield _choice(effect)


def _choice(effect: Effect) -> str:
    first = effect.difference
    assert first is not None
    pairs = f"{_counted(first.pairs, 'pair')} of pipelines that differ in nothing else"
    if first.decided:
        said = f"{first.better} is better than {first.worse} by {first.mean:.3f} ({pairs}, corrected {_p(first.corrected_p)})"
    else:
        said = f"these queries cannot decide between {first.better} and {first.worse} ({first.mean:.3f} in {pairs})"
    lower = [f"{one.worse} by {one.mean:.3f}" for one in effect.worse if one.worse != first.worse]
    below = f"; lower for certain: {', '.join(lower)}" if lower else ""
    return f"{effect.axis.capitalize()}: {said}{below}."


def _growth(tuned: Tuned) -> Iterator[str]:
    if tuned.growth:
        yield (
            "Growth was measured on random parts, each in the next, that hold all judged documents: among fewer documents the "
            "right ones are found more easily, so that values fall with the size; what differs between pipelines counts."
        )


def _machine(tuned: Tuned) -> Iterator[str]:
    untimed = [row.number for row in tuned.rows if row.outcome.confirmed is None]
    if tuned.workers > 1 and untimed:
        yield (
            f"Milliseconds of {'row' if len(untimed) == 1 else 'rows'} {', '.join(map(str, untimed))} are those of a busy "
            f"machine: {tuned.workers} trials ran at a time."
        )
    if tuned.busy is not None:
        yield (
            f"The machine was busy: timed searches waited {100 * tuned.busy:.0f} % of their time for a processor that others "
            "had. An idle one answers sooner."
        )


def _not_measured(tuned: Tuned) -> Iterator[str]:
    dropped = [o for o in tuned.outcomes if o.status == "dropped"]
    beaten = sum(o.beaten for o in dropped)
    if beaten:
        were = "was" if beaten == 1 else "were"
        yield f"{beaten} of {len(tuned.outcomes)} pipelines {were} clearly beaten before the last query."
    if rest := len(dropped) - beaten:
        were, they = ("was", "it is") if rest == 1 else ("were", "they are")
        yield (
            f"{rest} of {len(tuned.outcomes)} pipelines {were} not asked to the end: {they} certainly no "
            f"more than {tuned.margin / 2:g} better than one that costs no more."
        )
    skipped = Counter(o.reason for o in tuned.outcomes if o.status == "skipped")
    for reason, number in skipped.items():
        yield f"Not tried, {reason}: {_counted(number, 'pipeline')}."
    groups = [some for _, _, some in _unknown(tuned) if len(some) > 1 and len({o.reason for o in some}) == 1]
    told = {o.expression for some in groups for o in some}  # with their reason
    failed: dict[str, list[str]] = {}
    for o in tuned.outcomes:
        if o.status == "failed" and o.expression not in told:
            failed.setdefault(o.reason, []).append(o.expression)
    for reason, names in failed.items():
        others = f" and {_counted(len(names) - 1, 'other')}" if len(names) > 1 else ""
        yield f"Failed: {names[0]}{others}: {reason}"


def difference(comparison: Comparison) -> str:
    """A difference with its interval."""
    return f"{comparison.difference:+.3f} [{comparison.low:+.3f}, {comparison.high:+.3f}]"


def never_beaten(outcome: Outcome, best: Outcome, tries: int) -> bool:
    """Whether chance explains that a pipeline is below the best of so many: by a t-test corrected for all pairs of them."""
    from scipy.special import stdtr

    apart = best.values - outcome.values
    n, spread = len(apart), float(apart.std(ddof=1)) if len(apart) > 1 else 0.0
    if spread <= 0:
        return True
    p = float(stdtr(n - 1, -float(apart.mean()) * np.sqrt(n) / spread))
    return p * max(1, tries * (tries - 1) // 2) >= LEVEL / 2


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _p(p: float) -> str:
    if p < 0.001:
        return "p < .001"
    return "p = " + (f"{p:.3f}" if p < 0.1 else f"{p:.2f}").lstrip("0")


def _option(seconds: float) -> str:
    """A time as --budget takes it, rounded up."""
    return f"{max(1, ceil(seconds))}s" if seconds < 60 else f"{ceil(seconds / 60)}m"


def _times(one: float, other: float) -> str:
    return f"{one / other:.1f} times" if other else "many times"
