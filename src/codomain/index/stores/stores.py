"""Where full vectors are read from in the second, exact stage of a search: memory, its owner, or encoded again from the texts.

All of them are a `FineStore`: `fetch(rows)` gives float32 (n, d), or Ragged where a row has many vectors.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from codomain.arrays import Floats, Ragged, Rows
from codomain.codecs.codec import Codec
from codomain.contracts import RowReader
from codomain.trace import record

_WIDENED = 512
"""Rows of float16 widened at a time: what is made in the cache is seven times faster than numpy's own conversion."""


def widened(values: np.ndarray) -> Floats:
    """Float16 as float32 (n, d), float32 as it is.

    >>> widened(np.array([[0.5, -2]], np.float16))
    array([[ 0.5, -2. ]], dtype=float32)
    """
    if values.dtype != np.float16:
        return values.astype(np.float32, copy=False)
    codec = Codec("float16", values.shape[1])
    wide = np.empty(values.shape, np.float32)
    for start in range(0, len(values), _WIDENED):
        wide[start : start + _WIDENED] = codec.decode(np.ascontiguousarray(values[start : start + _WIDENED]))
    return wide


class RamStore:
    """Vectors in memory: Floats (n, d) in any float type, codes (n, width) of a codec, or Ragged.

    >>> RamStore(np.eye(2, dtype=np.float16)).fetch(np.array([1]))
    array([[0., 1.]], dtype=float32)
    """

    def __init__(self, vectors: Floats | np.ndarray | Ragged, codec: Codec | None = None) -> None:
        self._vectors = vectors
        self._codec = codec

    def fetch(self, rows: Rows) -> Floats | Ragged:
        """The vectors of the rows, in their order."""
        record(fetched=len(rows))
        if isinstance(self._vectors, Ragged):
            values, offsets = self._vectors.take(rows)
            return Ragged(widened(values), offsets)
        if self._codec is not None:
            return self._codec.decode(self._vectors[rows])
        return widened(self._vectors[rows])

    def prefetch(self, rows: Rows) -> None:
        """Nothing to do: they are there."""

    def __len__(self) -> int:
        return len(self._vectors.offsets) - 1 if isinstance(self._vectors, Ragged) else len(self._vectors)

    @property
    def nbytes(self) -> int:
        """Bytes of the vectors."""
        if isinstance(self._vectors, Ragged):
            return int(self._vectors.values.nbytes + self._vectors.offsets.nbytes)
        return self._vectors.nbytes


class RecomputeStore:
    """Vectors that are stored nowhere: encoded again from the texts by the encoder, the last `cache` rows remembered.

    "LEANN: A Low-Storage Vector Index" (2025).
    """

    def __init__(self, source: RowReader, rows: int, cache: int = 10_000) -> None:
        self._source = source
        self._rows = rows
        self._cache = cache
        self._known: OrderedDict[int, Floats] = OrderedDict()
        self._many = False

    def fetch(self, rows: Rows) -> Floats | Ragged:
        """The vectors of the rows, (n, d) or Ragged, in their order; one call of the encoder for those not remembered."""
        record(fetched=len(rows))
        wanted = rows.tolist()
        missing = [row for row in dict.fromkeys(wanted) if row not in self._known]
        fresh: dict[int, Floats] = {}
        if missing or not wanted:
            record(recomputed=len(missing))
            vectors = self._source.encode(np.array(missing, np.int64))
            assert isinstance(vectors, np.ndarray | Ragged)
            self._many = isinstance(vectors, Ragged)
            if not wanted:
                return vectors
            lists = np.split(vectors.values, vectors.offsets[1:-1]) if isinstance(vectors, Ragged) else vectors
            fresh = {row: widened(np.atleast_2d(own)) for row, own in zip(missing, lists, strict=True)}
        found = [fresh[row] if row in fresh else self._known[row] for row in wanted]
        for row in wanted:
            if row in fresh:
                self._known[row] = fresh[row]
            self._known.move_to_end(row)
        while len(self._known) > self._cache:
            self._known.popitem(last=False)
        if not self._many:
            return np.concatenate(found)
        offsets = np.concatenate([[0], np.cumsum([len(own) for own in found])])
        return Ragged(np.concatenate(found), offsets.astype(np.int64))

    def prefetch(self, rows: Rows) -> None:
        """Nothing: an encoder that runs ahead would slow down the search."""

    def __len__(self) -> int:
        return self._rows

    @property
    def nbytes(self) -> int:
        """Bytes of the remembered vectors."""
        return sum(vector.nbytes for vector in self._known.values())


class SourceStore:
    """Vectors where the owner of the index keeps them, such as the database of a collection.

    >>> class Owner:
    ...     def vectors(self, rows):
    ...         return np.eye(3, dtype=np.float32)[rows]
    >>> SourceStore(Owner(), 3).fetch(np.array([2]))
    array([[0., 0., 1.]], dtype=float32)
    """

    def __init__(self, source: RowReader, rows: int) -> None:
        self._source = source
        self._rows = rows

    def fetch(self, rows: Rows) -> Floats | Ragged:
        """The vectors of the rows, in their order."""
        record(fetched=len(rows))
        vectors = self._source.vectors(rows)
        assert isinstance(vectors, np.ndarray | Ragged)
        record(bytes_read=vectors.values.nbytes if isinstance(vectors, Ragged) else vectors.nbytes)
        return vectors

    def prefetch(self, rows: Rows) -> None:
        """Nothing: a database connection serves one thread."""

    def __len__(self) -> int:
        return self._rows

    @property
    def nbytes(self) -> int:
        """None are held."""
        return 0
