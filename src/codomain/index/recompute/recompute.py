"""The stage `recompute`: what is kept, how it grows, and which rows a search has encoded again."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from codomain.arrays import Floats, Hits, Rows, allowed_rows, as_float32, top_k
from codomain.codecs.codec import Codec
from codomain.contracts import RowReader
from codomain.errors import InputError, MissingExtra
from codomain.index.array_files import fitting, open_arrays, save_arrays
from codomain.index.base import IndexStage
from codomain.index.filtered.effort import candidates
from codomain.index.scan import Metric, check_metric
from codomain.index.stores.stores import RecomputeStore
from codomain.registry import stage
from codomain.stage import check_float, check_int
from codomain.trace import record

if TYPE_CHECKING:
    from codomain.index.recompute.codes import Codebook
    from codomain.index.recompute.graph import Graph

_EDGES = 8
"""Edges that "auto" keeps a node where it builds a graph."""
_MANY = 1_000_000
"""Rows from which "auto" builds one."""
_EF_OF_CODES, _EF_OF_A_WALK = 128, 64
"""What "auto" is: either way some 130 texts are encoded for ten answers."""
_FEW = 1000
"""Rows up to which there is no graph: all matches are encoded again."""
_READ_BELOW = 0.6
"""Share of matches below which all their codes are read: a walk would recompute many rows that are no matches."""
_LINKED = 64
"""Rows that an added one is compared with, by their codes, to find its neighbours."""
_MARKS = 1 << 23
"""Rows times queries that are walked at once: each walk keeps some thirty bytes for a row."""


@stage("recompute", takes=["dense"], gives="hits", papers=[61])
class Recompute(IndexStage):
    """Graph search without stored vectors: small codes, and a thinned HNSW; rows on the way are encoded from their texts.

    "LEANN: A Low-Storage Vector Index" (2025). The graph keeps `m` edges a node and `hub_m` at the share `hubs` of
    highest degree. A search orders what it sees by codes of `parts` bytes and encodes the best `ratio` of it, `batch`
    texts at a time, until the `ef` best are found. `cache` is the share of nodes, those of highest degree, whose vectors
    are kept, as float16 if that holds them; the last `remember` encoded rows stay in memory. Metrics ip and cosine. Up to 1,000 rows all
    are encoded at every search. `attach(source)` says where texts are. Raises MissingExtra without numba.

    "auto" leaves out the graph (`m=0`) below a million rows, unless there is a `cache`: every search reads all codes and
    encodes the `ef` best, which finds more and encodes less while codes are quickly read; from there on `m` is 8. "auto" `ef`
    is 128 without a graph, else 64, for ten answers; more answers take more in proportion.

    >>> vectors = np.eye(3, dtype=np.float32)
    >>> class Owner:
    ...     def encode(self, rows): return vectors[rows]
    >>> index = Recompute().build(vectors)
    >>> index.attach(Owner())
    >>> index.search(np.float32([[0, 2, 1]]), k=2).rows
    array([[1, 2]])
    """

    needs_rows: ClassVar[bool] = True

    @property
    def keeps_vectors(self) -> bool:
        """Never: rows on the way are encoded again."""
        return False

    _graph: Graph | None
    _codebook: Codebook | None

    def __init__(
        self,
        m: int | Literal["auto"] = "auto",
        hub_m: int = 60,
        hubs: float = 0.02,
        ef: int | Literal["auto"] = "auto",
        ratio: float = 0.15,
        batch: int = 16,
        parts: int | Literal["auto"] = "auto",
        cache: float = 0.0,
        remember: int = 10_000,
        metric: Metric = "ip",
        seed: int = 0,
    ) -> None:
        self.m: int | Literal["auto"] = m if m == "auto" else check_int("m", m, 0, 512)
        self.hub_m = check_int("hub_m", hub_m, _EDGES if self.m == "auto" else self.m, 512)
        self.hubs = check_float("hubs", hubs, 0, 1)
        self.ef: int | Literal["auto"] = ef if ef == "auto" else check_int("ef", ef)
        self.ratio = check_float("ratio", ratio, 0, 1)
        self.batch = check_int("batch", batch)
        self.parts: int | Literal["auto"] = parts if parts == "auto" else check_int("parts", parts)
        self.cache = check_float("cache", cache, 0, 1)
        if cache and m == 0:
            raise ValueError("needs a graph to know what to cache: m above 0, or cache=0")
        self.remember = check_int("remember", remember, 0)
        check_metric(metric, ("ip", "cosine"))
        self.metric = metric
        self.seed = check_int("seed", seed, 0)
        self._source: RowReader | None = None

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError for dimensions that `parts` does not divide."""
        if dim is not None and self.parts != "auto" and dim % self.parts:
            raise ValueError(f"needs a number of dimensions that parts={self.parts} divides")
        return dim

    def attach(self, source: RowReader) -> None:
        """Say who has the texts: rows are encoded again through `source.encode`."""
        self._source = source
        self._store = RecomputeStore(source, self._stored, self.remember)

    def build(self, vectors: Floats, codec: Codec | None = None) -> Self:
        """Build graph and codes from vectors (n, d), which are not kept; raises InputError for others."""
        if codec is not None and codec.kind != "float32":
            raise InputError(f"{self} takes float32 vectors, but got {codec.kind}: leave the quantiser out.")
        vectors = as_float32(vectors)
        self._dim, self._stored, self._removed = vectors.shape[1], len(vectors), np.zeros(0, np.int64)
        self._forget()
        if len(vectors) > _FEW:
            self._make(self._unit(vectors))
        return self

    def add(self, vectors: Floats) -> None:
        """Append rows (n, d): each gets a code and, by the codes of others, its neighbours in the graph."""
        vectors = as_float32(vectors, dim=self._dim if self._stored else None)
        before, self._stored = self._stored, self._stored + len(vectors)
        if before == 0:
            removed = self._removed
            self.build(vectors)
            self._removed = removed
        elif self._codebook is not None:
            self._link(self._unit(vectors))
        elif self._stored > _FEW and self._source is not None:
            known = self._unit(self._recomputed(np.arange(before)))
            self._make(np.concatenate([known, self._unit(vectors)]))

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later result; walks still pass through them until the next build."""
        wanted = allowed_rows(rows, self._stored)
        assert wanted is not None
        self._removed = np.union1d(self._removed, wanted)

    def search(self, queries: Floats, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best of the allowed rows for each query (q, d), scored by vectors encoded again; never fewer than min(k, matches).

        Raises InputError for another dimension, or when nothing is attached.
        """
        queries = as_float32(queries, dim=self._dim, what="queries")
        rows = allowed_rows(allow, self._stored)
        if len(self._removed):
            rows = np.setdiff1d(np.arange(self._stored) if rows is None else rows, self._removed, assume_unique=True)
        matches = self._stored if rows is None else len(rows)
        wanted = min(k, matches)
        hits = Hits.empty(len(queries), k)
        if wanted == 0 or len(queries) == 0:
            return hits
        queries = self._unit(queries)
        ef = candidates(self._effort, wanted, matches)
        every = np.arange(self._stored) if rows is None else rows
        if self._codebook is None or matches <= ef:
            found = self._all(queries, every)
        elif self._graph is None or matches < _READ_BELOW * self._stored:
            found = self._by_codes(queries, ef, every)
        else:
            found = self._walked(queries, wanted, ef, rows)
        for i, (near, scores) in enumerate(found):
            hits.rows[i, :wanted], hits.scores[i, :wanted] = top_k(scores, near, wanted)
        record(queries=len(queries))
        return hits

    def __len__(self) -> int:
        return self._stored - len(self._removed)

    @property
    def nbytes(self) -> int:
        """Bytes of the graph, the codes with their codebook, and the vectors that `cache` keeps."""
        return sum(array.nbytes for array in self._arrays().values())

    def save(self, folder: Path) -> None:
        """Write the graph and the codes to a folder."""
        save_arrays(
            folder, "recompute", self._arrays(), {"stored": self._stored, "dim": self._dim, "made": self._made()}
        )

    @fitting
    def load(self, folder: Path) -> Self:
        """Map what `save` wrote, to be attached; raises InputError for damaged files or other build parameters."""
        from codomain.index.recompute.codes import Codebook
        from codomain.index.recompute.graph import Graph

        arrays, settings = open_arrays(folder, "recompute")
        made = settings["made"]
        if self.m == "auto":  # whichever it was: earlier versions built a graph of any number of rows
            made = made | {"m": "auto"}
        if made != self._made():
            raise InputError(f"{folder} was saved by recompute() with other parameters than {self}: rebuild the index.")
        self._stored, self._dim, self._removed = settings["stored"], settings["dim"], arrays["removed"]
        self._forget()
        if "codes" in arrays:
            self._codes, self._codebook = arrays["codes"], Codebook(arrays["centroids"])
        if "offsets" in arrays:
            self._graph = Graph(arrays["offsets"], arrays["packed"], arrays["entries"])
            self._cached, self._kept = arrays["cached"], arrays["kept"]
        return self

    @property
    def _effort(self) -> int:
        """Rows that are encoded, or that a walk refines, for ten answers."""
        if self.ef != "auto":
            return self.ef
        return _EF_OF_CODES if self._graph is None else _EF_OF_A_WALK

    def _edges(self, rows: int) -> int:
        """Edges a node; 0 where codes are read instead of a graph."""
        if self.m != "auto":
            return self.m
        return _EDGES if rows >= _MANY or self.cache else 0

    def _made(self) -> dict[str, Any]:
        names = ("m", "hub_m", "hubs", "parts", "cache", "metric", "seed")
        return {name: getattr(self, name) for name in names}

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {"removed": self._removed}
        if self._codebook is not None:
            arrays |= {"codes": self._codes, "centroids": self._codebook.centroids}
        if self._graph is not None:
            offsets, packed, entries = self._graph
            arrays |= {"offsets": offsets, "packed": packed, "entries": entries}
            arrays |= {"cached": self._cached, "kept": self._kept}
        return arrays

    def _forget(self) -> None:
        self._graph = self._codebook = None
        self._codes = np.zeros((0, 0), np.uint8)
        self._cached, self._kept = np.zeros(0, np.int64), np.zeros((0, self._dim), np.float16)
        if self._source is not None:  # what it remembers may belong to other rows
            self._store = RecomputeStore(self._source, self._stored, self.remember)

    def _make(self, vectors: Floats) -> None:
        """Graph, codes and cache from all vectors, of length one for cosine."""
        if find_spec("numba") is None:
            raise MissingExtra("recompute()", "engines")
        from codomain.index.recompute import codes, graph

        try:
            self.output_dim(self._dim)
        except ValueError as error:
            raise InputError(f"{self} {error}, but the vectors have {self._dim}.") from None
        parts = codes.parts_of(self._dim) if self.parts == "auto" else self.parts
        self._codebook = codes.train(vectors, parts, self.seed)
        self._codes = self._codebook.encode(vectors)
        edges = self._edges(len(vectors))
        if not edges:
            return
        lists = graph.thin(graph.hnsw(vectors), vectors, edges, self.hub_m, self.hubs)
        self._graph = graph.pack(lists, vectors)
        hottest = np.argsort(-lists.degrees, kind="stable")[: round(self.cache * len(vectors))]
        self._cached = np.sort(hottest).astype(np.int64)
        self._kept = codes.compact(vectors[self._cached])

    def _link(self, vectors: Floats) -> None:
        """Put rows into the graph: edges to and from the neighbours that their codes and those of the others tell."""
        from codomain.index.recompute import graph, walk

        assert self._codebook is not None
        before = len(self._codes)
        self._codes = np.concatenate([self._codes, self._codebook.encode(vectors)])
        if self._graph is None or not len(vectors):
            return
        linked, edges = [], _EDGES if self.m == "auto" else self.m
        guess = np.empty(len(self._codes), np.float32)
        for row, vector in enumerate(vectors, before):
            walk.approximate_all(self._codebook.table(vector), self._codes, np.arange(row), guess[:row])
            near = np.argpartition(-guess[:row], _LINKED)[:_LINKED]
            linked.append(near[graph.spread(vector, self._codebook.decode(self._codes[near]), edges)])
        self._graph = graph.join(self._graph, linked)

    def _by_codes(self, queries: Floats, depth: int, rows: Rows) -> list[tuple[Rows, Floats]]:
        from codomain.index.recompute.search import by_codes

        assert self._codebook is not None
        record(scored=len(queries) * (len(rows) + depth))
        return by_codes(queries, self._codes, self._codebook, rows, depth, self._vectors)

    def _walked(self, queries: Floats, wanted: int, ef: int, rows: Rows | None) -> list[tuple[Rows, Floats]]:
        from codomain.index.recompute.search import Effort, Walk, finish

        assert self._graph is not None and self._codebook is not None
        allowed = np.zeros(0, np.bool_)
        if rows is not None:
            allowed = np.zeros(self._stored, np.bool_)
            allowed[rows] = True
        found, group = [], max(1, _MARKS // self._stored)
        for start in range(0, len(queries), group):
            some = queries[start : start + group]
            walks = [Walk(query, self._graph, self._codes, self._codebook, allowed) for query in some]
            finish(walks, Effort(ef, self.ratio, self.batch), wanted, self._vectors)
            record(scored=sum(walk.scored for walk in walks))
            found += [walk.exact for walk in walks]
        return found

    def _all(self, queries: Floats, rows: Rows) -> list[tuple[Rows, Floats]]:
        """Exact scores of all of some rows."""
        scores = np.empty((len(queries), len(rows)), np.float32)
        for start in range(0, len(rows), _FEW):
            vectors = self._vectors(rows[start : start + _FEW])
            for query, own in zip(queries, scores, strict=True):  # each row by itself: equal rows have equal scores
                own[start : start + _FEW] = np.vecdot(vectors, query)
        record(scored=scores.size)
        return [(rows, row_scores) for row_scores in scores]

    def _vectors(self, rows: Rows) -> Floats:
        """Vectors of sorted rows: those that the cache keeps, the others encoded again."""
        kept = np.isin(rows, self._cached, assume_unique=True)
        vectors = np.empty((len(rows), self._dim), np.float32)
        if kept.any():
            vectors[kept] = self._kept[np.searchsorted(self._cached, rows[kept])]
        if not kept.all():
            vectors[~kept] = self._unit(self._recomputed(rows[~kept]))
        return vectors

    def _recomputed(self, rows: Rows) -> Floats:
        if self._source is None:
            raise InputError(
                f"{self} keeps no vectors: attach(source) must say who has the texts before the first search."
            )
        return as_float32(self._store.fetch(rows), dim=self._dim, what="vectors encoded again")

    def _unit(self, vectors: Floats) -> Floats:
        if self.metric == "ip":
            return vectors
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(norms > 0, norms, 1), np.float32)
