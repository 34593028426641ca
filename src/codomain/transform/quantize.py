"""Fewer bits per dimension: float16, float8, int8 and binary; documents are quantised, queries are not.

Measured by `proofs/compression.py`: int8 calibrated on the collection loses least of the four-fold formats; float8
needs no calibration, so it serves the first inserts; binary is centred on the mean before the sign is taken.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from codomain.codecs import Codec
from codomain.errors import InputError
from codomain.stages import stage
from codomain.transform.estimator import Estimator
from codomain.vectors import Floats

_ENOUGH = 1000
"""Rows from which the smallest and largest values seen are a fair range for the rest of the collection."""


class Quantizer(Estimator):
    """A transform whose stored form is the codes of its codec."""

    def transform_queries(self, Q: Floats) -> Floats:
        """Queries (q, d) as they are, float32: scores are asymmetric."""
        return self._checked(Q)

    def encode(self, X: Floats) -> np.ndarray:
        """Vectors (n, d) to the codes (n, width) to store."""
        X = self._checked(X)
        return self._codec(X.shape[1]).encode(X)

    @property
    def codec(self) -> Codec:
        """How stored rows are written and scored; raises InputError before `fit`."""
        if not hasattr(self, "n_features_in_"):
            raise InputError(f"{self} does not know its dimensions yet: call fit with a sample of vectors first.")
        return self._codec(self.n_features_in_)

    @property
    def bits_per_vector(self) -> int:
        """Storage of one row."""
        return self.codec.bits_per_vector

    def _apply(self, X: Floats) -> Floats:
        codec = self._codec(X.shape[1])
        return codec.decode(codec.encode(X))

    def _codec(self, dim: int) -> Codec:
        raise NotImplementedError


@stage("float16", takes=["dense"], gives="codes", papers=[67])
class Float16(Quantizer):
    """Half precision: two bytes per dimension, nothing to fit, no loss that a ranking shows.

    >>> Float16().encode(np.float32([[1, 0.1]])).dtype
    dtype('float16')
    """

    needs_fit: ClassVar[bool] = False

    def _codec(self, dim: int) -> Codec:
        return Codec("float16", dim)


@stage("float8", takes=["dense"], gives="codes", papers=[67])
class Float8(Quantizer):
    """One byte per dimension without calibration: scaled float8, e4m3 (more precision) or e5m2 (more range).

    "Optimization of embeddings storage for RAG systems using quantization and dimensionality reduction" (2025).

    >>> Float8().transform(np.float32([[1, 0.1]]))
    array([[1. , 0.1015625]], dtype=float32)
    """

    needs_fit: ClassVar[bool] = False

    def __init__(self, format: Literal["e4m3", "e5m2"] = "e4m3") -> None:
        self.format = format

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError for an unknown format."""
        if self.format not in ("e4m3", "e5m2"):
            raise ValueError(f"needs format 'e4m3' or 'e5m2', not {self.format!r}")
        return dim

    def _codec(self, dim: int) -> Codec:
        self.output_dim(dim)
        return Codec("float8_e5m2" if self.format == "e5m2" else "float8_e4m3", dim)


@stage("int8", takes=["dense"], gives="codes", papers=[67])
class Int8(Quantizer):
    """One byte per dimension between the smallest and the largest value seen in that dimension.

    "CoRECT: Evaluating Embedding Compression Techniques at Scale" (2025), with rounding and decoded scores. Fit on
    1,000 vectors or more: from fewer, the range is widened to four standard deviations, as it has not been seen whole.

    >>> sample = np.float32([[0, -1], [1, 1]])
    >>> Int8().fit(sample).encode(np.float32([[1, 0], [9, -9]]))
    array([[159, 127],
           [255,   0]], dtype=uint8)
    """

    _fitted = ("low_", "step_")

    def _fit(self, X: Floats) -> None:
        low, high = X.min(axis=0), X.max(axis=0)
        if len(X) < _ENOUGH:
            mean, reach = X.mean(axis=0), 4 * X.std(axis=0)
            low, high = np.minimum(low, mean - reach), np.maximum(high, mean + reach)
        step = (high - low) / 255
        self.low_ = low.astype(np.float32)
        # a constant dimension has code 0, which stands for its value exactly
        self.step_ = np.where(step > 0, step, 1).astype(np.float32)

    def _codec(self, dim: int) -> Codec:
        return Codec("int8", dim, scale=self.step_, offset=self.low_)


@stage("binary", takes=["dense"], gives="packed", papers=[67])
class Binary(Quantizer):
    """One bit per dimension: the sign after centring on the mean, scored against float32 queries.

    Queries are centred too, or the direction of the mean drowns the rest; a bit stands for plus or minus the mean
    distance from the center. `center=False` takes the plain sign and needs no sample, but loses more.

    >>> Binary(center=False).encode(np.float32([[0.5, -0.5, 0.1]]))
    array([[160]], dtype=uint8)
    """

    _fitted = ("center_", "spread_")

    def __init__(self, center: bool = True) -> None:
        self.center = center

    @property
    def needs_fit(self) -> bool:  # type: ignore[override]
        """Only centring learns from a sample."""
        return self.center

    def _fit(self, X: Floats) -> None:
        self.center_ = X.mean(axis=0) if self.center else np.zeros(X.shape[1], np.float32)
        self.spread_ = np.abs(X - self.center_).mean(axis=0)

    def transform_queries(self, Q: Floats) -> Floats:
        """Queries (q, d) in the centred space of the bits, float32."""
        Q = self._checked(Q)
        return Q - self.center_ if self.center else Q

    def _codec(self, dim: int) -> Codec:
        if not self.center:
            return Codec("binary", dim)
        return Codec("binary", dim, scale=self.spread_, offset=self.center_)
