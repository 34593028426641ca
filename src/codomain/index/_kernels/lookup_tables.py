"""The sum of a table's entries along rows of bytes: what a code is worth to one query, read instead of computed."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

import numpy as np
from numba import njit, uint64

from codomain.arrays import Floats

_STRETCH = uint64(24)
"""Bytes of a row taken at a time: their part of the table, 24 kB, stays in the nearest cache while all rows are read."""
_ONE, _TWO, _THREE, _FOUR, _VALUES = uint64(1), uint64(2), uint64(3), uint64(4), uint64(256)
"""Unsigned: an index that could be negative costs a comparison."""


@njit(cache=True, nogil=True)
def add_up(codes: np.ndarray, products: Floats, out: Floats) -> None:
    """out[i] = sum_j products[j, codes[i, j]] for contiguous codes (n, width) uint8 and products (width, 256)."""
    n, width = uint64(codes.shape[0]), uint64(codes.shape[1])
    code, table = codes.reshape(-1), products.reshape(-1)
    out[:] = 0
    for start in range(uint64(0), width, _STRETCH):
        stop = min(start + _STRETCH, width)
        fours = stop - (stop - start) % _FOUR
        for i in range(n):
            row = i * width
            # sums of their own, which need not wait for each other
            a, b, c, d = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
            for j in range(start, fours, _FOUR):
                a += table[j * _VALUES + code[row + j]]
                b += table[(j + _ONE) * _VALUES + code[row + j + _ONE]]
                c += table[(j + _TWO) * _VALUES + code[row + j + _TWO]]
                d += table[(j + _THREE) * _VALUES + code[row + j + _THREE]]
            for j in range(fours, stop):
                a += table[j * _VALUES + code[row + j]]
            out[i] += (a + b) + (c + d)
