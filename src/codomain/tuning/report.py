"""What `tune` found: a table, sentences that say what the data show and what they cannot, and files of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import Any

from codomain.errors import InputError
from codomain.files import replacing
from codomain.measure.data.corpus import Questions
from codomain.measure.metrics.significance import Comparison, compare, interval
from codomain.tuning.outcome import Outcome
from codomain.tuning.selection import Effect, Limits, PipelineChoice, certain, effects, optimism

_LEAST = 30
"""Queries below which the report says that there are few."""


@dataclass(frozen=True)
class Row:
    """A line of the table: a pipeline on the frontier, the recommended, the best one or the present one."""

    number: int
    outcome: Outcome
    low: float
    high: float
    marks: tuple[str, ...]
    """Of "recommended", "best", "now", "frontier"."""
    verdict: str
    """Beside the best: "best", "as good" (not inferior within the margin), "worse", or "unclear": the queries cannot tell."""

    def as_json(self, metric: str) -> dict[str, Any]:
        """Plain values."""
        return {
            "number": self.number,
            "pipeline": self.outcome.expression,
            metric: self.outcome.mean,
            "low": self.low,
            "high": self.high,
            "p50_ms": self.outcome.p50,
            "p95_ms": self.outcome.p95,
            "bytes_per_document": self.outcome.bytes,
            "build_s": self.outcome.build_s,
            "latency_of": "a collection" if self.outcome.confirmed else "the pipeline alone",
            "marks": [*self.marks],
            "beside_the_best": self.verdict,
        }


@dataclass(frozen=True)
class Tuned:
    """The outcome of `tune`: `recommended`, the rows of the table, all trials, and sentences."""

    outcomes: list[Outcome]
    frontier: list[Outcome]
    choice: PipelineChoice | None
    now: str | None
    held_out: dict[str, Outcome]
    metric: str
    margin: float
    limits: Limits
    questions: Questions
    documents: int
    frozen: str = ""
    around: str = "{}"
    """What the measured pipelines are part of: with "fidelity" a dense branch stands for {}."""
    interrupted: bool = False
    cut: dict[str, int] = field(default_factory=dict)
    """Passages that are longer than what an encoder of the recommended pipeline reads, by the encoder."""
    files: list[Path] = field(default_factory=list)

    @property
    def recommended(self) -> str | None:
        """The recommended pipeline; None where none stays within the limits."""
        return None if self.choice is None else self.choice.recommended.expression

    @cached_property
    def rows(self) -> list[Row]:
        """The frontier, cheapest first, and beside it the recommended, the best and the present pipeline."""
        marks: dict[str, list[str]] = {}
        for name, some in (
            ("recommended", [self.choice.recommended] if self.choice else []),
            ("best", [self.choice.best] if self.choice else []),
            ("now", [o for o in self.outcomes if o.expression == self.now and o.by_query]),
            ("frontier", self.frontier),
        ):
            for outcome in some:
                marks.setdefault(outcome.expression, []).append(name)
        shown = sorted((o for o in self.outcomes if o.expression in marks), key=lambda o: (o.bytes, o.p50))
        found = []
        for number, o in enumerate(shown, 1):
            low, high = interval(o.by_query)
            found.append(Row(number, o, low, high, tuple(marks[o.expression]), self._verdict(o)))
        return found

    def _verdict(self, outcome: Outcome) -> str:
        best = self.choice.best if self.choice else max(self.frontier, key=lambda o: o.quality)
        if outcome is best:
            return "best"
        if self.choice and outcome in self.choice.tied:
            return "as good"
        if outcome.by_query.keys() != best.by_query.keys():
            return "worse"  # it was dropped
        return "worse" if certain(compare(best.by_query, outcome.by_query)) else "unclear"

    @cached_property
    def effects(self) -> list[Effect]:
        """What each part of a pipeline is worth on these queries."""
        return effects(self.outcomes)

    # --- in words ----------------------------------------------------------------------------------------------------

    @cached_property
    def sentences(self) -> list[str]:
        """What was chosen and why, what it is worth on queries held out, and what these queries cannot tell."""
        return [*self._about(), *self._why(), *self._cut(), *self._checked(), *self._parts(), *self._not_measured()]

    def _about(self) -> list[str]:
        number = len(next(o for o in self.outcomes if o.status == "done").by_query)
        kind = {
            "judged": f"{number} judged {'query' if number == 1 else 'queries'}",
            "synthetic": (
                f"{number} queries made from the documents, not asked by people: they use the documents' own words, "
                "which flatters lexical search"
            ),
            "fidelity": f"{number} queries without judgements: {self.metric} is agreement with exact float32 search",
        }[self.questions.kind]
        found = [f"Measured on {self.documents:,} documents and {kind}."]
        if number == 1:
            found.append("One query shows no difference for certain.")
        elif number < _LEAST:
            found.append(f"{number} queries are few: only large differences can be seen.")
        found += [f"Left out: {n:,} {reason}." for reason, n in self.questions.left_out.items()]
        found += [self.frozen[0].upper() + self.frozen[1:] + "."] if self.frozen else []
        if self.around != "{}":
            found.append(f"Measured is the dense branch by itself, in place of {{}} in {self.around}.")
        found += ["It was interrupted: pipelines that were not tried may be better."] if self.interrupted else []
        return found

    def _why(self) -> list[str]:
        if self.choice is None:
            done = [o for o in self.outcomes if o.status == "done"]
            smallest, fastest = min(o.bytes for o in done), min(o.p95 for o in done)
            return [
                f"No pipeline stays within {self.limits}: the smallest takes {smallest:,.0f} bytes a document, "
                f"the fastest {fastest:.2g} ms."
            ]
        chosen, best = self.choice.recommended, self.choice.best
        place = next(row.number for row in self.rows if row.outcome is chosen)
        facts = f"{self.metric} {chosen.mean:.3f}, {chosen.bytes:,.0f} bytes a document, {chosen.p50:.2g} ms a query"
        found = [f"Recommended is {place}: {chosen.expression} ({facts})."]
        within = f" within {self.limits}" if str(self.limits) else ""
        if chosen is best:
            found.append(
                f"It is the best{within}, and none that costs less comes within {self.margin:g} of it for certain."
            )
        else:
            found.append(
                f"It is the cheapest of {len(self.choice.tied)} pipelines{within} that are not inferior to the best by more "
                f"than {self.margin:g}. The best, {best.expression}, has {best.mean:.3f}: difference "
                f"{_difference(self.choice.against_best)}; it takes {_times(best.bytes, chosen.bytes)} the bytes and "
                f"{_times(best.p50, chosen.p50)} the time."
            )
        between = "among those near it" if chosen is best else "to the best"
        if 0 < self.choice.detectable < inf:
            found.append(
                f"A difference {between} below {self.choice.detectable:.3f} could not be seen with these queries."
            )
        present = next((o for o in self.outcomes if o.expression == self.now and o.status == "done"), None)
        if present is chosen:
            found.append("It is what the collection has now.")
        elif present is not None:
            gain = compare(present.by_query, chosen.by_query)
            found.append(f"Against what the collection has now ({present.mean:.3f}): {_difference(gain)}.")
        return found

    def _cut(self) -> list[str]:
        return [
            f"{number:,} passages are longer than what {encoder} reads: their ends took no part. In a collection "
            "--apply --rechunk cuts their documents again."
            for encoder, number in self.cut.items()
            if number
        ]

    def _checked(self) -> list[str]:
        if self.choice is None:
            return []
        chosen = self.held_out.get(self.choice.recommended.expression)
        if chosen is None:
            done = [o for o in self.outcomes if o.status == "done"]
            if len(done) < 2 or len(done[0].values) < 2:
                return []
            by_luck = optimism(done)
            said = f"No queries were held out; the best of so many looks about {by_luck:.3f} better than it is."
            return [said]
        found = [f"On {len(chosen.values)} queries that took no part in the choice it has {chosen.mean:.3f}"]
        best = self.held_out.get(self.choice.best.expression)
        if best is not None and best is not chosen:
            found.append(
                f"the best {best.mean:.3f} (difference {_difference(compare(best.by_query, chosen.by_query))})"
            )
        present = self.held_out.get(self.now or "")
        if present is not None and present is not chosen:
            gain = compare(present.by_query, chosen.by_query)
            found.append(f"the present pipeline {present.mean:.3f} (difference {_difference(gain)})")
        return [", ".join(found) + "."]

    def _parts(self) -> list[str]:
        found = []
        for effect in self.effects:
            if effect.difference is None:
                continue
            (first, score), (second, other) = effect.values[:2]
            verdict = "decides" if effect.decided else "these queries cannot decide"
            found.append(
                f"{effect.axis.capitalize()}: {verdict}: {first} {score:.3f}, {second} {other:.3f} "
                f"({_difference(effect.difference)})."
            )
        return found

    def _not_measured(self) -> list[str]:
        found = []
        dropped = sum(o.status == "dropped" for o in self.outcomes)
        if dropped:
            found.append(f"{dropped} of {len(self.outcomes)} pipelines were clearly beaten before their last query.")
        skipped = Counter(o.reason for o in self.outcomes if o.status == "skipped")
        found += [f"Not tried, {reason}: {number} pipelines." for reason, number in skipped.items()]
        found += [f"Failed: {o.expression}: {o.reason}" for o in self.outcomes if o.status == "failed"]
        return found

    # --- as files ----------------------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        """Everything in plain values: rows, sentences, effects and every trial."""
        return {
            "metric": self.metric,
            "recommended": self.recommended,
            "rows": [
                row.as_json(self.metric) | {"applies": self.around.replace("{}", row.outcome.expression)}
                for row in self.rows
            ],
            "sentences": self.sentences,
            "trials": [
                {
                    "pipeline": o.expression,
                    "status": o.status,
                    self.metric: o.mean if o.by_query else None,
                    "queries": len(o.by_query),
                    "p50_ms": o.p50 if o.ms else None,
                    "p95_ms": o.p95 if o.ms else None,
                    "bytes_per_document": o.bytes,
                    "build_s": o.build_s,
                    "reason": o.reason,
                }
                for o in self.outcomes
            ],
        }

    def write(self, folder: Path) -> list[Path]:
        """Write tune.json, tune.html and, where matplotlib is installed, tune.png; the paths."""
        facts = json.dumps(self.as_json(), ensure_ascii=False, indent=1)
        page = files("codomain.tuning").joinpath("report.html").read_text(encoding="utf-8")
        _replace(folder / "tune.json", facts)
        # inside a script element "</" would end it
        _replace(folder / "tune.html", page.replace("__TUNED__", facts.replace("</", "<\\/")))
        self.files[:] = [folder / "tune.json", folder / "tune.html"]
        from codomain.tuning.plot import plot

        if plot(self, folder / "tune.png"):
            self.files.append(folder / "tune.png")
        return self.files


def recommended_row(path: Path, number: int) -> str:
    """The pipeline of a row of a tune.json; raises InputError for a file or a number that is not there."""
    try:
        rows = {row["number"]: row["applies"] for row in json.loads(path.read_text(encoding="utf-8"))["rows"]}
    except OSError:
        raise InputError(f"{path} is not there: run codomain tune first.") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path} is not what codomain tune wrote.") from None
    if number not in rows:
        raise InputError(f"{path} has the rows {', '.join(map(str, rows))}, not {number}.")
    return str(rows[number])


def table(rows: Sequence[Row], metric: str) -> list[str]:
    """The rows as lines of text; `*` marks the recommended one, `=` what the collection has now."""
    lines = [
        f"   #  {metric:>8}  {'95 % interval':<15} {'p50 ms':>7} {'p95 ms':>7} {'bytes':>7} {'build s':>7}  pipeline"
    ]
    for row in rows:
        o = row.outcome
        mark = "*" if "recommended" in row.marks else "=" if "now" in row.marks else " "
        lines.append(
            f" {mark}{row.number:>2}  {o.mean:>8.3f}  {f'[{row.low:.3f}, {row.high:.3f}]':<15} {row.verdict:<8} "
            f"{o.p50:>7.2f} {o.p95:>7.2f} {o.bytes:>7,.0f} {o.build_s:>7.1f}  {o.expression}"
        )
    return lines


def _difference(comparison: Comparison) -> str:
    return f"{comparison.difference:+.3f} [{comparison.low:+.3f}, {comparison.high:+.3f}]"


def _times(one: float, other: float) -> str:
    return f"{one / other:.1f} times" if other else "many times"


def _replace(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
