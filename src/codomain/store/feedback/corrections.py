"""Shadows: vectors of some rows after feedback, searched in the place of the stored ones."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from codomain.codecs.codec import Codec
from codomain.index.array_files import GrowableArray
from codomain.index.rescore import PairScorer, to_be_merged
from codomain.index.scan import Metric, scan
from codomain.store.feedback.journal import version
from codomain.vectors import Floats, Hits, Rows, as_float32, merge_hits, top_k

_FEW = 64
"""Shadows up to which an index is asked for that many hits more, rather than for hits among all other rows."""

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
        """Scores (q, n) as the index would give them to rows that stand for the vectors (n, d)."""
        if self.metric == "hamming":
            assert self.unit is not None
            # of signs x = +-unit: minus the bits that differ = (<sign q, x / unit> - d) / 2; of a shadow, what lies between
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
    """The shadows of one branch: rows (m,) and vectors (m, d), in the space in which its rows are scored.

    >>> shadows = CorrectedVectors(ScoringSpace(), 1)
    >>> shadows.put(3, np.float32([0, 2]))
    >>> stored = lambda queries, k, allow: Hits.from_lists([[3, 1]], [[1.0, 0.5]], k)
    >>> shadows.search(np.float32([[1, 0]]), 2, None, 4, stored).rows
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
        """Set the shadow of a row."""
        if row in self._places:
            assert self._vectors is not None
            self._vectors.array[self._places[row]] = vector
            return
        if self._vectors is None:
            self._vectors = GrowableArray(np.empty((0, len(vector)), np.float32))
        self._places[row] = len(self._places)
        self._vectors.append(vector[None])

    def over(self, rows: Rows, vectors: Floats) -> Floats:
        """The vectors (n, d) of rows, where a row has a shadow that one."""
        vectors = vectors.copy()
        for i, row in enumerate(rows.tolist()):
            if row in self._places:
                assert self._vectors is not None
                vectors[i] = self._vectors.array[self._places[row]]
        return vectors

    def search(self, queries: Floats, k: int, allow: Array | None, total: int, stored: Stored) -> Hits:
        """The k best of `total` rows: shadows scored exactly, the other rows as `stored` finds them."""
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
        """The k best rows that have no shadow."""
        if allow is None:
            hits = stored(queries, min(k + min(len(rows), _FEW), max(total, 1)), None)
            shadowed = np.isin(hits.rows, rows)
            complete = ((hits.rows >= 0) & ~shadowed).sum(axis=1) >= k
            if (complete | (hits.rows < 0).any(axis=1) | (hits.rows.shape[1] >= total)).all():
                return Hits(np.where(shadowed, -1, hits.rows), np.where(shadowed, -np.inf, hits.scores))
            allow = np.ones(total, bool)
        else:
            allow = allow.copy()
        allow[rows[rows < len(allow)]] = False
        return stored(queries, k, allow)


def read(db: sqlite3.Connection, branch: int, fingerprint: str, space: ScoringSpace) -> CorrectedVectors:
    """The shadows of a branch, none where they belong to another space; for a damaged one the stored row answers."""
    shadows = CorrectedVectors(space, version(db))
    if shadows.seen is None or reach(db, branch, fingerprint) is None:
        return shadows
    sql = "SELECT row, checksum, data FROM shadows WHERE branch = ? ORDER BY row"
    for row, checksum, data in db.execute(sql, [branch]):
        if zlib.crc32(data) == checksum:
            shadows.put(row, np.frombuffer(data, np.float32))
    return shadows


def write(db: sqlite3.Connection, branch: int, row: int, vector: Floats) -> None:
    """Put the shadow of a row into the database; inside a transaction."""
    data = np.ascontiguousarray(vector, np.float32).tobytes()
    db.execute("INSERT OR REPLACE INTO shadows VALUES (?, ?, ?, ?)", [branch, row, zlib.crc32(data), data])


def reach(db: sqlite3.Connection, branch: int, fingerprint: str) -> int | None:
    """The last entry of the journal that is in the shadows of a branch; None where there are none of this space."""
    row = db.execute("SELECT fingerprint, entry FROM corrected WHERE branch = ?", [branch]).fetchone()
    return None if row is None or row[0] != fingerprint else int(row[1])


def faults(db: sqlite3.Connection) -> Iterator[str]:
    """A sentence for each kind of damage in journal and shadows."""
    if version(db) is None:
        return
    for sql, what in (
        (
            "SELECT count(*) FROM feedback WHERE document NOT IN (SELECT id FROM documents)",
            "entries of feedback on no document",
        ),
        (
            "SELECT count(*) FROM shadows WHERE row NOT IN (SELECT row FROM chunks)",
            "shadows of rows that are not there",
        ),
        (
            "SELECT count(*) FROM shadows WHERE branch NOT IN (SELECT id FROM branches)",
            "shadows that belong to no branch",
        ),
    ):
        (count,) = db.execute(sql).fetchone()
        if count:
            yield f"there are {count} {what}."
    damaged = sum(zlib.crc32(data) != crc for crc, data in db.execute("SELECT checksum, data FROM shadows"))
    if damaged:
        yield f"{damaged} shadows are damaged: codomain feedback --replay makes them anew."
