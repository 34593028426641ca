"""Parameters of the approximate search: suggested from the shape of the collection, or measured on held-out queries.

"Investigating the Scalability of Approximate Sparse Retrieval Algorithms to Massive Datasets" (2025): the lists kept must
grow with the collection, while the lists that a query visits may become fewer.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from codomain.errors import InputError
from codomain.index.filtered.effort import steps
from codomain.stage import check_float, check_int

if TYPE_CHECKING:
    from codomain.index.sparse.sparse import SparseIndex

_SHORTEST = 50
"""Postings that a list keeps on average at least."""
_LONG = 250
"""Mean length from which lists keep a falling share of their postings."""
_CUT_LEAST = 4
_SHORT = 16
"""Entries up to which all lists of a query are visited: words of a question. With half of them, recall@10 was 0.75, not 0.96."""
_CUTS = (4, 6, 8, 10, 15, 20, 25, 30, 40, 60, 80, 120, 160, 240)
_HEAP_FACTORS = (1.0, 0.9, 0.8, 0.7, 0.6)
_TURNS = 3


@dataclass(frozen=True)
class SparseSettings:
    """How Seismic builds its lists and how many of them a query visits."""

    n_postings: int
    """Postings kept, on average over the lists."""
    centroid_fraction: float
    summary_energy: float
    max_fraction: float
    """The longest list kept, as a multiple of n_postings."""
    cut_share: float
    """Lists visited as a share of a query's entries, the heaviest first."""
    heap_factor: float
    bytes: int
    """Expected size of the index in memory, right within a factor of two."""

    def query_cut(self, nnz: int, k: int = 10) -> int:
        """Lists that a query with `nnz` entries visits for k answers: all of a short one, more for more answers."""
        if nnz <= _SHORT:
            return max(_CUT_LEAST, nnz)
        return min(nnz, steps(max(_CUT_LEAST, math.ceil(self.cut_share * nnz)), k, 1.0))


@dataclass(frozen=True)
class SparseTrial:
    """What one pair of search parameters gave on the held-out queries."""

    query_cut: int
    heap_factor: float
    recall: float
    ms: float
    """Milliseconds a query."""


def suggest(
    n: int, dim: int, nnz: float, memory_budget: int | None = None, target_recall: float = 0.95
) -> SparseSettings:
    """Settings for n vectors of `dim` dimensions with `nnz` entries each, from the mean list length L = n nnz / dim.

    A query visits the share L^(-1/4) of its lists for a recall of 0.95, more for more: the longer the lists, the more
    of its neighbours each of them holds. Lists may keep 4 L postings on average while L is at most 250, which cuts only
    the longest; beyond, whose tails are light, 4 (250 L)^(1/2). `memory_budget` (bytes) shortens them, to a quarter.
    Raises InputError for impossible numbers, or when the vectors alone do not fit into the budget.

    >>> [suggest(n, 30_522, 120).query_cut(40) for n in (100_000, 8_800_000)]
    [9, 4]
    """
    try:
        n, dim = check_int("n", n), check_int("dim", dim)
        nnz, target_recall = check_float("nnz", nnz), check_float("target_recall", target_recall, 0.01, 0.999)
    except ValueError as error:
        raise InputError(f"suggest {error}.") from None
    mean = n * nnz / dim
    kept = 4 * mean if mean <= _LONG else 4 * math.sqrt(_LONG * mean)
    n_postings = max(_SHORTEST, math.ceil(kept))
    # 1 - recall falls about as the square of the lists visited
    effort = math.sqrt(0.05 / (1 - target_recall)) if target_recall > 0.95 else 1.0
    share = min(1.0, effort * max(mean, 1) ** -0.25)
    found = SparseSettings(n_postings, 0.1, 0.4, 1.5, share, 0.7, _bytes(n, dim, nnz, n_postings))
    least = max(_SHORTEST, n_postings // 4)
    while memory_budget is not None and found.bytes > memory_budget:
        if found.n_postings <= least:
            raise InputError(
                f"{n:,} vectors with {nnz:.0f} entries need {found.bytes / 1e9:.2g} GB, more than the budget of "
                f"{memory_budget / 1e9:.2g} GB: keep fewer entries of each vector."
            )
        fewer = max(least, found.n_postings * 3 // 4)
        found = replace(found, n_postings=fewer, bytes=_bytes(n, dim, nnz, fewer))
    return found


def _bytes(n: int, dim: int, nnz: float, n_postings: int) -> int:
    """The vectors (two or four bytes a dimension, two a value); for each posting its place and its part of a summary.

    A summary stands for about ten rows and holds a share of their dimensions: measured, 0.3 bytes an entry of a row.
    Right within a factor of two from 3,000 to 190,000 rows.
    """
    vectors = n * nnz * (4 if dim <= 65_535 else 6)
    return int(vectors + min(n_postings * dim, n * nnz) * (8 + 0.3 * nnz) + 200 * dim)


def tune(index: SparseIndex, queries: Any, k: int = 10, target: float = 0.95) -> list[SparseTrial]:
    """Measure the search parameters on held-out queries (q, d) and leave the fastest that reaches the target.

    Recall is against the exact k best rows of the same index. All pairs that were tried, the fastest first; the chosen
    one is in `index.query_cut` and `index.heap_factor`. Where none reaches the target, the one of highest recall is.
    Raises InputError for an index without Seismic or without queries.
    """
    if index.approximate is None:
        raise InputError(f"{index} searches exactly: there is nothing to tune.")
    exact = index.search_exactly(queries, k)
    if not len(exact.rows) or not (exact.rows >= 0).any():
        raise InputError("tune needs held-out queries that find something.")
    wanted = int((exact.rows >= 0).sum())
    longest = int(max(queries.indptr[1:] - queries.indptr[:-1]))
    trials = []
    for cut in sorted({min(cut, longest) for cut in _CUTS}):
        for factor in _HEAP_FACTORS:
            index.query_cut, index.heap_factor = cut, factor
            times = []
            for _ in range(_TURNS):
                began = time.perf_counter()
                found = index.search(queries, k)
                times.append(time.perf_counter() - began)
            pairs = zip(found.rows.tolist(), exact.rows.tolist(), strict=True)
            right = sum(len({*some} & {*best} - {-1}) for some, best in pairs)
            trials.append(SparseTrial(cut, factor, right / wanted, min(times) * 1e3 / len(exact.rows)))
        if trials[-1].recall >= min(target + 0.01, 1):
            break  # visiting more lists only costs more
    reached = [trial for trial in trials if trial.recall >= target]
    best = min(reached, key=lambda t: t.ms) if reached else max(trials, key=lambda t: t.recall)
    index.query_cut, index.heap_factor = best.query_cut, best.heap_factor
    return sorted(trials, key=lambda t: t.ms)
