"""What makes a collection hard to search, and how well an index searches it: measured on its own data.

"The Impacts of Data, Ordering, and Intrinsic Dimensionality on Recall in Hierarchical Navigable Small Worlds" (2024): at
fixed parameters recall falls as the intrinsic dimensionality rises, and may move with the order of insertion.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from codomain.arrays import Floats, Hits, as_float32
from codomain.errors import InputError
from codomain.index.flat import Flat
from codomain.index.scan import Metric


def lid(vectors: Floats, k: int = 100, sample: int = 1000, seed: int = 0) -> Floats:
    """Local intrinsic dimensionality (s,) of sampled rows of (n, d), by maximum likelihood over k neighbours.

    Points on a line have 1, in a plane 2; neighbours at distance zero, which are duplicates, are left out.

    >>> line = np.linspace(0, 1, 2000, dtype=np.float32)[:, None] * np.ones((1, 8), np.float32)
    >>> float(lid(line, k=50).mean().round())
    1.0

    Raises InputError for fewer than three rows.
    """
    vectors = as_float32(vectors)
    if len(vectors) < 3:
        raise InputError(f"an intrinsic dimensionality needs at least 3 vectors, not {len(vectors)}.")
    rows = np.arange(len(vectors))
    if len(rows) > sample:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), sample, replace=False))
    near = Flat("l2").build(vectors).search(vectors[rows], min(k, len(vectors) - 1) + 1)
    return lid_of(np.sqrt(np.maximum(-near.scores, 0)))


def lid_of(distances: Floats) -> Floats:
    """The same from ascending distances to neighbours (q, k): -1 / mean of ln(r_i / r_k), over the r_i above zero."""
    found = np.full(len(distances), np.nan, np.float32)
    floor = 1e-4 * max(float(np.nanmax(distances, initial=0.0)), 1e-12)  # float32 gives duplicates such distances
    for i, row in enumerate(distances):
        r = row[row > floor]
        if len(r) > 1 and r[-1] > r[0]:
            # LID(x) = -( (1/k) sum ln(r_i / r_k) )^-1
            found[i] = -1 / np.log(r[:-1] / r[-1]).mean()
    return found[np.isfinite(found)]


class Recall(NamedTuple):
    """Mean recall over queries with its 95 % interval, and the milliseconds of one query."""

    mean: float
    low: float
    high: float
    ms: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f}), {self.ms:.2f} ms"


def recall(search: Callable[[Floats], Hits], queries: Floats, exact: Hits) -> Recall:
    """How much of the exact hits a search finds; hits that are no worse than the last exact one count, as ties do.

    >>> exact = Flat().build(np.eye(4, dtype=np.float32)).search(np.eye(4, dtype=np.float32), 1)
    >>> recall(lambda q: exact, np.eye(4, dtype=np.float32), exact).mean
    1.0
    """
    start = time.perf_counter()
    hits = search(queries)
    ms = (time.perf_counter() - start) * 1e3 / max(len(queries), 1)
    wanted = exact.rows >= 0
    last = np.where(wanted, exact.scores, np.inf).min(axis=1, initial=np.inf)[:, None]
    good = (hits.rows >= 0) & (hits.scores >= last - 1e-5 * np.abs(last) - 1e-6)
    return interval(good.sum(axis=1) / np.maximum(wanted.sum(axis=1), 1), ms)


def interval(recalls: np.ndarray, ms: float) -> Recall:
    """Mean and 95 % interval of recalls (q,), by their standard error."""
    mean = float(recalls.mean()) if len(recalls) else 1.0
    error = 1.96 * float(recalls.std()) / math.sqrt(max(len(recalls), 1))
    return Recall(mean, max(0.0, mean - error), min(1.0, mean + error), ms)


def recall_card(
    make: Callable[[int], Any],
    vectors: Floats,
    queries: Floats,
    efforts: tuple[int, ...],
    k: int = 10,
    metric: Metric = "ip",
) -> dict[int, Recall]:
    """Recall of an index at each effort; `make(effort)` gives it, ready to search (built once, by whoever makes it)."""
    exact = Flat(metric).build(vectors).search(queries, k)
    return {effort: recall(lambda q, e=effort: make(e).search(q, k), queries, exact) for effort in efforts}  # type: ignore[misc]


def order_sensitivity(
    build: Callable[[Floats], Any], vectors: Floats, queries: Floats, orders: Mapping[str, np.ndarray], k: int = 10
) -> dict[str, Recall]:
    """Recall of an index whose rows are added in several orders, such as random, or by `lid`, each a permutation (n,)."""
    exact = Flat().build(vectors).search(queries, k)
    found = {}
    for name, order in orders.items():
        index = build(vectors[order])
        found[name] = recall(lambda q, index=index: index.search(q, k), queries, exact)  # type: ignore[misc]
    return found
