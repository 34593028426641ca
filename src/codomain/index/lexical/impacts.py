"""What each posting adds to the score of its row, computed once: a query then reads and adds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats
from codomain.index.lexical.postings import Segment

_POSTINGS = 1 << 20
"""Postings weighed at a time: bounds the memory of what lies between."""


class Impacts(NamedTuple):
    """The postings of the rows of a segment that count: those of term i are rows and values from starts[i] to starts[i + 1]."""

    rows: NDArray[np.int32]
    values: Floats
    starts: NDArray[np.int64]


def weigh(counts: NDArray[np.uint16], saturation: Floats) -> Floats:
    """What counts (m,) are worth in rows with these saturations (m,).

    >>> weigh(np.uint16([1, 2]), np.float32([1, 2]))
    array([0.5, 0.5], dtype=float32)
    """
    # tf / (tf + k1 (1 - b + b dl / avgdl))
    tf = counts.astype(np.float32)
    return np.asarray(tf / (tf + saturation))


def impacts(part: Segment, saturation: Floats, alive: NDArray[np.bool_] | None) -> Impacts:
    """Of a segment, `saturation` and `alive` (rows,) being of all rows of the index; None where all are alive."""
    rows, counts, starts = part.rows, part.counts, part.starts
    if alive is not None:
        kept = alive[rows]
        before = np.concatenate([[0], np.cumsum(kept)])
        rows, counts, starts = rows[kept], counts[kept], before[starts]
    values = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _POSTINGS):
        some = slice(start, start + _POSTINGS)
        values[some] = weigh(counts[some], saturation[rows[some]])
    return Impacts(np.ascontiguousarray(rows, np.int32), values, np.ascontiguousarray(starts, np.int64))
