"""Records of any length in a file, read ahead while the first stage of a search goes on."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock, local
from typing import BinaryIO, NamedTuple, Self

import numpy as np

from codomain.arrays import Floats, Ragged, Rows
from codomain.errors import InputError
from codomain.index.stores.stores import widened
from codomain.trace import record

_GAP = 16 << 10
"""Bytes between two records up to which both are read at once: a read costs more than so many bytes."""
_RUN = 64 << 20
"""Bytes that one read spans at most."""
_BUFFERS = 1000
"""Buffers that one read fills at most: systems take 1,024."""
_THREADS = 2
_JOBS = 8
"""Parts that a prefetch is read in, so that the first rows can be used while the last are read."""


class DiskStore:
    """Vectors in a .npy file, such as `save_arrays` writes: rows (n, d), or with `offsets` (n + 1,) many vectors a row.

    Rows are read by preadv straight into place, neighbours in one call; a memory map would fault in page after page
    while it holds the interpreter. `prefetch` reads in two threads of its own, for the next `fetch` of the same thread; the
    next `prefetch` drops what nobody fetched. `hits` and `misses` count fetched rows that were, and were not, begun early.
    Raises InputError for files that are missing, cut short, or hold neither float16 nor float32.

    "ESPN: Memory-Efficient Multi-Vector Information Retrieval" (2024).

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "vectors.npy"
    >>> np.save(path, np.eye(2, dtype=np.float16))
    >>> with DiskStore(path) as store:
    ...     store.fetch(np.array([1]))
    array([[0., 1.]], dtype=float32)
    """

    def __init__(self, values: str | Path, offsets: Rows | None = None) -> None:
        self._path = Path(values)
        (self._vectors, self._dim), self._dtype, self._start = _npy_header(self._path)
        self._offsets = None if offsets is None else np.array(offsets, np.int64)  # a copy in memory, never a map
        self._rows = self._vectors if self._offsets is None else len(self._offsets) - 1
        if self._offsets is not None and (self._rows < 0 or self._offsets[-1] != self._vectors):
            raise InputError(f"{self._path} holds {self._vectors} vectors, but the offsets of its rows end elsewhere.")
        self._file = os.open(self._path, os.O_RDONLY)
        self._closed = weakref.finalize(self, os.close, self._file)
        if hasattr(os, "posix_fadvise"):  # neighbours are joined here: reading ahead would read what nobody wants
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_RANDOM)
        self._bin = memoryview(bytearray(_GAP))
        self._readers: ThreadPoolExecutor | None = None
        self._lock = Lock()
        self._begun = local()
        self.hits = self.misses = 0

    def fetch(self, rows: Rows) -> Floats | Ragged:
        """The vectors of the rows, in their order, float32 (n, d) or Ragged; raises InputError for a file cut short."""
        rows = np.asarray(rows, np.int64)
        record(fetched=len(rows))
        places = self._places(rows)
        begun: dict[int, _Early] = getattr(self._begun, "rows", {})
        late = np.array([row not in begun for row in rows.tolist()], bool)
        reads = list(self._reads(places.only(late)))
        record(bytes_read=sum(read.bytes for read in reads))
        self._read_all(reads)
        for target, row in zip(places.targets[~late].tolist(), rows[~late].tolist(), strict=True):
            early = begun[row]
            early.reading.result()
            places.block[target : target + len(early.bytes)] = early.bytes
        for row in rows[~late].tolist():
            begun.pop(row, None)
        with self._lock:
            self.hits, self.misses = self.hits + int((~late).sum()), self.misses + int(late.sum())
        vectors = widened(places.block.view(self._dtype).reshape(-1, self._dim))
        if self._offsets is None:
            return vectors
        lengths = self._offsets[rows + 1] - self._offsets[rows]
        return Ragged(vectors, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def prefetch(self, rows: Rows) -> None:
        """Begin to read the rows in threads of the store; returns at once."""
        rows = np.unique(np.asarray(rows, np.int64))
        places = self._places(rows)
        reads = list(self._reads(places))
        record(bytes_read=sum(read.bytes for read in reads))
        with self._lock:
            if self._readers is None:
                self._readers = ThreadPoolExecutor(_THREADS, thread_name_prefix="DiskStore")
        begun: dict[int, _Early] = {}
        size = max(1, -(-len(reads) // _JOBS))
        for first in range(0, len(reads), size):
            part = reads[first : first + size]
            reading = self._readers.submit(self._read_all, part)
            for i in (i for read in part for i in read.members):
                target = places.targets[i]
                begun[int(rows[i])] = _Early(reading, places.block[target : target + places.sizes[i]])
        self._begun.rows = begun

    def copy(self, file: BinaryIO) -> None:
        """Write the numbers of all rows, as they are stored, to an open file."""
        position, left = self._start, self._vectors * self._dim * self._dtype.itemsize
        while left:
            block = os.pread(self._file, min(left, _RUN), position)
            if not block:
                raise InputError(f"{self._path} ends before the vectors that its header promises: rebuild the index.")
            file.write(block)
            position, left = position + len(block), left - len(block)

    def close(self) -> None:
        """Let go of the file and the threads; a store that nothing refers to closes itself."""
        if self._readers is not None:
            self._readers.shutdown()
        self._closed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self._rows

    @property
    def nbytes(self) -> int:
        """Bytes of the offsets; vectors pass through memory without staying."""
        return 0 if self._offsets is None else self._offsets.nbytes

    def _places(self, rows: Rows) -> _Places:
        """Where the rows are in the file, and where they go in a fresh block, one after the other."""
        if len(rows) and not 0 <= rows.min() <= rows.max() < self._rows:
            raise IndexError(f"{self._path} has rows 0 to {self._rows - 1}")
        first, last = (rows, rows + 1) if self._offsets is None else (self._offsets[rows], self._offsets[rows + 1])
        width = self._dim * self._dtype.itemsize
        sizes = (last - first) * width
        ends = np.cumsum(sizes)
        block = np.empty(int(ends[-1]) if len(rows) else 0, np.uint8)
        return _Places(self._start + first * width, sizes, ends - sizes, block)

    def _reads(self, places: _Places) -> Iterator[_Read]:
        """One read for each run of records with little between them; what is between goes to the bin."""
        view = places.block.data
        starts, sizes, targets = places.starts.tolist(), places.sizes.tolist(), places.targets.tolist()
        run, end = _Read(0, [], []), 0
        for i in np.argsort(places.starts, kind="stable").tolist():
            if sizes[i] == 0:
                continue
            gap = starts[i] - end
            if run.members and 0 <= gap <= _GAP and len(run.buffers) + 2 <= _BUFFERS and end - run.position < _RUN:
                if gap:
                    run.buffers.append(self._bin[:gap])
            else:
                if run.members:
                    yield run
                run = _Read(starts[i], [], [])
            run.buffers.append(view[targets[i] : targets[i] + sizes[i]])
            run.members.append(i)
            end = starts[i] + sizes[i]
        if run.members:
            yield run

    def _read_all(self, reads: list[_Read]) -> None:
        for read in reads:
            self._read(read)

    def _read(self, read: _Read) -> None:
        position, buffers = read.position, list(read.buffers)
        while buffers:
            got = os.preadv(self._file, buffers, position)
            if got == 0:
                raise InputError(f"{self._path} ends before the vectors that its header promises: rebuild the index.")
            position += got
            while buffers and got >= len(buffers[0]):
                got -= len(buffers.pop(0))
            if got:  # a read may stop anywhere
                buffers[0] = buffers[0][got:]


class _Places(NamedTuple):
    """Records in a file and in memory: bytes from `starts`, `sizes` of them, go to `targets` in the block."""

    starts: Rows
    sizes: Rows
    targets: Rows
    block: np.ndarray

    def only(self, chosen: np.ndarray) -> _Places:
        return _Places(self.starts[chosen], self.sizes[chosen], self.targets[chosen], self.block)


class _Read(NamedTuple):
    """One call of preadv: from `position`, into buffers one after the other; `members` are the records among them."""

    position: int
    buffers: list[memoryview]
    members: list[int]

    @property
    def bytes(self) -> int:
        return sum(map(len, self.buffers))


class _Early(NamedTuple):
    """A row that is being read: ready when `reading` is."""

    reading: Future[None]
    bytes: np.ndarray


def _npy_header(path: Path) -> tuple[tuple[int, int], np.dtype, int]:
    """Shape, type and the byte at which the numbers begin."""
    try:
        with path.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            start = file.tell()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise InputError(f"{path} is no .npy file that can be used: {error}.") from None
    if dtype not in (np.float16, np.float32) or len(shape) != 2 or fortran:
        raise InputError(f"{path} must hold rows (n, d) of float16 or float32, not {dtype} {shape}.")
    if path.stat().st_size < start + dtype.itemsize * shape[0] * shape[1]:
        raise InputError(f"{path} ends before the vectors that its header promises: rebuild the index.")
    return shape, dtype, start
