"""Lists around centroids: `ivf`, and `ivfpq` with product-quantised rows, both of them FAISS's."""

from __future__ import annotations

import math
from copy import copy
from typing import Any, ClassVar, Literal, Self

import numpy as np

from codomain.arrays import Floats, Hits, Packed, Rows
from codomain.codecs.codec import Codec
from codomain.index.array_files import Arrays
from codomain.index.faiss_index import FaissIndex, by_row, calibrate, scalar_storage, selector, unit
from codomain.index.filtered.effort import PROBES, QUERIES, ROWS, Reach, stand_ins, steps
from codomain.index.filtered.planner import Allowed, Way
from codomain.index.kmeans import centroids
from codomain.index.scan import Metric, codes_of, scan
from codomain.registry import stage
from codomain.stage import check_int
from codomain.text import brief
from codomain.trace import record

_LISTS_MOST = 1 << 20
_CODEBOOK_ROWS = 39 * 256
"""Rows from which a codebook of 256 centroids has the 39 samples for each that k-means wants."""


@stage("ivf", takes=["dense", "codes"], gives="hits")
class IVF(FaissIndex):
    """Lists around centroids: only the rows of the `nprobe` nearest lists are scored, in their stored form.

    "auto" lists are four times the square root of the rows. Fewer rows than lists need gives fewer lists; rows added
    later join the lists of the build. "auto" probes are measured by the build, for 1 to 1,000 answers, so that a search
    finds .95 of the k best; a number is meant for ten answers. More answers, or a filter, read more lists
    (`codomain.index.filtered.effort`).
    """

    nprobe: int | Literal["auto"]

    def __init__(
        self, nlist: int | Literal["auto"] = "auto", nprobe: int | Literal["auto"] = "auto", metric: Metric = "ip"
    ) -> None:
        super().__init__(metric)
        self.nlist: int | Literal["auto"] = _whole_or_auto("nlist", nlist, _LISTS_MOST)
        self.nprobe = _whole_or_auto("nprobe", nprobe, _LISTS_MOST)
        self._reach: Reach | None = None
        self._part = 1.0

    def build(self, vectors: Floats | Packed | np.ndarray, codec: Codec | None = None) -> Self:
        """Sort the rows into lists, and measure how many of them hold the best."""
        self._reach = None
        super().build(vectors, codec)
        if self.nprobe == "auto" and self._index.nlist > 1:
            self._reach = self._measured(codes_of(vectors, codec)[0])
        return self

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError for a metric of packed bits."""
        _check_dense(self.metric)
        return dim

    def _make(self, codes: np.ndarray) -> Any:
        import faiss

        lists, kind = self._centroids(codes)
        name, _ = scalar_storage(self.codec, self.metric)
        if name is None:
            index = faiss.IndexIVFFlat(lists, self.codec.dim, lists.ntotal, kind)
        else:
            quantizer = getattr(faiss.ScalarQuantizer, name)
            index = faiss.IndexIVFScalarQuantizer(lists, self.codec.dim, lists.ntotal, quantizer, kind, False)
            if name == "QT_8bit":
                calibrate(index.sq, self.codec)
        index.is_trained = True
        return index

    def _centroids(self, codes: np.ndarray) -> tuple[Any, Any]:
        """A trained coarse quantiser and FAISS's metric."""
        import faiss

        dim = self.codec.dim
        lists = _lists(self.nlist, len(codes))
        kind = faiss.METRIC_L2 if self.metric == "l2" else faiss.METRIC_INNER_PRODUCT
        quantizer = faiss.IndexFlat(dim, kind)
        if len(codes) == 0 or lists == 1:
            quantizer.add(np.zeros((1, dim), np.float32))
        else:
            spherical = self.metric == "cosine"
            quantizer.add(centroids(len(codes), lambda rows: self._vectors(codes[rows]), lists, spherical))
        return quantizer, kind

    def _made(self) -> dict[str, Any]:
        return {"nlist": self.nlist}

    def _efforts(self, allowed: Allowed, k: int) -> dict[str, int]:
        return {"lists": min(self.probes(k, allowed.share), self._index.nlist)}

    def probes(self, k: int, share: float = 1.0) -> int:
        """Lists that a search for the k best of a share of the rows reads."""
        if self.nprobe != "auto" or self._reach is None:
            lists = steps(PROBES if self.nprobe == "auto" else self.nprobe, k, share)
        else:
            lists = self._reach.lists(k, share)
        return max(1, math.ceil(self._part * lists))

    def first(self, share: float) -> IVF:
        """The same contents, of which a search reads the first share of its lists."""
        part = copy(self)
        part._part = share
        return part

    def _measured(self, codes: np.ndarray) -> Reach:
        """By the exact answers to stand-ins of queries among all rows, or a sample of them."""
        import faiss

        rng = np.random.default_rng(0)
        rows = np.sort(rng.choice(len(codes), min(len(codes), ROWS), replace=False))
        queries = stand_ins(codes, self.codec, QUERIES, rng)
        if self.metric == "cosine":
            queries = unit(queries)
        norms = self.codec.squared_norms(codes[rows]) if self.metric in ("l2", "cosine") else None
        near = rows[scan(queries, codes[rows], self.codec, self.metric, norms, min(1000, len(rows)), None).rows]
        lists = self._index.invlists
        assigned = np.empty(len(codes), np.int64)
        for i in range(self._index.nlist):
            members = faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)) if lists.list_size(i) else []
            assigned[members] = i
        _, order = self._index.quantizer.search(queries, self._index.nlist)
        return Reach.measured(near, order, assigned, len(rows) / len(codes))

    def _learnt(self) -> tuple[Arrays, dict[str, Any]]:
        return {}, {"reach": None if self._reach is None else self._reach.points}

    def _relearn(self, arrays: Arrays, learnt: dict[str, Any]) -> None:
        points = learnt.get("reach")  # indexes of earlier versions have none
        self._reach = None if points is None else Reach(points)

    def _effort(self, chosen: Any, effort: int) -> Any:
        import faiss

        return faiss.SearchParametersIVF(sel=chosen, nprobe=min(effort, self._index.nlist))

    def _probes(self) -> Floats:
        import faiss

        centroids: Floats = faiss.downcast_index(self._index.quantizer).reconstruct_n(0, min(8, self._index.nlist))
        return centroids

    def _near(self, queries: Floats, k: int, allowed: Allowed, way: Way) -> Hits:
        record(
            scored=len(queries) * math.ceil(allowed.matches * way.effort / self._index.nlist)
        )  # of lists of mean length
        return super()._near(queries, k, allowed, way)

    def _exact(self, queries: Floats, k: int, rows: Rows | None) -> Hits:
        """Every list, with the selector."""
        import faiss

        mask = np.zeros(self._stored, bool)
        mask[slice(None) if rows is None else rows] = True
        parameters = faiss.SearchParametersIVF(sel=selector(mask), nprobe=self._index.nlist)

        def found(some: Floats, depth: int) -> Hits:
            return self._hits(*self._index.search(some, depth, params=parameters))

        return by_row(found, queries, k, int(mask.sum()))


