"""Heaps of the best hits so far, the worst of them at the root; among equal scores the higher row is the worse."""

# mypy: disallow-untyped-decorators=False
from __future__ import annotations

import numpy as np
from numba import njit


@njit
def is_worse(score: float, row: int, than_score: float, than_row: int) -> bool:
    """Whether a hit comes after another."""
    return score < than_score or (score == than_score and row > than_row)


@njit
def settle(scores: np.ndarray, rows: np.ndarray, at: int, size: int) -> None:
    """Let the entry at the root or below sink to its place."""
    score, row = scores[at], rows[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and is_worse(scores[child + 1], rows[child + 1], scores[child], rows[child]):
            child += 1
        if not is_worse(scores[child], rows[child], score, row):
            break
        scores[at], rows[at] = scores[child], rows[child]
        at = child
    scores[at], rows[at] = score, row


@njit
def offer(scores: np.ndarray, rows: np.ndarray, size: int, score: float, row: int) -> int:
    """Put a hit into the heap of `size`, or in place of the worst where it is full; the new size."""
    if size < len(scores):
        at = size
        while at > 0 and is_worse(score, row, scores[(at - 1) // 2], rows[(at - 1) // 2]):
            scores[at], rows[at] = scores[(at - 1) // 2], rows[(at - 1) // 2]
            at = (at - 1) // 2
        scores[at], rows[at] = score, row
        return size + 1
    if is_worse(scores[0], rows[0], score, row):
        scores[0], rows[0] = score, row
        settle(scores, rows, 0, size)
    return size


@njit
def sort(scores: np.ndarray, rows: np.ndarray, size: int) -> None:
    """Turn the heap into a list, best first."""
    for last in range(size - 1, 0, -1):
        scores[0], scores[last] = scores[last], scores[0]
        rows[0], rows[last] = rows[last], rows[0]
        settle(scores, rows, 0, last)
