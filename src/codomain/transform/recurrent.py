"""Two to four bits per dimension: recurrent binary codes, read off a uniform grid after a random rotation."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from codomain.arrays import Floats
from codomain.codecs.codec import GAUSSIAN_STEP, Codec
from codomain.registry import stage
from codomain.stage import check_int
from codomain.transform.quantize import Quantizer


@stage("recurrent_binary", takes=["dense"], gives="codes", papers=[42])
class RecurrentBinary(Quantizer):
    """Two, three or four bits per dimension in packed bit planes, after a random rotation: sixteen times smaller at two.

    "Binary Embedding-based Retrieval at Tencent" (2023): b_i = b_(i-1) + 2^-i sgn(x - b_(i-1)), binarise, then
    binarise what is left. Its values 2^-u (2c - (2^n - 1)) form a uniform grid; this reads them off that grid, with the
    best step for a Gaussian, instead of from a trained network. A rotation by `seed` makes every dimension nearly
    Gaussian and equally important; `rotate=False` keeps the dimensions and saves d x d numbers. Nothing is centred.

    >>> X = np.float32([[0.1, -3], [2, 0.2], [-0.1, 1]])
    >>> RecurrentBinary(rotate=False).fit(X).transform(X).round(1)
    array([[ 0.6, -2.7],
           [ 1.7,  0.9],
           [-0.6,  0.9]], dtype=float32)
    """

    bit_planes: ClassVar[bool] = True

    _fitted = ("step_", "rotation_")

    def __init__(self, bits: int = 2, rotate: bool = True, seed: int = 0) -> None:
        self.bits = bits
        self.rotate = rotate
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError for bits that are not 2, 3 or 4."""
        check_int("bits", self.bits, 2, 4)
        check_int("seed", self.seed, 0)
        return dim

    def _fit(self, X: Floats) -> None:
        dim = X.shape[1]
        self.rotation_ = _rotation(dim, self.seed) if self.rotate else np.zeros((0, 0), np.float32)
        rotated = X @ self.rotation_ if self.rotate else X
        deviation = np.sqrt(np.mean(rotated.astype(np.float64) ** 2, axis=0))
        # a dimension that is always zero gets steps too small to matter
        self.step_ = np.maximum(GAUSSIAN_STEP[self.bits] * deviation, 1e-12).astype(np.float32)

    def _codec(self, dim: int) -> Codec:
        kinds = {2: "planes2", 3: "planes3", 4: "planes4"}
        rotation = self.rotation_ if self.rotate else None
        return Codec(kinds[self.bits], dim, scale=self.step_, rotation=rotation)  # type: ignore[arg-type]


def _rotation(dim: int, seed: int) -> Floats:
    """A random orthogonal matrix (dim, dim), uniform over all of them."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    return np.ascontiguousarray(q * np.sign(np.diag(r)), np.float32)
