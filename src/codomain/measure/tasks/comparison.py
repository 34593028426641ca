"""Several pipelines on the same data in one table: means, intervals, and whether the differences are significant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from codomain.errors import InputError
from codomain.measure.data.datasets import Dataset, load
from codomain.measure.metrics.significance import Groups
from codomain.measure.tasks.evaluation import Evaluation, compare_evaluations, evaluate
from codomain.pipeline import Pipeline, pipeline
from codomain.progress import Progress
from codomain.stage import Stage


@dataclass(frozen=True)
class Row:
    """A pipeline on a data set by a metric; `difference` to the first pipeline with its interval and corrected p."""

    pipeline: str
    dataset: str
    metric: str
    mean: float
    low: float
    high: float
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    """Two-sided, of a paired permutation test, corrected by Holm for all comparisons of the metric."""

    @property
    def significant(self) -> bool:
        """Whether the difference to the first pipeline is, at 5 percent."""
        return self.p is not None and self.p < 0.05


@dataclass(frozen=True)
class Table:
    """What `compare` gives: rows, printed as a table, and every evaluation behind them by pipeline and data set."""

    rows: list[Row]
    evaluations: dict[str, dict[str, Evaluation]]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        return "\n".join([*_aligned([_HEAD, *map(_cells, self.rows)]), *self.notes])

    @property
    def notes(self) -> list[str]:
        """What was left out, by data set; the same for all pipelines."""
        first = next(iter(self.evaluations.values()), {})
        return [f"{name}: {note}" for name, one in first.items() for note in one.notes]

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f"<th>{escape(cell)}</th>" for cell in _HEAD)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in _cells(row))}</tr>" for row in self.rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"

    def as_json(self) -> list[dict[str, Any]]:
        """The rows as plain values."""
        return [asdict(row) for row in self.rows]

    def to_pandas(self) -> Any:
        """The rows as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.as_json())


def compare(
    pipelines: Sequence[str | Stage | Pipeline],
    data: str | Dataset | Sequence[str | Dataset],
    metrics: Sequence[str] | None = None,
    *,
    k: int = 100,
    groups: Groups | Literal["document"] | None = None,
    progress: Progress | None = None,
    exclude_self: bool | None = None,
) -> Table:
    """Measure several pipelines on the same data sets, each against the first, paired by query; `exclude_self` as in `evaluate`.

    >>> table = compare(["bm25()", "bm25(stemmer=None)"], "wordnet", ["RR"], k=10)
    >>> [row.pipeline for row in table], table.rows[0].difference is None
    (['bm25()', 'bm25(stemmer=None)'], True)

    Raises InputError for no pipelines, one that is there twice, or an unknown data set or metric; PipelineError for a
    pipeline that cannot search.
    """
    pipes = [pipeline(one) for one in pipelines]
    if not pipes or len({*map(str, pipes)}) < len(pipes):
        raise InputError("compare takes one or more pipelines, each once.")
    several = [data] if isinstance(data, str | Dataset) else [*data]
    sets = [one if isinstance(one, Dataset) else load(one) for one in several]
    if len({one.name for one in sets}) < len(sets):
        raise InputError("compare takes each data set once.")
    found = {
        str(pipe): {
            one.name: evaluate(pipe, one, metrics, k, progress, groups, exclude_self=exclude_self) for one in sets
        }
        for pipe in pipes
    }
    first, *others = found
    differences = compare_evaluations(found[first], {name: found[name] for name in others}) if others else {}
    rows = []
    for one in sets:
        for metric in found[first][one.name].means:
            for name in found:
                evaluation = found[name][one.name]
                low, high = evaluation.interval(metric)
                other = differences.get((metric, one.name, name))
                # a comparison is the first pipeline minus the other: turned round, so that a gain is positive
                rows.append(
                    Row(name, one.name, metric, evaluation.mean(metric), low, high)
                    if other is None
                    else Row(
                        name,
                        one.name,
                        metric,
                        evaluation.mean(metric),
                        low,
                        high,
                        -other.difference,
                        -other.high,
                        -other.low,
                        other.corrected_p,
                    )
                )
    return Table(rows, found)


_HEAD = ["data set", "metric", "mean", "95 % interval", "difference", "95 % interval", "p", "pipeline"]


def _cells(row: Row) -> list[str]:
    difference = ["", "", ""]
    if row.difference is not None:
        difference = [
            f"{row.difference:+.3f}", f"[{row.difference_low:+.3f}, {row.difference_high:+.3f}]", f"{row.p:.3g}",
        ]  # fmt: skip
    return [row.dataset, row.metric, f"{row.mean:.3f}", f"[{row.low:.3f}, {row.high:.3f}]", *difference, row.pipeline]


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
