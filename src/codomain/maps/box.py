"""The square that a map lies in, and its tiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from codomain.arrays import Floats, Rows

_STEPS = 65_535


@dataclass(frozen=True)
class Box:
    """A square with its lower left corner (2,) and its side."""

    corner: Floats
    side: float

    @classmethod
    def around(cls, places: Floats) -> Box:
        """The square around places (n, 2), with room for the slopes of a density.

        >>> Box.around(np.float32([[0, 0], [10, 5]])).side
        11.0
        """
        if not len(places):
            return cls(np.zeros(2, np.float32), 1.0)
        low, high = places.min(axis=0), places.max(axis=0)
        side = float((high - low).max()) * 1.1 or 1.0
        return cls(((low + high) / 2 - side / 2).astype(np.float32), round(side, 6))

    def steps(self, places: Floats) -> np.ndarray:
        """Places (n, 2) as whole steps from 0 to 65,535 along each side.

        >>> Box(np.float32([0, 0]), 2.0).steps(np.float32([[0, 2], [1, 1]])).tolist()
        [[0, 65535], [32768, 32768]]
        """
        scaled = (places - self.corner) * (_STEPS / self.side)
        return np.asarray(np.clip(np.rint(scaled), 0, _STEPS), np.uint16)

    def tiles(self, places: Floats, level: int) -> Rows:
        """The tile (n,) of each place where the box is cut into 2^level tiles a side, counted along y first.

        >>> Box(np.float32([0, 0]), 2.0).tiles(np.float32([[0.5, 0.5], [0.5, 1.5], [1.5, 1.5]]), 1).tolist()
        [0, 1, 3]
        """
        across = 1 << level
        found = np.clip(((places - self.corner) * (across / self.side)).astype(np.int64), 0, across - 1)
        return np.asarray(found[:, 0] * across + found[:, 1])
