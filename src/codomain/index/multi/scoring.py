"""The score of late interaction, and the single vector that pooling makes of many.

    s(q, d) = sum_i max_j <q_i, d_j>        "ColBERT" (2020), eq. 3

It is a sum over the query's vectors, not a mean: scores of one query compare, across documents and calls; a longer query
has higher ones. A document or a query without vectors scores zero. One matrix product and one pass for the maxima: a
loop in compiled code was no faster, half-precision kernels twice as slow as widening in cache-sized blocks first.
"""

from __future__ import annotations

import math

import numpy as np

from codomain.arrays import Floats, Ragged


def maxsim(queries: Ragged, documents: Ragged, anchor: float = 0.0) -> Floats:
    """Scores (q, n) of every query with every document, float32 on both sides.

    With `anchor` a, plus a times |q| cos(mean of q, mean of d): |q| times the hybrid score of "Your Embedding Model is
    SMARTer Than You Think" (2026).

    >>> one = Ragged(np.eye(2, dtype=np.float32), np.array([0, 2]))
    >>> maxsim(one, Ragged(np.float32([[1, 0], [1, 0], [0, 1]]), np.array([0, 1, 3])))
    array([[1., 2.]], dtype=float32)
    """
    scores = np.zeros((len(queries.lengths), len(documents.lengths)), np.float32)
    asked, held = np.flatnonzero(queries.lengths), np.flatnonzero(documents.lengths)
    if len(asked) and len(held):
        # an empty list takes no room in the values: the starts of the others cut them up completely
        best = np.maximum.reduceat(queries.values @ documents.values.T, documents.offsets[held], axis=1)
        scores[np.ix_(asked, held)] = np.add.reduceat(best, queries.offsets[asked], axis=0)
    if anchor:
        scores += anchor * queries.lengths[:, None] * (pooled(queries) @ pooled(documents).T)
    return scores


def rounding(scores: Floats, dim: int) -> float:
    """How far apart scores (n,) of equal documents can be that come out of one matrix product, for the best of them.

    The products of a query's vectors with the best documents are not many times smaller than with themselves.
    """
    return 8 * (4 + math.sqrt(dim)) * 2.0**-24 * float(np.abs(scores).max(initial=0))


def pooled(vectors: Ragged) -> Floats:
    """The mean of each list at length one, float32 (n, d); zero for an empty list or a mean of zero."""
    means = np.zeros((len(vectors.lengths), vectors.values.shape[1]), np.float32)
    held = np.flatnonzero(vectors.lengths)
    if len(held):
        means[held] = np.add.reduceat(vectors.values, vectors.offsets[held], axis=0, dtype=np.float32)
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    return np.asarray(np.divide(means, norms, out=np.zeros_like(means), where=norms > 0))
