"""Inner products of float32 queries with float16 rows, by numkong's kernels, which read the rows as they are stored.

A float32 query q is the sum of two float16 vectors, q = h + l / 2048, so two passes are as exact as widening every row.
For the best k one pass is enough: |<q, x> - <h, x>| <= |l| |x| / 2048 bounds what can be among them, and the few rows
above the bound are scored again.
"""

from __future__ import annotations

import numkong
import numpy as np

from codomain.arrays import Floats, Rows
from codomain.index._kernels import ROUNDING

_RESIDUAL = np.float32(2048)


def products(queries: Floats, rows: np.ndarray) -> Floats:
    """<q, x> (q, n) for queries (q, d) float32 and rows (n, d) float16, exact up to float32 rounding."""
    high, low, unit = _split(queries)
    both = _dots(np.concatenate([high, low]), rows)
    scores: Floats = (both[: len(high)] + both[len(high) :] / _RESIDUAL) * unit[:, None]
    return scores


def candidates(query: Floats, codes: np.ndarray, allowed: Rows | None, longest: float, k: int) -> tuple[Rows, Floats]:
    """The rows that may be among the k best of one query (d,) over codes (n, d), all or the sorted `allowed`; about what
    they score.

    `longest` is at least the length of the longest row.
    """
    high, low, unit = _split(query[None])
    coarse = _dots(high, codes)[0]
    if allowed is not None:
        coarse = coarse[allowed]
    found = np.arange(len(coarse))
    if len(coarse) > k:
        error = longest * (
            np.linalg.norm(low) / _RESIDUAL + np.float32(ROUNDING) * np.linalg.norm(high.astype(np.float32))
        )
        least = np.partition(coarse, len(coarse) - k)[len(coarse) - k]
        found = np.flatnonzero(coarse >= least - 2 * error)
    return found if allowed is None else allowed[found], coarse[found] * unit[0]


def _split(queries: Floats) -> tuple[np.ndarray, np.ndarray, Floats]:
    """Queries as unit * (high + low / 2048), high and low float16 (q, d); the unit keeps them inside float16's range."""
    unit = np.exp2(np.ceil(np.log2(np.abs(queries).max(axis=1).clip(1e-30)))).astype(np.float32)
    scaled = queries / unit[:, None]
    high = scaled.astype(np.float16)
    return high, ((scaled - high) * _RESIDUAL).astype(np.float16), unit


def _dots(queries: np.ndarray, rows: np.ndarray) -> Floats:
    # float64 is what the kernels give: asking for float32 takes a path that is twenty times slower (numkong 7.8)
    return np.asarray(numkong.cdist(queries, rows, metric="dot")).astype(np.float32)
