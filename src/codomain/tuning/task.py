"""What `tune` compares on what: passages, questions, pipelines, prices, and where the work is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codomain.endpoints.generator import Generator
from codomain.errors import InputError
from codomain.files import cache_folder
from codomain.measure.cost import CostModel
from codomain.measure.data.corpus import Corpus, Questions
from codomain.measure.data.datasets import Dataset, Qrels
from codomain.pipeline import pipeline
from codomain.plan import branches, modalities_of, plan
from codomain.store.branches.branch import LEAST_TO_FIT
from codomain.store.collection import Collection
from codomain.tuning import fidelity
from codomain.tuning.cutting import corpus_for, cut
from codomain.tuning.labels import pipeline_of
from codomain.tuning.money import Bill, affordable, bills, check_used, checked, own_prices
from codomain.tuning.options import Options
from codomain.tuning.questions import filters
from codomain.tuning.questions.judge import Judge, as_judge, judged, pipelines_of_pool
from codomain.tuning.questions.source import questions_of
from codomain.tuning.search_space import Space, limited, neighbors, same, starting
from codomain.tuning.trials.cache import StageCache
from codomain.tuning.trials.evaluator import Evaluator
from codomain.tuning.trials.outcome import Outcome


@dataclass
class Task:
    """What is compared on what: passages, questions, pipelines, and where the work is kept."""

    documents: Collection | Corpus
    corpus: Corpus
    questions: Questions
    expressions: list[str]
    name: str
    """Of the collection or the data set."""
    present: str | None
    """The pipeline that the collection has now."""
    metric: str
    place: Path
    cache: StageCache
    pipelines: int = 0
    """In the whole space, where `most` leaves some of them out; else 0."""
    frozen: str = ""
    around: str = "{}"
    notes: Sequence[str] = ()
    prices: Mapping[str, CostModel] = field(default_factory=dict)
    bills: dict[str, Bill] = field(default_factory=dict)
    dear: dict[str, str] = field(default_factory=dict)
    """Why pipelines that cost too much are not tried."""

    @classmethod
    def of(
        cls, on: Collection | Dataset, queries: Mapping[str, Any] | None, qrels: Qrels | None, options: Options
    ) -> Task:
        """The task that `tune` is given."""
        collection = on if isinstance(on, Collection) else None
        if collection is not None and collection.upgrading:
            raise InputError(
                f"{collection.folder} is between two pipelines: codomain upgrade --continue or --rollback comes first."
            )
        corpus, questions, said = questions_of(on, filters.corpus_of(on, options.where), queries, qrels, options)
        if collection is not None and options.now is not None:
            raise InputError(f"{collection.folder} has a pipeline: `now` is for data sets.")
        named = None if options.now is None else str(pipeline(options.now))
        present = named if collection is None else str(collection.pipeline)
        every, unfit_said = _holding_vectors(_expressions(options, len(corpus.passages), present), collection)
        first = present or starting(every)
        corpus, every, cut_said = cut(on, corpus, options.chunks, every)
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
            on.folder.name if isinstance(on, Collection) else on.name,
            present,
            options.metric,
            place,
            cache,
            len(every) if len(expressions) < len(every) else 0,
            notes=[*said, *unfit_said, *cut_said, *_untaught(corpus, expressions)],
        )
        task._price(options)
        if options.mode == "fidelity":
            task._compare_with_exact_search()
        if options.judge is not None:
            task._judge(on, options, options.judge)
        task.questions = task.questions.shuffled(options.seed)
        return task

    def _price(self, options: Options) -> None:
        """Leave out what costs too much, before anybody is paid."""
        given = checked(options.prices)
        check_used(given, self.expressions)
        self.prices = own_prices(self.expressions) | given
        if options.max_usd is not None and not self.prices:
            raise InputError("max_usd needs prices: nothing is assumed of what an encoder costs.")
        self.bills, said = bills(self.expressions, self.corpus, self.questions, self.prices)
        self.expressions, self.dear = affordable(self.expressions, self.bills, options.max_usd)
        self.notes = [*self.notes, *said]
        if options.mode == "fidelity" and self.present in self.dear:
            raise InputError(f"{self.present} is what agreement is about, and {self.dear[self.present]}.")

    def bills_of(self, outcomes: Sequence[Outcome]) -> dict[str, Bill]:
        """The bills of all that were tried, by the name of the trial."""
        new = [o.expression for o in outcomes if o.expression not in self.bills]
        return self.bills | bills(new, self.corpus, self.questions, self.prices)[0] if new else self.bills

    def _judge(self, on: Collection | Dataset, options: Options, judge: Judge | Generator) -> None:
        """Ask a callable, or a language model, what is right."""
        evaluator = Evaluator(self.corpus, self.questions, self.cache)
        some = pipelines_of_pool(
            evaluator, self.expressions, None if self.present in self.dear else self.present, options.budget
        )
        on_event = options.on_event or (lambda event, value: None)
        self.questions, said = judged(on, evaluator, some, as_judge(judge), options.judge_calls, self.place, on_event)
        self.notes = [said, *self.notes]

    def _compare_with_exact_search(self) -> None:
        """Take the hits of exact float32 search by the same encoder for what is right."""
        fidelity.check_enough(len(self.corpus.documents), self.questions.exclude_self)
        self.expressions, self.frozen = fidelity.space(self.expressions, self.present)
        if self.present is not None:
            self.present, self.around = fidelity.branch(self.present)
            rows = len(self.corpus.documents)
            now = same(self.present, rows)  # `auto()` that scans is exact search itself
            others = [one for one in self.expressions if same(one, rows) != now]
            first = same(self.expressions[0], rows) == now
            self.expressions = [self.present, *others] if first else [*others, self.present]
        self.questions = fidelity.questions(Evaluator(self.corpus, self.questions, self.cache), self.expressions)
        self.metric = "R@10"


def _untaught(corpus: Corpus, labels: Sequence[str]) -> list[str]:
    """A sentence about what collections of so few passages do not learn yet."""
    few = [label for label in labels if len(corpus_for(corpus, label).passages) < LEAST_TO_FIT]
    every = [stage for label in few for one in branches(plan(pipeline_of(label))) for stage in one.transforms]
    names = dict.fromkeys(str(stage) for stage in every if stage.needs_fit)
    if not names:
        return []
    return [
        f"A collection learns {', '.join(names)} from {LEAST_TO_FIT:,} passages on, and searches whole vectors until then: "
        "measured is what it does afterwards."
    ]


def _holding_vectors(expressions: list[str], collection: Collection | None) -> tuple[list[str], list[str]]:
    """The pipelines that can hold the documents of a collection, whose own vectors need vectors(), and a sentence about the others."""
    if collection is None or "vector" not in modalities_of(collection.state.root):
        return expressions, []
    kept = [one for one in expressions if "vector" in modalities_of(plan(pipeline_of(one)))]
    number = len(expressions) - len(kept)
    do = "does" if number == 1 else "do"
    return kept, [] if kept == expressions else [
        f"Not tried: {number:,} pipeline{'s' * (number > 1)} that {do} not start from vectors(), as the documents have vectors of their own."
    ]


def _name(data: Dataset) -> str:
    return re.sub(r"[^\w.-]", "-", data.name) or "data"


def _expressions(options: Options, rows: int, now: str | None) -> list[str]:
    """The pipelines of the space, each once: of two that do the same, the present one, or the first."""
    space = options.space
    if isinstance(space, str):
        raise InputError(f"the space is a Space or a list of pipelines, not the text {space!r}: put it into a list.")
    for ranker in options.rankers:
        pipeline(ranker)  # one that does not exist fits nowhere, and would be left out in silence
    if space is None:
        space = Space.default(rows, options.encoders, now, options.rankers)
    found = space.expressions() if isinstance(space, Space) else [str(pipeline(one)) for one in space]
    if not found and now is None:
        raise InputError("there is no pipeline to try: the space is empty.")
    known: dict[str, str] = {} if now is None else {same(now, rows): now}
    for expression in found:
        known.setdefault(same(expression, rows), expression)
    return [*known.values()]
