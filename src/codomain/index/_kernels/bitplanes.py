"""Kernels over bit planes: how much two multi-bit binary codes agree, counted with popcounts, eight rows at a time.

A code is `planes` bit planes of `words` 64-bit words each, laid end to end, the plane of the highest bit first. Rows stand
in tiles (tiles.py), uint64 (tiles, planes * words, 8): word w of eight rows side by side, so that one load fills a register
and the counts of eight rows are ready without adding up within it; of narrower registers LLVM takes several. Bits beyond
the last dimension are zero in all rows and never differ.
"""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from codomain.arrays import Floats, Rows
from codomain.index._kernels.tiles import LANES

_BLOCK = 32
"""Tiles scored between two looks at the best so far: they stay in the nearest cache for all queries."""
_AHEAD = 8
"""Tiles that memory is asked for ahead of time: a single query over a million rows takes a sixth less."""

_WORD = ir.IntType(64)
_LANES = ir.VectorType(_WORD, LANES)


def plane_numbers(planes: int) -> tuple[int, ...]:
    """0..planes-1, which tells the kernels by its type how many planes there are: each number has a kernel of its own."""
    return tuple(range(planes))


def _count_differing(typing_context: Any, tiles: Any, at: Any, query: Any, numbers: Any, counts: Any) -> Any:
    """The code of `count_differing`: numba's loops do not keep eight sums in a register, LLVM's vectors do."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        arrays = [context.make_array(signature.args[i])(context, builder, values[i]) for i in (0, 2, 4)]
        rows, codes, out = (array.data for array in arrays)
        length = builder.extract_value(arrays[0].shape, 1)
        words = builder.sdiv(length, _WORD(len(numbers)))
        tile = builder.gep(builder.bitcast(rows, _LANES.as_pointer()), [builder.mul(values[1], length)])
        popcount = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_LANES, [_LANES]), "llvm.ctpop.v8i64")
        # a pair of planes (i, j) weighs 2^((u-i) + (u-j)), u = planes - 1: those of one i + j have a sum in common
        last = 2 * (len(numbers) - 1)
        sums = [cgutils.alloca_once_value(builder, _constant(0)) for _ in range(last + 1)]
        with cgutils.for_range(builder, words) as loop:
            places = [builder.add(loop.index, builder.mul(words, _WORD(i))) for i in range(len(numbers))]
            stored = [builder.load(builder.gep(tile, [place]), align=8) for place in places]
            asked = [_in_all_lanes(builder, builder.load(builder.gep(codes, [place]))) for place in places]
            for place in places:
                _prefetch(builder, builder.gep(tile, [builder.add(place, builder.mul(length, _WORD(_AHEAD)))]))
            for i, row in enumerate(stored):
                for j, word in enumerate(asked):
                    ones = builder.call(popcount, [builder.xor(row, word)])
                    builder.store(builder.add(builder.load(sums[i + j]), ones), sums[i + j])
        total = _constant(0)
        for place, partial in enumerate(sums):
            total = builder.add(total, builder.shl(builder.load(partial), _constant(last - place)))
        builder.store(total, builder.gep(builder.bitcast(out, _LANES.as_pointer()), [values[1]]), align=8)
        return context.get_dummy_value()

    return types.void(tiles, types.int64, query, numbers, counts), generate


def _constant(value: int) -> ir.Constant:
    return ir.Constant(_LANES, [value] * LANES)


def _in_all_lanes(builder: Any, word: Any) -> Any:
    first = builder.insert_element(ir.Constant(_LANES, ir.Undefined), word, ir.IntType(32)(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(_LANES, ir.Undefined), zeros)


def _prefetch(builder: Any, place: Any) -> None:
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    builder.call(prefetch, [builder.bitcast(place, byte), number(0), number(3), number(1)])  # to read, soon, as data


count_differing: Any = intrinsic(_count_differing)
"""count_differing(tiles, at, query, numbers, counts): weighted numbers of bits in which the rows of a tile differ from a query.

query (planes * words,) uint64, numbers = plane_numbers(planes); writes counts[8 at : 8 at + 8], int64.
"""


@njit(cache=True, nogil=True)
def differing(tiles: np.ndarray, query: np.ndarray, numbers: tuple[int, ...], out: np.ndarray) -> None:
    """Weighted numbers of bits in which the rows of tiles differ from one query: out (8 * tiles or more,) int64."""
    for tile in range(len(tiles)):
        count_differing(tiles, tile, query, numbers, out)


@njit(cache=True, nogil=True)
def nearest(
    tiles: np.ndarray,
    n: int,
    reciprocal: Floats,
    allowed: np.ndarray,
    queries: np.ndarray,
    numbers: tuple[int, ...],
    most: int,
    scores: Floats,
    rows: Rows,
) -> None:
    """Fill the heaps scores and rows (q, depth), worst first, with the best of n rows for each query by symmetric distance.

    Scores are 4^u <v_a, v_b> = most - 2 differing, most = m (2^n - 1)^2 for m dimensions; times `reciprocal` (n,), the
    inverse lengths, unless that is empty. `allowed` (n,) is a mask; empty allows all rows.
    """
    counts = np.empty(_BLOCK * LANES, np.int64)
    for start in range(0, n, _BLOCK * LANES):
        first, size = start // LANES, min(_BLOCK * LANES, n - start)
        block = tiles[first : first + _BLOCK]
        for q in range(len(queries)):
            differing(block, queries[q], numbers, counts)
            worst = scores[q, 0]
            if not _some_better(counts, size, most, reciprocal, start, worst):
                continue
            for i in range(size):
                score = np.float32(most - 2 * counts[i])
                if len(reciprocal):
                    score *= reciprocal[start + i]
                # rows come in order: one that only equals the worst is a higher row, and loses
                if score > worst and (len(allowed) == 0 or allowed[start + i]):
                    _replace_worst(scores[q], rows[q], score, start + i)
                    worst = scores[q, 0]


@njit(cache=True, nogil=True)
def _some_better(counts: np.ndarray, size: int, most: int, reciprocal: Floats, start: int, worst: np.float32) -> bool:
    """Whether a score is above the worst; loops without a way out, which compare eight rows at once."""
    if len(reciprocal) == 0:
        least = counts[0]
        for i in range(size):
            least = min(least, counts[i])
        return bool(np.float32(most - 2 * least) > worst)
    better = False
    for i in range(size):
        better |= np.float32(most - 2 * counts[i]) * reciprocal[start + i] > worst
    return better


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
