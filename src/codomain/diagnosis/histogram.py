"""What a figure is the middle of: counts of values in bins, as bars of text and on a page; and documents by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from codomain.diagnosis.words import written

_BINS = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"
_NARROWEST = 5
"""Columns of the longest bar on the narrowest terminal."""
_SHOWN, _KEPT = 5, 100
"""Ids in text and on the page, and in JSON; the others are counted."""


@dataclass(frozen=True)
class Histogram:
    """How many values lie from each edge (b + 1,) to the next; the last bin has both its edges."""

    label: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, label: str, values: ArrayLike, edges: Sequence[float] | None = None, log: bool = False) -> Histogram:
        """Of the values (n,) that are finite, in ten bins between round edges, or in the bins given; `log` for ratios.

        >>> Histogram.of("lengths", [1, 2, 2, 7], edges=[0, 5, 10]).counts
        (3, 1)
        """
        found = np.asarray(values, np.float64).ravel()
        found = found[np.isfinite(found)]
        chosen = edges is None
        if edges is None:
            edges = _doubling(found) if log else _round(found)
        counts = np.histogram(found, np.asarray(edges, np.float64))[0].tolist()
        while chosen and len(counts) > 1 and not (counts[0] and counts[-1]):  # bins at the ends that nothing is in
            counts, edges = (counts[1:], edges[1:]) if not counts[0] else (counts[:-1], edges[:-1])
        return cls(label, tuple(float(edge) for edge in edges), tuple(int(count) for count in counts))

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"label": self.label, "edges": [*self.edges], "counts": [*self.counts]}

    def lines(self, width: int, ascii_only: bool = False) -> list[str]:
        """The label, and one bar a bin, none wider than `width` columns; a count that is not 0 has a bar that is seen.

        >>> print(chr(10).join(Histogram.of("lengths", [1, 2, 2, 7], edges=[0, 5, 10]).lines(28, ascii_only=True)))
          lengths
            0 to 5   ############# 3
            5 to 10  #### 1
        """
        names = [f"{_edge(a)} to {_edge(b)}" for a, b in zip(self.edges[:-1], self.edges[1:], strict=True)]
        counts = [f"{count:,}" for count in self.counts]
        left, right, most = max(map(len, names)), max(map(len, counts)), max(self.counts, default=0)
        room = max(_NARROWEST, width - 4 - left - 2 - 1 - right)
        found = [f"  {line}" for line in wrap(self.label, max(width - 2, 1))]
        for name, count, written_count in zip(names, self.counts, counts, strict=True):
            bar = _bar(count / most if most else 0.0, room, ascii_only)
            found.append(f"    {name:<{left}}  {bar}{' ' if bar else ''}{written_count}"[: max(width, 1)])
        return found

    def html(self) -> str:
        """The same as a table of bars."""
        most = max(self.counts, default=0) or 1
        rows = "".join(
            f'<tr><td>{_edge(a)} to {_edge(b)}</td><td><span class="bar"><b style="width:{100 * count / most:.1f}%"></b>'
            f"</span></td><td>{count:,}</td></tr>"
            for a, b, count in zip(self.edges[:-1], self.edges[1:], self.counts, strict=True)
        )
        return f'<table class="histogram"><caption>{escape(self.label)}</caption>{rows}</table>'


@dataclass(frozen=True)
class Named:
    """Documents that a figure counts: the first hundred of their ids, and how many there are."""

    label: str
    ids: tuple[str, ...]
    total: int

    @classmethod
    def of(cls, label: str, ids: Iterable[str]) -> Named:
        """Each document once, in its order."""
        every = [*dict.fromkeys(ids)]
        return cls(label, tuple(every[:_KEPT]), len(every))

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"label": self.label, "ids": [*self.ids], "total": self.total}

    def __str__(self) -> str:
        more = f" and {self.total - _SHOWN:,} more" if self.total > _SHOWN else ""
        return f"{self.label}: {', '.join(self.ids[:_SHOWN])}{more}"


def _bar(share: float, room: int, ascii_only: bool) -> str:
    if share <= 0:
        return ""
    if ascii_only:
        return "#" * max(1, round(share * room))
    eighths = max(1, round(8 * share * room))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _edge(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e15 else written(value)


def _round(values: np.ndarray) -> Sequence[float]:
    """About ten bins of a width of 1, 2 or 5 times a power of ten."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if high <= low:
        return [low, low + 1]
    rough = (high - low) / _BINS
    power = 10.0 ** np.floor(np.log10(rough))
    step = float(next(factor for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9)) * power)
    first, last = int(np.floor(low / step)) - 1, int(np.ceil(high / step)) + 1
    digits = max(0, int(-np.floor(np.log10(step))))
    return [round(step * i, digits) for i in range(first, last + 1)]


def _doubling(values: np.ndarray) -> Sequence[float]:
    """0, 1, 2, 4 and on until nothing is above."""
    edges = [0.0, 1.0]
    most = float(values.max()) if len(values) else 0.0
    while edges[-1] <= most:
        edges.append(2 * edges[-1])
    return edges
