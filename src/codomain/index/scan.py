"""Exact scoring of stored codes, block by block, and the choice of the k best: no matrix is ever decoded whole."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from codomain.arrays import Floats, Hits, Rows, top_k
from codomain.codecs.codebooks import table_rows
from codomain.codecs.codec import Codec, QueryForm
from codomain.codecs.float8 import has_numkong
from codomain.errors import InputError
from codomain.index import coarse
from codomain.index.hamming import nearest_bits
from codomain.index.rescore import Candidates, PairScorer, are_merged, best_places, rescored
from codomain.stage import Stage

Metric = Literal["ip", "cosine", "l2", "hamming"]

_BLOCK = 1 << 17
"""Numbers multiplied at a time: the block stays in the cache, and a product of this size runs on the calling thread.

Larger ones wake the threads of BLAS; measured on a busy machine of two cores, waiting for them block after block is up
to thirty times slower than not using them.
"""
_WHOLE = 1 << 24
"""Stored float32 numbers from which one product over all of them, with all threads, pays for waking them once."""
_LONG = 64
"""Dimensions from which rows are read from memory faster one by one: by one thread, twice as fast as by a product with one query."""
_CORES = 4
"""Processor cores up to which that is faster than all threads."""
_SCORES = 1 << 24
"""Scores held at a time: queries are taken in groups of this many divided by the rows."""
_GATHER_BELOW = 0.25
"""Share of allowed rows below which gathering them is cheaper than scoring all rows."""
_GATHER_HALF_BELOW = 0.15
"""The same where all rows are scored as they are stored, in one pass."""
_FEW = 4
"""Queries up to which float16 rows are read as they are, once a query; for more they are widened, once for all."""
_LOOK_UP = 2
"""Queries up to which codes of codewords are scored by a table of each query; for more they are widened, once for all."""
_SHARED = 4
"""Dimensions of a byte from which that saves time."""
_COMPILED = 1 << 22
"""Bytes of codes from which a compiled kernel reads the table, which takes half a second to load and saves milliseconds."""
_HEAP = 1 << 10
"""Hits up to which the heaps of FAISS are quick."""
_LOADED = 1 << 23
"""Numbers that take as long to widen as FAISS to load."""


def check_metric(metric: str, known: tuple[str, ...] = ("ip", "cosine", "l2", "hamming")) -> None:
    """Raises ValueError for a metric that is not known."""
    if metric not in known:
        raise ValueError(f"needs a metric among {', '.join(known)}, not {metric!r}")


def check_bits(metric: str, before: Sequence[Stage]) -> None:
    """Raises ValueError when hamming would be asked of anything but packed bits."""
    if metric == "hamming" and before and before[-1].gives != "packed":
        raise ValueError("needs packed bits for the metric hamming: put binary() before it")


def scan(
    queries: Floats,
    codes: np.ndarray,
    codec: Codec,
    metric: Metric,
    norms: Floats | None,
    k: int,
    rows: Rows | None,
    longest: float | None = None,
) -> Hits:
    """The k best rows (all, or the sorted `rows`) of each query (q, d) over codes (n, width); exact, ties by lower row.

    The order is the same whatever k, the other queries and the other rows are (`rescore`).
    `norms` (n,) are the squared lengths of what the codes stand for; only cosine and l2 read them. `longest`, the length
    of the longest row (of int8 in steps from the middle of its codes), lets hits be found by products with rows as they
    are stored.
    """
    n = len(codes) if rows is None else len(rows)
    hits = Hits.empty(len(queries), k)
    if n == 0 or k == 0 or not len(queries):
        return hits
    if metric == "hamming":
        return nearest_bits(queries, codes, k, rows)
    if metric == "ip" and codec.kind == "int8" and len(queries) <= _FEW and not has_numkong():
        by_faiss = _by_faiss(queries, codes, codec, k, rows)
        if by_faiss is not None:
            return by_faiss
    half = None
    if longest is not None and codec.kind == "float16" and metric == "ip" and len(queries) <= _FEW:
        half = _half(codes.size, k, rows is not None)
    one_pass = half is not None
    everything = rows is None or n > (_GATHER_HALF_BELOW if one_pass else _GATHER_BELOW) * len(codes)
    if half is not None and everything:
        assert longest is not None
        found = [Candidates(*half.candidates(query, codes, rows, longest, k)) for query in queries]
        return rescored(
            PairScorer(queries, codec, metric), codes, k, found, np.zeros(len(queries), np.float32), every=True
        )
    scored = len(codes) if everything else n
    group = max(1, _SCORES // scored)
    mask = None
    if rows is not None and everything:
        mask = np.zeros(len(codes), bool)
        mask[rows] = True
    for start in range(0, len(queries), group):
        part = slice(start, start + group)
        if everything and coarse.serves(codec, metric, len(codes), len(queries[part]), longest, k):
            hits_here = _coarse(queries[part], codes, codec, metric, norms, k, mask, longest)
            if hits_here is not None:
                hits.rows[part], hits.scores[part] = hits_here
                continue
        scores = _scores(queries[part], codes, codec, metric, norms, None if everything else rows)
        if rows is not None and everything:
            scores = scores[:, rows]
        scorer = PairScorer(queries[part], codec, metric)
        lengths = _lengths(codec, metric, norms, longest if codec.code_length is None else None, len(scores))
        if lengths is None:  # those of the rows that the scores speak for
            some = [best_places(row, k) for row in scores]
            lengths = _lengths_of(codes, codec, metric, some if rows is None else [rows[places] for places in some])
        slack = scorer.doubt(lengths)
        chosen = [_chosen(*one, k) for one in zip(queries[part], scores, slack.tolist(), strict=True)]
        candidates = [Candidates(p if rows is None else rows[p], s[p]) for p, s in zip(chosen, scores, strict=True)]
        hits.rows[part], hits.scores[part] = rescored(scorer, codes, k, candidates, slack, every=are_merged())
    return hits


def _coarse(
    queries: Floats,
    codes: np.ndarray,
    codec: Codec,
    metric: Metric,
    norms: Floats | None,
    k: int,
    mask: np.ndarray | None,
    longest: float | None,
) -> Hits | None:
    """The same by products with rows as they are stored; None where these decide too little."""
    if not queries.any(axis=1).all():
        return None
    scorer = PairScorer(queries, codec, metric)
    lengths = _lengths(codec, metric, norms, longest if codec.code_length is None else None, len(queries))
    if lengths is None:  # cosine: the shortest row that is not zero
        assert norms is not None
        lengths = np.full(len(queries), math.sqrt(norms[norms > 0].min(initial=np.inf)))
    found = coarse.candidates(queries, codes, codec, metric, norms, k, mask, longest, scorer.doubt(lengths))
    if found is None:
        return None
    return rescored(scorer, codes, k, found, np.zeros(len(queries), np.float32), every=True)


def _by_faiss(queries: Floats, codes: np.ndarray, codec: Codec, k: int, rows: Rows | None) -> Hits | None:
    """Inner products with rows of int8 by FAISS, where it is loaded or worth it; None where it is not."""
    if k > _HEAP or not (codes.size >= _LOADED or "faiss" in sys.modules) or not queries.any(axis=1).all():
        return None
    from codomain.index._kernels import half_rows

    if not half_rows.IS_THERE or (rows is not None and len(rows) <= _GATHER_BELOW * len(codes)):
        return None
    longest = half_rows.longest_sum(codec)
    found = [Candidates(*half_rows.candidates(query, codes, rows, longest, k, codec)) for query in queries]
    scorer = PairScorer(queries, codec, "ip")
    return rescored(scorer, codes, k, found, np.zeros(len(queries), np.float32), every=True)


def _half(numbers: int, k: int, filtered: bool = False) -> Any:
    """What finds the best of float16 rows as they are stored: FAISS where it is loaded or worth it, numkong, or None."""
    slow = filtered and has_numkong()  # FAISS takes nearly twice as long with a filter
    if k <= _HEAP and not slow and (numbers >= _LOADED or "faiss" in sys.modules):
        from codomain.index._kernels import half_rows

        if half_rows.IS_THERE:
            return half_rows
    return _float16_scan() if has_numkong() else None


@cache
def _float16_scan() -> Any:
    from codomain.index._kernels import float16_scan

    return float16_scan


def _chosen(query: Floats, scores: Floats, slack: float, k: int) -> Rows:
    """Places of the k best scores (n,) and of all that may be as good."""
    if not slack and not query.any():  # all rows are the same to it
        return np.arange(min(k, len(scores)))
    return best_places(scores, k, slack)


def _lengths(
    codec: Codec, metric: Metric, norms: Floats | None, longest: float | None, queries: int
) -> np.ndarray | None:
    """What `PairScorer.doubt` wants for each query, as far as it is known without a look at rows."""
    if metric == "l2":
        assert norms is not None
        return np.full(queries, math.sqrt(norms.max()))
    if metric == "ip" and codec.code_length is None:
        return None if longest is None else np.full(queries, longest)
    return np.ones(queries) if metric == "ip" or codec.code_length is None else None


def _lengths_of(codes: np.ndarray, codec: Codec, metric: Metric, chosen: list[Rows]) -> np.ndarray:
    """The same from some rows of each query: the length of the longest, for cosine of the shortest that is not zero."""
    squares = [codec.squared_norms(codes[rows]) for rows in chosen]
    if metric == "cosine":
        return np.sqrt([some[some > 0].min(initial=np.inf) for some in squares])
    return np.sqrt([some.max() for some in squares])


def best_rows(scores: Floats, rows: Rows | None, k: int) -> tuple[Rows, Floats]:
    """`top_k` of scores (n,) over `rows`, or over 0..n-1; first drops what cannot be among the k best.

    >>> best_rows(np.float32([0.1, 0.9, 0.9]), None, 2)[0]
    array([1, 2])
    """
    places = best_places(scores, k)
    return top_k(scores[places], places if rows is None else rows[places], k)


def _scores(
    queries: Floats, codes: np.ndarray, codec: Codec, metric: Metric, norms: Floats | None, rows: Rows | None
) -> Floats:
    """Scores (q, n) of queries against all codes or the chosen rows."""
    if codec.kind == "float16" and len(queries) <= _FEW and has_numkong():
        scores: Floats = _float16_scan().products(queries, codes if rows is None else codes[rows])
    elif len(queries) <= _LOOK_UP and codec.byte_dims >= (2 if (compiled := _compiled(codes)) else _SHARED):
        scores = _looked_up(queries, codes, codec, rows, compiled)
    else:
        scores = _inner_products(codec.query_form(queries), codes, codec, rows)
    if metric == "ip":
        return scores
    assert norms is not None
    lengths = norms if rows is None else norms[rows]
    squared = np.einsum("ij,ij->i", queries, queries)
    if metric == "cosine":
        product = np.sqrt(squared)[:, None] * np.sqrt(lengths)
        return np.asarray(np.divide(scores, product, out=np.zeros_like(scores), where=product > 0), np.float32)
    # -|q - x|^2 = 2 <q, x> - |x|^2 - |q|^2
    scores *= 2
    scores -= lengths
    scores -= squared[:, None]
    return np.asarray(np.minimum(scores, 0, out=scores), np.float32)


def _inner_products(form: QueryForm, codes: np.ndarray, codec: Codec, rows: Rows | None) -> Floats:
    """<q, x^> (q, n): widen a block of codes, multiply it with the weights of all queries."""
    weights, unit, bias = form
    n = len(codes) if rows is None else len(rows)
    one = len(weights) == 1
    if codec.kind == "float32" and rows is None:
        row_by_row = one and codec.dim >= _LONG
        if codes.size >= _WHOLE and not (row_by_row and (os.cpu_count() or 1) <= _CORES):
            return np.asarray(weights @ codes.T)
        if row_by_row:
            return np.asarray(np.vecdot(codes, weights[0]), np.float32)[None]
    scores = np.empty((len(weights), n), np.float32)
    size = max(1, _BLOCK // max(codec.dim, 1))
    wide = np.empty((min(size, n), codec.dim), np.float32)
    for start in range(0, n, size):
        stop = min(start + size, n)
        chosen = codes[start:stop] if rows is None else codes[rows[start:stop]]
        block = codec.widen(chosen, wide[: stop - start])
        if one:
            np.dot(block, weights[0], out=scores[0, start:stop])
        else:
            scores[:, start:stop] = weights @ block.T
    if codec.kind != "float32":
        scores *= unit[:, None]
        scores += bias[:, None]
    return scores


def _looked_up(queries: Floats, codes: np.ndarray, codec: Codec, rows: Rows | None, compiled: bool) -> Floats:
    """<q, x^> (q, n) as sums over bytes: what each value of a byte is worth to a query is computed once, then read."""
    # t_j(c) = <q_j, c_j>, <q, x^> = sum_j t_j(x_j)   ("Product Quantization for Nearest Neighbor Search", 2011, asymmetric)
    products, bias = codec.byte_products(queries)
    width = codes.shape[1]
    n = len(codes) if rows is None else len(rows)
    scores = np.empty((len(queries), n), np.float32)
    size = max(1, _BLOCK // width)
    for start in range(0, n, size):
        stop = min(start + size, n)
        block = codes[start:stop] if rows is None else codes[rows[start:stop]]
        places = None if compiled else table_rows(block)
        for i, product in enumerate(products):
            if places is None:
                _add_up()(block, product, scores[i, start:stop])
            else:
                np.take(product.ravel(), places, mode="clip").sum(axis=1, out=scores[i, start:stop])
    scores += bias[:, None]
    return scores


def _compiled(codes: np.ndarray) -> bool:
    return codes.nbytes >= _COMPILED and _has("numba")


@cache
def _has(package: str) -> bool:
    return find_spec(package) is not None


@cache
def _add_up() -> Any:
    from codomain.index._kernels.lookup_tables import add_up

    return add_up


def codes_of(vectors: Any, codec: Codec | None) -> tuple[np.ndarray, Codec]:
    """What `build` got, as codes (n, width) with their codec: float32 vectors and packed bits bring their own.

    Raises InputError when the codes do not fit the codec.
    """
    from codomain.arrays import Packed, as_float32

    if codec is None:
        if isinstance(vectors, Packed):
            codec = Codec("binary", vectors.dim)
        else:
            vectors = as_float32(vectors)
            return vectors, Codec("float32", vectors.shape[1])
    if codec.kind == "float32":
        return as_float32(vectors, dim=codec.dim), codec
    codes = vectors.bits if isinstance(vectors, Packed) else np.asarray(vectors)
    if codes.dtype != codec.dtype or codes.ndim != 2 or codes.shape[1] != codec.width:
        raise InputError(
            f"codes of {codec.kind} must be {codec.dtype} of shape (n, {codec.width}), not {codes.dtype} {codes.shape}."
        )
    return np.ascontiguousarray(codes), codec
