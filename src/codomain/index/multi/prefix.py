"""Vectors in an order in which the first few stand for all: nested prefixes, as models with meta tokens give them.

"MetaEmbed: Scaling Multimodal Retrieval at Test-Time with Flexible Late Interaction" (2025) trains such an order; any other
list of vectors is brought into one by covering: the mean first, then always the vector that is least like those chosen.
"""

from __future__ import annotations

import numpy as np

from codomain.arrays import Floats, Ragged
from codomain.index.multi.scoring import pooled


def farthest_first(vectors: Ragged, most: int) -> Ragged:
    """At most `most` vectors of each list: its mean at length one, then each time the one farthest from all before.

    An empty list stays empty.

    >>> farthest_first(Ragged(np.float32([[1, 0], [0.8, 0.6], [0, 1]]), np.array([0, 3])), 3).values.round(2)
    array([[0.75, 0.66],
           [0.  , 1.  ],
           [1.  , 0.  ]], dtype=float32)
    """
    means = pooled(vectors)
    lengths = np.where(vectors.lengths, np.minimum(vectors.lengths + 1, most), 0)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    values = np.empty((offsets[-1], vectors.values.shape[1]), np.float32)
    for row in np.flatnonzero(lengths):
        own = vectors.values[vectors.offsets[row] : vectors.offsets[row + 1]].astype(np.float32, copy=False)
        values[offsets[row]] = means[row]
        chosen = _covering(own, means[row], lengths[row] - 1)
        values[offsets[row] + 1 : offsets[row + 1]] = own[chosen]
    return Ragged(values, offsets)


def _covering(own: Floats, first: Floats, number: int) -> list[int]:
    """Positions of vectors, each the least like the nearest of those before it; the first of equals."""
    nearest = own @ first
    alike = own @ own.T
    chosen: list[int] = []
    for _ in range(number):
        best = int(np.argmin(nearest))
        chosen.append(best)
        np.maximum(nearest, alike[best], out=nearest)
        nearest[best] = np.inf
    return chosen


def padded(vectors: Ragged, number: int) -> Floats:
    """The first `number` vectors of each list, float32 (n, number, d); a shorter list repeats its last, neutral for MaxSim.

    >>> padded(Ragged(np.float32([[1], [2]]), np.array([0, 2, 2])), 3)[..., 0]
    array([[1., 2., 2.],
           [0., 0., 0.]], dtype=float32)
    """
    lengths = vectors.lengths
    out = np.zeros((len(lengths), number, vectors.values.shape[1]), np.float32)
    held = np.flatnonzero(lengths)
    places = vectors.offsets[held, None] + np.minimum(np.arange(number), lengths[held, None] - 1)
    out[held] = vectors.values[places]
    return out
