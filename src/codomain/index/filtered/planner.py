"""The planner before any graph: what a filter matches is known, so the cheapest way to the answer can be chosen.

A few matches are scanned exactly, faster than any graph can be asked to find them; many are left to the graph (or to
lists) with a selector and more effort. The costs are measured on the machine that searches, once for each index.
After "Benchmarking Filtered Approximate Nearest Neighbor Search Algorithms on Transformer-based Embedding Vectors" (2025).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from codomain.arrays import Rows, allowed_rows
from codomain.trace import FilterChoice


class Allowed:
    """The rows that a search may give, of `stored` ones: as a mask, as sorted rows or all, whichever is asked for."""

    def __init__(self, allow: np.ndarray | None, stored: int, removed: Rows) -> None:
        self.stored = stored
        self._given = allow
        self._removed = removed
        self.everything = allow is None and not len(removed)
        self.settings: dict[int, Any] = {}
        """What an index has made of the mask to search with, by effort."""

    @cached_property
    def mask(self) -> np.ndarray:
        """A mask (stored,)."""
        given = self._given
        if given is not None and np.asarray(given).dtype == bool and len(given) == self.stored:
            mask = np.asarray(given)
            if not len(self._removed):
                return mask
            mask = mask.copy()
        else:
            rows = allowed_rows(given, self.stored)
            mask = np.full(self.stored, rows is None)
            if rows is not None:
                mask[rows] = True
        mask[self._removed] = False
        return mask

    @cached_property
    def rows(self) -> Rows | None:
        """The sorted rows; None means all."""
        if self.everything:
            return None
        if not len(self._removed):
            return allowed_rows(self._given, self.stored)
        return np.flatnonzero(self.mask)

    @cached_property
    def matches(self) -> int:
        """How many rows are allowed."""
        if self.everything:
            return self.stored
        return int(np.count_nonzero(self.mask)) if "rows" not in self.__dict__ else len(self.rows)  # type: ignore[arg-type]

    @property
    def share(self) -> float:
        """The selectivity: the share of the stored rows that is allowed."""
        return self.matches / max(self.stored, 1)


class Way(NamedTuple):
    """One way to answer: what it is expected to cost for one query, and the effort (ef, nprobe) it takes."""

    name: str
    ms: float
    effort: int = 0


def cheapest(ways: list[Way], allowed: Allowed) -> tuple[Way, FilterChoice]:
    """The way that costs least, and the plan to report."""
    best = min(ways, key=lambda way: way.ms)
    others = {way.name: way.ms for way in ways if way is not best}
    return best, FilterChoice(best.name, allowed.matches, allowed.stored, best.ms, others)


@dataclass(frozen=True)
class QueryCosts:
    """Milliseconds for one query on this machine.

    An exact scan of m rows costs `base + m * row`, but no more than all rows `in_place` each where rows can be scored
    where they lie; a walk of a graph or a visit of lists costs `start + e * effort` for an ef or nprobe of e.
    """

    base: float
    row: float
    in_place: float
    start: float
    effort: float

    def search(self, effort: int) -> float:
        """What a walk or a visit with some effort costs."""
        return self.start + effort * self.effort

    def scan(self, allowed: Allowed) -> float:
        """What an exact scan of the allowed rows costs."""
        return min(self.base + allowed.matches * self.row, allowed.stored * self.in_place)


def milliseconds(run: Callable[[], object], turns: int = 3) -> float:
    """The median of a few runs, after one that warms up."""
    run()
    times = []
    for _ in range(turns):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return sorted(times)[turns // 2] * 1e3
