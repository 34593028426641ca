"""Vectors to places on a plane: what can be placed, copies beside their originals, everything else by its neighbors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from codomain.arrays import Floats, Rows, as_float32, unit_rows
from codomain.maps.layout import laid_out
from codomain.maps.neighbors import Neighbors, nearest_others
from codomain.progress import Progress

_NEIGHBORS = 15
_GOLDEN = 2.399963
"""The golden angle: copies on a spiral never lie on a line."""
_STEP = 0.02


@dataclass(frozen=True)
class Projection:
    """Which rows were placed, where, their nearest others, and how many lie beside the original that they are a copy of."""

    rows: Rows
    """(m,) of the vectors, ascending; the others are all zero."""
    places: Floats
    """(m, 2)."""
    neighbors: Neighbors
    """(m, k) numbers of places, nearest first; a row itself where there are fewer."""
    copies: int


def project(vectors: Any, progress: Progress | None = None) -> Projection:
    """Places (m, 2) for vectors (n, d) so that neighbors by cosine stay neighbors. The same vectors give the same places.

    Neighbor embedding as t-SNE ("Visualizing Data using t-SNE", van der Maaten and Hinton 2008) with the attraction of UMAP,
    see `codomain.maps.layout`. Distances between groups, their areas and their density mean nothing.

    >>> corners = np.repeat(np.eye(3, dtype=np.float32), 40, axis=0)
    >>> spread = np.random.default_rng(0).normal(scale=0.1, size=corners.shape)
    >>> found = project(corners + spread)
    >>> found.places.shape, found.copies
    ((120, 2), 0)

    Raises InputError for what is no table of finite numbers.
    """
    vectors = as_float32(vectors)
    rows = np.flatnonzero(vectors.any(axis=1))
    first: dict[bytes, int] = {}
    original = np.array([first.setdefault(vectors[row].tobytes(), len(first)) for row in rows], np.int64)
    order = np.full(len(first), -1)  # the place of each original among the rows
    for place, number in enumerate(original.tolist()):
        if order[number] < 0:
            order[number] = place
    places, neighbors = _placed(unit_rows(vectors[rows[order]]), progress)
    of_rows = order[neighbors][original] if len(rows) else np.empty((0, 0), np.int64)
    own = np.arange(len(rows))[:, None]
    of_rows = np.where(of_rows == order[original][:, None], own, of_rows) if len(rows) else of_rows
    return Projection(rows, _spread(places[original]), of_rows.astype(np.int32), len(rows) - len(order))


def _placed(units: Floats, progress: Progress | None) -> tuple[Floats, Neighbors]:
    n = len(units)
    if n < 3:  # on a line
        line = np.stack([np.arange(n) - (n - 1) / 2, np.zeros(n)], axis=1)
        return line.astype(np.float32), np.arange(n, dtype=np.int32)[::-1].reshape(n, 1)
    if progress is not None:
        progress("finding neighbors", 0, n)
    neighbors = nearest_others(units, min(_NEIGHBORS, max(2, n // 10)))
    return laid_out(units, neighbors, progress), neighbors


def _spread(places: Floats) -> Floats:
    """Places (n, 2) of which no two are the same: those of copies, and of the closest neighbors, lie on a small spiral.

    >>> _spread(np.zeros((3, 2), np.float32)).astype(float).round(3).tolist()
    [[0.0, 0.0], [-0.015, 0.014], [0.002, -0.028]]
    """
    if not len(places):
        return places
    whole = np.rint(places / _STEP).astype(np.int64)
    whole -= whole.min(axis=0)
    before = _occurrence(whole[:, 0] * (int(whole[:, 1].max()) + 1) + whole[:, 1])
    angle, radius = before * _GOLDEN, _STEP * np.sqrt(before)
    return np.asarray(places + np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None], np.float32)


def _occurrence(numbers: Rows) -> Rows:
    """How often each number came before.

    >>> _occurrence(np.array([3, 1, 3, 3])).tolist()
    [0, 0, 1, 2]
    """
    if not len(numbers):
        return numbers
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[begins, len(ordered)])
    found = np.empty(len(numbers), np.int64)
    found[order] = np.arange(len(ordered)) - np.repeat(begins, lengths)
    return found
