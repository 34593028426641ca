"""The vectors of all documents of an index: in memory, in a file once it is saved, or encoded again from the texts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np

from codomain.arrays import Ragged, Rows, as_ragged
from codomain.codecs.codec import Codec
from codomain.contracts import FineStore, RowReader
from codomain.errors import InputError
from codomain.index.array_files import GrowableArray
from codomain.index.stores.disk import DiskStore
from codomain.index.stores.stores import RamStore, RecomputeStore, widened
from codomain.trace import record

Where = Literal["ram", "disk", "recompute"]

_BLOCK = 1 << 11
"""Vectors read at a time where documents are gone through."""
_ENCODED = 1 << 17
"""The same where they are encoded again: an encoder wants many texts at once."""


class TokenLists:
    """Lists of vectors by row, appended to and read through a FineStore.

    With "disk", rows live in the file that was saved or opened last; rows added since then are in memory.
    """

    def __init__(self, where: Where, vectors: Ragged, source: RowReader | None = None) -> None:
        self.where = where
        self.dim = vectors.values.shape[1]
        self._filed: DiskStore | None = None
        self._file_rows = self._file_values = 0
        self._offsets = GrowableArray(vectors.offsets)
        self._values = GrowableArray(vectors.values if where != "recompute" else vectors.values[:0])
        self._made: FineStore | None = None
        if source is not None:
            self.attach(source)

    def append(self, vectors: Ragged) -> None:
        """Add lists at the end, in the type of those that are there."""
        self._offsets.append(vectors.offsets[1:] + self._offsets.array[-1])
        if self.where != "recompute":
            self._values.append(vectors.values)

    def attach(self, source: RowReader) -> None:
        """Where vectors come from that are not kept."""
        if self.where == "recompute":
            self._made = RecomputeStore(source, len(self))

    def __len__(self) -> int:
        return len(self._offsets.array) - 1

    @property
    def lengths(self) -> Rows:
        """Vectors of each row (n,)."""
        return np.diff(self._offsets.array)

    def fetch(self, rows: Rows) -> Ragged:
        """The float32 vectors of the rows, in their order; raises InputError where nothing says how to make them."""
        if self.where == "recompute":
            if self._made is None:
                raise InputError(
                    "vectors that are encoded again need their texts: call attach(source) before the search."
                )
            return _ragged(self._made.fetch(rows))
        if self._filed is None:
            return _ragged(RamStore(Ragged(self._values.array, self._offsets.array)).fetch(rows))
        recent = rows >= self._file_rows
        if not recent.any():
            return _ragged(self._filed.fetch(rows))
        parts = [
            _ragged(self._filed.fetch(rows[~recent])),
            _ragged(self._added().fetch(rows[recent] - self._file_rows)),
        ]
        order = np.argsort(np.concatenate([np.flatnonzero(~recent), np.flatnonzero(recent)]))
        return Ragged.join(parts).take(order)

    def prefetch(self, rows: Rows) -> None:
        """Begin to read what will probably be fetched."""
        if self._filed is not None:
            self._filed.prefetch(rows[rows < self._file_rows])

    def blocks(self, rows: Rows) -> Iterator[tuple[int, int, Ragged]]:
        """All of the rows, some thousand vectors at a time: (first, last + 1) among `rows`, and their vectors."""
        lengths = np.diff(self._offsets.array)[rows]
        groups = (np.cumsum(lengths) - lengths) // (_BLOCK if self.where != "recompute" else _ENCODED)
        edges = [*np.flatnonzero(np.diff(groups, prepend=-1)).tolist(), len(rows)]
        for start, stop in pairwise(edges):
            part = rows[start:stop]
            together = len(part) > 0 and part[-1] - part[0] == stop - start - 1
            if together and self.where != "recompute" and self._filed is None:
                yield start, stop, self._run(int(part[0]), int(part[-1]) + 1)
            else:
                yield start, stop, self.fetch(part)

    @property
    def hits(self) -> tuple[int, int]:
        """Rows fetched from the file so far that were, and were not, begun early."""
        return (0, 0) if self._filed is None else (self._filed.hits, self._filed.misses)

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        held = self._filed.nbytes if self._filed is not None else 0
        held += self._made.nbytes if self._made is not None else 0
        return int(self._values.array.nbytes + self._offsets.array.nbytes + held)

    def save(self, folder: Path, name: str) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
        """Arrays to save, and files that are written already: values are copied in blocks, never held whole."""
        arrays = {"offsets": self._offsets.array}
        if self.where == "recompute":
            return arrays, ()
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{name}.npy.new"
        tail = self._values.array
        header: dict[str, Any] = {"descr": tail.dtype.str, "fortran_order": False}
        with fresh.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header | {"shape": (self._file_values + len(tail), self.dim)})
            if self._filed is not None:
                self._filed.copy(file)
            file.write(np.ascontiguousarray(tail).data)
        return arrays, (f"{name}.npy",)

    def saved(self, folder: Path, name: str) -> None:
        """Take what was saved as the file to read from, where vectors belong on disk."""
        if self.where == "disk":
            self._open(folder / f"{name}.npy", self._offsets.array, self._values.array.dtype)

    @classmethod
    def load(cls, where: Where, folder: Path, vectors: Ragged, name: str) -> Self:
        """Open what was saved; `vectors` without values where those are elsewhere."""
        lists = cls(where, vectors)
        if where == "disk":
            lists._open(folder / f"{name}.npy", vectors.offsets, vectors.values.dtype)
        return lists

    def _open(self, path: Path, offsets: Rows, dtype: np.dtype) -> None:
        self._filed = DiskStore(path, offsets)
        self._file_rows, self._file_values = len(offsets) - 1, int(offsets[-1])
        self._values = GrowableArray(np.zeros((0, self.dim), dtype))

    def _run(self, first: int, last: int) -> Ragged:
        """Rows first to last - 1 in memory, without copying what is float32 already."""
        record(fetched=last - first)
        offsets = self._offsets.array[first : last + 1]
        return Ragged(widened(self._values.array[offsets[0] : offsets[-1]]), offsets - offsets[0])

    def _added(self) -> RamStore:
        offsets = self._offsets.array[self._file_rows :]
        return RamStore(Ragged(self._values.array, offsets - offsets[0]))


def stored(vectors: Ragged, dtype: Literal["float16", "float32"]) -> Ragged:
    """Vectors in the type that they are kept in; what float16 cannot hold is clipped."""
    if vectors.values.dtype == dtype:
        return vectors
    wide = vectors.values.astype(np.float32, copy=False)
    return Ragged(Codec(dtype, wide.shape[1]).encode(wide), vectors.offsets)


def as_queries(queries: Any, dim: int) -> Ragged:
    """Queries in float32; raises InputError for anything but Ragged of the right dimension."""
    values, offsets = as_ragged(queries, dim=dim, what="queries")
    return Ragged(values.astype(np.float32, copy=False), offsets)


def check_where(where: str) -> None:
    """Raises ValueError for a place that is not known."""
    if where not in get_args(Where):
        raise ValueError(f"needs store to be {', '.join(map(repr, get_args(Where)))}, not {where!r}")


def _ragged(vectors: Any) -> Ragged:
    if not isinstance(vectors, Ragged):
        raise InputError(f"vectors encoded again must be Ragged (many for each row), but are {type(vectors).__name__}.")
    return vectors
