"""The loops of exact sparse search, over flat arrays: one query after the other, a score for every row or for some.

A query's entries are `begins[i]:ends[i]` of the postings with the weight `weights[i]`, i from offsets[q] to offsets[q + 1].
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from codomain.index._kernels.heaps import offer, sort

_BLOCK = 64
"""Scores whose maximum is compared at once with the worst hit so far."""


def _read(dtype: Any) -> Any:
    """One dimension, contiguous, perhaps mapped from a file: what is declared read-only takes writeable arrays too."""
    return types.Array(dtype, 1, "C", readonly=True)


_I4, _I8, _F4, _B1 = (_read(t) for t in (types.int32, types.int64, types.float32, types.boolean))
_ROWS, _SCORES = types.Array(types.int64, 2, "C"), types.Array(types.float32, 2, "C")
_QUERY = (_I8, _I8, _F4, _I8)
_POSTINGS = (_I4, _F4, _F4)


@njit(
    types.void(*_QUERY, *_POSTINGS, types.int64, _B1, types.boolean, types.float32, _ROWS, _SCORES),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def best_of_all(
    begins: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    offsets: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    saturation: np.ndarray,
    n: int,
    allowed: np.ndarray,
    matching: bool,
    floor: float,
    out_rows: np.ndarray,
    out_scores: np.ndarray,
) -> None:
    """The k best of n rows for each query, into out (q, k): a score for every row, term by term.

    `allowed` (n,) is empty where all rows are; only scores above `floor` are hits where `matching`. With a `saturation`
    (n,) the values are counts, which weigh tf / (tf + saturation).
    """
    scores = np.zeros((n + _BLOCK - 1) // _BLOCK * _BLOCK, np.float32)
    bar = np.zeros(1, np.float32)
    # floats from 0 on are ordered as their bits are as integers, and comparing integers is vectorised
    blocks, bar_bits = scores.view(np.int32).reshape(-1, _BLOCK), bar.view(np.int32)
    for q in range(len(offsets) - 1):
        for i in range(offsets[q], offsets[q + 1]):
            weight = weights[i]
            list_rows, list_values = rows[begins[i] : ends[i]], values[begins[i] : ends[i]]
            # as unsigned numbers, the rows need no test for indices that count from the end
            if len(saturation):
                for j in range(len(list_rows)):
                    at, tf = np.uint32(list_rows[j]), list_values[j]
                    scores[at] += weight * (tf / (tf + saturation[at]))
            else:
                for j in range(len(list_rows)):
                    scores[np.uint32(list_rows[j])] += weight * list_values[j]
        best, best_rows = out_scores[q], out_rows[q]
        size = np.int64(0)
        bar[0] = floor if matching else -np.inf
        for b in range(len(blocks)):
            lowest, above = bar_bits[0], 0
            for j in range(_BLOCK):
                above |= blocks[b, j] > lowest
            if above or bar[0] < 0:
                for row in range(_BLOCK * b, min(_BLOCK * (b + 1), n)):
                    if scores[row] > bar[0] and (len(allowed) == 0 or allowed[row]):
                        size = offer(best, best_rows, size, scores[row], row)
                        if size == len(best):
                            bar[0] = max(bar[0], best[0])
            for j in range(_BLOCK):  # for the next query, while the block is in the cache
                blocks[b, j] = 0
        sort(best, best_rows, size)


@njit(
    types.void(*_QUERY, *_POSTINGS, _I8, _I8, _I8, types.Array(types.float32, 1, "C")),
    cache=True,
    nogil=True,
    error_model="numpy",
)
def scores_of_some(
    begins: np.ndarray,
    ends: np.ndarray,
    weights: np.ndarray,
    offsets: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    saturation: np.ndarray,
    candidates: np.ndarray,
    firsts: np.ndarray,
    lasts: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Scores of few rows, one after the other: those of query q are `candidates[firsts[q]:lasts[q]]`, ascending.

    They are looked up in each list by steps that double, so a long list costs little.
    """
    done = 0
    for q in range(len(offsets) - 1):
        some = candidates[firsts[q] : lasts[q]]
        for i in range(offsets[q], offsets[q + 1]):
            at, end, weight = begins[i], ends[i], weights[i]
            for c in range(len(some)):
                wanted = some[c]
                step = 1
                low = at
                while at < end and rows[at] < wanted:
                    low = at + 1
                    at += step
                    step *= 2
                high = min(at, end)
                while low < high:
                    middle = (low + high) // 2
                    if rows[middle] < wanted:
                        low = middle + 1
                    else:
                        high = middle
                at = low
                if at == end:
                    break
                if rows[at] == wanted:
                    tf = values[at]
                    scores[done + c] += weight * (tf / (tf + saturation[wanted]) if len(saturation) else tf)
        done += len(some)


@njit(types.Array(types.int64, 1, "C")(_I8, _I8, _I4, _B1), cache=True, nogil=True)
def count_alive(begins: np.ndarray, ends: np.ndarray, rows: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """How many postings of each list are of rows that are alive."""
    counts = np.zeros(len(begins), np.int64)
    for i in range(len(begins)):
        for j in range(begins[i], ends[i]):
            counts[i] += alive[rows[j]]
    return counts
