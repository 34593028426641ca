"""How points push each other apart: all pairs at once, by convolution on a grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from codomain.arrays import Floats

_FINEST = 0.5
"""Width of a cell at most; the kernel 1 / (1 + d^2) is 1 wide."""
_FEWEST = 48
"""Cells a side at least."""
_MOST = 1_024


class RepulsionField:
    """The repulsion of t-SNE by FFT ("Fast interpolation-based t-SNE", Linderman et al. 2019), with bilinear interpolation.

    rep_i = sum_j (y_i - y_j) / (1 + |y_i - y_j|^2)^2 / Z,   Z = sum_{i != j} 1 / (1 + |y_i - y_j|^2), 1 at least

    >>> field, points = RepulsionField(), np.array([[0, 0], [0.5, 0]], np.float32)
    >>> field.update(points)
    >>> field.at(points)[:, 0].astype(float).round(2).tolist()
    [-0.2, 0.2]
    """

    def __init__(self) -> None:
        self._kernels: dict[tuple[int, float], tuple[Any, Any, Any]] = {}
        self._corner, self._cell, self._side = np.zeros(2, np.float32), 1.0, 0
        self._force = np.zeros((2, 0), np.float32)

    def update(self, points: Floats) -> None:
        """The field of points (n, 2)."""
        from scipy import fft

        self._lay(points)
        side, n = self._side, len(points)
        kernel, across, up = self._kernel(side, self._cell)
        cells, weights = self._corners(points)
        charge = np.bincount(cells.ravel(), weights.ravel(), side * side).astype(np.float32).reshape(side, side)
        waves = fft.rfft2(charge, (2 * side, 2 * side))
        # Z without an inverse transform, by Parseval: the waves of a real grid are stored once, but count twice
        power = (waves.real**2 + waves.imag**2) * kernel
        z = float(2 * power.sum() - power[:, 0].sum() - power[:, -1].sum()) / (4 * side * side) - n
        fields = [fft.irfft2(waves * k, (2 * side, 2 * side))[:side, :side].ravel() for k in (across, up)]
        self._force = np.asarray(np.stack(fields) / max(z, 1.0), np.float32)

    def at(self, points: Floats) -> Floats:
        """The repulsion (n, 2) that the points of the last `update` exert on points (n, 2)."""
        cells, weights = self._corners(points)
        found = np.zeros_like(points)
        for cell, weight in zip(cells, weights, strict=True):
            for axis in (0, 1):
                found[:, axis] += weight * self._force[axis][cell]
        return found

    def _lay(self, points: Floats) -> None:
        """A grid over the points with room for them to move."""
        from scipy import fft

        low = points.min(axis=0)
        span = float((points.max(axis=0) - low).max())
        cell = _FINEST
        while span / cell < _FEWEST and cell > 2**-20:
            cell /= 2
        while span / cell > _MOST:
            cell *= 2
        # sides in steps of 16, so that kernels are used again
        self._side = fft.next_fast_len((int(span / cell) // 16 + 2) * 16, real=True)
        self._corner, self._cell = (low - 4 * cell).astype(np.float32), cell

    def _kernel(self, side: int, cell: float) -> tuple[Any, Any, Any]:
        from scipy import fft

        if (side, cell) not in self._kernels:
            if len(self._kernels) > 4:
                self._kernels.clear()
            place = np.arange(2 * side)
            away = np.where(place < side, place, place - 2 * side).astype(np.float32) * np.float32(cell)
            away[side] = 0  # as far to the left as to the right: nothing is there
            kernel = 1 / (1 + away[:, None] ** 2 + away[None, :] ** 2)
            pull = kernel * kernel
            self._kernels[side, cell] = (
                fft.rfft2(kernel).real,  # even, so that its waves are real
                fft.rfft2(away[:, None] * pull),
                fft.rfft2(away[None, :] * pull),
            )
        return self._kernels[side, cell]

    def _corners(self, points: Floats) -> tuple[Any, Any]:
        """The four cells around each point (4, n), and their weights."""
        place = (points - self._corner) * np.float32(1 / self._cell)
        np.clip(place, 0, self._side - 1.001, out=place)
        whole = place.astype(np.int32)
        x, y = (place - whole).T
        first = whole[:, 0] * self._side + whole[:, 1]
        cells = np.stack([first, first + 1, first + self._side, first + self._side + 1])
        return cells, np.stack([(1 - x) * (1 - y), (1 - x) * y, x * (1 - y), x * y])
