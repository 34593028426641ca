"""What a search did: the plan it chose and the work it cost, collected without passing anything through it.

with recording() as report:
    index.search(queries, k)
report.scored, report.bytes_read, report.plans
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """A choice among ways to answer: its expected milliseconds and those of the ways not taken."""

    choice: str
    matches: int
    rows: int
    expected_ms: float | None = None
    alternatives: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        share = f"{self.matches:,} of {self.rows:,} rows match"
        cost = "" if self.expected_ms is None else f", about {self.expected_ms:.3g} ms"
        others = ", ".join(f"{name} {ms:.3g} ms" for name, ms in self.alternatives.items())
        return f"{self.choice} ({share}{cost}{'; ' + others if others else ''})"


@dataclass
class Report:
    """The work of the searches inside one `recording()`, added up over its queries."""

    queries: int = 0
    scored: int = 0
    """Vectors compared with a query in any form, codes included."""
    fetched: int = 0
    """Full vectors (or lists of vectors) read through a FineStore."""
    bytes_read: int = 0
    """Bytes read from disk, whether or not the operating system had them in memory."""
    recomputed: int = 0
    """Vectors made anew by an encoder."""
    plans: list[Plan] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return asdict(self)


_current: ContextVar[Report | None] = ContextVar("report", default=None)


@contextmanager
def recording() -> Iterator[Report]:
    """Collect what the searches of this thread note; an outer recording gets it too.

    >>> with recording() as report:
    ...     note(scored=10)
    >>> report.scored
    10
    """
    report = Report()
    token = _current.set(report)
    try:
        yield report
    finally:
        _current.reset(token)
        work = {name: value for name, value in vars(report).items() if name != "plans"}
        note(**work)
        for plan in report.plans:
            note(plan=plan)


def note(*, plan: Plan | None = None, **work: int) -> None:
    """Add to the report that is being recorded, if any: `queries`, `scored`, `fetched`, `bytes_read`, `recomputed`."""
    report = _current.get()
    if report is None:
        return
    for name, amount in work.items():
        setattr(report, name, getattr(report, name) + int(amount))
    if plan is not None:
        report.plans.append(plan)
