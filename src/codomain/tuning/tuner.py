"""Which pipeline is best on these documents and queries: every one is tried, and differences that are not significant are dropped."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from codomain.errors import InputError
from codomain.items import as_item
from codomain.kinds import MODALITIES
from codomain.measure.build.synthetic_queries import synthetic
from codomain.measure.data.corpus import Corpus, Questions, usable
from codomain.measure.data.datasets import Dataset, Qrels, load
from codomain.measure.data.encoded import cache_folder
from codomain.measure.data.runs import Run
from codomain.measure.metrics.retrieval import per_query
from codomain.pipeline import pipeline
from codomain.plan import branches, modalities_of, plan
from codomain.store.chunking.unread import beyond
from codomain.store.collection import Collection
from codomain.tuning import fidelity
from codomain.tuning.choice.selection import PipelineChoice, choose, frontier
from codomain.tuning.options import Keywords, Options
from codomain.tuning.reporting.report import Tuned
from codomain.tuning.search_space import Space, limited, neighbors, same, starting, weighed
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.evaluator import Evaluator
from codomain.tuning.trials.latency import LatencyTimer
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.racing import Rules
from codomain.tuning.trials.trial_runner import TrialRunner
from codomain.tuning.trials.widening import Tried, widened

if TYPE_CHECKING:
    pass

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
    the documents instead, from a `source` or by `generate(text)`; with "fidelity" there is no judgement: what counts is the
    overlap with exact float32 search by the same encoder, which compares dimensions, quantization and indexes only.

    `options` are an `Options`, or its fields as keywords: `tune(notes, q, r, budget=600, prefer="latency")`. The pipeline that
    the collection has now is always among those that are tried.

    What trials share is kept in the collection's folder (a data set's: below `measure.encoded.cache_folder()`), and a call
    that was interrupted goes on where it was. Trials run in a process of their own: one that crashes, or takes more than
    `max_memory` bytes, is listed with its reason. A KeyboardInterrupt ends the trials, not the report.

    Raises InputError without documents or measurable queries, PipelineError for a space in which nothing fits.
    """
    wanted = Options.of(options, dict(keywords))
    per_query(Run("", {}), {}, [wanted.metric])  # an unknown metric fails before the long work, not after it
    task = _Task.of(load(on) if isinstance(on, str) else on, queries, qrels, wanted)
    held_out, chosen_on = _split(task.questions, wanted.holdout)
    deadline = None if wanted.budget is None else time.time() + wanted.budget
    rows = len(task.corpus.documents)
    rules = Rules(task.metric, wanted.margin, wanted.race, (), deadline, task.present)
    trials = TrialRunner(
        task.place, task.cache, task.corpus, wanted.engine, _depth(task.metric), wanted.max_memory,
        wanted.on_event or (lambda event, value: None),
    )  # fmt: skip
    first = task.present or starting(task.expressions)
    expressions = [first, *(one for one in task.expressions if one != first)]
    tried = widened(trials, task.questions, chosen_on, expressions, rules, wanted.seed)
    if wanted.refine and wanted.space is None:
        tried = _refined(tried, chosen_on, rules, wanted, rows)
    place = {expression: i for i, expression in enumerate(task.expressions)}
    outcomes = sorted(tried.outcomes, key=lambda outcome: place.get(outcome.expression, len(place)))
    interrupted, trials = tried.interrupted, tried.trials
    if not any(outcome.status == "done" for outcome in outcomes):
        reasons = "; ".join(dict.fromkeys(o.reason for o in outcomes if o.reason)) or "it was interrupted"
        raise InputError(f"no pipeline could be measured: {reasons}.")
    points = {point.expression for point in frontier(outcomes)}
    busy = None
    if wanted.confirm and not interrupted and tried.whole:  # a part of the corpus is searched faster than all of it
        trials.on_event("confirm", len(points))
        timer = LatencyTimer(task.documents, task.cache, [*chosen_on.texts.values()], task.place)
        pick = partial(
            choose, margin=wanted.margin, limits=wanted.limits, prefer=wanted.prefer, start=tried.start, rows=rows
        )
        outcomes, interrupted = _confirmed(outcomes, timer, pick, {*points, str(task.present)}, deadline)
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
        documents=len(trials.corpus.documents),
        of_documents=rows,
        of_pipelines=task.pipelines,
        more_seconds=tried.more_seconds,
        budget=wanted.budget,
        busy=busy,
        never_dropped=tried.never_dropped,
        cut={} if choice is None else _cut(trials.corpus, choice.recommended.expression),
    )
    tuned.write(task.place)
    return tuned


