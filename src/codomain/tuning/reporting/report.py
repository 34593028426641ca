"""What `tune` found: a table, sentences that say what the data show and what they cannot, and files of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from codomain.endpoints.usage import dollars
from codomain.errors import InputError
from codomain.files import replacing
from codomain.measure.data.corpus import Questions
from codomain.measure.metrics.significance import compare, interval
from codomain.tuning.choice.effects import LEVEL, Effect, effects
from codomain.tuning.choice.selection import Limits, PipelineChoice
from codomain.tuning.growth import Grown
from codomain.tuning.labels import Chunks
from codomain.tuning.money import Bill
from codomain.tuning.reporting.sentences import never_beaten, sentences
from codomain.tuning.trials.outcome import Outcome


@dataclass(frozen=True)
class Row:
    """A line of the table: a pipeline on the frontier, the recommended, the best, the highest or the present one."""

    number: int
    outcome: Outcome
    low: float
    high: float
    marks: tuple[str, ...]
    """Of "recommended", "best", "highest" (of all means), "now", "frontier"."""
    verdict: str
    """Beside the best: "best", "as good" (not inferior within the margin), "worse", "no better" (dropped), or "unclear": the queries cannot tell."""

    def as_json(self, metric: str) -> dict[str, Any]:
        """Plain values."""
        return {
            "number": self.number,
            "pipeline": self.outcome.pipeline,
            "chunks": self.outcome.chunks,
            metric: self.outcome.mean,
            "low": self.low,
            "high": self.high,
            "p50_ms": self.outcome.p50,
            "p95_ms": self.outcome.p95,
            "p50_of_rounds_ms": [confirmed.low, confirmed.high] if (confirmed := self.outcome.confirmed) else None,
            "p50_alone_ms": self.outcome.p50_alone,
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
    """On which pipelines were measured."""
    name: str = ""
    """Of the collection or the data set."""
    of_documents: int = 0
    """That there are."""
    of_pipelines: int = 0
    """In the whole space, where `most` left some of them out; else 0."""
    more_seconds: float = 0.0
    """What measuring on all of them would take."""
    budget: float | None = None
    workers: int = 1
    """Trials that ran at a time."""
    busy: float | None = None
    """The share of their time that timed searches waited for a processor, where it was large."""
    frozen: str = ""
    around: str = "{}"
    """What the measured pipelines are part of: with "fidelity" a dense branch stands for {}."""
    never_dropped: tuple[str, ...] = ()
    """Pipelines that were asked to the end whatever came of them."""
    interrupted: bool = False
    notes: Sequence[str] = ()
    """Sentences about the queries, where they come from and how they are asked."""
    cut: dict[str, int] = field(default_factory=dict)
    """Passages that are longer than what an encoder of the recommended pipeline reads, by the encoder."""
    growth: Sequence[Grown] = ()
    """The recommended and the present pipeline on parts of the corpus."""
    bills: Mapping[str, Bill] = field(default_factory=dict)
    """Dollars of each pipeline, where encoders have prices."""
    files: list[Path] = field(default_factory=list)

    @property
    def recommended(self) -> str | None:
        """The recommended pipeline; None where none stays within the limits."""
        return None if self.choice is None else self.choice.recommended.pipeline

    @property
    def recommended_chunks(self) -> Chunks | None:
        """The chunks that the recommended pipeline was measured on; None for those that are there."""
        return None if self.choice is None else self.choice.recommended.chunks

    @cached_property
    def rows(self) -> list[Row]:
        """The frontier, cheapest first, and beside it the recommended, the best, the highest and the present pipeline."""
        marks: dict[str, list[str]] = {}
        for name, some in (
            ("recommended", [self.choice.recommended] if self.choice else []),
            ("best", [self.choice.best] if self.choice else []),
            ("highest", [self.choice.highest] if self.choice and self.choice.highest is not self.choice.best else []),
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
        if outcome.status == "dropped":
            return "worse" if outcome.beaten else "no better"
        first, second = self.held_out.get(best.expression), self.held_out.get(outcome.expression)
        if first is None or second is None:
            tries = sum(o.status == "done" for o in self.outcomes)
            return "unclear" if never_beaten(outcome, best, tries) else "worse"
        apart = compare(first.by_query, second.by_query)
        return "worse" if apart.difference < 0 and apart.p * max(1, len(self.held_out) - 1) < LEVEL else "unclear"

    @cached_property
    def effects(self) -> list[Effect]:
        """What each part of a pipeline is worth on these queries."""
        return effects(self.outcomes, self.documents, self.never_dropped)

    @cached_property
    def sentences(self) -> list[str]:
        """What was chosen and why, what it is worth on queries held out, and what these queries cannot tell."""
        return sentences(self)

    # --- as files ----------------------------------------------------------------------------------------------------

    def as_json(self) -> dict[str, Any]:
        """Everything in plain values: rows, sentences, effects and every trial."""
        return {
            "name": self.name,
            "metric": self.metric,
            "recommended": self.recommended,
            "recommended_chunks": self.recommended_chunks,
            "rows": [
                row.as_json(self.metric)
                | self._usd(row.outcome)
                | {"applies": self.around.replace("{}", row.outcome.pipeline)}
                for row in self.rows
            ],
            "growth": [one.as_json(self.metric) for one in self.growth],
            "sentences": self.sentences,
            "trials": [
                {
                    "pipeline": o.pipeline,
                    "chunks": o.chunks,
                    "status": o.status,
                    self.metric: o.mean if o.by_query else None,
                    "queries": len(o.by_query),
                    "p50_ms": o.p50 if o.ms else None,
                    "p95_ms": o.p95 if o.ms else None,
                    "p50_alone_ms": o.p50_alone if o.ms else None,
                    "bytes_per_document": o.bytes,
                    "build_s": o.build_s,
                    "reason": o.reason,
                }
                | self._usd(o)
                for o in self.outcomes
            ],
        }

    def _usd(self, outcome: Outcome) -> dict[str, float]:
        bill = self.bills.get(outcome.expression)
        return {} if bill is None else {"usd_documents": bill.documents, "usd_1000_queries": bill.queries}

    def write(self, folder: Path) -> list[Path]:
        """Write tune.json, tune.html and, where matplotlib is installed, tune.png; the paths."""
        facts = json.dumps(self.as_json(), ensure_ascii=False, indent=1)
        page = files("codomain.tuning.reporting").joinpath("report.html").read_text(encoding="utf-8")
        _replace(folder / "tune.json", facts)
        # inside a script element "</" would end it
        _replace(folder / "tune.html", page.replace("__TUNED__", facts.replace("</", "<\\/")))
        self.files[:] = [folder / "tune.json", folder / "tune.html"]
        from codomain.tuning.reporting.plot import plot

        if plot(self, folder / "tune.png"):
            self.files.append(folder / "tune.png")
        return self.files


def recommended_row(path: Path, number: int) -> str:
    """The pipeline of a row of a tune.json; raises InputError for a file or a number that is not there."""
    return str(_row(path, number)["applies"])


def recommended_chunks(path: Path, number: int) -> Chunks | None:
    """The chunks of a row of a tune.json, None for those that are there; raises InputError as `recommended_row` does."""
    chunks = _row(path, number).get("chunks")
    return None if chunks is None else Chunks(*chunks)


def _row(path: Path, number: int) -> dict[str, Any]:
    try:
        rows = {row["number"]: row for row in json.loads(path.read_text(encoding="utf-8"))["rows"] if row["applies"]}
    except OSError:
        raise InputError(f"{path} is not there: run codomain tune first.") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path} is not what codomain tune wrote.") from None
    if number not in rows:
        raise InputError(f"{path} has the rows {', '.join(map(str, rows))}, not {number}.")
    return dict(rows[number])


def table(rows: Sequence[Row], metric: str, bills: Mapping[str, Bill] | None = None) -> list[str]:
    """The rows as lines of text; `*` marks the recommended one, `=` what the collection has now; dollars where there are bills."""
    money = f" {'documents':>10} {'1000 q.':>10}" if bills else ""
    lines = [
        f"   #  {metric:>8}  {'95 % interval':<15} {'p50 ms':>7} {'p95 ms':>7} {'bytes':>7} {'build s':>7}{money}  pipeline"
    ]
    for row in rows:
        o = row.outcome
        mark = "*" if "recommended" in row.marks else "=" if "now" in row.marks else " "
        bill = bills.get(o.expression, Bill()) if bills else None
        usd = f" {dollars(bill.documents):>10} {dollars(bill.queries):>10}" if bill else ""
        lines.append(
            f" {mark}{row.number:>2}  {o.mean:>8.3f}  {f'[{row.low:.3f}, {row.high:.3f}]':<15} {row.verdict:<8} "
            f"{o.p50:>7.2f} {o.p95:>7.2f} {o.bytes:>7,.0f} {o.build_s:>7.1f}{usd}  {o.expression}"
        )
    return lines


def _replace(path: Path, text: str) -> None:
    with replacing(path) as file:
        file.write(text.encode())
