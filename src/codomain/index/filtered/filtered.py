"""A graph that knows what its filters cost: for every selectivity the effort that reaches the target was measured."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np

from codomain.arrays import Floats, Hits, Packed
from codomain.codecs.codec import Codec
from codomain.index.array_files import Arrays
from codomain.index.diagnostics import Recall, interval
from codomain.index.faiss_index import SCAN
from codomain.index.filtered.planner import Allowed, Way, cheapest
from codomain.index.hnsw import HNSW
from codomain.index.kmeans import centroids, half_squares, nearest
from codomain.index.scan import Metric
from codomain.registry import stage
from codomain.stage import check_float
from codomain.trace import record

_SHARES = (1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02)
"""Selectivities at which efforts are measured; below the last a scan of the matches is all that is needed."""
_WALKS = (32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048)
_QUERIES = 256
_BESIDE = 1
"""Lists that are read beside a walk, and that show what a filter lets pass around a query."""
_LOOK = 5e-6
"""Milliseconds to look up whether a row of a list passes."""
_LEAST = 10_000
"""Rows from which there is anything to measure: a scan of fewer takes a millisecond at most."""
_K = 10


class _Around(NamedTuple):
    """How many rows the lists around a query hold, and which of them the filter lets pass."""

    rows: int
    passing: np.ndarray

    def share(self, allowed: Allowed) -> float:
        """What passes of them; of lists without a row, which k-means may leave, what passes of all."""
        return len(self.passing) / self.rows if self.rows else allowed.share


class _Trial(NamedTuple):
    """Queries under a filter, with the score of the last of the exact best ten (q, 1)."""

    queries: Floats
    allowed: Allowed
    last: Floats


@stage("filtered", takes=["dense", "codes"], gives="hits", papers=[21])
class Filtered(HNSW):
    """Search that keeps its recall under any filter: a planner over exact scan, graph and lists, each measured.

    `target` is the recall@10 asked for. `build` measures which ef of the graph, and how many lists, reach it when a filter
    lets pass all rows, half of them, a fifth, ... A search looks at what the filter lets pass around each query, for a
    filter that hides a query's own neighbours is harder than its selectivity says, takes the way that costs least on this
    machine, and never gives fewer than min(k, matches) hits.
    "Benchmarking Filtered Approximate Nearest Neighbor Search Algorithms on Transformer-based Embedding Vectors" (2025).

    >>> index = Filtered().build(np.eye(4, dtype=np.float32))
    >>> index.search(np.float32([[0, 2, 1, 0]]), k=3, allow=np.array([0, 2])).rows
    array([[ 2,  0, -1]])
    """

    def __init__(self, target: float = 0.99, m: int = 32, ef_construction: int = 128, metric: Metric = "ip") -> None:
        super().__init__(m, ef_construction, 64, metric)
        if metric == "hamming":
            raise ValueError("needs the metric ip, cosine or l2")
        self.target = check_float("target", target, 0.5, 1)
        self._lists: RowLists | None = None
        self.verified: Recall | None = None
        """Recall@10 without a filter on queries that nothing was chosen by; None below the rows that are measured."""
        self._table: dict[str, list[int]] = {}
        """For each way the effort at each of _SHARES; 0 where none reaches the target."""

    def build(self, vectors: Floats | Packed | np.ndarray, codec: Codec | None = None) -> Self:
        """Build the graph and the lists, and measure both."""
        self._lists, self._table, self.verified = None, {}, None
        super().build(vectors, codec)
        if self._stored >= _LEAST:
            codes, held = self._stored_codes()
            self._lists = RowLists.build(codes, held)
            self._table = self._measure()
            self.verified = self._verify()
        return self

    def add(self, vectors: Floats | Packed | np.ndarray) -> None:
        """Append rows to graph and lists; the efforts stay as measured until the next build."""
        before = self._stored
        super().add(vectors)
        if self._lists is not None and self._stored > before:
            codes, held = self._stored_codes()
            self._lists.add(codes[before:], held)

    def _answer(self, queries: Floats, k: int, allowed: Allowed) -> Hits:
        way, plan = self._plan(allowed, k)
        if way.name == SCAN or allowed.everything or not self._table:
            record(plan=plan)
            return self._go(way, queries, k, allowed)
        scan = Way(SCAN, self.costs.scan(allowed))
        hits = Hits.empty(len(queries), k)
        for i, around in enumerate(self._around(queries, allowed)):
            query = queries[i : i + 1]
            way, plan = cheapest([*self._ways(allowed, k, around.share(allowed)), scan], allowed)
            record(plan=plan)
            if way.name == "graph":
                found = self._beside(super()._near(query, k, allowed, way), query, around.passing)
            else:
                found = self._go(way, query, k, allowed)
            hits.rows[i], hits.scores[i] = found.rows[0], found.scores[0]
        return self._completed(hits, queries, allowed)

    def _around(self, queries: Floats, allowed: Allowed) -> Iterator[_Around]:
        """The lists around each query: what the filter lets pass there is what it lets pass of the query's neighbours."""
        assert self._lists is not None
        for rows in self._lists.near(queries, _BESIDE):
            yield _Around(len(rows), rows if allowed.everything else rows[allowed.mask[rows]])

    def _beside(self, hits: Hits, query: Floats, rows: np.ndarray) -> Hits:
        """Hits of a walk with those among some rows: to rows amid many near-duplicates no edge may lead."""
        k = hits.rows.shape[1]
        record(scored=len(rows))
        # all by the same scan: equal scores then are equal, whichever way a row was found
        return self._exact(query, k, np.union1d(hits.rows[hits.rows >= 0], rows))

    def _efforts(self, allowed: Allowed, k: int, local: float | None = None) -> dict[str, int]:
        if not self._table:
            return super()._efforts(allowed, k)
        share = allowed.share if local is None else local
        harder = [i for i, tabulated in enumerate(_SHARES) if tabulated <= share]
        efforts = {way: efforts[harder[0]] for way, efforts in self._table.items()} if harder else {}
        # what was measured for ten answers grows with their number
        found = {way: math.ceil(effort * max(1, k / _K)) for way, effort in efforts.items() if effort}
        if allowed.everything and not found:
            return super()._efforts(allowed, k)
        return found

    def _ways(self, allowed: Allowed, k: int, local: float | None = None) -> list[Way]:
        ways = [
            Way(name, self.costs.search(effort), effort) for name, effort in self._efforts(allowed, k, local).items()
        ]
        if self._lists is None:
            return ways
        return [self._priced(way, allowed) if way.name == "lists" else way for way in ways]

    def _priced(self, way: Way, allowed: Allowed) -> Way:
        """Lists cost what the matches in them cost to gather, and a look at every row in them."""
        assert self._lists is not None
        share = min(1.0, way.effort / len(self._lists))
        gathered = self.costs.base + share * allowed.matches * self.costs.row + len(self._lists) * self.costs.in_place
        return way._replace(ms=gathered + share * allowed.stored * _LOOK)

    def _near(self, queries: Floats, k: int, allowed: Allowed, way: Way) -> Hits:
        if self._lists is None:
            return super()._near(queries, k, allowed, way)
        if way.name == "graph":
            walked = super()._near(queries, k, allowed, way)
            parts = [
                self._beside(Hits(walked.rows[i : i + 1], walked.scores[i : i + 1]), queries[i : i + 1], around.passing)
                for i, around in enumerate(self._around(queries, allowed))
            ]
        else:
            near = self._lists.near(queries, way.effort)
            chosen = [rows if allowed.everything else rows[allowed.mask[rows]] for rows in near]
            record(scored=sum(map(len, chosen)))
            parts = [self._exact(queries[i : i + 1], k, rows) for i, rows in enumerate(chosen)]
        return Hits(np.concatenate([p.rows for p in parts]), np.concatenate([p.scores for p in parts]))

    # --- measuring ---------------------------------------------------------------------------------------------------

    def _measure(self) -> dict[str, list[int]]:
        """The least effort of each way that reaches the target at each selectivity, 0 where none does."""
        assert self._lists is not None
        rng = np.random.default_rng(0)
        queries = self._queries(rng)
        probes = [p for p in (1 << i for i in range(20)) if p < len(self._lists)]
        ladders = {"graph": _WALKS, "lists": tuple(probes)}
        table: dict[str, list[int]] = {way: [] for way in ladders}
        for share in _SHARES:
            trial = self._trial(queries, rng.random(self._stored) <= share)
            for way, ladder in ladders.items():
                # a smaller share never takes less effort; where one step failed altogether the next is not tried
                known = table[way]
                least = known[-1] if known else ladder[0]
                reached = (s for s in ladder if least and s >= least and self._reaches(trial, Way(way, 0, s)))
                known.append(next(reached, 0))
        return table

    def _verify(self) -> Recall:
        trial = self._trial(self._queries(np.random.default_rng(1)), np.ones(self._stored, bool))
        everything = Allowed(None, self._stored, np.empty(0, np.int64))
        start = time.perf_counter()
        scores = self._answer(trial.queries, _K, everything).scores
        ms = (time.perf_counter() - start) * 1e3 / _QUERIES
        return interval(_good(scores, trial).mean(axis=1), ms)

    def _queries(self, rng: np.random.Generator) -> Floats:
        """Stored rows drawn towards another row, so that they lie as far from every row as users' queries do."""
        codes, codec = self._stored_codes()
        one, other = (codec.decode(codes[rng.choice(self._stored, _QUERIES)]) for _ in range(2))
        lengths = np.linalg.norm(one, axis=1, keepdims=True)
        drawn = one + other * np.float32(0.5)
        norms = np.linalg.norm(drawn, axis=1, keepdims=True)
        return np.asarray(drawn * lengths / np.where(norms > 0, norms, 1), np.float32)

    def _trial(self, queries: Floats, mask: np.ndarray) -> _Trial:
        allowed = Allowed(mask, self._stored, np.empty(0, np.int64))
        exact = self._exact(queries, min(_K, allowed.matches), allowed.rows)
        return _Trial(queries, allowed, exact.scores[:, -1:])

    def _reaches(self, trial: _Trial, way: Way) -> bool:
        """Whether the recall is the target's, by a standard error more than was found by chance.

        Hits that are no worse than the exact tenth count, so that duplicates count as each other.
        """
        found = self._near(trial.queries, min(_K, trial.allowed.matches), trial.allowed, way).scores
        recalls = _good(found, trial).mean(axis=1)
        return bool(recalls.mean() - recalls.std() / math.sqrt(len(recalls)) >= self.target)

    def _made(self) -> dict[str, Any]:
        return {**super()._made(), "target": self.target}

    def _learnt(self) -> tuple[Arrays, dict[str, Any]]:
        arrays = {} if self._lists is None else self._lists.arrays()
        return arrays, {"table": self._table, "verified": self.verified}

    def _relearn(self, arrays: Arrays, learnt: dict[str, Any]) -> None:
        self._table = learnt["table"]
        self.verified = None if learnt["verified"] is None else Recall(*learnt["verified"])
        self._lists = RowLists(arrays["centroids"], arrays["assigned"]) if "centroids" in arrays else None

    @property
    def card(self) -> dict[str, dict[float, int | None]]:
        """What was measured: for each way the effort (ef, lists) at each selectivity, None where the target is not reached.

        >>> Filtered().card
        {}
        """
        return {
            way: {s: e or None for s, e in zip(_SHARES, efforts, strict=True)} for way, efforts in self._table.items()
        }


