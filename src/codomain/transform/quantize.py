"""Fewer bits per dimension: float16, float8, int8, int4, int2, bins and binary; documents are quantised, queries are not.

Measured by `proofs/transform/compression_methods.py`: int8 calibrated on the collection loses least of the four-fold formats; float8
needs no calibration, so it serves the first inserts; binary is centred on the mean before the sign is taken.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from codomain.arrays import Floats
from codomain.codecs.codebooks import bin_codes
from codomain.codecs.codec import Codec, CodecKind
from codomain.errors import InputError
from codomain.registry import stage
from codomain.stage import check_int
from codomain.transform.estimator import Estimator

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


class _Steps(Quantizer):
    """Even steps between two ends of the range of each dimension."""

    _fitted = ("low_", "step_")
    _bits: ClassVar[int]

    def _fit(self, X: Floats) -> None:
        low, high = self._range(X)
        step = (high - low) / (2**self._bits - 1)
        self.low_ = low.astype(np.float32)
        # a constant dimension has code 0, which stands for its value exactly
        self.step_ = np.where(step > 0, step, 1).astype(np.float32)

    def _range(self, X: Floats) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError

    def _codec(self, dim: int) -> Codec:
        kinds: dict[int, CodecKind] = {8: "int8", 4: "int4", 2: "int2"}
        return Codec(kinds[self._bits], dim, scale=self.step_, offset=self.low_)


@stage("int8", takes=["dense"], gives="codes", papers=[67])
class Int8(_Steps):
    """One byte per dimension between the smallest and the largest value seen in that dimension.

    "CoRECT: Evaluating Embedding Compression Techniques at Scale" (2025), with rounding and decoded scores. Fit on
    1,000 vectors or more: from fewer, the range is widened to four standard deviations, as it has not been seen whole.

    >>> sample = np.float32([[0, -1], [1, 1]])
    >>> Int8().fit(sample).encode(np.float32([[1, 0], [9, -9]]))
    array([[159, 127],
           [255,   0]], dtype=uint8)
    """

    _bits = 8

    def _range(self, X: Floats) -> tuple[np.ndarray, np.ndarray]:
        low, high = X.min(axis=0), X.max(axis=0)
        if len(X) < _ENOUGH:
            mean, reach = X.mean(axis=0), 4 * X.std(axis=0)
            low, high = np.minimum(low, mean - reach), np.maximum(high, mean + reach)
        return low, high


class _Clipped(_Steps):
    """Steps so few that the tails of a dimension are clipped, for the sake of what lies between them."""

    def _range(self, X: Floats) -> tuple[np.ndarray, np.ndarray]:
        low, high = np.percentile(X, [2.5, 97.5], axis=0)
        some = high > low  # where nearly all values are the same, the few others are all there is to tell
        return np.where(some, low, X.min(axis=0)), np.where(some, high, X.max(axis=0))


@stage("int4", takes=["dense"], gives="codes", papers=[67])
class Int4(_Clipped):
    """Half a byte per dimension: 16 steps between the 2.5th and the 97.5th percentile, values beyond them clipped.

    "CoRECT: Evaluating Embedding Compression Techniques at Scale" (2025), with rounding and decoded scores.

    >>> Int4().fit(np.float32([[0, -1], [1, 1]])).encode(np.float32([[1, 0], [9, -9]]))
    array([[248],
           [240]], dtype=uint8)
    """

    _bits = 4


@stage("int2", takes=["dense"], gives="codes", papers=[67])
class Int2(_Clipped):
    """A quarter of a byte per dimension: 4 steps between the 2.5th and the 97.5th percentile, as `int4`.

    >>> Int2().fit(np.float32([[0], [3]])).transform(np.float32([[1.1], [9]])).round(1)
    array([[1. ],
           [2.9]], dtype=float32)
    """

    _bits = 2


@stage("quantile_bins", takes=["dense"], gives="codes", papers=[67], formerly="bins")
class QuantileBins(Quantizer):
    """Bins that hold equally many values of a dimension, 4 (`bits=2`) or 16 of them; each stands for its mean.

    The percentile quantiser of "CoRECT: Evaluating Embedding Compression Techniques at Scale" (2025), which scores the
    numbers of the bins; here they are decoded. Values beyond the sample belong to the outermost bins.

    >>> QuantileBins(2).fit(np.float32([[1], [2], [3], [4], [5], [6], [70], [80]])).transform(np.float32([[2], [99]]))
    array([[ 1.5],
           [75. ]], dtype=float32)
    """

    _fitted = ("edges_", "means_")

    def __init__(self, bits: int = 4) -> None:
        self.bits = bits

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError for bits other than 2 and 4."""
        if check_int("bits", self.bits) not in (2, 4):
            raise ValueError(f"needs bits 2 or 4, not {self.bits}")
        return dim

    def _fit(self, X: Floats) -> None:
        count, dim = 2**self.bits, X.shape[1]
        inner = np.arange(1, count) / count
        self.edges_ = np.quantile(X, inner, axis=0, method="lower").T.astype(np.float32, order="C")
        self.means_ = np.empty((dim, count), np.float32)
        last = X.max(axis=0)
        for j, own in enumerate(bin_codes(X, self.edges_).T):
            values = X[:, j].astype(np.float64)
            held = np.bincount(own, minlength=count)
            # a bin without values stands for its upper edge
            empty = np.append(self.edges_[j], last[j])
            means = np.bincount(own, values, count) / np.maximum(held, 1)
            self.means_[j] = np.where(held > 0, means, empty)

    def _codec(self, dim: int) -> Codec:
        return Codec("bins", dim, codebooks=self.means_[:, :, None], edges=self.edges_)


@stage("binary", takes=["dense"], gives="packed", papers=[67])
class Binary(Quantizer):
    """One bit per dimension: the sign after centring on the mean, scored against float32 queries.

    Queries are centred too, or the direction of the mean drowns the rest; a bit stands for plus or minus the mean
    distance from the center. `center="median"` splits every dimension in halves instead; `center=False` takes the plain
    sign and needs no sample, but loses more.

    >>> Binary(center=False).encode(np.float32([[0.5, -0.5, 0.1]]))
    array([[160]], dtype=uint8)
    """

    bit_planes: ClassVar[bool] = True

    _fitted = ("center_", "spread_")

    def __init__(self, center: bool | Literal["median"] = True) -> None:
        self.center = center

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError for an unknown center."""
        if self.center not in (True, False, "median"):
            raise ValueError(f"needs center True, False or 'median', not {self.center!r}")
        return dim

    @property
    def needs_fit(self) -> bool:  # type: ignore[override]
        """Only centring learns from a sample."""
        return bool(self.center)

    def _fit(self, X: Floats) -> None:
        if self.center == "median":
            self.center_ = np.median(X, axis=0).astype(np.float32)
        else:
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
