"""The rows with the fewest bits that differ from a query's, exactly: by FAISS where they are many, else by numpy."""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec

import numpy as np

from codomain.arrays import Floats, Hits, Rows, top_k
from codomain.index.rescore import best_places

_LOADED = 1 << 22
"""Bytes of rows from which FAISS saves more than it takes to load."""
_TIES = 16
"""Rows that FAISS is asked for beyond k, to see whether the k-th ties with others."""
_HEAP = 1 << 10
"""Hits up to which its heaps are quick."""
_SCORES = 1 << 24
"""Scores held at a time."""
_WORD_ROWS = 1 << 14
"""Rows whose bits are compared at a time: what is counted stays in the cache."""


def nearest_bits(queries: Floats, codes: np.ndarray, k: int, rows: Rows | None) -> Hits:
    """The rows with the fewest bits that differ from the signs of queries, which are centred already; counts are exact."""
    bits = np.packbits(queries > 0, axis=1)
    n = len(codes) if rows is None else len(rows)
    depth = min(k + _TIES, n)
    if depth > _HEAP or not _faiss_pays(codes):
        return _counted(bits, codes, k, rows)
    import faiss

    # one thread a query: the rows are looked at once for all queries
    distances, found = faiss.knn_hamming(bits, codes if rows is None else codes[rows], depth)
    each = np.arange(len(queries))[:, None]
    order = np.lexsort((found, distances), axis=1)
    found, distances = found[each, order], distances[each, order]
    width = min(k, n)
    best, scores = found[:, :width], np.negative(distances[:, :width], dtype=np.float32)
    hits = Hits(best if rows is None else rows[best], scores)
    if width < k:
        hits = Hits.empty(len(queries), k)
        hits.rows[:, :width], hits.scores[:, :width] = best if rows is None else rows[best], scores
    # of rows that tie with the last that FAISS gives, it may have left out lower ones
    open_end = distances[:, -1] == distances[:, width - 1]
    if depth < n and open_end.any():
        for i in np.flatnonzero(open_end):
            hits.rows[i], hits.scores[i] = (side[0] for side in _counted(bits[i : i + 1], codes, k, rows))
    return hits


def _faiss_pays(codes: np.ndarray) -> bool:
    return (codes.nbytes >= _LOADED or "faiss" in sys.modules) and _has_faiss()


def _counted(bits: np.ndarray, codes: np.ndarray, k: int, rows: Rows | None) -> Hits:
    """The same with numpy."""
    hits = Hits.empty(len(bits), k)
    group = max(1, _SCORES // len(codes))
    for start in range(0, len(bits), group):
        for i, scores in enumerate(_hamming(bits[start : start + group], codes, rows), start):
            places = best_places(scores, k)
            best, best_scores = top_k(scores[places], places if rows is None else rows[places], k)
            hits.rows[i, : len(best)], hits.scores[i, : len(best)] = best, best_scores
    return hits


@cache
def _has_faiss() -> bool:
    return find_spec("faiss") is not None


def _hamming(bits: np.ndarray, codes: np.ndarray, rows: Rows | None) -> Floats:
    """Minus the numbers of bits (q, n) in which rows differ from queries."""
    words, query_words = _as_words(codes if rows is None else codes[rows]), _as_words(bits)
    scores = np.empty((len(bits), len(words)), np.float32)
    differing = np.empty(_WORD_ROWS, np.int32)
    for start in range(0, len(words), _WORD_ROWS):
        columns = words[start : start + _WORD_ROWS].T
        count = differing[: columns.shape[1]]
        for i, query in enumerate(query_words):
            count[:] = 0
            for column, word in zip(columns, query, strict=True):  # ten times as fast as a sum over each row
                count += np.bitwise_count(column ^ word)
            scores[i, start : start + len(count)] = count
    return np.negative(scores, out=scores)


def _as_words(bits: np.ndarray) -> np.ndarray:
    """Bytes (n, width) as the widest unsigned integers that divide them."""
    for dtype in (np.uint64, np.uint32, np.uint16):
        if bits.shape[1] % np.dtype(dtype).itemsize == 0:
            return np.ascontiguousarray(bits).view(dtype)
    return bits
