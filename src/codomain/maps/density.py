"""How dense points are, as a grid: a Gaussian kernel density by binning and one convolution."""

from __future__ import annotations

import numpy as np

from codomain.arrays import Floats
from codomain.maps.box import Box

CELLS = 200


def density(places: Floats, box: Box, cells: int = CELLS) -> Floats:
    """The density (cells, cells) of places (n, 2) at the centers of the cells of a box, first axis x.

    A Gaussian kernel with the covariance of the places times Silverman's factor, (n (d + 2) / 4)^(-1 / (d + 4)) for d = 2,
    squared ("WizMap", Wang et al. 2023), by linear binning and FFT. Places that do not spread have no density: zeros.
    """
    from scipy import fft

    n = len(places)
    found = np.zeros((cells, cells), np.float32)
    if n < 3:
        return found
    width = box.side / cells
    spread = np.cov(places.T.astype(np.float64)) * n ** (-1 / 3)  # the factor is n^(-1/6)
    if not np.linalg.det(spread) > 0:
        return found
    spread += np.eye(2) * (width / 4) ** 2  # a kernel narrower than a cell would ring
    counts = _binned((places - box.corner) / width - 0.5, cells)
    # as wide again as the kernel reaches: nothing comes back at the other side
    side = fft.next_fast_len(cells + int(8 * np.sqrt(spread.max()) / width) + 1, real=True)
    u = 2 * np.pi * np.fft.fftfreq(side, width)[:, None]
    v = 2 * np.pi * np.fft.rfftfreq(side, width)[None, :]
    kernel = np.exp(-(spread[0, 0] * u * u + 2 * spread[0, 1] * u * v + spread[1, 1] * v * v) / 2)
    smooth = fft.irfft2(fft.rfft2(counts, (side, side)) * kernel, (side, side))[:cells, :cells]
    return np.asarray(np.maximum(smooth / (n * width * width), 0), np.float32)


def _binned(positions: Floats, cells: int) -> np.ndarray:
    """Positions (n, 2) in cells, each shared between the four centers around it."""
    positions = np.clip(positions, 0, cells - 1.0001)
    whole = positions.astype(np.int64)
    x, y = (positions - whole).T
    first = whole[:, 0] * cells + whole[:, 1]
    found = np.zeros(cells * cells)
    for step, weight in (
        (0, (1 - x) * (1 - y)),
        (1, (1 - x) * y),
        (cells, x * (1 - y)),
        (cells + 1, x * y),
    ):
        found += np.bincount(first + step, weight, cells * cells)
    return found.reshape(cells, cells)
