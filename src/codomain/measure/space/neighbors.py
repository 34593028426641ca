"""Who is near whom among the rows: nearest others by cosine, rows that are near everything, rows that are nearly the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, Hits, unit_rows
from codomain.errors import InputError
from codomain.index.flat import Flat

_BLOCK = 2_000


def nearest(X: Floats, k: int, rows: NDArray[np.integer] | None = None) -> Hits:
    """The k nearest others, by cosine, of some rows of (n, d), or of all: Hits (r, k), exact, without the row itself.

    >>> nearest(np.float32([[1, 0], [1, 0.1], [0, 1]]), 1).rows.tolist()
    [[1], [0], [1]]

    Raises InputError where there are no k others.
    """
    X = unit_rows(X)
    if not 1 <= k < len(X):
        raise InputError(f"{len(X)} vectors have no {k} nearest others each.")
    rows = np.arange(len(X)) if rows is None else np.asarray(rows)
    flat = Flat().build(X)
    found, scores = np.empty((len(rows), k), np.int64), np.empty((len(rows), k), np.float32)
    for start in range(0, len(rows), _BLOCK):
        own = rows[start : start + _BLOCK]
        hits = flat.search(X[own], k + 1)
        other = hits.rows != own[:, None]
        # among many duplicates a row may not be among its own k + 1 nearest: the last hit goes
        other[other.all(axis=1), -1] = False
        found[start : start + len(own)] = hits.rows[other].reshape(-1, k)
        scores[start : start + len(own)] = hits.scores[other].reshape(-1, k)
    return Hits(found, scores)


class Hubness(NamedTuple):
    """Of how often rows are among the k nearest of others: skewness, the most for one row, and the share that never are."""

    skewness: float
    largest: int
    antihubs: float


def hubness(neighbors: NDArray[np.integer], n: int) -> Hubness:
    """Hubness from the rows (q, k) that are nearest to each of q rows, among n.

    "Hubs in Space: Popular Nearest Neighbors in High-Dimensional Data" (2010). Skewness is 0 where all rows are found
    equally often; above about 1.4 a few are found by many.

    >>> hubness(np.array([[1], [0], [1], [1]]), 4).antihubs
    0.5
    """
    counts = np.bincount(np.asarray(neighbors).ravel(), minlength=n).astype(np.float64)
    apart = counts - counts.mean()
    spread = counts.std()
    skewness = float((apart**3).mean() / spread**3) if spread > 0 else 0.0
    return Hubness(skewness, int(counts.max(initial=0)), float((counts == 0).mean()))


def exact_duplicates(texts: Sequence[str]) -> int:
    """How many texts repeat an earlier one, but for case and white space.

    >>> exact_duplicates(["A cat", "a  cat ", "a dog"])
    1
    """
    counts = Counter(" ".join(text.casefold().split()) for text in texts)
    return len(texts) - len(counts)
