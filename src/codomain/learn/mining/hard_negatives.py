"""Hard negatives: the nearest documents that are not known to be right."""

from __future__ import annotations

import numpy as np

from codomain.arrays import Floats, as_float32
from codomain.errors import InputError
from codomain.learn.mining.table import CandidateTable
from codomain.registry import register
from codomain.stage import check_float, check_int

_BLOCK = 512
"""Queries that are searched for together."""


@register("miner", "hard_negatives")
class HardNegatives:
    """The `k` best-scored documents of each query that are not its positives, of the `depth` nearest ones.

    With a margin, documents that score more than its worst positive less the margin are left out: a document that is about as
    near as a known answer is likely to be an answer nobody judged. A query without positives keeps all. Scores are inner
    products, cosines for unit vectors. Documents that are equal to a positive are negatives without a margin.
    NV-Retriever: Improving text embedding models with effective hard-negative mining (2024).

    >>> Q, D = np.eye(2), np.array([[1, 0], [0.9, 0.1], [0.2, 0.8], [0, 1]])
    >>> HardNegatives(k=2, margin=0.3).mine(Q, D, np.array([[0, 0], [1, 3]])).negatives(2)
    array([[2, 3],
           [1, 0]])
    """

    def __init__(self, k: int = 10, depth: int = 100, margin: float | None = None) -> None:
        self.k = check_int("k", k)
        self.depth = check_int("depth", depth, self.k)
        self.margin = None if margin is None else check_float("margin", margin)

    def mine(self, Q: Floats, D: Floats, positives: np.ndarray) -> CandidateTable:
        """Queries (q, d), documents (m, d), pairs (p, 2) of their numbers; raises InputError for what does not fit."""
        Q = as_float32(Q, what="queries")
        D = as_float32(D, dim=Q.shape[1], what="documents")
        right = checked_pairs(positives, len(Q), len(D))
        scores = inner_products(Q[right[:, 0]], D, right[:, 1:])[:, 0]
        limit = np.full(len(Q), np.inf, np.float32)
        if self.margin is not None:
            np.minimum.at(limit, right[:, 0], scores - np.float32(self.margin))
        pairs, found = [right], [scores]
        for start in range(0, len(Q) if len(D) else 0, _BLOCK):
            block = np.arange(start, min(start + _BLOCK, len(Q)))
            first = np.array([start, 0])
            wrong, near = self._search(Q[block], D, right[np.isin(right[:, 0], block)] - first, limit[block])
            pairs.append(wrong + first)
            found.append(near)
        known = np.arange(sum(map(len, pairs))) < len(right)
        return CandidateTable.of(len(Q), np.concatenate(pairs), np.concatenate(found), known)

    def _search(self, Q: Floats, D: Floats, right: np.ndarray, limit: Floats) -> tuple[np.ndarray, Floats]:
        """Pairs (n, 2) and scores (n,) of the negatives of some queries."""
        import faiss

        most = int(np.bincount(right[:, 0], minlength=1).max())
        rows = faiss.knn(Q, D, min(self.depth + most, len(D)), faiss.METRIC_INNER_PRODUCT)[1]
        scores = inner_products(Q, D, rows)
        keys = np.arange(len(Q))[:, None] * len(D) + rows
        wrong = ~np.isin(keys, right[:, 0] * len(D) + right[:, 1])
        wrong &= wrong.cumsum(axis=1) <= self.depth
        wrong &= scores <= limit[:, None]
        wrong &= wrong.cumsum(axis=1) <= self.k
        queries, places = np.nonzero(wrong)
        return np.stack([queries, rows[queries, places]], axis=1), scores[queries, places]


def inner_products(Q: Floats, D: Floats, rows: np.ndarray) -> Floats:
    """Of each query (q, d) with its own documents `rows` (q, k), float32 (q, k): equal vectors have equal scores."""
    return np.asarray(np.einsum("qd,qkd->qk", Q, D[rows]), np.float32)


def checked_pairs(pairs: np.ndarray, queries: int, documents: int) -> np.ndarray:
    """Different pairs (p, 2) of a query's and a document's number, int64; raises InputError for any others."""
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
        raise InputError(f"positives must be pairs of whole numbers (p, 2), not {pairs.dtype} of shape {pairs.shape}.")
    if len(pairs) and (pairs.min() < 0 or (pairs.max(axis=0) >= (queries, documents)).any()):
        raise InputError(f"positives name rows that are not among {queries} queries and {documents} documents.")
    return np.unique(pairs.astype(np.int64), axis=0)
