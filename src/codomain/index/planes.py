"""Kernels over bit planes: how much two multi-bit binary codes agree, counted with popcounts.

A row is `planes` bit planes of `words` 64-bit words each, laid end to end: uint64 (n, planes * words), the plane of the
highest bit first. Bits beyond the last dimension are zero in all rows and never differ.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from codomain.vectors import Floats, Rows

_BLOCK = 256
"""Rows scored between two looks at the best so far: they stay in the cache for all queries."""


def _popcount(typing_context: Any, word: Any) -> Any:
    return types.uint64(types.uint64), lambda context, builder, signature, values: builder.ctpop(values[0])


popcount: Any = intrinsic(_popcount)
"""The number of ones in a 64-bit word: LLVM's ctpop, which it widens to whole registers."""


def rotations(codes: np.ndarray, planes: int) -> tuple[np.ndarray, np.ndarray]:
    """Query codes (q, planes * words) as the kernel reads them: (q, planes, planes * words), and the shifts.

    Rotation r lays plane (j + r) mod n of the query beside plane j of a row, so that all n^2 pairs of planes are met by
    running n times along the row as it lies in memory. A pair (i, j) counts 2^((u-i) + (u-j)) times, u = n - 1.
    """
    queries = codes.reshape(len(codes), planes, -1)
    turned = np.stack([np.roll(queries, -r, axis=1) for r in range(planes)], axis=1)
    exponents = [[2 * (planes - 1) - j - (j + r) % planes for j in range(planes)] for r in range(planes)]
    shifts = np.repeat(np.array(exponents, np.uint64), queries.shape[2], axis=1)
    return np.ascontiguousarray(turned.reshape(len(codes), planes, -1)), np.ascontiguousarray(shifts)


@njit(cache=True, nogil=True)
def differing(rows: np.ndarray, query: np.ndarray, shifts: np.ndarray, out: np.ndarray) -> np.int64:
    """Weighted numbers of bits in which rows (n, length) differ from one rotated query: out (n,) uint64; the least."""
    planes, length = query.shape
    least = np.uint64(2**63)
    for i in range(len(rows)):
        count = np.uint64(0)
        if planes == 2:  # the same loops in one: reads a row once, and the cross terms need no shift by position
            for w in range(length):
                word = rows[i, w]
                count += popcount(word ^ query[0, w]) << shifts[0, w]
                count += popcount(word ^ query[1, w]) << np.uint64(1)
        else:
            for r in range(planes):
                for w in range(length):
                    count += popcount(rows[i, w] ^ query[r, w]) << shifts[r, w]
        out[i] = count
        least = min(least, count)
    return np.int64(least)


@njit(cache=True, nogil=True)
def nearest(
    codes: np.ndarray,
    reciprocal: Floats,
    allowed: np.ndarray,
    queries: np.ndarray,
    shifts: np.ndarray,
    most: int,
    scores: Floats,
    rows: Rows,
) -> None:
    """Fill the heaps scores and rows (q, depth), worst first, with the best rows of each query by symmetric distance.

    Scores are 4^u <v_a, v_b> = most - 2 differing, most = m (2^n - 1)^2 for m dimensions; times `reciprocal` (n,), the
    inverse lengths, unless that is empty. `allowed` (n,) is a mask; empty allows all rows.
    """
    counts = np.empty(_BLOCK, np.uint64)
    for start in range(0, len(codes), _BLOCK):
        block = codes[start : start + _BLOCK]
        for q in range(len(queries)):
            least = differing(block, queries[q], shifts, counts)
            worst = scores[q, 0]
            if len(reciprocal) == 0 and most - 2 * least <= worst:
                continue
            for i in range(len(block)):
                score = np.float32(most - 2 * np.int64(counts[i]))
                if len(reciprocal):
                    score *= reciprocal[start + i]
                # rows come in order: one that only equals the worst is a higher row, and loses
                if score > worst and (len(allowed) == 0 or allowed[start + i]):
                    _replace_worst(scores[q], rows[q], score, start + i)
                    worst = scores[q, 0]


@njit(cache=True, nogil=True)
def _replace_worst(scores: Floats, rows: Rows, score: np.float32, row: int) -> None:
    """Put a row in the place of the heap's worst, which is its first; among equals the highest row is the worst."""
    at = 0
    while 2 * at + 1 < len(scores):
        child = 2 * at + 1
        if child + 1 < len(scores) and _worse(scores, rows, child + 1, scores[child], rows[child]):
            child += 1
        if not _worse(scores, rows, child, score, row):
            break
        scores[at], rows[at] = scores[child], rows[child]
        at = child
    scores[at], rows[at] = score, row


@njit(cache=True, nogil=True)
def _worse(scores: Floats, rows: Rows, at: int, score: np.float32, row: int) -> bool:
    return bool(scores[at] < score or (scores[at] == score and rows[at] > row))
