"""Lists on disk with the attributes of their rows beside them: a filter is tested before a vector is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from codomain.arrays import Floats, Hits, Rows, allowed_rows, as_float32, merge_hits, top_k
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.index.array_files import Arrays, GrowableArray, fitting, open_arrays, save_arrays
from codomain.index.base import IndexStage
from codomain.index.filtered.attributes import Attributes, Tests, attribute_table, passing
from codomain.index.filtered.effort import PROBES, QUERIES, ROWS, Reach, stand_ins, steps
from codomain.index.filtered.planner import Allowed
from codomain.index.kmeans import centroids, half_squares, nearest
from codomain.index.scan import Metric, check_metric, scan
from codomain.index.stores.mapped import MappedStore
from codomain.index.stores.stores import RamStore
from codomain.registry import stage
from codomain.stage import check_int
from codomain.trace import FilterChoice, record

_FILE = "lists.npy"
_GROUP = 8
"""Lists whose matches are read at a time, while those of the group before are scored."""
_BLOCK = 1 << 14
_DTYPES: dict[str, Any] = {"float16": np.dtype(np.float16), "float32": np.dtype(np.float32)}


@stage("ivf_attr", takes=["dense"], gives="hits", papers=[70])
class IVFAttr(IndexStage):
    """Lists around centroids on disk, with attributes beside them: only the matches of the nearest lists are read.

    Each list is one run of the file. A search visits the lists by the nearness of their centroids, leaves out those that
    cannot match without touching the disk, and goes on until it has scored as many matches as `nprobe` lists hold rows;
    more for more than ten answers. "auto" probes are measured by the build, so that .95 of the k best are found.
    Filters are an allowed set of rows, as everywhere, or tests of whole-number attributes given to `build`.
    "Billion-scale Similarity Search Using a Hybrid Indexing Approach with Advanced Filtering" (2025).

    >>> from codomain.index.filtered.attributes import Range
    >>> index = IVFAttr().build(np.eye(4, dtype=np.float32), attributes={"year": [2019, 2020, 2021, 2021]})
    >>> index.search(np.float32([[0, 3, 1, 2]]), k=2, where={"year": Range(2020, 2021)}).rows
    array([[1, 3]])
    """

    nprobe: int | Literal["auto"]

    def __init__(
        self,
        nlist: int | Literal["auto"] = "auto",
        nprobe: int | Literal["auto"] = "auto",
        dtype: Literal["float16", "float32"] = "float16",
        metric: Literal["ip", "cosine", "l2"] = "ip",
    ) -> None:
        if nlist != "auto":
            check_int("nlist", nlist, 1, 1 << 20)
        if nprobe != "auto":
            check_int("nprobe", nprobe, 1, 1 << 20)
        if dtype not in _DTYPES:
            raise ValueError(f"needs a dtype among {', '.join(_DTYPES)}, not {dtype!r}")
        check_metric(metric, ("ip", "cosine", "l2"))
        self.nlist, self.nprobe, self.dtype, self.metric = nlist, nprobe, dtype, metric
        self._reach: Reach | None = None
        self._part = 1.0

    def build(self, vectors: Floats, codec: Codec | None = None, attributes: Mapping[str, Any] | None = None) -> Self:
        """Sort the vectors (n, d) into lists; `attributes` are whole numbers (n,) by name.

        Raises InputError for codes, and for attributes of another length or kind.
        """
        if codec is not None and codec.kind != "float32":
            raise InputError(f"{self} takes float32 vectors, not codes of {codec.kind}: it stores {self.dtype} itself.")
        vectors = self._as_stored(as_float32(vectors))
        names, table = attribute_table(attributes, None, len(vectors))
        self._dim = vectors.shape[1]
        self._centroids = self._means(vectors)
        assigned = self._assign(vectors)
        order = np.argsort(assigned, kind="stable")
        starts = np.searchsorted(assigned[order], np.arange(len(self._centroids) + 1)).astype(np.int64)
        self._rows_in_order = order.astype(np.int64)
        self._attributes = Attributes.build(names, table[order], starts)
        self._lists: MappedStore | RamStore = RamStore(self._codec.encode(vectors[order]))
        self._reset_tail()
        self._removed = np.empty(0, np.int64)
        self._reach = self._measured(vectors, assigned) if self.nprobe == "auto" and len(starts) > 2 else None
        return self

    def add(self, vectors: Floats, attributes: Mapping[str, Any] | None = None) -> None:
        """Append rows, with the same attributes as those of the build; `save` sorts them into the lists."""
        vectors = self._as_stored(as_float32(vectors, dim=self._dim))
        _, table = attribute_table(attributes, self._attributes.names, len(vectors))
        self._tail.append(self._codec.encode(vectors))
        self._tail_attributes.append(table)

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search; they stay in their lists until the next build."""
        wanted = allowed_rows(rows, self._stored)
        assert wanted is not None
        self._removed = np.union1d(self._removed, wanted)

    def search(self, queries: Floats, k: int, allow: np.ndarray | None = None, where: Tests | None = None) -> Hits:
        """The k best rows of each query (q, d) that are allowed and pass the tests; never fewer than min(k, matches)."""
        queries = as_float32(queries, dim=self._dim, what="queries")
        tests = self._attributes.checked(where or {})
        allowed = Allowed(allow, self._stored, self._removed)
        hits = Hits.empty(len(queries), k)
        if k == 0 or not len(queries):
            return hits
        mask = None if allowed.everything else allowed.mask
        possible = self._attributes.possible(tests)
        if mask is not None:  # lists without an allowed row are never touched
            inside = np.concatenate([[0], np.cumsum(mask[self._rows_in_order])])
            starts = self._attributes.starts
            possible &= inside[starts[1:]] > inside[starts[:-1]]
        record(
            queries=len(queries),
            plan=FilterChoice(f"lists, {possible.sum()} of {len(possible)} may match", allowed.matches, self._stored),
        )
        for i, query in enumerate(queries):
            rows, scores = self._visit(query, k, mask, tests, possible)
            hits.rows[i, : len(rows)], hits.scores[i, : len(rows)] = rows, scores
        if len(self._tail.array):
            return merge_hits([hits, self._search_tail(queries, k, mask, tests)], k)
        return hits

    def __len__(self) -> int:
        return self._stored - len(self._removed)

    @property
    def nbytes(self) -> int:
        """Bytes in memory: centroids, summaries, row numbers, and vectors until they are saved."""
        parts = (
            self._centroids,
            self._rows_in_order,
            self._attributes.least,
            self._attributes.most,
            self._attributes.bloom,
        )
        held = 0 if isinstance(self._lists, MappedStore) else self._lists.nbytes
        return sum(part.nbytes for part in parts) + held + self._tail.array.nbytes

    def save(self, folder: Path) -> None:
        """Sort rows that were added into the lists and write everything; vectors are read from there from now on."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        attributes, order, fetch = self._merged()
        fresh = folder / f"{_FILE}.new"
        with fresh.open("wb") as file:
            dtype = _DTYPES[self.dtype]
            header: dict[str, Any] = {"descr": dtype.str, "fortran_order": False, "shape": (len(order), self._dim)}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, len(order), _BLOCK):
                file.write(np.ascontiguousarray(fetch(start, min(start + _BLOCK, len(order))), dtype).data)
        arrays: Arrays = {
            "centroids": self._centroids, "rows": order, "removed": self._removed, "attributes": attributes.values,
            "starts": attributes.starts, "least": attributes.least, "most": attributes.most, "bloom": attributes.bloom,
        }  # fmt: skip
        settings = {"dim": self._dim, "names": attributes.names, "made": self._made()}
        settings["reach"] = None if self._reach is None else self._reach.points
        save_arrays(folder, "ivf_attr", arrays, settings, files=(_FILE,))
        self._attributes, self._rows_in_order = attributes, order
        self._lists = MappedStore(folder / _FILE)
        self._reset_tail()

    @fitting
    def load(self, folder: Path) -> Self:
        """Open what `save` wrote; raises InputError for damaged files or other parameters."""
        folder = Path(folder)
        arrays, settings = open_arrays(folder, "ivf_attr")
        if settings["made"] != self._made():
            raise InputError(f"{folder} was saved by ivf_attr() with other parameters than {self}: rebuild the index.")
        self._dim = settings["dim"]
        self._reach = None if settings.get("reach") is None else Reach(settings["reach"])
        self._centroids, self._rows_in_order, self._removed = arrays["centroids"], arrays["rows"], arrays["removed"]
        summaries = (arrays[name] for name in ("starts", "least", "most", "bloom"))
        self._attributes = Attributes(tuple(settings["names"]), arrays["attributes"], *summaries)
        self._lists = MappedStore(folder / _FILE)
        self._reset_tail()
        return self

    def probes(self, k: int) -> int:
        """Lists whose number of rows is scored for the k best."""
        if self.nprobe != "auto" or self._reach is None:
            lists = steps(PROBES if self.nprobe == "auto" else self.nprobe, k, 1.0)
        else:
            lists = self._reach.lists(k, 1.0)
        return max(1, math.ceil(self._part * lists))

    def first(self, share: float) -> IVFAttr:
        """The same contents, of which a search reads the first share of its lists."""
        part = copy(self)
        part._part = share
        return part

    # --- searching -------------------------------------------------------------------------------------------------

    def _visit(
        self, query: Floats, k: int, mask: np.ndarray | None, tests: list[Any], possible: np.ndarray
    ) -> tuple[Rows, Floats]:
        """The best of the nearest lists that hold a match."""
        best, scores = np.empty(0, np.int64), np.empty(0, np.float32)
        # a filter thins the lists out: as many rows are scored as `nprobe` whole lists hold, from as many lists as it takes
        left = max(k, math.ceil(self.probes(k) * len(self._rows_in_order) / len(self._centroids)))
        groups = self._groups(query, mask, tests, possible)
        ahead = next(groups, None)
        while ahead is not None:
            places = ahead
            left -= len(places)
            ahead = next(groups, None) if left > 0 else None
            vectors = self._lists.fetch(places)
            if ahead is not None:
                self._lists.prefetch(ahead)
            assert isinstance(vectors, np.ndarray)
            record(scored=len(places))
            found = np.concatenate([best, self._rows_in_order[places]])
            best, scores = top_k(np.concatenate([scores, self._scores(query, vectors)]), found, k)
        return best, scores

    def _groups(self, query: Floats, mask: np.ndarray | None, tests: list[Any], possible: np.ndarray) -> Iterator[Rows]:
        """Places of the matches in the file, a few lists at a time, nearest first."""
        nearness = self._nearness(query)
        near = np.flatnonzero(possible)
        near = near[np.argsort(-nearness[near], kind="stable")]
        places: list[Rows] = []
        for i in near.tolist():
            passed, read = self._attributes.matching(i, tests)
            record(bytes_read=read)
            found = int(self._attributes.starts[i]) + np.flatnonzero(passed)
            if mask is not None:
                found = found[mask[self._rows_in_order[found]]]
            if len(found):
                places.append(found)
            if len(places) == _GROUP:
                yield np.concatenate(places)
                places = []
        if places:
            yield np.concatenate(places)

    def _nearness(self, queries: Floats) -> Floats:
        """How near each list is to queries (..., d): (..., lists), the nearest the highest."""
        nearness = queries @ self._centroids.T
        return nearness - half_squares(self._centroids) if self.metric == "l2" else nearness

    def _search_tail(self, queries: Floats, k: int, mask: np.ndarray | None, tests: list[Any]) -> Hits:
        first = len(self._rows_in_order)
        rows = passing(self._tail_attributes.array, tests)
        if mask is not None:
            rows = rows[mask[first + rows]]
        hits = Hits.empty(len(queries), k)
        vectors = self._tail.array[rows].astype(np.float32)
        record(scored=len(queries) * len(rows))
        for i, query in enumerate(queries):
            best, scores = top_k(self._scores(query, vectors), first + rows, k)
            hits.rows[i, : len(best)], hits.scores[i, : len(best)] = best, scores
        return hits

    def _scores(self, query: Floats, vectors: Floats) -> Floats:
        if self.metric == "l2":
            return np.asarray(-np.square(vectors - query).sum(axis=1))
        scores = np.vecdot(vectors, query)  # each row by itself: equal rows have equal scores
        if self.metric == "cosine":
            scores /= max(float(np.linalg.norm(query)), 1e-30)
        return np.asarray(scores, np.float32)

    # --- building --------------------------------------------------------------------------------------------------

    @property
    def _stored(self) -> int:
        return len(self._rows_in_order) + len(self._tail.array)

    @property
    def _codec(self) -> Codec:
        return Codec(self.dtype, self._dim)  # clips what float16 cannot hold

    def _made(self) -> dict[str, Any]:
        return {"nlist": self.nlist, "dtype": self.dtype, "metric": self.metric}

    def _reset_tail(self) -> None:
        self._tail = GrowableArray(np.zeros((0, self._dim), _DTYPES[self.dtype]))
        self._tail_attributes = GrowableArray(np.zeros((0, len(self._attributes.names)), np.int64))

    def _as_stored(self, vectors: Floats) -> Floats:
        if self.metric != "cosine":
            return vectors
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)

    def _means(self, vectors: Floats) -> Floats:
        """Centroids: four times the square root of the rows, a power of two, unless `nlist` says otherwise."""
        wanted = (
            1 << round(math.log2(max(1.0, 4 * math.sqrt(len(vectors))))) if self.nlist == "auto" else int(self.nlist)
        )
        lists = max(1, min(wanted, len(vectors) // 39))
        if len(vectors) == 0 or lists == 1:
            return np.zeros((1, vectors.shape[1]), np.float32)
        return centroids(len(vectors), lambda rows: vectors[rows], lists)

    def _assign(self, vectors: np.ndarray) -> np.ndarray:
        """The list of the nearest centroid by distance."""
        return nearest(self._centroids, len(vectors), lambda part: vectors[part].astype(np.float32))

    def _measured(self, vectors: Floats, assigned: np.ndarray) -> Reach:
        """By the exact answers to stand-ins of queries among all rows, or a sample of them."""
        rng, codec = np.random.default_rng(0), Codec("float32", self._dim)
        rows = np.sort(rng.choice(len(vectors), min(len(vectors), ROWS), replace=False))
        queries = stand_ins(vectors, codec, QUERIES, rng)
        metric: Metric = "l2" if self.metric == "l2" else "ip"  # rows of cosine have length one
        norms = codec.squared_norms(vectors[rows]) if metric == "l2" else None
        near = rows[scan(queries, vectors[rows], codec, metric, norms, min(1000, len(rows)), None).rows]
        order = np.argsort(-self._nearness(queries), axis=1, kind="stable")
        return Reach.measured(near, order, assigned, len(rows) / len(vectors))

    def _merged(self) -> tuple[Attributes, Rows, Any]:
        """Attributes and rows with the added ones in their lists, and how to read the vectors in that order."""
        old, added = len(self._rows_in_order), len(self._tail.array)
        lists = len(self._centroids)
        assigned = np.repeat(np.arange(lists), np.diff(self._attributes.starts))
        assigned = np.concatenate([assigned, self._assign(self._tail.array)])
        order = np.argsort(assigned, kind="stable")
        starts = np.searchsorted(assigned[order], np.arange(lists + 1)).astype(np.int64)
        table = np.concatenate([self._attributes.table(), self._tail_attributes.array])[order]
        rows = np.concatenate([self._rows_in_order, old + np.arange(added)])[order]

        def fetch(start: int, stop: int) -> np.ndarray:
            places = order[start:stop]
            block = np.empty((len(places), self._dim), np.float32)
            newer = places >= old
            block[~newer] = self._lists.fetch(places[~newer])
            block[newer] = self._tail.array[places[newer] - old]
            return block

        return Attributes.build(self._attributes.names, table, starts), rows, fetch
