"""Which pipeline is best on these documents and queries: every one is tried, and differences that are not significant are dropped."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from codomain.errors import CodomainError, InputError
from codomain.measure.data.corpus import Corpus, Questions
from codomain.measure.data.datasets import Dataset, Qrels, load
from codomain.measure.data.runs import Run
from codomain.measure.metrics.retrieval import per_query
from codomain.plan import branches, plan
from codomain.store.chunking.unread import beyond
from codomain.store.collection import Collection
from codomain.tuning.choice.selection import PipelineChoice, choose, frontier
from codomain.tuning.cutting import corpus_for
from codomain.tuning.growth import Grown, grown
from codomain.tuning.labels import pipeline_of
from codomain.tuning.options import Keywords, Options
from codomain.tuning.reporting.report import Tuned
from codomain.tuning.search_space import same, starting, weighed
from codomain.tuning.task import Task
from codomain.tuning.trials.latency import LatencyTimer
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.racing import Rules
from codomain.tuning.trials.trial_runner import TrialRunner
from codomain.tuning.trials.widening import Tried, widened

_LEAST_TO_SPLIT = 60
"""Queries below which none are held out: both parts would be too small to say anything."""


def tune(
    on: Collection | Dataset | str,
    queries: Mapping[str, Any] | None = None,
    qrels: Qrels | None = None,
    options: Options | None = None,
    **keywords: Unpack[Keywords],
) -> Tuned:
    """Try pipelines on a collection or data set, and recommend the cheapest that is as good as the best.

    `queries` by id with `qrels` judge them; a data set has its own. With mode "synthetic" `number` queries are made from
    the documents instead, from a `source` or by `generate(text)`; with "fidelity" there is no judgment: what counts is the
    overlap with exact float32 search by the same encoder, which compares dimensions, quantization and indexes only.

    `options` are an `Options`, or its fields as keywords: `tune(notes, q, r, budget=600, prefer="latency")`. The pipeline that
    the collection has now is always among those that are tried.

    What trials share is kept in the collection's folder (a data set's: below `measure.encoded.cache_folder()`), and a call
    that was interrupted goes on where it was. Trials run in a process of their own: one that crashes, or takes more than
    `max_memory` bytes, is listed with its reason. A KeyboardInterrupt ends the trials, not the report; it is raised where there
    is nothing to report yet.

    Raises InputError without documents or measurable queries, PipelineError for a space in which nothing fits.
    """
    wanted = Options.of(options, dict(keywords))
    for name, given in (("queries", queries), ("qrels", qrels)):
        if not isinstance(given, Mapping | None):
            raise InputError(f"{name} are a dict by the query's id, not a {type(given).__name__}.")
    if not all(isinstance(grades, Mapping) for grades in (qrels or {}).values()):
        raise InputError("qrels give each query a dict of grades by the document's id.")
    per_query(Run("", {}), {}, [wanted.metric])  # an unknown metric fails before the long work, not after it
    task = Task.of(load(on) if isinstance(on, str) else on, queries, qrels, wanted)
    held_out, chosen_on = _split(task.questions, wanted.holdout)
    deadline = None if wanted.budget is None else time.time() + wanted.budget
    rows = len(task.corpus.documents)
    rules = Rules(task.metric, wanted.margin, wanted.race, (), deadline, None)
    trials = TrialRunner(
        task.place, task.cache, task.corpus, wanted.engine, _depth(task.metric), wanted.max_memory,
        wanted.on_event or (lambda event, value: None), wanted.workers,
    )  # fmt: skip
    now = task.present if task.present in task.expressions else None  # else it costs too much
    first = now or starting(task.expressions)
    rules = replace(rules, always=now)
    expressions = [first, *(one for one in task.expressions if one != first)]
    tried = widened(trials, task.questions, chosen_on, expressions, rules, wanted.seed)
    if wanted.refine and wanted.space is None:
        tried = _refined(tried, chosen_on, rules, wanted, rows)
    place = {expression: i for i, expression in enumerate(task.expressions)}
    outcomes = sorted(tried.outcomes, key=lambda outcome: place.get(outcome.expression, len(place)))
    interrupted, trials = tried.interrupted, tried.trials
    outcomes += [Outcome(label, "skipped", reason=reason) for label, reason in task.dear.items()]
    if interrupted and not any(outcome.status == "done" for outcome in outcomes):
        raise KeyboardInterrupt("it was interrupted before the first pipeline was measured")
    if not any(outcome.status == "done" for outcome in outcomes):
        reasons = "; ".join(dict.fromkeys(o.reason.rstrip(".") for o in outcomes if o.reason))
        raise InputError(f"no pipeline could be measured: {reasons}.")
    points = {point.expression for point in frontier(outcomes)}
    busy = None
    if wanted.confirm and not interrupted and tried.whole:  # a part of the corpus is searched faster than all of it
        trials.on_event("confirm", len(points))
        timer = LatencyTimer(
            task.documents, task.cache, [*chosen_on.texts.values()], task.place,
            [chosen_on.where.get(id) for id in chosen_on.texts],
        )  # fmt: skip
        pick = partial(
            choose, margin=wanted.margin, limits=wanted.limits, prefer=wanted.prefer, start=tried.start, rows=rows
        )
        try:
            outcomes, interrupted = _confirmed(outcomes, timer, pick, {*points, str(now)}, deadline)
        except (CodomainError, OSError) as error:  # a full disk, say: what was measured is not lost for it
            why = f"No collection could be made to time it ({str(error).rstrip('.')})"
            task.notes = [*task.notes, f"{why}: milliseconds are those of the pipelines alone."]
        busy = timer.busy
    choice = choose(outcomes, wanted.margin, wanted.limits, wanted.prefer, tried.start, rows)
    measured = sum(bool(outcome.by_query) for outcome in outcomes)
    # times of collections may show that a point costs more than a better one, which its time alone did not
    shown = frontier([o for o in outcomes if o.expression in points], tries=measured)
    again: dict[str, Outcome] = {}
    if len(held_out) and not interrupted and choice is not None:
        present = [o for o in outcomes if o.expression == task.present and o.status == "done"]
        names = dict.fromkeys(o.expression for o in (choice.recommended, choice.best, *shown, *present))
        retried, interrupted = trials.run(held_out, [*names], replace(rules, race=False, deadline=None))
        again = {outcome.expression: outcome for outcome in retried if outcome.status == "done"}
    growth: list[Grown] = []
    if wanted.sizes and not interrupted and choice is not None:
        names = dict.fromkeys([choice.recommended.expression, now or choice.recommended.expression])
        growth, said, interrupted = grown(trials, task.questions, chosen_on, [*names], rules, wanted.sizes, wanted.seed)
        task.notes = [*task.notes, *said]
    tuned = Tuned(
        outcomes=outcomes,
        frontier=shown,
        choice=choice,
        now=task.present,
        around=task.around,
        held_out=again,
        metric=task.metric,
        margin=wanted.margin,
        limits=wanted.limits,
        questions=task.questions,
        frozen=task.frozen,
        interrupted=interrupted,
        name=task.name,
        documents=len(trials.corpus.documents),
        of_documents=rows,
        of_pipelines=task.pipelines,
        more_seconds=tried.more_seconds,
        budget=wanted.budget,
        workers=wanted.workers,
        bills=task.bills_of(outcomes),
        busy=busy,
        never_dropped=tried.never_dropped,
        notes=task.notes,
        growth=growth,
        cut={} if choice is None else _cut(trials.corpus, choice.recommended.expression),
    )
    tuned.write(task.place)
    return tuned


def _cut(corpus: Corpus, expression: str) -> dict[str, int]:
    """How many passages are longer than what each encoder of a pipeline reads."""
    encoders = {str(e): e for one in branches(plan(pipeline_of(expression))) if (e := one.encoder) is not None}
    corpus = corpus_for(corpus, expression)
    return {name: len(beyond(encoder, corpus.passages)) for name, encoder in encoders.items()}


def _split(questions: Questions, holdout: float) -> tuple[Questions, Questions]:
    """The questions held out, none of few, and the others."""
    held = round(holdout * len(questions)) if len(questions) >= _LEAST_TO_SPLIT else 0
    kept = len(questions) - held
    return questions.part(kept, len(questions)), questions.part(0, kept)


def _depth(metric: str) -> int:
    """How many documents a metric looks at: those of its cutoff, ten at least; a hundred where it has none."""
    cutoff = re.search(r"@(\d+)", metric)
    return max(10, int(cutoff[1])) if cutoff else 100


def _confirmed(
    outcomes: list[Outcome],
    timer: LatencyTimer,
    pick: Callable[[list[Outcome]], PipelineChoice | None],
    shown: set[str],
    deadline: float | None,
) -> tuple[list[Outcome], bool]:
    """Outcomes with the latency of collections: the recommended one in any case, others that are shown while there is time.

    They may change what is recommended: then that is timed, too. And whether the run was interrupted.
    """
    interrupted = False
    try:
        while (choice := pick(outcomes)) is None or choice.recommended.expression not in timer.times:
            first = [] if choice is None else [choice.recommended.expression, choice.best.expression]
            others = [o.expression for o in outcomes if o.status == "done" and o.expression in shown]
            timer.time([e for e in dict.fromkeys([*first, *others]) if e not in timer.times], deadline)
            outcomes = [replace(o, confirmed=timer.times.get(o.expression)) for o in outcomes]
            if choice is None:
                break
    except KeyboardInterrupt:
        interrupted = True
    return [replace(o, confirmed=timer.times.get(o.expression)) for o in outcomes], interrupted


def _refined(tried: Tried, asked: Questions, rules: Rules, wanted: Options, rows: int) -> Tried:
    """The same with weights between those of the space, for the fusions that are best and recommended."""
    choice = choose(tried.outcomes, wanted.margin, wanted.limits, wanted.prefer, tried.start, rows)
    if choice is None or tried.interrupted:
        return tried
    known = {same(outcome.expression, rows) for outcome in tried.outcomes}
    names = dict.fromkeys([choice.best.expression, choice.recommended.expression])
    more = [e for name in names for e in weighed(name, rows) if same(e, rows) not in known]
    if not more:
        return tried
    outcomes, interrupted = tried.trials.run(asked, more, replace(rules, race=False))
    return replace(tried, outcomes=[*tried.outcomes, *outcomes], interrupted=interrupted)
