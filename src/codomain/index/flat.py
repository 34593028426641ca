"""The exact index: every row is scored, in the form in which it is stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from codomain.arrays import Floats, Hits, Packed, Rows, allowed_rows, as_float32
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.index.array_files import (
    GrowableArray,
    codec_arrays,
    fitting,
    need,
    need_kinds,
    need_rows,
    open_arrays,
    save_arrays,
    saved_codec,
)
from codomain.index.base import IndexStage
from codomain.index.coarse import longest_steps
from codomain.index.scan import Metric, check_bits, check_metric, codes_of, scan
from codomain.registry import stage
from codomain.stage import Stage
from codomain.trace import FilterChoice, record


@stage("flat", takes=["dense", "codes", "packed"], gives="hits")
class Flat(IndexStage):
    """Exact search: scores every row in its stored form; metrics ip, cosine, l2, and hamming for packed bits.

    l2 gives minus the squared distance, hamming minus the number of differing bits: higher is better, always.

    >>> index = Flat().build(np.eye(3, dtype=np.float32))
    >>> index.search(np.float32([[0, 2, 1]]), k=2)
    Hits(rows=array([[1, 2]]), scores=array([[2., 1.]], dtype=float32))
    """

    exact: ClassVar[bool] = True
    holds_rows_only: ClassVar[bool] = True

    def __init__(self, metric: Metric = "ip") -> None:
        check_metric(metric)
        self.metric = metric

    def check(self, before: Sequence[Stage]) -> None:
        """The metric hamming follows packed bits only."""
        check_bits(self.metric, before)

    def build(self, vectors: Floats | Packed | np.ndarray, codec: Codec | None = None) -> Self:
        """Replace the contents by vectors (n, d), or by the codes (n, width) of a codec; raises InputError for others."""
        codes, self.codec = codes_of(vectors, codec)
        if self.metric == "hamming" and self.codec.kind != "binary":
            raise InputError(f"{self} needs packed bits, but got {self.codec.kind}: put binary() before it.")
        self._codes = GrowableArray(codes)
        self._norms = GrowableArray(self._measure(codes))
        self._longest = self._length(codes)
        self._removed = np.zeros(0, np.int64)
        self._kept: Rows | None = None
        return self

    def add(self, vectors: Floats | Packed | np.ndarray) -> None:
        """Append rows in the form that `build` got, at amortised cost."""
        codes, _ = codes_of(vectors, self.codec)
        self._codes.append(codes)
        self._norms.append(self._measure(codes))
        self._longest = max(self._longest, self._length(codes))
        self._kept = None

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search; they keep their numbers, and others theirs."""
        wanted = allowed_rows(rows, self._stored)
        assert wanted is not None
        self._removed = np.union1d(self._removed, wanted)
        self._kept = None

    def search(self, queries: Floats, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best of the allowed rows for each query (q, d), exactly; raises InputError for another dimension."""
        queries = as_float32(queries, dim=self.codec.dim, what="queries")
        rows = self.rows(allow)
        matches = self._stored if rows is None else len(rows)
        record(
            queries=len(queries), scored=len(queries) * matches, plan=FilterChoice("exact scan", matches, self._stored)
        )
        return scan(
            queries, self._codes.array, self.codec, self.metric, self._norms.array, k, rows, self._longest or None
        )

    def rows(self, allow: np.ndarray | None) -> Rows | None:
        """The sorted rows that a search may give; None means all that are stored."""
        allowed = allowed_rows(allow, self._stored)
        if not len(self._removed):
            return allowed
        if allowed is not None:
            return np.setdiff1d(allowed, self._removed, assume_unique=True)
        if self._kept is None:
            self._kept = np.setdiff1d(np.arange(self._stored), self._removed, assume_unique=True)
        return self._kept

    def __len__(self) -> int:
        return self._stored - len(self._removed)

    @property
    def nbytes(self) -> int:
        """Bytes of the stored rows and what is kept beside them."""
        return self._codes.array.nbytes + self._norms.array.nbytes + self._removed.nbytes

    def save(self, folder: Path) -> None:
        """Write the codes, norms and removed rows to a folder."""
        arrays, settings = codec_arrays(self.codec)
        arrays |= {"codes": self._codes.array, "norms": self._norms.array, "removed": self._removed}
        save_arrays(folder, "flat", arrays, settings | {"metric": self.metric, "longest": self._longest})

    @fitting
    def load(self, folder: Path) -> Self:
        """Map what `save` wrote; raises InputError for damaged files or another metric."""
        arrays, settings = open_arrays(folder, "flat")
        if settings["metric"] != self.metric:
            raise InputError(f"{folder} was saved by flat({settings['metric']!r}), not by {self}.")
        self.codec = saved_codec(arrays, settings)
        _check(self.codec, self.metric, arrays)
        self._codes, self._norms = GrowableArray(arrays["codes"]), GrowableArray(arrays["norms"])
        self._longest = float(settings["longest"])
        self._removed, self._kept = arrays["removed"], None
        return self

    @property
    def _stored(self) -> int:
        return len(self._codes.array)

    def _measure(self, codes: np.ndarray) -> Floats:
        if self.metric in ("cosine", "l2"):
            return self.codec.squared_norms(codes)
        return np.zeros(0, np.float32)

    def _length(self, codes: np.ndarray) -> float:
        """The length of the longest row, for the formats that leave it open; of int8 in steps from the middle of its codes."""
        if not len(codes) or (self.metric != "ip" and self.codec.kind != "int8"):
            return 0.0
        if self.codec.kind == "int8":
            return longest_steps(codes)
        if not self.codec.kind.startswith("float"):
            return 0.0
        squares = np.vecdot(codes, codes) if self.codec.kind == "float32" else self.codec.squared_norms(codes)
        return math.sqrt(squares.max())


def _check(codec: Codec, metric: str, arrays: dict[str, np.ndarray]) -> None:
    """Raises ValueError for arrays that are not rows of this codec."""
    codes, norms = arrays["codes"], arrays["norms"]
    need(codes.ndim == 2 and codes.dtype == codec.dtype and codes.shape[1] == codec.width)
    need_kinds((norms, "f", 1))
    need(len(norms) == (len(codes) if metric in ("cosine", "l2") else 0))
    need_rows(arrays["removed"], len(codes))
