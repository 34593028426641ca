"""The lines of a page in the order in which they are read: the columns of prose one after the other, tables row by row."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

_BINS = 200
_FEWEST = 4
"""Lines that a column must have."""


class Box(NamedTuple):
    """A line, or a part of one, on a page: y counts upwards; `number` says which it is."""

    left: float
    bottom: float
    right: float
    top: float
    number: int

    @property
    def middle(self) -> float:
        """Its height on the page."""
        return (self.bottom + self.top) / 2


def in_columns(boxes: Sequence[Box]) -> list[list[Box]] | None:
    """The lines of a page by blocks that are read one after the other; None where there are no columns of prose.

    >>> rows = [Box(x, 700 - 12 * y, x + 240, 710 - 12 * y, 2 * y + (x > 100)) for y in range(6) for x in (50, 310)]
    >>> [[box.number for box in block] for block in in_columns(rows)]
    [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]]
    """
    gutter = _gutter(boxes)
    if gutter is None:
        return None
    across = sorted((box for box in boxes if box.left < gutter < box.right), key=lambda box: -box.middle)
    beside = sorted((box for box in boxes if not box.left < gutter < box.right), key=lambda box: -box.middle)
    blocks: list[list[Box]] = []
    start = 0
    for line in (*across, None):
        stop = start
        while stop < len(beside) and (line is None or beside[stop].middle > line.middle):
            stop += 1
        for side in (True, False):
            column = [box for box in beside[start:stop] if (box.right <= gutter) is side]
            blocks += in_columns(column) or [column]  # a third column is a column of the second
        start = stop
        if line is not None:
            blocks.append([line])
    return [block for block in blocks if block]


def _gutter(boxes: Sequence[Box]) -> float | None:
    """Where the space between two columns of prose is: few lines cross it, and those on both sides nearly fill their column."""
    if len(boxes) < 2 * _FEWEST:
        return None
    left, right = min(box.left for box in boxes), max(box.right for box in boxes)
    bin_width = (right - left) / _BINS
    if bin_width <= 0:
        return None
    changes = [0] * (_BINS + 2)
    for box in boxes:
        changes[int((box.left - left) / bin_width)] += 1
        changes[min(int((box.right - left) / bin_width) + 1, _BINS + 1)] -= 1
    crossing, covered = [], 0
    for change in changes[:_BINS]:
        covered += change
        crossing.append(covered)
    inner = range(_BINS // 5, _BINS - _BINS // 5)
    fewest = min(crossing[i] for i in inner)
    if fewest > 0.2 * len(boxes):
        return None
    run = _widest([i for i in inner if crossing[i] == fewest])
    height = median(box.top - box.bottom for box in boxes)
    if len(run) * bin_width < 0.5 * height:
        return None
    gutter = left + (run[0] + len(run) / 2) * bin_width
    sides = ([b for b in boxes if b.right <= gutter], [b for b in boxes if b.left >= gutter])
    if any(len(side) < _FEWEST for side in sides):
        return None
    for side in sides:
        width = max(box.right for box in side) - min(box.left for box in side)
        lines = len({round(box.middle / height) for box in side})
        # the cells of a table are narrow, or leave much of their column empty
        if width < 12 * height or sum(box.right - box.left for box in side) < 0.5 * width * lines:
            return None
    shared = min(max(b.top for b in side) for side in sides) - max(min(b.bottom for b in side) for side in sides)
    return gutter if shared > 2 * height else None


def _widest(positions: list[int]) -> range:
    """The longest run of neighbours."""
    best = range(0)
    start = 0
    for i in range(1, len(positions) + 1):
        if i == len(positions) or positions[i] != positions[i - 1] + 1:
            if i - start > len(best):
                best = range(positions[start], positions[i - 1] + 1)
            start = i
    return best


def in_lines(boxes: Sequence[Box]) -> list[list[Box]]:
    """Boxes that stand beside each other on one line, closer than a space between columns, from the top down."""
    lines: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: (-box.middle, box.left)):
        # a word in bold or a formula begins a new box in the same line
        for line in lines[:-9:-1]:
            last = line[-1]
            height = max(box.top - box.bottom, last.top - last.bottom)
            if abs(box.middle - last.middle) < 0.5 * height and -0.3 * height < box.left - last.right < 0.8 * height:
                line.append(box)
                break
        else:
            lines.append([box])
    return lines
