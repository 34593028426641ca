"""Batches in which no item is twice: what stands in another row of the batch serves as a negative, and must not be a positive."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from codomain.learn.batching.shuffled import shuffled
from codomain.registry import register
from codomain.stage import check_int


@register("batcher", "no_duplicates")
class NoDuplicates:
    """Batches of at most `size` rows in random order, no two of which share a code.

    A row goes into the first batch that has room and comes after all batches with one of its codes. An item of k rows needs k
    batches, so the last ones are small where few items make up much of the data. A code that is twice in one row is no
    duplicate. As the sampler NO_DUPLICATES of sentence-transformers, by numbers instead of texts.

    >>> codes = np.array([[0, 10], [0, 11], [1, 12]])
    >>> [rows.tolist() for rows in NoDuplicates(2)(codes, epoch=0, seed=0)]
    [[2, 0], [1]]
    """

    def __init__(self, size: int = 64) -> None:
        self.size = check_int("size", size)

    def __call__(self, codes: np.ndarray, epoch: int, seed: int) -> Iterator[np.ndarray]:
        """The batches of an epoch, arrays of row numbers."""
        batches: list[list[int]] = []
        room = 0  # no batch before this one has room
        after: dict[int, int] = {}  # code -> the batch after the last one that has it
        items = codes.tolist()
        for row in shuffled(len(codes), epoch, seed).tolist():
            at = max(room, *(after.get(code, 0) for code in items[row]))
            while at < len(batches) and len(batches[at]) == self.size:
                at += 1
            if at == len(batches):
                batches.append([])
            batches[at].append(row)
            while room < len(batches) and len(batches[room]) == self.size:
                room += 1
            for code in items[row]:
                after[code] = at + 1
        for batch in batches:
            yield np.array(batch)
