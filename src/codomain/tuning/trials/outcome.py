"""What came of trying a pipeline: a value and a time for every query, what it costs, or why there is none."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.tuning.labels import Chunks, pipeline_of, unlabeled

Status = Literal["done", "dropped", "failed", "skipped"]

Values = NDArray[np.float64]


class Timing(NamedTuple):
    """Milliseconds of a query: the median, what 95 of 100 stay below, and the lowest and the highest median of a round."""

    p50: float
    p95: float
    low: float
    high: float


@dataclass(frozen=True)
class StageCosts:
    """What a pipeline takes: bytes that its indexes hold for a document, seconds to build them and to encode."""

    bytes: float = 0.0
    build_s: float = 0.0
    encode_s: float = 0.0


SAME = 1e-9
"""Values of a metric that differ by no more are equal: the last bits depend on the order of summation and the processor."""


@dataclass(frozen=True)
class Outcome:
    """One trial: "done" with all queries, "dropped" when it had no chance after some, "failed" or "skipped" with a reason."""

    expression: str
    """What the trial is called: the pipeline, and the chunks where documents are cut otherwise."""
    status: Status = "done"
    by_query: dict[str, float] = field(default_factory=dict)
    ms: list[float] = field(default_factory=list)
    costs: StageCosts = field(default_factory=StageCosts)
    reason: str = ""
    winner: str = ""
    """The pipeline that a dropped one lost to."""
    beaten: bool = False
    """Whether a dropped one is clearly below it; otherwise it is certain that it is not better by a margin."""
    confirmed: Timing | None = None
    """Milliseconds of a real collection with this pipeline, where that was measured."""

    @property
    def pipeline(self) -> str:
        """What a collection would have."""
        return pipeline_of(self.expression)

    @property
    def chunks(self) -> Chunks | None:
        """How its documents are cut, None for the chunks that are there."""
        return unlabeled(self.expression)[1]

    @cached_property
    def values(self) -> Values:
        """The metric by query (queries,), in the order of the questions."""
        return np.array([*self.by_query.values()], np.float64)

    @cached_property
    def _summed_ms(self) -> Values:
        return np.cumsum(self.ms)

    def mean_ms(self, queries: int) -> float:
        """Mean milliseconds of the first so many queries, of all where there are fewer; NaN without any."""
        asked = min(queries, len(self.ms))
        return float(self._summed_ms[asked - 1]) / asked if asked else float("nan")

    @property
    def mean(self) -> float:
        """The metric over the queries that were asked; NaN without any."""
        return math.fsum(self.values) / len(self.values) if len(self.values) else float("nan")

    @property
    def quality(self) -> float:
        """The mean as it is compared: equal for pipelines whose means differ by rounding alone."""
        return round(self.mean, 9)

    @property
    def p50(self) -> float:
        """Median milliseconds of a query, on one thread: of a collection where it was timed, else of the pipeline alone."""
        return self.confirmed.p50 if self.confirmed else self.p50_alone

    @property
    def p50_alone(self) -> float:
        """Median milliseconds of the pipeline alone, without a collection around it: what all trials have."""
        return self._quantile(0.5)

    @property
    def p95(self) -> float:
        """The milliseconds that 95 of 100 queries stay below."""
        return self.confirmed.p95 if self.confirmed else self._quantile(0.95)

    @property
    def bytes(self) -> float:
        """What its indexes hold for a document."""
        return self.costs.bytes

    @property
    def build_s(self) -> float:
        """Seconds to encode the documents and to build the indexes."""
        return self.costs.build_s + self.costs.encode_s

    def _quantile(self, q: float) -> float:
        return float(np.quantile(self.ms, q)) if self.ms else float("nan")

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Outcome:
        """What `as_json` gave; raises TypeError, ValueError or KeyError for anything else."""
        if not isinstance(values, dict):
            raise TypeError(f"an outcome is no {type(values).__name__}")
        confirmed = values.get("confirmed")
        return cls(
            **values
            | {"costs": StageCosts(**values["costs"]), "confirmed": None if confirmed is None else Timing(*confirmed)}
        )
