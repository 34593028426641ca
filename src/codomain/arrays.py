"""The kinds of value that flow between the stages of a pipeline.

Plain arrays serve wherever they can: dense vectors are float arrays (n, d), sparse ones `scipy.sparse.csr_array`.
The three kinds that one array cannot carry are the named tuples of this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.errors import InputError, MissingExtra
from codomain.kinds import Kind as Kind

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]


class Packed(NamedTuple):
    """Binary vectors, eight dimensions to the byte, first dimension in the highest bit: bits (n, ceil(dim / 8)) uint8."""

    bits: NDArray[np.uint8]
    dim: int


class Ragged(NamedTuple):
    """Many vectors per item: item i owns `values[offsets[i]:offsets[i + 1]]`; values (sum, d), offsets (n + 1,) int64."""

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Vectors of each item (n,)."""
        return np.diff(self.offsets)

    def take(self, rows: Rows) -> Ragged:
        """The items at some positions, in that order.

        >>> Ragged(np.eye(3, dtype=np.float32), np.array([0, 1, 3])).take(np.array([1])).values
        array([[0., 1., 0.],
               [0., 0., 1.]], dtype=float32)
        """
        starts, lengths = self.offsets[rows], self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.repeat(starts - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(self.values[places], offsets)

    @classmethod
    def join(cls, parts: Sequence[Ragged]) -> Ragged:
        """Several, one after the other.

        >>> one = Ragged(np.ones((2, 3), np.float32), np.array([0, 2]))
        >>> Ragged.join([one, one]).offsets
        array([0, 2, 4])
        """
        lengths = np.concatenate([part.lengths for part in parts])
        values = np.concatenate([part.values for part in parts])
        return cls(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


class Hits(NamedTuple):
    """The k best rows of each query, best first: rows (q, k) int64, scores (q, k) float32; row -1 means no hit.

    Higher scores are better, always; a missing hit has the score -inf.
    """

    rows: Rows
    scores: Floats

    @classmethod
    def empty(cls, queries: int, k: int) -> Hits:
        """No hits at all, shaped (queries, k); raises InputError for a negative k.

        >>> Hits.empty(1, 2).rows
        array([[-1, -1]])
        """
        if k < 0:
            raise InputError(f"k must be 0 or more, not {k}.")
        return cls(np.full((queries, k), -1, np.int64), np.full((queries, k), -np.inf, np.float32))

    @classmethod
    def from_lists(cls, rows: Sequence[Sequence[int]], scores: Sequence[Sequence[float]], k: int) -> Hits:
        """Pad per-query lists, best first, to (q, k).

        >>> Hits.from_lists([[7]], [[0.5]], k=2).rows
        array([[ 7, -1]])
        """
        hits = cls.empty(len(rows), k)
        for i, (row_list, score_list) in enumerate(zip(rows, scores, strict=True)):
            n = min(k, len(row_list))
            hits.rows[i, :n] = row_list[:n]
            hits.scores[i, :n] = score_list[:n]
        return hits


def top_k(scores: Floats, rows: Rows, k: int) -> tuple[Rows, Floats]:
    """The k highest of one query's scores (n,), best first, ties by lower row; selects before it sorts.

    >>> top_k(np.array([0.1, 0.9, 0.9], np.float32), np.array([5, 9, 6]), k=2)[0]
    array([6, 9])
    """
    if k == 0:
        return rows[:0], scores[:0]
    if len(scores) > k:
        # everything above the k-th score, then the lowest rows among those that tie with it
        threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
        above = np.flatnonzero(scores > threshold)
        ties = np.flatnonzero(scores == threshold)
        if len(ties) > k - len(above):
            ties = ties[np.argsort(rows[ties], kind="stable")[: k - len(above)]]
        chosen = np.concatenate([above, ties])
        scores, rows = scores[chosen], rows[chosen]
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def merge_hits(parts: Sequence[Hits], k: int) -> Hits:
    """The k best over several results for the same queries, comparable scores and disjoint rows.

    >>> a = Hits.from_lists([[1]], [[0.2]], k=1)
    >>> b = Hits.from_lists([[2]], [[0.7]], k=1)
    >>> merge_hits([a, b], k=2).rows
    array([[2, 1]])
    """
    rows = np.concatenate([p.rows for p in parts], axis=1)
    scores = np.concatenate([p.scores for p in parts], axis=1)
    merged = Hits.empty(len(rows), k)
    for i in range(len(rows)):
        hit = rows[i] >= 0
        best, best_scores = top_k(scores[i, hit], rows[i, hit], k)
        merged.rows[i, : len(best)] = best
        merged.scores[i, : len(best)] = best_scores
    return merged


def as_float32(vectors: Any, *, dim: int | None = None, what: str = "vectors") -> Floats:
    """Check dense vectors (n, d) and give them as contiguous float32.

    Raises InputError when they are not two-dimensional, hold NaN or infinity, or do not have `dim` dimensions.

    >>> as_float32([[1, 2]]).dtype
    dtype('float32')
    """
    if isinstance(vectors, Ragged) or hasattr(vectors, "toarray"):
        raise InputError(f"{what} must be a table of numbers (n, d), not {type(vectors).__name__}.")
    array = np.ascontiguousarray(vectors, dtype=np.float32)
    if array.ndim != 2:
        raise InputError(f"{what} must be a table of shape (n, d), but have shape {array.shape}.")
    if dim is not None and array.shape[1] != dim:
        raise InputError(f"{what} have {array.shape[1]} dimensions where {dim} are needed.")
    if not np.isfinite(array).all():
        bad = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise InputError(f"{what} hold NaN or infinity, first in row {bad}.")
    return array


def unit_rows(X: Any) -> Floats:
    """Rows (n, d) scaled to length one; zero rows stay zero. Raises InputError for what is no table of finite numbers.

    >>> unit_rows(np.float32([[3, 4], [0, 0]]))
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    X = as_float32(X)
    with np.errstate(over="ignore", under="ignore"):
        norms = np.sqrt(np.einsum("ij,ij->i", X, X))[:, None]
    odd = ~((norms > _SHORTEST) & (norms < np.inf))[:, 0]  # squares that float32 cannot hold
    if not odd.any():
        return np.asarray(X / norms, np.float32)
    unit = np.asarray(X / np.where(odd[:, None], 1, norms), np.float32)
    wide = X[odd].astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit[odd] = wide / np.where(lengths > 0, lengths, 1)
    return unit


_SHORTEST = 1e-15
"""The length below which the squares of float32 lose digits."""


def as_ragged(vectors: Any, *, dim: int | None = None, what: str = "vectors") -> Ragged:
    """Check lists of vectors and give them with float32 values; float16 values stay as they are.

    Raises InputError for anything but Ragged, offsets that do not fit the values, NaN, infinity or another dimension.
    """
    if not isinstance(vectors, Ragged):
        raise InputError(f"{what} must be Ragged (many vectors for each item), but are {type(vectors).__name__}.")
    values, offsets = np.asarray(vectors.values), np.asarray(vectors.offsets)
    ends_fit = offsets.ndim == 1 and len(offsets) > 0 and offsets[0] == 0 and offsets[-1] == len(values)
    if values.ndim != 2 or not ends_fit or (np.diff(offsets) < 0).any():
        raise InputError(f"{what} are no valid Ragged: offsets must rise from 0 to the number of values.")
    kept = values if values.dtype == np.float16 else values.astype(np.float32, copy=False)
    if dim is not None and kept.shape[1] != dim:
        raise InputError(f"{what} have {kept.shape[1]} dimensions where {dim} are needed.")
    if not np.isfinite(kept).all():
        bad = int(np.searchsorted(offsets, np.flatnonzero(~np.isfinite(kept).all(axis=1))[0], side="right")) - 1
        raise InputError(f"{what} hold NaN or infinity, first in row {bad}.")
    return Ragged(np.ascontiguousarray(kept), offsets.astype(np.int64, copy=False))


def as_sparse(vectors: Any, *, dim: int | None = None, what: str = "vectors") -> Any:
    """Check sparse vectors and give them as a float32 `scipy.sparse.csr_array` with sorted indices and no duplicates.

    Raises InputError for anything else, NaN, infinity or another number of dimensions.
    """
    try:
        import scipy.sparse
    except ImportError:
        raise MissingExtra("a sparse vector", "engines") from None

    if not scipy.sparse.issparse(vectors):
        raise InputError(f"{what} must be sparse (scipy.sparse), but are {type(vectors).__name__}.")
    rows = scipy.sparse.csr_array(vectors, dtype=np.float32)
    if dim is not None and rows.shape[1] != dim:
        raise InputError(f"{what} have {rows.shape[1]} dimensions where {dim} are needed.")
    if not np.isfinite(rows.data).all():
        bad = int(np.searchsorted(rows.indptr, np.flatnonzero(~np.isfinite(rows.data))[0], side="right")) - 1
        raise InputError(f"{what} hold NaN or infinity, first in row {bad}.")
    if not rows.has_canonical_format:
        if rows is vectors:
            rows = rows.copy()
        rows.sum_duplicates()
    return rows


def allowed_rows(allow: Any, n: int) -> Rows | None:
    """Turn a filter, a boolean mask (n,) or a list of rows, into sorted rows; None means all of them.

    Raises InputError for a mask of another length; rows outside 0..n-1 are dropped.

    >>> allowed_rows(np.array([True, False, True]), 3)
    array([0, 2])
    """
    if allow is None:
        return None
    allow = np.asarray(allow)
    if allow.dtype == bool:
        if len(allow) != n:
            raise InputError(f"the filter mask has {len(allow)} entries for {n} rows.")
        return np.flatnonzero(allow).astype(np.int64, copy=False)
    rows = allow.astype(np.int64)
    if (rows[1:] <= rows[:-1]).any():  # sorting rows that are sorted would cost more than many a search
        rows = np.unique(rows)
    inside: Rows = rows[(rows >= 0) & (rows < n)]
    return inside
