"""Lists around centroids: `ivf`, and `ivfpq` with product-quantised rows, both of them FAISS's."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from codomain.arrays import Floats, Hits, Rows
from codomain.index.faiss_index import FaissIndex, by_row, calibrate, scalar_storage, selector
from codomain.index.filtered.planner import Allowed, Way
from codomain.index.kmeans import centroids
from codomain.index.scan import Metric
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
    later join the lists of the build.
    """

    nprobe: int

    def __init__(self, nlist: int | Literal["auto"] = "auto", nprobe: int = 32, metric: Metric = "ip") -> None:
        super().__init__(metric)
        self.nlist: int | Literal["auto"] = _whole_or_auto("nlist", nlist, _LISTS_MOST)
        self.nprobe = check_int("nprobe", nprobe, 1, _LISTS_MOST)

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
        probes = math.ceil(self.nprobe / math.sqrt(allowed.share))
        return {"lists": min(probes, self._index.nlist)}

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

    def __init__(
        self,
        m: int | Literal["auto"] = "auto",
        nlist: int | Literal["auto"] = "auto",
        nprobe: int = 32,
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