@stage("ivfpq", takes=["dense", "codes"], gives="hits")
class IVFPQ(IVF):
    """Lists around centroids with product-quantised rows: one byte for every four dimensions by default.

    "Product Quantization for Nearest Neighbor Search" (2011). Scores are approximate; fewer than 10,000 rows are stored
    as `ivf` stores them, for want of a sample to learn codebooks from.
    """

    recall: ClassVar[float] = 0.75
    """Codes of a byte for four dimensions order rows only so well: the lists that are read hold .95 of the best."""

    def __init__(
        self,
        m: int | Literal["auto"] = "auto",
        nlist: int | Literal["auto"] = "auto",
        nprobe: int | Literal["auto"] = "auto",
        metric: Metric = "ip",
    ) -> None:
        super().__init__(nlist, nprobe, metric)
        self.m: int | Literal["auto"] = _whole_or_auto("m", m, 1 << 16)

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError for dimensions that m does not divide."""
        _check_dense(self.metric)
        if dim is not None and self.m != "auto" and dim % self.m:
            raise ValueError(f"needs a number of dimensions that m={self.m} divides")
        return dim

    def _make(self, codes: np.ndarray) -> Any:
        import faiss

        if len(codes) < _CODEBOOK_ROWS:
            return super()._make(codes)
        dim = self.codec.dim
        self.output_dim(dim)
        parts = self.m if self.m != "auto" else max(p for p in range(1, max(dim // 4, 1) + 1) if dim % p == 0)
        lists, kind = self._centroids(codes)
        index = faiss.IndexIVFPQ(lists, dim, lists.ntotal, parts, 8, kind)
        index.pq.cp.min_points_per_centroid, index.pq.cp.niter = 1, 10
        # many small k-means: threads would mostly wait for each other, eight times as long on a busy machine
        threads = faiss.omp_get_max_threads()
        faiss.omp_set_num_threads(1)
        try:
            index.train(self._vectors(codes[_sample(len(codes), 64 * 256)]))
        finally:
            faiss.omp_set_num_threads(threads)
        return index

    def _made(self) -> dict[str, Any]:
        return {"m": self.m, "nlist": self.nlist}


def _whole_or_auto(name: str, value: Any, most: int) -> int | Literal["auto"]:
    if isinstance(value, str):
        if value != "auto":
            raise ValueError(f"needs {name} to be 'auto' or a whole number, not {brief(value)}")
        return "auto"
    return check_int(name, value, 1, most)


def _check_dense(metric: str) -> None:
    if metric == "hamming":
        raise ValueError("needs the metric ip, cosine or l2")


def _lists(nlist: int | Literal["auto"], rows: int) -> int:
    """Lists for a number of rows: never more than one for every 39 rows, k-means' own minimum."""
    wanted = int(4 * np.sqrt(rows)) if nlist == "auto" else nlist
    return max(1, min(wanted, rows // 39))


def _sample(n: int, most: int) -> np.ndarray:
    """Sorted rows to train on."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(1234).choice(n, most, replace=False))
