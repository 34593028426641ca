"""Batches of shuffled rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codomain.registry import register
from codomain.stage import check_int


def shuffled(rows: int, epoch: int, seed: int) -> np.ndarray:
    """The numbers 0 to `rows` - 1 in a random order: that of epoch e is the draw e of the seed's generator.

    >>> shuffled(4, epoch=1, seed=0)
    array([3, 2, 1, 0])
    """
    rng = np.random.default_rng(seed)
    for _ in range(epoch):
        rng.permutation(rows)
    return rng.permutation(rows)


@register("batcher", "shuffled")
class Shuffled:
    """Batches of `size` rows in random order; the last may be smaller.

    >>> [rows.tolist() for rows in Shuffled(2)(np.zeros((3, 1), int), epoch=0, seed=0)]
    [[2, 0], [1]]
    """

    def __init__(self, size: int = 64) -> None:
        self.size = check_int("size", size)

    def __call__(self, codes: np.ndarray, epoch: int, seed: int) -> Iterator[np.ndarray]:
        """The batches of an epoch, arrays of row numbers."""
        order = shuffled(len(codes), epoch, seed)
        for start in range(0, len(order), self.size):
            yield order[start : start + self.size]
