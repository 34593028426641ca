"""How far a search must look for k answers: the candidates, lists or steps that every index of two stages takes.

Two measured laws, of sentences, glosses and questions under random filters (benchmarks/recall_at_k.py):

- k answers among a share s of the rows lie as far away as k / s answers among all of them.
- Where codes order the rows, the candidates that hold a fixed share of the k best grow at most as k does. The lists that
  hold them, and the steps of a walk, grow as its square root or less.

An effort that a stage is given is meant for ten answers of all rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import numpy as np

from codomain.arrays import Floats, Rows
from codomain.codecs.codec import Codec

ANSWERS = 10
"""Answers that the effort of a stage is given for."""
TARGET = 0.95
"""Share of the k best that an index finds at its defaults, at every k."""
_MARGIN = 0.97
"""Share that is asked for of the stand-ins of queries, so that queries of users reach the target."""
_DEPTHS = (10, 100, 1000)
"""Not 1: the nearest row of a stand-in is the one that it was drawn from, which no user's query has."""
QUERIES = 128
"""Stand-ins that a reach is measured with."""
PROBES = 32
"""Lists that are read for ten answers at least, whatever was measured, and where nothing was."""
ROWS = 200_000
"""Rows that a reach is measured on at most."""


def candidates(effort: int, k: int, matches: int) -> int:
    """Candidates for the k best of so many allowed rows: `effort` for up to ten, more in proportion, and never more than there are.

    >>> [candidates(40, k, 3000) for k in (1, 10, 100, 1000)]
    [40, 40, 400, 3000]
    """
    return min(matches, max(k, math.ceil(effort * max(k, ANSWERS) / ANSWERS)))


def steps(effort: int, k: int, share: float) -> int:
    """Lists to read, or rows of a walk to keep: `effort` for ten answers of all rows, times sqrt(k / share / 10).

    >>> [steps(64, k, share) for k, share in ((1, 1.0), (10, 1.0), (10, 0.25), (1000, 1.0))]
    [64, 64, 128, 640]
    """
    return math.ceil(effort * math.sqrt(max(k, ANSWERS) / ANSWERS / share))


def stand_ins(codes: np.ndarray, codec: Codec, count: int, rng: np.random.Generator) -> Floats:
    """Stored rows drawn towards another row (count, d), so that they lie as far from every row as users' queries do."""
    one, other = (codec.decode(codes[rng.choice(len(codes), count)]) for _ in range(2))
    lengths = np.linalg.norm(one, axis=1, keepdims=True)
    drawn = one + other * np.float32(0.5)
    norms = np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.asarray(drawn * lengths / np.where(norms > 0, norms, 1), np.float32)


class Reach:
    """Lists to read for k answers, measured at k = 10, 100 and 1000; between them a power of k, below them as for the first.

    >>> reach = Reach([(10, 8), (100, 32)])
    >>> reach.lists(1, 1.0), reach.lists(20, 1.0), reach.lists(10, 0.1), reach.lists(400, 1.0)
    (8, 13, 32, 64)
    """

    def __init__(self, points: Sequence[tuple[int, int]]) -> None:
        self.points = [(int(k), int(lists)) for k, lists in points]

    @classmethod
    def measured(cls, near: Rows, order: np.ndarray, assigned: np.ndarray, share: float = 1.0) -> Self:
        """From the exact best rows (q, k) of stand-ins, the lists by nearness (q, lists) and the list of each row (n,).

        `share` is that of the rows which the best were looked for among.
        """
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(order.shape[1])[None], axis=1)
        needed = np.take_along_axis(ranks, assigned[near], axis=1) + 1
        points, least = [], min(PROBES, order.shape[1])
        for k in sorted({min(k, near.shape[1]) for k in _DEPTHS} - {0}):
            least = max(least, int(np.quantile(needed[:, :k], _MARGIN, method="higher")))
            points.append((round(k / share), least))
        return cls(points or [(1, 1)])

    def lists(self, k: int, share: float) -> int:
        """Lists for the k best of a share of the rows; beyond what was measured they grow as the square root."""
        wanted = max(k, 1) / share
        at, lists = np.array(self.points, np.float64).T
        if wanted >= at[-1]:
            return math.ceil(float(lists[-1]) * math.sqrt(wanted / float(at[-1])))
        return math.ceil(math.exp(float(np.interp(math.log(wanted), np.log(at), np.log(lists)))) - 1e-9)
