"""Graph search with HNSW, FAISS's."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cached_property
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from codomain.arrays import Floats, Hits, Rows
from codomain.codecs.codec import Codec
from codomain.index.faiss_index import FaissIndex, by_row, calibrate, scalar_storage
from codomain.index.filtered.effort import steps
from codomain.index.filtered.planner import Allowed, QueryCosts, Way, milliseconds
from codomain.index.rescore import are_merged
from codomain.index.scan import Metric, scan
from codomain.registry import stage
from codomain.stage import check_int
from codomain.trace import record

_EF_MOST = 1024


@stage("hnsw", takes=["dense", "codes", "packed"], gives="hits")
class HNSW(FaissIndex):
    """Graph search with HNSW over vectors in their stored form: most of flat's hits in a fraction of its time.

    "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small World graphs" (2018).
    A filter widens the search by the square root of its selectivity; a selective one scans its matches exactly.
    Packed bits are walked by Hamming distance, four times as deep, and scored again against the float32 query.
    """

    def __init__(self, m: int = 32, ef_construction: int = 128, ef_search: int = 64, metric: Metric = "ip") -> None:
        super().__init__(metric)
        self.m = check_int("m", m, 2, 512)
        self.ef_construction = check_int("ef_construction", ef_construction, 1, 10_000)
        self.ef_search = check_int("ef_search", ef_search, 1, _EF_MOST)
        self._measured = (-1, 0.0)  # rows, and the length of the longest

    def _make(self, codes: np.ndarray) -> Any:
        import faiss

        dim, codec = self.codec.dim, self.codec
        if codec.kind == "binary":
            index = faiss.IndexBinaryHNSW(codec.width * 8, self.m)
        else:
            kind = faiss.METRIC_L2 if self.metric == "l2" else faiss.METRIC_INNER_PRODUCT
            quantizer, _ = scalar_storage(codec, self.metric)
            if quantizer is None:
                index = faiss.IndexHNSWFlat(dim, self.m, kind)
            else:
                index = faiss.IndexHNSWSQ(dim, getattr(faiss.ScalarQuantizer, quantizer), self.m, kind)
                storage = faiss.downcast_index(index.storage)
                if quantizer == "QT_8bit":
                    calibrate(storage.sq, codec)
                storage.is_trained = index.is_trained = True
        index.hnsw.efConstruction = self.ef_construction
        return index

    def _made(self) -> dict[str, Any]:
        return {"m": self.m, "ef_construction": self.ef_construction}

    def _efforts(self, allowed: Allowed, k: int) -> dict[str, int]:
        # a filter hides the near rows that it does not allow: the walk must see 1/share times as many, not all of them far
        effort = steps(self.ef_search, k, allowed.share)
        return {"graph": max(k + k // 2, min(effort, _EF_MOST))}

    def _effort(self, chosen: Any, effort: int) -> Any:
        import faiss

        return faiss.SearchParametersHNSW(sel=chosen, efSearch=effort)

    def _probes(self) -> Floats:
        codes, codec = self._stored_codes()
        return codec.decode(codes[:: max(1, len(codes) // 8)][:8])

    @cached_property
    def costs(self) -> QueryCosts:
        """As of every index, with what a row costs that is scored where it lies."""
        codes, codec = self._stored_codes()
        size = min(len(codes), 1 << 12)
        query = codec.decode(codes[:1])
        blocks = (codes[i : i + size] for i in cycle(range(0, len(codes) - size + 1, size)))
        in_place = milliseconds(lambda: scan(query, next(blocks), codec, "ip", None, 10, None)) / size
        return replace(super().costs, in_place=in_place if self.metric == "ip" else math.inf)

    def _near(self, queries: Floats, k: int, allowed: Allowed, way: Way) -> Hits:
        record(scored=len(queries) * way.effort)  # a lower bound: FAISS does not say how many it looked at
        if self.codec.kind != "binary":
            hits = super()._near(queries, k, allowed, way)
            return self._as_scanned(queries, hits) if are_merged() else hits
        bits = np.packbits(queries > 0, axis=1)  # queries come centred
        wanted = min(k if self.metric == "hamming" else 4 * k, allowed.matches)
        effort = self._settings(allowed, max(way.effort, wanted))

        def found(some: np.ndarray, depth: int) -> Hits:
            distances, rows = self._index.search(some, depth, params=effort)
            return Hits(rows.astype(np.int64), np.where(rows < 0, -np.inf, -distances).astype(np.float32))

        near = by_row(found, bits, wanted, self._deepest(wanted, allowed.matches))
        if self.metric == "hamming":
            return near
        return self._as_scanned(queries, near, k)

    def _as_scanned(self, queries: Floats, found: Hits, k: int | None = None) -> Hits:
        """The k best of some rows for each query with the scores that a scan gives."""
        hits = Hits.empty(len(queries), found.rows.shape[1] if k is None else k)
        for i, rows in enumerate(found.rows):
            best = self._exact(queries[i : i + 1], hits.rows.shape[1], np.sort(rows[rows >= 0]))
            hits.rows[i], hits.scores[i] = best.rows[0], best.scores[0]
        return hits

    def _deepest(self, k: int, matches: int) -> int:
        return min(max(k, _EF_MOST), matches)

    def _exact(self, queries: Floats, k: int, rows: Rows | None) -> Hits:
        if rows is not None and not len(rows):
            return Hits.empty(len(queries), k)
        codes, codec = self._stored_codes()
        if self.metric == "ip":
            return scan(queries, codes, codec, "ip", None, k, rows, self._longest)
        if rows is not None:
            codes = codes[rows]
        unit = self.metric == "cosine" and codec.kind != "binary"
        metric: Metric = "ip" if unit else self.metric
        norms = codec.squared_norms(codes) if metric in ("l2", "cosine") else None
        hits = scan(queries, codes, codec, metric, norms, k, None, 1.0 if unit else None)
        return hits if rows is None else Hits(np.where(hits.rows >= 0, rows[hits.rows], -1), hits.scores)

    def _stored_codes(self) -> tuple[np.ndarray, Codec]:
        """FAISS's own copy of the rows, seen without copying it, and how to read it."""
        import faiss

        if self.codec.kind == "binary":
            held = faiss.downcast_IndexBinary(self._index.storage).xb
            codec = self.codec
        else:
            held = faiss.downcast_index(self._index.storage).codes
            _, codec = scalar_storage(self.codec, self.metric)
        if held.size() == 0:
            return np.empty((0, codec.width), codec.dtype), codec
        return faiss.rev_swig_ptr(held.data(), held.size()).view(codec.dtype).reshape(-1, codec.width), codec

    @property
    def _longest(self) -> float | None:
        """The length of the longest row, which lets float16 rows be scanned in one pass; measured once."""
        if self.codec.kind != "float16":
            return None
        codes, codec = self._stored_codes()
        if self._measured[0] != len(codes):
            self._measured = (len(codes), math.sqrt(codec.squared_norms(codes).max(initial=0.0)))
        return self._measured[1]

    def _vectors(self, codes: np.ndarray) -> np.ndarray:
        return codes if self.codec.kind == "binary" else super()._vectors(codes)

    def _write(self, path: str) -> None:
        if self.codec.kind != "binary":
            super()._write(path)
            return
        import faiss

        faiss.write_index_binary(self._index, path)

    @property
    def _rows_at_end(self) -> int:  # type: ignore[override]
        codes, _ = self._stored_codes()
        return codes.nbytes

    def _read(self, path: Path, pad: int) -> Any:
        import faiss

        reader = self._reader(path, pad)
        return faiss.read_index_binary(reader) if self.codec.kind == "binary" else faiss.read_index(reader)

    def _serialized(self) -> Any:
        if self.codec.kind != "binary":
            return super()._serialized()
        import faiss

        return faiss.serialize_index_binary(self._index)

    def _copy(self) -> Any:
        if self.codec.kind != "binary":
            return super()._copy()
        import faiss

        return faiss.deserialize_index_binary(self._serialized())
