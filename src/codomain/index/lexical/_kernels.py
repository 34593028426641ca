"""The loops of lexical search, over flat arrays: one query after the other, its postings added up and the best kept."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from codomain.index._kernels.heaps import offer, sort

_BLOCK = 64
"""Scores whose maximum is compared at once with the worst hit so far."""
_FEW = 4
"""Where the postings times this are fewer than the rows, the postings are gone through again, not all rows."""


def _read(dtype: Any) -> Any:
    """One dimension, contiguous, perhaps mapped from a file: what is declared read-only takes writeable arrays too."""
    return types.Array(dtype, 1, "C", readonly=True)


_I4, _I8, _F4, _B1 = (_read(t) for t in (types.int32, types.int64, types.float32, types.boolean))
_SCRATCH = types.Array(types.float32, 1, "C")


@njit(
    types.void(
        _I8, _I8, _F4, _I8, _I8, _I4, _F4, types.int64, _B1, _SCRATCH, _SCRATCH,
        types.Array(types.int64, 2, "C"), types.Array(types.float32, 2, "C"),
    ),
    cache=True,
    nogil=True,
    error_model="numpy",
)  # fmt: skip
def best(
    begins: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray,
    queries: np.ndarray,
    rows: np.ndarray,
    impacts: np.ndarray,
    first: int,
    allowed: np.ndarray,
    scores: np.ndarray,
    highest: np.ndarray,
    out_rows: np.ndarray,
    out_scores: np.ndarray,
) -> None:
    """The k best rows of a segment for each query, among those that score above 0, into out (q, k).

    A query is the groups queries[q] to queries[q + 1]; a group the lists groups[g] to groups[g + 1], of which the highest
    counts for a row; a list the postings begins[i] to ends[i], which add weights[i] * impacts. Rows are numbered from
    `first` on. `allowed` (n,) is empty where all rows are. `scores` and `highest` (n or more,) are zero, and are again.
    """
    n = len(scores)
    bar = np.zeros(1, np.float32)
    # floats from 0 on are ordered as their bits are as integers, and comparing integers is vectorised
    blocks, bar_bits = scores.view(np.int32).reshape(-1, _BLOCK), bar.view(np.int32)
    for q in range(len(queries) - 1):
        begin, end = groups[queries[q]], groups[queries[q + 1]]
        postings = np.int64(0)
        for i in range(begin, end):
            postings += ends[i] - begins[i]
        for g in range(queries[q], queries[q + 1]):
            alone = groups[g + 1] - groups[g] == 1
            for i in range(groups[g], groups[g + 1]):
                weight, some, adds = weights[i], rows[begins[i] : ends[i]], impacts[begins[i] : ends[i]]
                # as unsigned numbers, the rows need no test for indices that count from the end
                if alone:
                    for j in range(len(some)):
                        scores[np.uint32(some[j] - first)] += weight * adds[j]
                else:
                    for j in range(len(some)):
                        at = np.uint32(some[j] - first)
                        highest[at] = max(highest[at], weight * adds[j])
            if not alone:
                for i in range(groups[g], groups[g + 1]):
                    some = rows[begins[i] : ends[i]]
                    for j in range(len(some)):
                        at = np.uint32(some[j] - first)
                        scores[at] += highest[at]
                        highest[at] = 0
        best_scores, best_rows = out_scores[q], out_rows[q]
        size = np.int64(0)
        if postings * _FEW < n:
            for i in range(begin, end):
                some = rows[begins[i] : ends[i]]
                for j in range(len(some)):
                    at = np.uint32(some[j] - first)
                    score = scores[at]
                    scores[at] = 0  # a row that is met again is passed over
                    full = size == len(best_scores)
                    if score > 0 and not (full and score < best_scores[0]) and (len(allowed) == 0 or allowed[some[j]]):
                        size = offer(best_scores, best_rows, size, score, np.int64(some[j]))
        else:
            bar[0] = 0
            for b in range(len(blocks)):
                lowest, above = bar_bits[0], 0
                for j in range(_BLOCK):
                    above |= blocks[b, j] > lowest
                if above:
                    for row in range(_BLOCK * b, _BLOCK * (b + 1)):
                        # rows come in order: one that only equals the worst is a higher row, and loses
                        if scores[row] > bar[0] and (len(allowed) == 0 or allowed[row + first]):
                            size = offer(best_scores, best_rows, size, scores[row], row + first)
                            if size == len(best_scores):
                                bar[0] = best_scores[0]
                for j in range(_BLOCK):  # for the next query, while the block is in the cache
                    blocks[b, j] = 0
        sort(best_scores, best_rows, size)
