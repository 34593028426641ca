"""How pipelines do when documents become more: the recommended and the present one on nested parts of the corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from codomain.measure.data.corpus import Corpus, Questions
from codomain.tuning.options import Size
from codomain.tuning.trials.coverage import part_of
from codomain.tuning.trials.outcome import Outcome
from codomain.tuning.trials.racing import Rules
from codomain.tuning.trials.trial_runner import TrialRunner


@dataclass(frozen=True)
class Grown:
    """A pipeline on a part of so many documents."""

    documents: int
    outcome: Outcome

    def as_json(self, metric: str) -> dict[str, Any]:
        """Plain values; what was not measured is None."""
        done = self.outcome if self.outcome.status == "done" else None
        return {
            "documents": self.documents,
            "pipeline": self.outcome.pipeline,
            "chunks": self.outcome.chunks,
            metric: done and done.mean,
            "p50_alone_ms": done and done.p50_alone,
            "bytes": done and done.bytes * self.documents,
            "reason": self.outcome.reason,
        }


def nested(corpus: Corpus, questions: Questions, seed: int) -> tuple[list[int], int]:
    """Documents, as numbers, in the order in which parts take them: those with a judgment, how many these are, others at random.

    >>> corpus = Corpus([*"abcd"], [0, 1, 2, 3], [*"abcd"])
    >>> order, judged = nested(corpus, Questions({"q": "x"}, {"q": {"c": 1}}), seed=0)
    >>> order[0], sorted(order), judged
    (2, [0, 1, 2, 3], 1)
    """
    place = {id: number for number, id in enumerate(corpus.documents)}
    judged = dict.fromkeys(place[id] for grades in questions.qrels.values() for id in grades if id in place)
    rest = np.random.default_rng(seed).permutation(len(place)).tolist()
    return [*dict.fromkeys([*judged, *rest])], len(judged)


def grown(
    trials: TrialRunner,
    questions: Questions,
    asked: Questions,
    names: Sequence[str],
    rules: Rules,
    sizes: Sequence[Size],
    seed: int,
) -> tuple[list[Grown], list[str], bool]:
    """Pipelines on parts of these sizes, sentences about sizes that cannot be, and whether it was interrupted.

    Parts are random and nested, and hold the judged documents of all `questions`; `asked` are those that are asked.
    """
    order, judged = nested(trials.corpus, questions, seed)
    wanted = sorted({len(order) if size == "all" else size for size in sizes})
    notes = []
    for size in wanted:
        if size < judged:
            notes.append(
                f"Growth: {size:,} documents are fewer than the {judged:,} judged ones, which are in every part."
            )
        elif size > len(order):
            notes.append(f"Growth: there are {len(order):,} documents that were measured, not {size:,}.")
    found: list[Grown] = []
    for size in wanted:
        if not judged <= size <= len(order):
            continue
        here = trials if size == len(order) else replace(trials, corpus=part_of(trials.corpus, order[:size]))
        outcomes, interrupted = here.run(asked, [*names], replace(rules, race=False, always=None))
        found += [Grown(size, outcome) for outcome in outcomes]
        if interrupted:
            return found, notes, True
    return found, notes, False


def growth_table(rows: Sequence[Grown], metric: str, recommended: str | None) -> list[str]:
    """The rows as lines of text; `*` marks the recommended pipeline."""
    if not rows:
        return []
    lines = ["", f"   documents  {metric:>8}  {'p50 alone':>9} {'bytes in all':>15}  pipeline"]
    for row in rows:
        o = row.outcome
        mark = "*" if o.expression == recommended else " "
        figures = (
            f"{o.mean:>8.3f}  {o.p50_alone:>9.2f} {o.bytes * row.documents:>15,.0f}"
            if o.status == "done"
            else f"{o.status}: {o.reason}"
        )
        lines.append(f" {mark} {row.documents:>9,}  {figures}  {o.expression}")
    return [*lines, ""]
