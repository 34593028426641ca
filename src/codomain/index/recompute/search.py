"""Walks through the graph for several queries at once: what all of them want next is encoded in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from codomain.arrays import Floats, Rows
from codomain.index.recompute import walk
from codomain.index.recompute.codes import Codebook
from codomain.index.recompute.graph import Graph

Fetch = Callable[[Rows], Floats]


@dataclass(frozen=True)
class Effort:
    """How a walk spends: results kept, share of the approximate queue that is recomputed, vectors wanted at a time."""

    ef: int
    ratio: float
    batch: int


class Walk:
    """One query's way through the graph: a queue of rows seen, scored by their codes, and one of rows scored exactly."""

    def __init__(self, query: Floats, graph: Graph, codes: np.ndarray, codebook: Codebook, allowed: np.ndarray) -> None:
        n = len(codes)
        self.query, self._graph, self._codes, self._allowed = query, graph, codes, allowed
        self._table = codebook.table(query)
        self._state = np.full(n, walk.UNSEEN, np.uint8)
        self._seen, self._guess = np.empty(n, np.int64), np.empty(n, np.float32)
        self._exact, self._score = np.empty(n, np.int64), np.empty(n, np.float32)
        self._expanded, self._pending = np.zeros(n, np.bool_), np.empty(n, np.int64)
        self._counts = np.zeros(3, np.int64)
        for row in graph.entries:
            seen = int(self._counts[0])
            self._counts[0] = walk.see(self._table, codes, row, self._state, self._seen, self._guess, seen)
        self.want(self._seen[: self._counts[0]][np.argmax(self._guess[: self._counts[0]])][None])

    def want(self, rows: Rows) -> None:
        """Ask for rows that the graph did not lead to."""
        count = int(self._counts[2])
        self._state[rows] = walk.WANTED
        self._pending[count : count + len(rows)] = rows
        self._counts[2] += len(rows)

    def advance(self, effort: Effort) -> None:
        """Go on until vectors are wanted; none are at the end."""
        walk.advance(
            self._graph.offsets, self._graph.packed, self._codes, self._table, self._allowed, effort.ef, effort.ratio,
            effort.batch, self._state, self._seen, self._guess, self._exact, self._score, self._expanded, self._pending,
            self._counts,
        )  # fmt: skip

    @property
    def pending(self) -> Rows:
        """Rows whose vectors are wanted."""
        return self._pending[: self._counts[2]]

    def absorb(self, scores: Floats) -> None:
        """Take the exact scores of the pending rows."""
        start, stop = int(self._counts[1]), int(self._counts[1] + self._counts[2])
        self._exact[start:stop], self._score[start:stop] = self.pending, scores
        self._counts[1:] = stop, 0

    @property
    def exact(self) -> tuple[Rows, Floats]:
        """Rows scored exactly so far, those allowed, and their scores."""
        count = int(self._counts[1])
        rows, scores = self._exact[:count].copy(), self._score[:count].copy()
        if not len(self._allowed):
            return rows, scores
        kept = self._allowed[rows]
        return rows[kept], scores[kept]

    @property
    def scored(self) -> int:
        """Rows scored by their code or exactly."""
        return int(self._counts[0] + self._counts[1])

    def fill(self, wanted: int) -> None:
        """Where the graph led to fewer than `wanted` rows, ask for the best others by their codes."""
        rows = np.flatnonzero(self._allowed) if len(self._allowed) else np.arange(len(self._state))
        rows = rows[self._state[rows] != walk.WANTED]
        guess = np.empty(len(rows), np.float32)
        walk.approximate_all(self._table, self._codes, rows, guess)
        missing = wanted - len(self.exact[0])
        self.want(rows[np.argsort(-guess, kind="stable")[:missing]])


def finish(walks: list[Walk], effort: Effort, wanted: int, fetch: Fetch) -> None:
    """Take all walks to their end, and each to at least `wanted` rows."""
    active = walks
    while active:
        wishes = np.unique(np.concatenate([one.pending for one in active]))
        vectors = fetch(wishes)
        for one in active:
            one.absorb(np.vecdot(vectors[np.searchsorted(wishes, one.pending)], one.query))
            one.advance(effort)
            if not len(one.pending) and len(one.exact[0]) < wanted:
                one.fill(wanted)
        active = [one for one in active if len(one.pending)]


def by_codes(
    queries: Floats, codes: np.ndarray, codebook: Codebook, rows: Rows, depth: int, fetch: Fetch
) -> list[tuple[Rows, Floats]]:
    """Without a graph: the `depth` best of all `rows` by their codes, scored exactly."""
    guess, near = np.empty(len(rows), np.float32), []
    for query in queries:
        walk.approximate_all(codebook.table(query), codes, rows, guess)
        near.append(np.sort(rows[np.argpartition(-guess, depth - 1)[:depth]]))
    wishes = np.unique(np.concatenate(near))
    vectors = fetch(wishes)
    return [
        (some, np.vecdot(vectors[np.searchsorted(wishes, some)], query))
        for some, query in zip(near, queries, strict=True)
    ]
