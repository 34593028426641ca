"""What a search did: the plan it chose and the work it cost, collected without passing anything through it.

with collect() as report:
    index.search(queries, k)
report.scored, report.bytes_read, report.plans
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class FilterChoice:
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
class SearchStats:
    """The work of the searches inside one `collect()`, added up over its queries."""

    queries: int = 0
    scored: int = 0
    """Vectors compared with a query in any form, codes included."""
    fetched: int = 0
    """Full vectors (or lists of vectors) read through a FineStore."""
    bytes_read: int = 0
    """Bytes read from disk, whether or not the operating system had them in memory."""
    recomputed: int = 0
    """Vectors encoded again by an encoder."""
    seconds: float = 0.0
    plans: list[FilterChoice] = field(default_factory=list)
    parts: dict[str, SearchStats] = field(default_factory=dict)
    """The same for each named part: the branches of a pipeline, the filter."""

    def lines(self) -> list[str]:
        """A line for each part, filter and branches, with its plan and what it cost; then one for the whole.

        >>> with collect() as report:
        ...     with collect("bm25()"):
        ...         record(scored=3)
        >>> report.lines()[0].split(" ms")[1]
        ', 3 scored'
        """
        told = []
        for name, part in self.parts.items():
            plans = Counter(str(plan) for plan in part.plans)
            shown = [plan if times == 1 else f"{plan} x {times}" for plan, times in plans.most_common(3)]
            told.append(": ".join([name, "; ".join([*shown, part._work()])]))
        return [*told, f"search: {self._work()}"]

    def _work(self) -> str:
        amounts = (
            (self.scored, "scored"), (self.fetched, "full vectors fetched"), (self.recomputed, "encoded again"),
            (self.bytes_read, "bytes read"),
        )  # fmt: skip
        return ", ".join([f"{1e3 * self.seconds:.1f} ms", *(f"{n:,} {what}" for n, what in amounts if n)])

    def as_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return asdict(self)


_current: ContextVar[SearchStats | None] = ContextVar("report", default=None)


_NOTHING = nullcontext()
_watcher: Callable[[str], AbstractContextManager[Any]] | None = None


def watch(watcher: Callable[[str], AbstractContextManager[Any]] | None) -> None:
    """Let every part that is recorded run inside a context of its name; None ends that. For spans, one watcher a process."""
    global _watcher
    _watcher = watcher


@contextmanager
def collect(part: str | None = None) -> Iterator[SearchStats]:
    """Collect what the searches of this thread note; an outer recording gets it too, under the name of the part if any.

    A part that is recorded again is added up.

    >>> with collect() as report:
    ...     record(scored=10)
    >>> report.scored
    10
    """
    outer, report = _current.get(), SearchStats()
    token = _current.set(report)
    start = time.perf_counter()
    try:
        with _NOTHING if part is None or _watcher is None else _watcher(part):
            yield report
    finally:
        report.seconds = time.perf_counter() - start
        _current.reset(token)
        if outer is not None:
            _add(outer, report, part)


def record(*, plan: FilterChoice | None = None, **work: int) -> None:
    """Add to the report that is being recorded, if any: `queries`, `scored`, `fetched`, `bytes_read`, `recomputed`."""
    report = _current.get()
    if report is None:
        return
    for name, amount in work.items():
        setattr(report, name, getattr(report, name) + int(amount))
    if plan is not None:
        report.plans.append(plan)


def _add(outer: SearchStats, inner: SearchStats, part: str | None) -> None:
    for name in ("queries", "scored", "fetched", "bytes_read", "recomputed"):
        setattr(outer, name, getattr(outer, name) + getattr(inner, name))
    outer.plans += inner.plans
    for name, report in inner.parts.items():
        outer.parts[name] = report
    if part is not None:
        if part in outer.parts:  # searched again, deeper
            outer.parts[part].seconds += inner.seconds
            _add(outer.parts[part], inner, None)
        else:
            outer.parts[part] = inner
