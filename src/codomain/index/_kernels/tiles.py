"""Rows of 64-bit words laid out in tiles of eight: word after word of eight rows side by side, as registers are filled."""

from __future__ import annotations

from typing import Self

import numpy as np

from codomain.arrays import Rows
from codomain.index.array_files import GrowableArray

LANES = 8
"""Rows of a tile: 64-bit words in the widest registers there are."""


class Tiles:
    """Growing rows of words: `array` is uint64 (tiles, length, 8), row i in lane i % 8 of tile i // 8, zeros at the end.

    >>> tiles = Tiles.of(np.arange(10, dtype=np.uint64)[:, None])
    >>> tiles.array[1, 0]
    array([8, 9, 0, 0, 0, 0, 0, 0], dtype=uint64)
    >>> tiles.append(np.uint64([[10]]))
    >>> tiles.rows(np.array([2, 10]))
    array([[ 2],
           [10]], dtype=uint64)
    """

    def __init__(self, array: np.ndarray, rows: int) -> None:
        self._tiles = GrowableArray(array)
        self._rows = rows

    @classmethod
    def of(cls, words: np.ndarray) -> Self:
        """Words (n, length)."""
        return cls(_laid_out(words), len(words))

    @property
    def array(self) -> np.ndarray:
        """The tiles; a view that the next `append` may leave behind."""
        return self._tiles.array

    def append(self, words: np.ndarray) -> None:
        """Add words (n, length) at the end; a last tile that is not full is laid out again."""
        full = self._rows // LANES
        rest = self.rows(np.arange(full * LANES, self._rows))
        self._tiles.append(_laid_out(np.concatenate([rest, words])), full)
        self._rows += len(words)

    def rows(self, rows: Rows) -> np.ndarray:
        """The words (n, length) of some rows."""
        tile, lane = np.divmod(rows, LANES)
        return np.ascontiguousarray(self.array[tile, :, lane])

    def __len__(self) -> int:
        return self._rows


def _laid_out(words: np.ndarray) -> np.ndarray:
    n, length = words.shape
    full = np.zeros((-(-n // LANES) * LANES, length), np.uint64)
    full[:n] = words
    return np.ascontiguousarray(full.reshape(-1, LANES, length).transpose(0, 2, 1))
