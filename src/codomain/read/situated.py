"""A chunk's vector, situated in its document: short passages say little of what they are about, their document does."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from codomain.arrays import Floats, as_float32
from codomain.errors import InputError


def situate(chunk_vectors: ArrayLike, owner: ArrayLike, alpha: float = 0.4) -> Floats:
    """Mix each chunk's vector with the mean of its document's chunks: (n, d) and the document of each (n,) -> (n, d).

    The default is measured in proofs/read/situated_chunks.py: more helps chunks that mean little alone, and hurts the others.
    The result has length one; a document of one chunk keeps its direction, a zero vector stays zero.
    After "SitEmb-v1.5: Improved Context-Aware Dense Retrieval for Semantic Association and Long Story Comprehension"
    (2025), whose trained residual this replaces by a fixed mixture.

    >>> situate([[1, 0], [0, 1], [0, 2]], owner=[0, 0, 5], alpha=0.5).round(2)
    array([[0.92, 0.38],
           [0.38, 0.92],
           [0.  , 1.  ]], dtype=float32)

    Raises InputError when alpha is outside 0..1 or owner does not name one document per chunk.
    """
    if not 0 <= alpha <= 1:
        raise InputError(f"alpha must be between 0 and 1, but is {alpha}.")
    chunks = _unit(as_float32(chunk_vectors, what="chunk vectors"))
    owners = np.asarray(owner)
    if owners.shape != (len(chunks),):
        raise InputError(
            f"owner must name one document for each of {len(chunks)} chunks, but has shape {owners.shape}."
        )
    if len(chunks) == 0:
        return chunks
    order = np.argsort(owners, kind="stable")
    ordered = owners[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    lengths = np.diff(np.r_[starts, len(chunks)])
    documents = _unit(np.add.reduceat(chunks[order], starts, axis=0))
    of_chunk = np.empty(len(chunks), np.intp)
    of_chunk[order] = np.repeat(np.arange(len(starts)), lengths)
    # e(c | D) = (1 - alpha) c / |c| + alpha m / |m|,   m = the mean of the chunks of D
    return _unit((1 - alpha) * chunks + alpha * documents[of_chunk])


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32, copy=False)