def _good(scores: Floats, trial: _Trial) -> np.ndarray:
    """Which hits are no worse than the exact last one: float32 sums of another order differ a little."""
    return np.asarray(scores >= trial.last - 1e-5 * np.abs(trial.last) - 1e-6)


class RowLists:
    """Row numbers by nearest centroid: where to look, without a second copy of the vectors."""

    def __init__(self, centroids: Floats, assigned: np.ndarray) -> None:
        self.centroids = centroids
        self.assigned = assigned

    def __len__(self) -> int:
        return len(self.centroids)

    @classmethod
    def build(cls, codes: np.ndarray, codec: Codec) -> RowLists:
        """About the square root of the rows in lists, by k-means on a sample."""
        lists = max(1, round(math.sqrt(len(codes))))
        made = cls(centroids(len(codes), lambda rows: codec.decode(codes[rows]), lists), np.empty(0, np.int32))
        made.add(codes, codec)
        return made

    def add(self, codes: np.ndarray, codec: Codec) -> None:
        """Assign more rows."""
        fresh = nearest(self.centroids, len(codes), lambda part: codec.decode(codes[part]))
        self.assigned = np.concatenate([self.assigned, fresh])
        self.__dict__.pop("_sorted", None)

    def near(self, queries: Floats, lists: int) -> Iterator[np.ndarray]:
        """The rows of the nearest lists of each query."""
        order, starts = self._sorted
        scores = queries @ self.centroids.T - self._half
        closest = np.argpartition(-scores, min(lists, len(self)) - 1, axis=1)[:, :lists]
        for members in closest.tolist():
            yield np.concatenate([order[starts[i] : starts[i + 1]] for i in members])

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows by list, and where each list starts."""
        order = np.argsort(self.assigned, kind="stable")
        return order, np.searchsorted(self.assigned[order], np.arange(len(self) + 1))

    @cached_property
    def _half(self) -> Floats:
        return half_squares(self.centroids)

    def arrays(self) -> Arrays:
        """What is saved."""
        return {"centroids": self.centroids, "assigned": self.assigned}
