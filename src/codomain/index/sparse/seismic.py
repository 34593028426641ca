"""The approximate index of pyseismic-lsr over the first rows of a sparse index.

"Efficient Inverted Indexes for Approximate Retrieval over Learned Sparse Representations" (2024). The library builds in
a process of its own, from file to file: it writes to the standard output, cannot be interrupted, and needs memory.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import numpy as np

from codomain.errors import CodomainError, InputError, MissingExtra
from codomain.trace import record

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from codomain.index.sparse.tuning import SparseSettings

_NARROW = 65_535
"""Dimensions up to which the library stores a dimension in two bytes."""
_ROWS = 1 << 16
"""Rows written to its input file at a time."""
_BUILD = """
import sys, seismic
kind, source, target, postings, centroids, energy, most = sys.argv[1:]
index = getattr(seismic, kind).build(source, n_postings=int(postings), centroid_fraction=float(centroids),
                                     summary_energy=float(energy), max_fraction=float(most))
index.save(target)
"""


def is_installed() -> bool:
    """Whether pyseismic-lsr is there."""
    return find_spec("seismic") is not None


class Seismic:
    """A built index over rows 0 .. n - 1, read into memory, and the file that it was read from.

    `dims` are the dimensions that occur, ascending: the library, whose work and memory grow with their number, knows
    dims[i] as i.
    """

    def __init__(self, path: Path, n: int, dims: np.ndarray) -> None:
        if not is_installed():
            raise MissingExtra("sparse(backend='seismic')", "seismic")
        import seismic

        kind = getattr(seismic, _kind(dims))
        try:
            self._index: Any = kind.load(str(path))
        except Exception as error:  # a Rust library: whatever it makes of a damaged file
            raise InputError(f"{path} is damaged ({str(error)[:80]}): rebuild the index.") from None
        self._file: BinaryIO = path.open("rb")  # stays readable when the file is replaced
        weakref.finalize(self, self._file.close)
        self.nbytes = path.stat().st_size + dims.nbytes
        self.n, self.dims = n, dims

    @classmethod
    def build(cls, vectors: csr_array, settings: SparseSettings) -> Self:
        """Index vectors (n, d) without negative values; raises CodomainError when the library fails."""
        if not is_installed():
            raise MissingExtra("sparse(backend='seismic')", "seismic")
        dims, columns = np.unique(vectors.indices, return_inverse=True)
        dims = dims.astype(np.int32)
        n = vectors.shape[0]
        narrow = type(vectors)((vectors.data, columns, vectors.indptr), shape=(n, len(dims)))
        with _terminable(), tempfile.TemporaryDirectory(prefix="codomain-seismic-") as folder:
            source, target = Path(folder) / "vectors.bin", Path(folder) / "index"
            _write(narrow, source)
            shape = [settings.n_postings, settings.centroid_fraction, settings.summary_energy, settings.max_fraction]
            command = [sys.executable, "-c", _BUILD, _kind(dims), str(source), str(target), *map(str, shape)]
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
            if done.returncode or not target.is_file():
                last = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
                raise CodomainError(f"Seismic could not index {n:,} vectors ({last[:200]}): use backend='exact'.")
            return cls(target, n, dims)

    def search(
        self, terms: np.ndarray, weights: np.ndarray, k: int, query_cut: int, heap_factor: float
    ) -> list[tuple[float, int]]:
        """About the k best rows of a query without negative weights, as scores with rows; perhaps fewer.

        Values are held in two bytes: scores are right to about one part in a thousand.
        """
        at = np.searchsorted(self.dims, terms)
        known = at < len(self.dims)
        known[known] = self.dims[at[known]] == terms[known]
        if not known.any():
            return []
        terms, weights = at[known].astype(np.int32), weights[known]
        found: list[tuple[float, int]] = self._index.search(terms, weights, k, query_cut, heap_factor, 0, True)
        record(scored=len(found))
        return found

    def save(self, path: Path) -> None:
        """Copy the file that the index was read from."""
        self._file.seek(0)
        with path.open("wb") as copy:
            shutil.copyfileobj(self._file, copy, 1 << 20)


def _kind(dims: np.ndarray) -> str:
    return "SeismicIndexRaw" if len(dims) <= _NARROW else "SeismicIndexRawLV"


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM raise, as SIGINT does, so that the process that builds is ended and its folder removed.

    Only where nobody else handles it, and in the main thread, which alone may.
    """
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _write(vectors: csr_array, path: Path) -> None:
    """The library's own format, all numbers of four bytes: the rows, then for each its length, dimensions and values."""
    with path.open("wb") as file:
        np.array([vectors.shape[0]], np.uint32).tofile(file)
        for start in range(0, vectors.shape[0], _ROWS):
            offsets = vectors.indptr[start : start + _ROWS + 1].astype(np.int64)
            begin, end = offsets[0], offsets[-1]
            offsets -= begin
            sizes = np.diff(offsets)
            words = np.empty(len(sizes) + 2 * offsets[-1], np.uint32)
            heads = np.arange(len(sizes)) + 2 * offsets[:-1]
            words[heads] = sizes
            places = np.repeat(heads + 1 - offsets[:-1], sizes) + np.arange(offsets[-1])
            words[places] = vectors.indices[begin:end]
            words[places + np.repeat(sizes, sizes)] = vectors.data[begin:end].astype(np.float32).view(np.uint32)
            words.tofile(file)
