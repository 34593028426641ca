"""The stage `rabitq`: a scan of codes by FAISS, after a rotation of our own that is saved with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from codomain.arrays import Floats, Hits
from codomain.errors import CodomainError
from codomain.index.array_files import Arrays, fitting, need
from codomain.index.faiss_index import FaissIndex, by_row, selector, unit
from codomain.index.filtered.planner import Allowed
from codomain.index.scan import Metric, check_metric
from codomain.registry import stage
from codomain.stage import check_int
from codomain.trace import FilterChoice, record

_SAMPLE = 100_000
"""Rows that the center is the mean of."""
_QUERY_BITS = 8
"""Bits of a number of the query: the float32 query finds the same and takes a hundred times as long."""


@stage("rabitq", takes=["dense", "codes"], gives="hits")
class RaBitQ(FaissIndex):
    """Search over codes of 1 to 9 bits a dimension whose inner products are estimated without bias, FAISS's.

    "RaBitQ: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate Nearest Neighbor Search"
    (2024): with c the center and R a random rotation, the direction of R (o - c) is rounded to the nearest vertex b of a
    grid, and `<q - c, o - c> ~ |o - c| <R (q - c), b> / <b, R (o - c) / |o - c|>`. Beside its bits a row has 8 to 20 bytes. Every
    allowed row is scored, queries in 8 bits a number; scores are estimates. For exact ones: `tiered("rabitq()")`.
    Metrics ip, cosine and l2. Raises CodomainError where faiss-cpu is older than 1.13.

    >>> X = np.random.default_rng(0).standard_normal((100, 64)).astype(np.float32)
    >>> RaBitQ(bits=4).build(X).search(X[7:9], k=1).rows
    array([[7],
           [8]])
    """

    recall: ClassVar[float] = 0.5
    """Of the k best of float32 in few dimensions; 0.80 to 0.83 of sentences in 384."""

    def __init__(self, bits: int = 2, metric: Metric = "ip", seed: int = 0) -> None:
        super().__init__(metric)
        check_metric(metric, ("ip", "cosine", "l2"))
        self.bits = check_int("bits", bits, 1, 9)
        self.seed = check_int("seed", seed, 0)
        self._rotation = np.zeros((0, 0), np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes of the codes and of the rotation."""
        return super().nbytes + self._rotation.nbytes

    @fitting
    def load(self, folder: Path) -> Self:
        """Open what `save` wrote; raises InputError for damaged files or other parameters."""
        super().load(folder)
        need(self._rotation.shape == (self.codec.dim, self.codec.dim))
        return self

    def _make(self, codes: np.ndarray) -> Any:
        import faiss

        dim = self.codec.dim
        kind = faiss.METRIC_L2 if self.metric == "l2" else faiss.METRIC_INNER_PRODUCT
        try:
            index = faiss.IndexRaBitQ(dim, kind, self.bits)
        except (AttributeError, TypeError):
            raise CodomainError("rabitq() needs faiss-cpu 1.13 or newer: pip install --upgrade faiss-cpu") from None
        index.qb = _QUERY_BITS
        self._rotation = _rotation(dim, self.seed)
        sample = codes[np.sort(np.random.default_rng(self.seed).permutation(len(codes))[:_SAMPLE])]
        index.train(self._vectors(sample) if len(sample) else np.zeros((1, dim), np.float32))
        return index

    def _vectors(self, codes: np.ndarray) -> np.ndarray:
        vectors = self.codec.decode(codes)
        return (unit(vectors) if self.metric == "cosine" else vectors) @ self._rotation

    def _answer(self, queries: Floats, k: int, allowed: Allowed) -> Hits:
        import faiss

        record(
            scored=len(queries) * allowed.matches, plan=FilterChoice("scan of codes", allowed.matches, allowed.stored)
        )
        chosen = None if allowed.everything else selector(allowed.mask)
        parameters = faiss.RaBitQSearchParameters(sel=chosen, qb=_QUERY_BITS)
        # each query by itself: a product of several would sum in another order
        rotated = np.concatenate([query[None] @ self._rotation for query in queries])

        def found(some: Floats, depth: int) -> Hits:
            return self._hits(*self._index.search(some, depth, params=parameters))

        return by_row(found, rotated, k, allowed.matches)

    def _made(self) -> dict[str, Any]:
        return {"bits": self.bits, "seed": self.seed}

    def _learnt(self) -> tuple[Arrays, dict[str, Any]]:
        return {"rotation": self._rotation}, {}

    def _relearn(self, arrays: Arrays, learnt: dict[str, Any]) -> None:
        self._rotation = arrays["rotation"]


def _rotation(dim: int, seed: int) -> Floats:
    """A random orthogonal matrix (dim, dim), uniform over all of them."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    return np.ascontiguousarray(q * np.sign(np.diag(r)), np.float32)
