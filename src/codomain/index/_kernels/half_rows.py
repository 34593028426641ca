"""The best of float16 or int8 rows for a float32 query, by FAISS's scalar quantizer, which reads the rows where they are.

What it sums in float32 is off by rounding alone; rows that this leaves open are candidates, too, and are scored again.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np

from codomain.arrays import Floats, Rows
from codomain.codecs.codec import Codec
from codomain.index._kernels import ROUNDING

IS_THERE = hasattr(faiss, "MaybeOwnedVectorUInt8")
"""Whether this FAISS can search rows that are not its own."""
_BESIDE = 16
"""Rows asked for beyond the k best: more than rounding leaves open, where rows are not equal."""


def candidates(
    query: Floats, codes: np.ndarray, allowed: Rows | None, longest: float, k: int, codec: Codec | None = None
) -> tuple[Rows, Floats]:
    """The rows that may be among the k best of one query (d,) over codes (n, d), all or the sorted `allowed`; about what
    they score.

    `longest` is at least the length of the longest row. Codes are float16, or int8 of a codec.

    >>> candidates(np.float32([1, 0]), np.float16([[1, 0], [0, 1], [1, 0]]), None, 1.0, 1)[0]
    array([0, 2])
    """
    n = len(codes) if allowed is None else len(allowed)
    index, parameters = _view(codes, codec), None
    if allowed is not None:
        mask = np.zeros(len(codes), bool)
        mask[allowed] = True
        bits = np.packbits(mask, bitorder="little")
        parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits))
    error = longest * float(np.linalg.norm(query)) * ROUNDING
    wanted = min(n, k + _BESIDE)
    while True:
        scores, rows = (found[0] for found in index.search(query[None], wanted, params=parameters))
        least = scores[k - 1] - 2 * error if n > k else -np.inf
        if wanted == n or scores[-1] < least:
            break
        wanted = min(n, 4 * wanted)  # rows that are alike: there are more of them
    kept = scores >= least
    order = np.argsort(rows[kept])
    return rows[kept][order], scores[kept][order]


def longest_sum(codec: Codec) -> float:
    """The length that a row of int8 cannot exceed though offset and steps, which are added up, had one sign."""
    assert codec.offset is not None and codec.scale is not None
    return float(np.linalg.norm(np.abs(codec.offset) + 256 * codec.scale))


def _view(codes: np.ndarray, codec: Codec | None) -> Any:
    """An index over rows in memory that is not its own; it must not outlive them."""
    kind = faiss.ScalarQuantizer.QT_fp16 if codec is None else faiss.ScalarQuantizer.QT_8bit
    index = faiss.IndexScalarQuantizer(codes.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    if codec is not None:
        assert codec.offset is not None and codec.scale is not None
        # FAISS reads vmin + vdiff (c + 1/2) / 255, we read offset + scale c
        ranges = np.concatenate([codec.offset - codec.scale / 2, codec.scale * 255]).astype(np.float32)
        faiss.copy_array_to_vector(ranges, index.sq.trained)
        index.is_trained = True
    address = faiss.swig_ptr(codes.reshape(-1).view(np.uint8))
    index.codes = faiss.MaybeOwnedVectorUInt8.create_view(address, codes.nbytes, faiss.MaybeOwnedVectorUInt8().owner)
    index.ntotal = len(codes)
    return index
