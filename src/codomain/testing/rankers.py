"""What rankers and fusions promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from codomain.arrays import Floats, Hits, Rows
from codomain.items import Item
from codomain.testing.checks import Check
from codomain.testing.samples import dense, texts

_ROWS = 60


class _Documents:
    """Sixty documents with texts and vectors."""

    def __init__(self) -> None:
        self._texts, self._vectors = texts(_ROWS), dense(_ROWS)

    def texts(self, rows: Rows) -> list[str]:
        """Texts of rows."""
        return [self._texts[row] for row in rows]

    def items(self, rows: Rows) -> list[str | Item]:
        """The same."""
        return [*self.texts(rows)]

    def vectors(self, rows: Rows) -> Floats:
        """Vectors of rows."""
        return self._vectors[rows]


def checks(stage: Any) -> Iterator[Check]:
    """Depth, shape, no row from nowhere, missing hits."""
    yield Check("asks for as many hits as it is to give, or more", lambda: depth(stage))
    yield Check("gives ranked hits among those it was given", lambda: ranks(stage))
    yield Check("takes queries without hits", lambda: without_hits(stage))
    yield Check("gives the same for a query alone and among others", lambda: alone(stage))


def fusion_checks(stage: Any) -> Iterator[Check]:
    """The same of what joins branches."""
    yield Check("asks branches for as many hits as it is to give, or more", lambda: depth(stage))
    yield Check("gives ranked hits of its branches", lambda: joins(stage))
    yield Check("takes branches without hits", lambda: empty_branches(stage))


def depth(stage: Any) -> None:
    """At least k, and never less for more."""
    depths = [stage.depth(k) for k in (1, 5, 10, 100)]
    assert all(found >= k for found, k in zip(depths, (1, 5, 10, 100), strict=True))
    assert depths == sorted(depths)


def ranks(stage: Any) -> None:
    """Hits (q, k), best first, each row once, none invented."""
    hits, queries = _hits(4, 20), texts(4, 1)
    found = stage.rank(queries, hits, _Documents(), 10)
    _in_order(found, 4, 10, by_score=False)  # a ranker may keep the scores that the hits came with
    for query in range(4):
        assert set(found.rows[query][found.rows[query] >= 0]) <= set(hits.rows[query].tolist())
    assert (found.rows[:, 0] >= 0).all(), "a query with hits was left without any"


def without_hits(stage: Any) -> None:
    """Padding stays padding."""
    found = stage.rank(texts(2, 1), Hits.empty(2, 5), _Documents(), 5)
    assert (found.rows == -1).all() and (found.scores == -np.inf).all()
    assert stage.rank([], Hits.empty(0, 5), _Documents(), 5).rows.shape == (0, 5)


def alone(stage: Any) -> None:
    """A query's answer does not depend on the others."""
    hits, queries = _hits(3, 20), texts(3, 1)
    together = stage.rank(queries, hits, _Documents(), 5)
    for query in range(3):
        one = Hits(hits.rows[query : query + 1], hits.scores[query : query + 1])
        found = stage.rank(queries[query : query + 1], one, _Documents(), 5)
        assert np.array_equal(found.rows[0], together.rows[query])
        np.testing.assert_allclose(found.scores[0], together.scores[query], rtol=1e-5)


def joins(stage: Any) -> None:
    """Rows of the branches, best first; what is on top of all branches is on top."""
    parts = [_hits(3, 20, seed) for seed in range(len(stage.branches))]
    for part in parts:
        part.rows[:, 0] = 59
    found = stage.combine(parts, 10)
    _in_order(found, 3, 10)
    for query in range(3):
        known = {row for part in parts for row in part.rows[query].tolist()}
        assert set(found.rows[query].tolist()) <= known | {-1}


def empty_branches(stage: Any) -> None:
    """A branch without hits changes nothing for the worse; no hits at all are no hits."""
    branches = len(stage.branches)
    assert (stage.combine([Hits.empty(2, 5)] * branches, 5).rows == -1).all()
    some = [_hits(2, 5), *[Hits.empty(2, 5)] * (branches - 1)]
    assert (stage.combine(some, 5).rows >= 0).all()


def _hits(queries: int, k: int, seed: int = 0) -> Hits:
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.permutation(_ROWS - 1)[:k] for _ in range(queries)]) if queries else np.zeros((0, k))
    scores = -np.sort(-rng.random((queries, k)).astype(np.float32), axis=1)
    return Hits(rows.astype(np.int64), scores)


def _in_order(hits: Hits, queries: int, k: int, by_score: bool = True) -> None:
    assert hits.rows.shape == hits.scores.shape == (queries, k)
    assert hits.rows.dtype == np.int64 and hits.scores.dtype == np.float32
    for rows, scores in zip(hits.rows, hits.scores, strict=True):
        there = rows >= 0
        assert not there[int(there.sum()) :].any(), "a hit after a missing one"
        assert len({*rows[there].tolist()}) == there.sum(), "a row twice"
        assert not by_score or (np.diff(scores[there]) <= 1e-6).all(), "scores that rise"
        assert (scores[~there] == -np.inf).all()
