"""Corrected vectors: those of some rows after feedback, searched in the place of the stored ones."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from codomain.arrays import Floats, Hits, Rows, as_float32, merge_hits, top_k
from codomain.codecs.codec import Codec
from codomain.index.array_files import GrowableArray
from codomain.index.rescore import PairScorer, to_be_merged
from codomain.index.scan import Metric, scan
from codomain.store.backend import Backend

_FEW = 64
"""Corrected rows up to which an index is asked for that many hits more, rather than for hits among all other rows."""

Array = np.ndarray[Any, Any]

Stored = Callable[[Floats, int, Array | None], Hits]
"""What searches the stored rows: queries, k and a mask of allowed rows."""


@dataclass(frozen=True)
class ScoringSpace:
    """How a branch scores: its metric, and for hamming the distance `unit` (d,) of a sign from zero."""

    metric: str = "ip"
    unit: Floats | None = None

    @classmethod
    def of(cls, metric: str, codec: Codec | None) -> ScoringSpace:
        """That of an index with this metric over rows of this codec."""
        if metric != "hamming" or codec is None:
            return cls(metric)
        return cls(metric, codec.decode(np.full((1, codec.width), 255, np.uint8))[0])

    def scores(self, queries: Floats, vectors: Floats) -> Floats:
        """Scores (q, n) as the index would score rows that stand for the vectors (n, d)."""
        if self.metric == "hamming":
            assert self.unit is not None
            # of signs x = +-unit: minus the bits that differ = (<sign q, x / unit> - d) / 2; of a corrected row, what lies between
            signs = np.where(queries > 0, 1, -1).astype(np.float32)
            return np.asarray((signs @ (vectors / self.unit).T - len(self.unit)) / 2, np.float32)
        owners = np.repeat(np.arange(len(queries)), len(vectors))
        pairs = PairScorer(queries, Codec("float32", vectors.shape[1]), self.metric)
        return pairs.scores(owners, np.tile(vectors, (len(queries), 1))).reshape(len(queries), len(vectors))

    def best(self, queries: Floats, vectors: Floats, places: Rows, k: int) -> Hits:
        """The k best of some places among vectors (n, d) for each query."""
        if self.metric in ("ip", "cosine", "l2"):
            codec = Codec("float32", vectors.shape[1])
            norms = None if self.metric == "ip" else codec.squared_norms(vectors)
            return scan(queries, vectors, codec, cast(Metric, self.metric), norms, k, places)
        hits = Hits.empty(len(queries), k)
        for i, scores in enumerate(self.scores(queries, vectors)):
            best, best_scores = top_k(scores[places], places, k)
            hits.rows[i, : len(best)], hits.scores[i, : len(best)] = best, best_scores
        return hits

    def cosines(self, scores: Array, length: float, r: float) -> Array:
        """Scores of a query of this length as cosines, with rows of the length r; for l2 but for a constant."""
        if self.metric == "hamming":
            assert self.unit is not None
            return 1 + 2 * scores / len(self.unit)
        # <q, x> / |q| r;   -|q - x|^2 / 2 r^2 = <q, x> / r^2 - ...
        return scores / {"cosine": 1, "l2": 2 * r * r}.get(self.metric, length * r)


class CorrectedVectors:
    """The corrected vectors of one branch: rows (m,) and vectors (m, d), in the space in which its rows are scored.

    >>> corrections = CorrectedVectors(ScoringSpace(), 1)
    >>> corrections.put(3, np.float32([0, 2]))
    >>> stored = lambda queries, k, allow: Hits.from_lists([[3, 1]], [[1.0, 0.5]], k)
    >>> corrections.search(np.float32([[1, 0]]), 2, None, 4, stored).rows
    array([[1, 3]])
    """

    def __init__(self, space: ScoringSpace | None = None, seen: int | None = None) -> None:
        self.space = space or ScoringSpace()
        self.seen = seen  # the version of the journal that they belong to
        self._places: dict[int, int] = {}
        self._vectors: GrowableArray | None = None

    def __len__(self) -> int:
        return len(self._places)

    def put(self, row: int, vector: Floats) -> None:
        """Set the corrected vector of a row."""
        if row in self._places:
            assert self._vectors is not None
            self._vectors.array[self._places[row]] = vector
            return
        if self._vectors is None:
            self._vectors = GrowableArray(np.empty((0, len(vector)), np.float32))
        self._places[row] = len(self._places)
        self._vectors.append(vector[None])

    def over(self, rows: Rows, vectors: Floats) -> Floats:
        """The vectors (n, d) of rows, corrected where there is a correction."""
        vectors = vectors.copy()
        for i, row in enumerate(rows.tolist()):
            if row in self._places:
                assert self._vectors is not None
                vectors[i] = self._vectors.array[self._places[row]]
        return vectors

    def search(self, queries: Floats, k: int, allow: Array | None, total: int, stored: Stored) -> Hits:
        """The k best of `total` rows: corrected rows scored exactly, the other rows as `stored` finds them."""
        if not len(self):
            return stored(queries, k, allow)
        assert self._vectors is not None
        rows, vectors = np.fromiter(self._places, np.int64, len(self)), self._vectors.array
        if (rows[1:] < rows[:-1]).any():
            order = np.argsort(rows)
            rows, vectors = rows[order], vectors[order]
        inside = rows < total if allow is None else allow[np.minimum(rows, len(allow) - 1)] & (rows < len(allow))
        asked = as_float32(queries, dim=vectors.shape[1], what="queries")
        with to_be_merged():
            own = self.space.best(asked, vectors, np.flatnonzero(inside), k)
            own = Hits(np.where(own.rows >= 0, rows[own.rows], -1), own.scores)
            return merge_hits([self._others(queries, k, allow, rows, total, stored), own], k)

    def _others(self, queries: Floats, k: int, allow: Array | None, rows: Rows, total: int, stored: Stored) -> Hits:
        """The k best rows that are not corrected."""
        if allow is None:
            hits = stored(queries, min(k + min(len(rows), _FEW), max(total, 1)), None)
            corrected = np.isin(hits.rows, rows)
            complete = ((hits.rows >= 0) & ~corrected).sum(axis=1) >= k
            if (complete | (hits.rows < 0).any(axis=1) | (hits.rows.shape[1] >= total)).all():
                return Hits(np.where(corrected, -1, hits.rows), np.where(corrected, -np.inf, hits.scores))
            allow = np.ones(total, bool)
        else:
            allow = allow.copy()
        allow[rows[rows < len(allow)]] = False
        return stored(queries, k, allow)


def read(backend: Backend, branch: int, fingerprint: str, space: ScoringSpace) -> CorrectedVectors:
    """Those of a branch, none where they belong to another space; for a damaged one the stored row answers."""
    corrections = CorrectedVectors(space, backend.journal.version())
    if corrections.seen is None or reach(backend, branch, fingerprint) is None:
        return corrections
    for row, checksum, data in backend.corrections.read(branch):
        if zlib.crc32(data) == checksum:
            corrections.put(row, np.frombuffer(data, np.float32))
    return corrections


def write(backend: Backend, branch: int, row: int, vector: Floats) -> None:
    """Put the corrected vector of a row into the database; inside a transaction."""
    data = np.ascontiguousarray(vector, np.float32).tobytes()
    backend.corrections.write(branch, row, zlib.crc32(data), data)


def reach(backend: Backend, branch: int, fingerprint: str) -> int | None:
    """The last entry of the journal that a branch has taken in; None where it has none of this space."""
    found = backend.corrections.reach(branch)
    return None if found is None or found[0] != fingerprint else found[1]
