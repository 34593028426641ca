"""Kernels of the recompute index: the coded lists, the choice of neighbours, and the walk with two queues.

The walk stops whenever it wants vectors: it leaves their rows in `pending`, and goes on when `absorb` has their scores.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

import numpy as np
from numba import njit

from codomain.arrays import Floats, Rows

UNSEEN, SEEN, WANTED = 0, 1, 2


@njit(cache=True, nogil=True)
def pack(offsets: Rows, rows: Rows, packed: np.ndarray, starts: Rows) -> None:
    """Write each list's differences seven bits to the byte, the lowest first, the eighth bit meaning that more follow."""
    at = 0
    for node in range(len(offsets) - 1):
        before = 0
        for i in range(offsets[node], offsets[node + 1]):
            left = rows[i] - before
            before = rows[i]
            while left >= 128:
                packed[at] = left & 127 | 128
                left >>= 7
                at += 1
            packed[at] = left
            at += 1
        starts[node + 1] = at


@njit(cache=True, nogil=True)
def unpack(starts: np.ndarray, packed: np.ndarray, offsets: Rows, rows: Rows) -> None:
    """What `pack` was given."""
    found = np.empty(len(packed), np.int64)
    for node in range(len(starts) - 1):
        count = neighbors(starts, packed, node, found)
        rows[offsets[node] : offsets[node] + count] = found[:count]
        offsets[node + 1] = offsets[node] + count


@njit(cache=True, nogil=True)
def neighbors(starts: np.ndarray, packed: np.ndarray, node: int, out: Rows) -> int:
    """Write the neighbours of a node to `out` and give their number."""
    at, end, count, row = np.int64(starts[node]), np.int64(starts[node + 1]), 0, np.int64(0)
    while at < end:
        shift = 0
        while packed[at] & 128:
            row += np.int64(packed[at] & 127) << shift
            shift += 7
            at += 1
        row += np.int64(packed[at]) << shift
        at += 1
        out[count] = row
        count += 1
    return count


@njit(cache=True, nogil=True, fastmath=True)
def dot(a: Floats, b: Floats) -> np.float32:
    """<a, b>."""
    total = np.float32(0)
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(cache=True, nogil=True)
def select(vectors: Floats, offsets: Rows, rows: Rows, quota: Rows, out: Rows, counts: Rows) -> None:
    """Keep up to quota[v] neighbours of each node, nearest first, none nearer to a kept one than to the node."""
    at = 0
    for node in range(len(quota)):
        candidates = rows[offsets[node] : offsets[node + 1]]
        near, order = np.empty(len(candidates), np.float32), np.empty(len(candidates), np.int64)
        for i in range(len(candidates)):
            near[i] = dot(vectors[node], vectors[candidates[i]])
            place = i  # lists are short: sorted as they are read
            while place > 0 and near[order[place - 1]] < near[i]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = i
        first = at
        for pick in order:
            if at - first == quota[node]:
                break
            row, kept = candidates[pick], True
            for j in range(first, at):
                if dot(vectors[row], vectors[out[j]]) > near[pick]:
                    kept = False
                    break
            if kept:
                out[at] = row
                at += 1
        counts[node] = at - first


@njit(cache=True, nogil=True)
def approximate(table: Floats, code: np.ndarray) -> np.float32:
    """Inner product of a query with what a product-quantised code stands for: table (parts, 256), code (parts,)."""
    total = np.float32(0)
    for part in range(len(code)):
        total += table[part, code[part]]
    return total


@njit(cache=True, nogil=True)
def approximate_all(table: Floats, codes: np.ndarray, rows: Rows, out: Floats) -> None:
    """The same for some rows of codes (n, parts): out (len(rows),)."""
    for i in range(len(rows)):
        out[i] = approximate(table, codes[rows[i]])


@njit(cache=True, nogil=True)
def see(table: Floats, codes: np.ndarray, row: int, state: np.ndarray, seen: Rows, guess: Floats, count: int) -> int:
    """Put an unseen row in the approximate queue; gives its new length."""
    if state[row] != UNSEEN:
        return count
    state[row] = SEEN
    seen[count] = row
    guess[count] = approximate(table, codes[row])
    return count + 1


@njit(cache=True, nogil=True)
def nth_highest(values: Floats, count: int, nth: int) -> np.float32:
    """The nth highest (from 1) of the first `count` values, which are reordered: Hoare's selection.

    NumPy's partition does the same, but takes the compiler two seconds.
    """
    left, right, wanted = 0, count - 1, nth - 1
    while left < right:
        pivot, i, j = values[(left + right) // 2], left, right
        while i <= j:
            while values[i] > pivot:
                i += 1
            while values[j] < pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if wanted <= j:
            right = j
        elif wanted >= i:
            left = i
        else:
            break
    return np.float32(values[wanted])


@njit(cache=True, nogil=True)
def advance(
    starts: np.ndarray,
    packed: np.ndarray,
    codes: np.ndarray,
    table: Floats,
    allowed: np.ndarray,
    ef: int,
    ratio: float,
    batch: int,
    state: np.ndarray,
    seen: Rows,
    guess: Floats,
    exact: Rows,
    score: Floats,
    expanded: np.ndarray,
    pending: Rows,
    counts: Rows,
) -> None:
    """Expand the best exact nodes until `batch` vectors are wanted or nothing is left to expand.

    LEANN, algorithm 2. counts: rows seen (approximate queue), rows exact (exact queue), rows pending. The walk is over
    when it comes back with none pending. `allowed` (n,) is a mask of possible results; empty allows all rows.
    """
    buffer, scratch = np.empty(len(state), np.int64), np.empty(len(state), np.float32)
    while counts[2] < batch:
        best, found = -1, 0
        for i in range(counts[1]):
            if not expanded[i] and (best < 0 or score[i] > score[best]):
                best = i
            if len(allowed) == 0 or allowed[exact[i]]:
                scratch[found] = score[i]
                found += 1
        if best < 0 or (found >= ef and score[best] < nth_highest(scratch, found, ef)):
            return
        expanded[best] = True
        for i in range(neighbors(starts, packed, exact[best], buffer)):
            counts[0] = see(table, codes, buffer[i], state, seen, guess, counts[0])
        # of all rows seen, the top share by approximate score is recomputed where it has not been yet
        n = counts[0]
        top = min(n, int(np.ceil(ratio * n)))
        for i in range(n):
            scratch[i] = guess[i]
        limit = nth_highest(scratch, n, top)
        for i in range(n):
            if guess[i] >= limit and state[seen[i]] == SEEN:
                state[seen[i]] = WANTED
                pending[counts[2]] = seen[i]
                counts[2] += 1
