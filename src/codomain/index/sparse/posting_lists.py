"""Inverted lists: for each dimension in use the rows that have it and their values, in flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class PostingLists(NamedTuple):
    """The lists of some rows, numbered from 0: the postings of `terms[i]` are starts[i]:starts[i + 1], rows ascending.

    `lengths` (n,) are the sums of the rows' values: the lengths of documents where the values are counts.
    """

    terms: NDArray[np.int32]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    values: NDArray[np.float32]
    lengths: NDArray[np.float32]

    def find(self, wanted: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the postings of each wanted term begin and end; an empty span for one that no row has."""
        if not len(self.terms):
            nowhere = np.zeros(len(wanted), np.int64)
            return nowhere, nowhere
        at = np.minimum(np.searchsorted(self.terms, wanted), len(self.terms) - 1)
        begins = self.starts[at]
        return begins, np.where(self.terms[at] == wanted, self.starts[at + 1], begins)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self)


def invert(vectors: csr_array) -> PostingLists:
    """The lists of vectors (n, d), without zeros that are stored."""
    n, dim = vectors.shape
    if not vectors.data.all():
        vectors = vectors.copy()
        vectors.eliminate_zeros()
    lengths = np.add.reduceat(np.append(vectors.data, np.float32(0)), vectors.indptr[:-1]) if n else np.zeros(0)
    lengths = np.where(np.diff(vectors.indptr) > 0, lengths, 0)
    if dim > 4 * vectors.nnz:  # few of many dimensions: number those in use
        terms, columns = np.unique(vectors.indices, return_inverse=True)
        vectors = type(vectors)((vectors.data, columns, vectors.indptr), shape=(n, len(terms)))
    else:
        terms = np.arange(dim)
    lists = vectors.tocsc()
    used = np.diff(lists.indptr) > 0
    return PostingLists(
        terms=terms[used].astype(np.int32),
        starts=np.append(lists.indptr[:-1][used], len(lists.data)).astype(np.int64),
        rows=lists.indices.astype(np.int32, copy=False),
        values=lists.data.astype(np.float32, copy=False),
        lengths=lengths.astype(np.float32),
    )


def join(left: PostingLists, right: PostingLists) -> PostingLists:
    """Two as one: the rows of the right come after those of the left."""
    terms = np.union1d(left.terms, right.terms)
    places = [np.searchsorted(terms, part.terms) for part in (left, right)]
    sizes = np.zeros((2, len(terms)), np.int64)
    for size, part, place in zip(sizes, (left, right), places, strict=True):
        size[place] = np.diff(part.starts)
    starts = np.concatenate([[0], np.cumsum(sizes.sum(axis=0))]).astype(np.int64)
    rows, values = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32)
    for part, place, before, shift in (
        (left, places[0], np.zeros_like(sizes[0]), 0),
        (right, places[1], sizes[0], len(left.lengths)),
    ):
        to = np.repeat(starts[place] + before[place] - part.starts[:-1], np.diff(part.starts)) + np.arange(
            len(part.rows)
        )
        rows[to] = part.rows + np.int32(shift)
        values[to] = part.values
    return PostingLists(terms, starts, rows, values, np.concatenate([left.lengths, right.lengths]))


def revert(lists: PostingLists, dim: int) -> csr_array:
    """The vectors (n, dim) that the lists were made of."""
    from scipy.sparse import csc_array, csr_array

    n = len(lists.lengths)
    narrow = csc_array((lists.values, lists.rows, lists.starts), shape=(n, len(lists.terms))).tocsr()
    return csr_array((narrow.data, lists.terms[narrow.indices], narrow.indptr), shape=(n, dim))