def _cut(corpus: Corpus, expression: str) -> dict[str, int]:
    """How many passages are longer than what each encoder of a pipeline reads."""
    encoders = {str(one.encoder): one.encoder for one in branches(plan(expression)) if one.encoder is not None}
    return {name: len(beyond(encoder, corpus.passages)) for name, encoder in encoders.items()}


@dataclass
class _Task:
    """What is compared on what: passages, questions, pipelines, and where the work is kept."""

    documents: Collection | Corpus
    corpus: Corpus
    questions: Questions
    expressions: list[str]
    present: str | None
    """The pipeline that the collection has now."""
    metric: str
    place: Path
    cache: StageCache
    pipelines: int = 0
    """In the whole space."""
    frozen: str = ""
    around: str = "{}"

    @classmethod
    def of(
        cls, on: Collection | Dataset, queries: Mapping[str, Any] | None, qrels: Qrels | None, options: Options
    ) -> _Task:
        """The task that `tune` is given."""
        collection = on if isinstance(on, Collection) else None
        if collection is not None and collection.upgrading:
            raise InputError(
                f"{collection.folder} is between two pipelines: codomain upgrade --continue or --rollback comes first."
            )
        corpus = Corpus.of_collection(on) if isinstance(on, Collection) else Corpus.of_dataset(on)
        corpus, questions = _questions(on, corpus, queries, qrels, options)
        if collection is not None and options.now is not None:
            raise InputError(f"{collection.folder} has a pipeline: `now` is for data sets.")
        named = None if options.now is None else str(pipeline(options.now))
        present = named if collection is None else str(collection.pipeline)
        every = _expressions(options, len(corpus.passages), present)
        first = present or starting(every)
        kept = [first, *neighbors(every, first, len(corpus.documents))]
        expressions = limited(every, options.most, kept, options.seed)
        place = options.folder or (
            on.folder / "tune" if isinstance(on, Collection) else cache_folder() / "tune" / _name(on)
        )
        cache = StageCache(place / "cache")
        task = cls(
            corpus if collection is None else collection,
            corpus,
            questions,
            expressions,
            present,
            options.metric,
            place,
            cache,
            len(every),
        )
        if options.mode == "fidelity":
            task._compare_with_exact_search()
        task.questions = task.questions.shuffled(options.seed)
        return task

    def _compare_with_exact_search(self) -> None:
        """Take the hits of exact float32 search by the same encoder for what is right."""
        self.expressions, self.frozen = fidelity.space(self.expressions, self.present)
        if self.present is not None:
            self.present, self.around = fidelity.branch(self.present)
            self.expressions = [*dict.fromkeys([*self.expressions, self.present])]
        self.questions = fidelity.questions(Evaluator(self.corpus, self.questions, self.cache), self.expressions)
        self.metric = "R@10"


def _split(questions: Questions, holdout: float) -> tuple[Questions, Questions]:
    """The questions held out, none of few, and the others."""
    held = round(holdout * len(questions)) if len(questions) >= _LEAST_TO_SPLIT else 0
    kept = len(questions) - held
    return questions.part(kept, len(questions)), questions.part(0, kept)


def _name(data: Dataset) -> str:
    return re.sub(r"[^\w.-]", "-", data.name) or "data"


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


def _questions(
    on: Collection | Dataset,
    corpus: Corpus,
    queries: Mapping[str, Any] | None,
    qrels: Qrels | None,
    options: Options,
) -> tuple[Corpus, Questions]:
    mode = options.mode
    if mode == "synthetic" or (mode == "fidelity" and queries is None):
        return synthetic(corpus, options.number, options.source, options.generate, options.seed)
    if queries is None and isinstance(on, Dataset):
        queries, qrels = on.queries, on.qrels
    if queries is not None:
        modalities = modalities_of(on.state.root) if isinstance(on, Collection) else MODALITIES
        queries = {id: q if isinstance(q, str) else as_item(q, modalities) for id, q in queries.items()}
    if mode == "fidelity" and queries is not None:
        return corpus, Questions(queries, {}, "fidelity")
    if queries is None or qrels is None:
        raise InputError(
            "queries and their judgements are needed, or mode='synthetic' or 'fidelity', which do not need them."
        )
    return corpus, usable(queries, qrels, corpus)


def _expressions(options: Options, rows: int, now: str | None) -> list[str]:
    """The pipelines of the space, each once: of two that do the same, the present one, or the first."""
    space = options.space
    if space is None:
        space = Space.default(rows, options.encoders, now, options.rankers)
    found = space.expressions() if isinstance(space, Space) else [str(pipeline(one)) for one in space]
    known: dict[str, str] = {} if now is None else {same(now, rows): now}
    for expression in found:
        known.setdefault(same(expression, rows), expression)
    return [*known.values()]


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
