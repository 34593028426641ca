"""The graph of a recompute index: built by FAISS as HNSW, thinned but for its hubs, stored as coded differences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from codomain.arrays import Floats, Rows
from codomain.index.recompute import walk

EF_CONSTRUCTION, FULL = 128, 30
"""The paper's settings of the graph that is thinned afterwards: efConstruction 128, M 30."""
ENTRIES = 8


class NeighborLists(NamedTuple):
    """Neighbours of node i, sorted: `rows[offsets[i]:offsets[i + 1]]`; offsets (n + 1,), rows (edges,) int64."""

    offsets: Rows
    rows: Rows

    @property
    def degrees(self) -> Rows:
        """Out-degrees (n,)."""
        return np.diff(self.offsets)


class Graph(NamedTuple):
    """Lists in their stored form: each sorted, its differences as variable-length bytes; offsets (n + 1,) in bytes."""

    offsets: np.ndarray
    packed: np.ndarray
    entries: Rows

    @property
    def nbytes(self) -> int:
        """Bytes of all three arrays."""
        return self.offsets.nbytes + self.packed.nbytes + self.entries.nbytes


def hnsw(vectors: Floats, m: int = FULL) -> NeighborLists:
    """The lowest level of FAISS's HNSW graph over vectors (n, d), by inner product; one thread, so that it is repeatable."""
    import faiss

    index = faiss.IndexHNSWFlat(vectors.shape[1], m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = EF_CONSTRUCTION
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        index.add(vectors)
    finally:
        faiss.omp_set_num_threads(threads)
    starts = faiss.vector_to_array(index.hnsw.offsets).astype(np.int64)[:-1]
    places = starts[:, None] + np.arange(index.hnsw.nb_neighbors(0))
    rows = faiss.vector_to_array(index.hnsw.neighbors)[places].astype(np.int64)
    sources = np.repeat(np.arange(len(rows)), (rows >= 0).sum(axis=1))
    return from_pairs(sources, rows[rows >= 0], len(rows))


def thin(full: NeighborLists, vectors: Floats, m: int, hub_m: int, hubs: float) -> NeighborLists:
    """Hub-preserving pruning: `m` edges a node, `hub_m` for the share `hubs` of highest degree, then both directions.

    "LEANN: A Low-Storage Vector Index" (2025), algorithm 3, selecting from the lists of the full graph instead of from
    new searches: the lists are what those searches found.
    """
    n = len(vectors)
    incoming = np.bincount(full.rows, minlength=n)
    best = np.lexsort((incoming, full.degrees))[::-1][: max(1, round(hubs * n))]
    quota = np.full(n, m, np.int64)
    quota[best] = hub_m
    chosen = select(full, vectors, quota)
    sources = np.repeat(np.arange(n), chosen.degrees)
    both = from_pairs(np.concatenate([sources, chosen.rows]), np.concatenate([chosen.rows, sources]), n)
    if both.degrees.max(initial=0) > hub_m:
        both = select(both, vectors, np.where(both.degrees > hub_m, hub_m, both.degrees))
    return both


def select(lists: NeighborLists, vectors: Floats, quota: Rows) -> NeighborLists:
    """At most quota (n,) neighbours of each node, by HNSW's heuristic: none closer to one already taken than to the node."""
    rows = np.empty(int(np.minimum(quota, lists.degrees).sum()), np.int64)
    counts = np.zeros(len(quota), np.int64)
    walk.select(vectors, lists.offsets, lists.rows, quota, rows, counts)
    return from_pairs(np.repeat(np.arange(len(quota)), counts), rows[: counts.sum()], len(vectors))


def from_pairs(sources: Rows, targets: Rows, n: int) -> NeighborLists:
    """Lists of the distinct edges, each sorted."""
    edges = np.unique(sources * n + targets)
    return NeighborLists(np.searchsorted(edges, np.arange(n + 1) * n).astype(np.int64), edges % n)


def pack(lists: NeighborLists, vectors: Floats | None = None, entries: Rows | None = None) -> Graph:
    """The stored form; entries are given, or the medoid of `vectors` and the nodes of highest degree."""
    if entries is None:
        assert vectors is not None
        medoid = int(np.argmax(vectors @ vectors.mean(axis=0)))
        entries = np.unique([medoid, *np.argsort(-lists.degrees, kind="stable")[:ENTRIES]]).astype(np.int64)
    packed, offsets = np.empty(10 * len(lists.rows), np.uint8), np.zeros(len(lists.offsets), np.int64)
    walk.pack(lists.offsets, lists.rows, packed, offsets)
    small = np.uint32 if offsets[-1] < 1 << 32 else np.int64
    return Graph(offsets.astype(small), packed[: offsets[-1]].copy(), entries)


def unpack(graph: Graph) -> NeighborLists:
    """The lists that `pack` wrote, each sorted."""
    n = len(graph.offsets) - 1
    offsets, rows = np.zeros(n + 1, np.int64), np.empty(len(graph.packed), np.int64)
    walk.unpack(graph.offsets, graph.packed, offsets, rows)
    return NeighborLists(offsets, rows[: offsets[-1]])


def spread(vector: Floats, others: Floats, m: int) -> Rows:
    """Positions of the at most `m` neighbours that a vector (d,) takes among others (n, d), by the heuristic of `select`."""
    n = len(others)
    star = NeighborLists(np.repeat([0, n], [1, n + 1]), np.arange(1, n + 1))
    return select(star, np.concatenate([vector[None], others]), np.repeat([m, 0], [1, n])).rows - 1


def join(graph: Graph, linked: list[Rows]) -> Graph:
    """The graph with new nodes, one for each array of neighbours, and edges both ways."""
    old, before = unpack(graph), len(graph.offsets) - 1
    sources = np.repeat(np.arange(before, before + len(linked)), [len(rows) for rows in linked])
    targets = np.concatenate(linked)
    origins = np.repeat(np.arange(before), old.degrees)
    lists = from_pairs(
        np.concatenate([origins, sources, targets]), np.concatenate([old.rows, targets, sources]), before + len(linked)
    )
    return pack(lists, entries=graph.entries)
