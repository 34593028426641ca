"""Candidates of queries by products with rows as they are stored: nearly right, and how far off they are at most is known."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats
from codomain.codecs.codec import Codec
from codomain.codecs.float8 import has_numkong
from codomain.index.rescore import Candidates, best_places

_LEAST = 1 << 18
"""Numbers of all rows below which it is not worth the preparations."""
_WIDEST = 1 << 16
"""Dimensions up to which sums of products of bytes fit into 32 bits."""
_BYTES = 1 << 18
"""Scores computed at a time, in bytes: they stay in the cache until they are looked through."""
_GROUP = 64
_FEW = 8
"""Queries up to which each is scored and looked through by itself, and float8 is read as it is stored."""
_MANY = 64
"""Queries up to which products in float16 take less time than widening all rows for all of them."""
_SHALLOW = 256
"""Hits up to which one part of a query finds few candidates beside them; it takes half as long as two parts."""
_MOST = 16
"""Candidates are no more than the rows divided by this: where many rows score nearly the same, products decide sooner."""


def serves(codec: Codec, metric: str, rows: int, queries: int, longest: float | None, k: int) -> bool:
    """Whether queries are best compared with so many rows by products in the rows' own type."""
    if codec.kind not in ("int8", "float16", "float8_e4m3", "float8_e5m2") or codec.rotation is not None:
        return False
    if metric == "ip" and longest is None and codec.kind != "int8":
        return False
    if codec.kind.startswith("float8") and queries > _FEW:
        return False
    if queries > _FEW and k > _SHALLOW:  # so many hits to score again take longer than to widen the rows once for all
        return False
    if codec.kind == "float16" and queries > _MANY:
        return False
    return rows * codec.dim >= _LEAST and codec.dim < _WIDEST and has_numkong()


def candidates(
    queries: Floats,
    codes: np.ndarray,
    codec: Codec,
    metric: str,
    norms: Floats | None,
    k: int,
    allowed: NDArray[np.bool_] | None,
    longest: float | None,
    doubt: Floats,
) -> list[Candidates] | None:
    """For each query (q, d) all rows (of a mask) that may be among its k best; None where that is too many to be of use.

    `longest` is the length of the longest row, of int8 in steps from the middle of the codes; `doubt` (q,) is how far apart
    equal scores can be by rounding. Zeros are no queries: to them all rows are alike.
    """
    parts = 3 if codec.kind.startswith("float8") else 1
    if codec.kind == "int8" and (len(queries) <= _FEW or k > _SHALLOW):
        parts = 2
    packed = _kernels().PackedQueries(codec.query_form(queries), codec, parts)
    lengths = np.sqrt(np.vecdot(queries, queries))
    slack = doubt + 2 * _error(packed.error, codec, metric, norms, longest, lengths)
    n, count = len(codes), len(queries)
    in_units = metric == "ip" and parts == 1
    if in_units:
        slack /= packed.unit
    groups = -(-n // _GROUP)
    many = count > _FEW
    scores = (
        np.empty((groups * _GROUP, count), np.float32).T if many else np.empty((count, groups * _GROUP), np.float32)
    )
    scores[:, n:] = -np.inf
    size = n if not many else max(_GROUP, _BYTES // (4 * (parts * count + 1)) // _GROUP * _GROUP)
    maxima = np.empty((groups, count), np.float32)
    for start in range(0, n, size):
        stop = min(start + size, n)
        block = scores[:, start:stop]
        packed.products(codes[start:stop], block, in_units)
        _as_metric(block, metric, None if norms is None else norms[start:stop], lengths)
        if allowed is not None:
            block[:, ~allowed[start:stop]] = -np.inf
        if many:
            last = -(-stop // _GROUP)
            np.max(
                scores.T[start : last * _GROUP].reshape(-1, _GROUP, count), axis=1, out=maxima[start // _GROUP : last]
            )
    table = maxima.T.copy() if many else None
    found = []
    total = 0
    for i in range(count):
        places = _places(scores, i, None if table is None else table[i], k, float(slack[i]))
        if len(places) and places[-1] >= n:
            places = places[places < n]
        values = scores[i, places]
        kept = values > -np.inf
        found.append(Candidates(places[kept], values[kept]))
        total += len(places)
    return None if total > max(4 * k, n // _MOST) * count else found


def _places(scores: Floats, query: int, maxima: Floats | None, k: int, slack: float) -> NDArray[np.int64]:
    """`best_places` of a row of scores (q, n), given the maxima of its groups."""
    if maxima is None or len(maxima) < 4 * k:
        return best_places(np.ascontiguousarray(scores[query]), k, slack)
    # the k highest of the maxima of disjoint groups are k scores: the k-th best score is no lower than theirs
    least = np.partition(maxima, len(maxima) - k)[len(maxima) - k] - np.float32(slack)
    groups = np.flatnonzero(maxima >= least)
    places = (groups[:, None] * _GROUP + np.arange(_GROUP)).ravel()
    some = scores.T.reshape(-1, _GROUP, len(scores))[groups, :, query].ravel()
    return np.asarray(places[best_places(some, k, slack)])


def _as_metric(products: Floats, metric: str, norms: Floats | None, lengths: Floats) -> None:
    """Inner products (q, n) turned into scores, where they stand."""
    if metric == "ip":
        return
    assert norms is not None
    if metric == "cosine":
        products *= np.divide(1, np.sqrt(norms), out=np.zeros_like(norms), where=norms > 0)
        products /= lengths[:, None]
        return
    # -|q - x|^2 = 2 <q, x> - |x|^2 - |q|^2
    products *= 2
    products -= norms
    products -= lengths[:, None] ** 2


def _error(
    each: Floats, codec: Codec, metric: str, norms: Floats | None, longest: float | None, lengths: Floats
) -> NDArray[np.float64]:
    """How far scores are off at most for each query: `each` for a row of length one in codes."""
    gain, _ = codec.affine
    if codec.kind == "int8":
        reach = np.full(len(each), longest or codec.code_length or 0.0)
        if metric == "cosine":
            assert norms is not None
            return np.asarray(each * reach / (lengths * math.sqrt(norms[norms > 0].min(initial=np.inf))))
    elif metric == "cosine":
        return np.asarray(each / (float(gain) * lengths))
    else:
        reach = np.full(len(each), (longest if norms is None or metric == "ip" else math.sqrt(norms.max())) or 0.0)
        reach /= float(gain)
    return np.asarray(each * reach * (2 if metric == "l2" else 1))


def longest_steps(codes: np.ndarray) -> float:
    """The length of the longest row of codes of int8, read as steps from their middle.

    >>> longest_steps(np.uint8([[127, 128]]))
    0.70710678...
    """
    longest = np.float32(0)
    for start in range(0, len(codes), 1024):
        steps = codes[start : start + 1024].astype(np.float32) - np.float32(127.5)
        longest = max(longest, np.vecdot(steps, steps).max())
    return math.sqrt(longest)


@cache
def _kernels() -> Any:
    from codomain.index._kernels import packed_scan

    return packed_scan
