"""Where full vectors are read from in the second, exact stage of a search: memory, or made anew from the texts.

All of them are a `FineStore`: `fetch(rows)` gives float32 (n, d), or Ragged where a row has many vectors.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from codomain.contracts import Source
from codomain.report import note
from codomain.vectors import Floats, Ragged, Rows


class RamStore:
    """Vectors in memory: Floats (n, d) in any float type, or Ragged.

    >>> RamStore(np.eye(2, dtype=np.float16)).fetch(np.array([1]))
    array([[0., 1.]], dtype=float32)
    """

    def __init__(self, vectors: Floats | Ragged) -> None:
        self._vectors = vectors

    def fetch(self, rows: Rows) -> Floats | Ragged:
        """The vectors of the rows, in their order."""
        note(fetched=len(rows))
        if isinstance(self._vectors, Ragged):
            values, offsets = self._vectors.take(rows)
            return Ragged(values.astype(np.float32, copy=False), offsets)
        return self._vectors[rows].astype(np.float32, copy=False)

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
    """Vectors that are stored nowhere: made anew from the texts by the encoder, the last `cache` rows remembered.

    "LEANN: A Low-Storage Vector Index" (2025). Dense vectors only.
    """

    def __init__(self, source: Source, rows: int, cache: int = 10_000) -> None:
        self._source = source
        self._rows = rows
        self._cache = cache
        self._known: OrderedDict[int, Floats] = OrderedDict()

    def fetch(self, rows: Rows) -> Floats:
        """The vectors (n, d) of the rows, in their order; one call of the encoder for those not remembered."""
        note(fetched=len(rows))
        wanted = rows.tolist()
        missing = [row for row in dict.fromkeys(wanted) if row not in self._known]
        fresh: dict[int, Floats] = {}
        if missing:
            note(recomputed=len(missing))
            vectors = self._source.encode(np.array(missing, np.int64))
            assert isinstance(vectors, np.ndarray)
            fresh = dict(zip(missing, vectors, strict=True))
        found = np.stack([fresh[row] if row in fresh else self._known[row] for row in wanted])
        for row in wanted:
            if row in fresh:
                self._known[row] = fresh[row]
            self._known.move_to_end(row)
        while len(self._known) > self._cache:
            self._known.popitem(last=False)
        return found

    def prefetch(self, rows: Rows) -> None:
        """Nothing: an encoder that runs ahead would slow down the search."""

    def __len__(self) -> int:
        return self._rows

    @property
    def nbytes(self) -> int:
        """Bytes of the remembered vectors."""
        return sum(vector.nbytes for vector in self._known.values())
