"""Two encoders' vectors of verses with no verse, or only seeds, in common: what alignment without pairs starts from."""

from __future__ import annotations

import numpy as np

ASKED = 1000


def top1(predicted: np.ndarray, true: np.ndarray) -> float:
    """The share of rows whose own vector is the nearest of all."""
    return float(((predicted @ true.T).argmax(axis=1) == np.arange(len(true))).mean())


class Split:
    """Verses to ask for, seeds, and the two sides, in an order of which only the seeds are known.

    The old side is turned by a random rotation, for the two models share a tokenizer and a teacher.
    """

    def __init__(
        self, new: np.ndarray, old: np.ndarray, number: int, side: int, seeds: int, shared: bool = False
    ) -> None:
        rng = np.random.default_rng(number)
        rotation = np.linalg.qr(rng.standard_normal((old.shape[1],) * 2))[0].astype(np.float32)
        order = rng.permutation(len(old))
        known, asked, rest = np.split(order[: seeds + ASKED + 2 * side], [seeds, seeds + ASKED])
        self.x = np.concatenate([known, rest[:side]])
        self.y = rng.permutation(np.concatenate([known, rest[:side] if shared else rest[side:]]))
        self.X, self.Y = new[self.x], old[self.y] @ rotation
        self.asked, self.true = new[asked], old[asked] @ rotation
        self.seeds = (np.arange(seeds), np.argsort(self.y)[np.searchsorted(np.sort(self.y), known)]) if seeds else None
        self.pairs = new[rest[:side]], old[rest[:side]] @ rotation
