"""Dense rows in a mapped file: for rows of one width, small ones above all, a map is read faster than a file."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from codomain.arrays import Floats, Rows
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.files import open_npy
from codomain.trace import record

_PAGE = mmap.PAGESIZE
_TOGETHER = 1 << 14
"""Bytes between two rows up to which they are asked for as one stretch."""


class MappedStore:
    """Rows (n, d) of a .npy file, float16, float32 or the codes (n, width) of a codec, gathered from a memory map.

    A gather would wait for one page after the other where the file is not in memory: the system is told of all pages
    first, and reads them side by side. `prefetch` tells it only, and takes no thread.
    Raises InputError for a file that is missing, cut short, or holds something else.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rows.npy"
    >>> np.save(path, np.eye(2, dtype=np.float16))
    >>> MappedStore(path).fetch(np.array([1]))
    array([[0., 1.]], dtype=float32)
    """

    def __init__(self, path: str | Path, codec: Codec | None = None) -> None:
        self._path = Path(path)
        self._codec = codec
        known = (np.float16, np.float32) if codec is None else (codec.dtype,)
        try:
            self._rows: Any = open_npy(self._path, mapped=True)
        except (OSError, ValueError) as error:
            raise InputError(f"{self._path} cannot be read ({error}): rebuild the index.") from None
        if self._rows.ndim != 2 or self._rows.dtype not in known:
            raise InputError(f"{self._path} holds {self._rows.dtype} of shape {self._rows.shape}, not rows of vectors.")
        self._map: mmap.mmap | None = getattr(self._rows, "_mmap", None)  # none for a file without rows
        self._first = 0 if self._map is None else len(self._map) - self._rows.nbytes
        self._array = self._rows.view(np.ndarray)

    def fetch(self, rows: Rows) -> Floats:
        """The vectors (m, d) of the rows, in their order, float32."""
        self.prefetch(rows)
        record(fetched=len(rows), bytes_read=len(rows) * self._width)
        found = self._array[rows]
        return np.asarray(found, np.float32) if self._codec is None else self._codec.decode(found)

    def prefetch(self, rows: Rows) -> None:
        """Tell the system that the rows will be read; returns at once."""
        if self._map is None or not len(rows) or not hasattr(mmap, "MADV_WILLNEED"):
            return
        starts = np.unique(np.asarray(rows, np.int64)) * self._width + self._first
        breaks = np.flatnonzero(np.diff(starts) > self._width + _TOGETHER)
        begins = starts[np.concatenate([[0], breaks + 1])] // _PAGE * _PAGE
        ends = starts[np.concatenate([breaks, [len(starts) - 1]])] + self._width
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            self._map.madvise(mmap.MADV_WILLNEED, begin, end - begin)

    def copy(self, file: BinaryIO) -> None:
        """Write the numbers of all rows, as they are stored, to an open file."""
        for start in range(0, len(self), 1 << 14):
            file.write(np.ascontiguousarray(self._array[start : start + (1 << 14)]).data)

    def __len__(self) -> int:
        return len(self._array)

    @property
    def _width(self) -> int:
        return int(self._array.shape[1] * self._array.itemsize)

    @property
    def nbytes(self) -> int:
        """None are held: what the system keeps in memory it can drop at any time."""
        return 0
