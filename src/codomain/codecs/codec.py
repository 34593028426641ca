"""How rows are stored and scored: every codec is an affine reading of its codes, x^ = base + gain * widen(codes).

So the score of a float32 query q against stored codes needs no decoding: <q, x^> = <q * gain, widen(codes)> + <q, base>.
A codec that rotates first, x^ = R (base + gain * widen(codes)), rotates queries instead: <q, R y> = <q R, y>.
For codes that are numbers of codewords, widening is the reading of a table, and gain and base have nothing left to do.
Queries stay precise, codes are never compared with each other's raw bytes (asymmetric scores).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, as_float32
from codomain.codecs.codebooks import bin_codes, byte_tables, code_bits, nearest_codes, pack, packed_width, table_rows
from codomain.codecs.float8 import SMALL, round_to_byte, widened
from codomain.errors import InputError

CodecKind = Literal[
    "float32", "float16", "float8_e4m3", "float8_e5m2", "int8", "int4", "int2", "binary", "planes2", "planes3", "planes4",
    "bins", "product",
]  # fmt: skip

_DTYPE = {"float32": np.float32, "float16": np.float16}
"""Storage of the kinds that are not bytes."""


_INTEGER = {"int8": 8, "int4": 4, "int2": 2}
"""Bits per dimension of the kinds that are steps on an even scale."""

_PLANES = {"binary": 1, "planes2": 2, "planes3": 3, "planes4": 4}
"""Bits per dimension of the kinds that are packed bit planes."""

GAUSSIAN_STEP = {2: 0.996, 3: 0.586, 4: 0.335}
"""Steps, in standard deviations, of the n-bit uniform quantiser that errs least on a Gaussian (Max 1960, table II)."""

_CALIBRATION = {"scale": 1, "offset": 1, "rotation": 2}
"""The arrays that fitting gives a codec, by their number of axes, each `dim` long."""

_ARRAYS = (*_CALIBRATION, "codebooks", "edges")
"""The same and the tables of the kinds that have them."""

_STAGE = {"int8": "int8()", "int4": "int4()", "int2": "int2()", "bins": "quantile_bins()", "product": "pq()"}
"""What is fitted to have a codec of a kind that cannot be without calibration."""

_ROWS = 1024
"""Rows encoded at a time: temporaries stay in the cache."""

_FEW = 64
"""Rows up to which each is rotated by itself: a product of all would wake the threads of BLAS, for which a search waits."""


class QueryForm(NamedTuple):
    """Queries ready for raw codes: score = unit * <weights, widen(codes)> + bias; weights (q, d), unit and bias (q,)."""

    weights: Floats
    unit: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class Codec:
    """How vectors of `dim` dimensions become codes (n, width) and back; `scale` and `offset` are per dimension.

    float8 is multiplied by 2^round(log2 sqrt(dim)) first, so that the components of unit vectors use its range
    (after "Optimization of embeddings storage for RAG systems", 2025). int8, int4 and int2 are x = offset + scale * code;
    a byte of int4 holds dimension j above dimension j + width, and int2 four that are a width apart: unpacked without a
    shuffle, each has a stretch of its own.
    binary keeps the sign of x - offset, first dimension in the highest bit, and stands for +-scale: a vector of the
    centred space, to be scored against queries that are centred too.
    planes2, planes3 and planes4 are x = rotation scale (c - (2^n - 1) / 2) with n bits a code, in n packed bit planes,
    the highest first ("Binary Embedding-based Retrieval at Tencent", 2023: the values of its recurrent binary codes).
    bins holds for each dimension the number of the bin between its `edges` (dim, bins - 1) and stands for that bin's value
    in `codebooks` (dim, bins, 1). product holds for each of m parts the number of the nearest codeword in `codebooks`
    (m, codewords, dim / m), after a rotation where there is one ("Product Quantization for Nearest Neighbor Search", 2011).

    >>> codec = Codec("float8_e4m3", 4)
    >>> codec.decode(codec.encode(np.float32([[0.5, -0.25, 0.1, 0.0]])))
    array([[ 0.5   , -0.25  ,  0.1015625, 0.    ]], dtype=float32)
    >>> codec.bits_per_vector
    32
    """

    kind: CodecKind
    dim: int
    scale: Floats | None = None
    offset: Floats | None = None
    rotation: Floats | None = None
    codebooks: Floats | None = None
    edges: Floats | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(CodecKind):
            raise InputError(f"there is no codec {self.kind!r}: the kinds are {', '.join(get_args(CodecKind))}.")
        if self.kind in _INTEGER and (self.scale is None or self.offset is None):
            raise InputError(
                f"the codec {self.kind} needs a scale and an offset for each dimension: fit {_STAGE[self.kind]} on a sample."
            )
        if self.kind.startswith("planes") and self.scale is None:
            raise InputError(
                f"the codec {self.kind} needs a scale for each dimension: fit recurrent_binary() on a sample."
            )
        for name, shape in _CALIBRATION.items():
            array = getattr(self, name)
            if array is not None and np.shape(array) != (self.dim,) * shape:
                raise InputError(f"the codec's {name} has shape {np.shape(array)}, not {(self.dim,) * shape}.")
        if self.kind in ("bins", "product"):
            self._check_codebooks()

    def _check_codebooks(self) -> None:
        if self.codebooks is None or (self.kind == "bins" and self.edges is None):
            raise InputError(f"the codec {self.kind} needs codebooks: fit {_STAGE[self.kind]} on a sample.")
        parts, codewords, size = self.codebooks.shape
        if parts * size != self.dim or (self.edges is not None and self.edges.shape != (self.dim, codewords - 1)):
            raise InputError(f"the codec's codebooks {self.codebooks.shape} do not make {self.dim} dimensions.")
        try:
            code_bits(codewords)
        except ValueError as error:
            raise InputError(f"the codec {self.kind} cannot be: {error}.") from None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Codec):
            return NotImplemented
        return (self.kind, self.dim) == (other.kind, other.dim) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            if getattr(self, name) is not None and getattr(other, name) is not None
            else getattr(self, name) is getattr(other, name)
            for name in _ARRAYS
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.dim))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a code."""
        return np.dtype(_DTYPE.get(self.kind, np.uint8))

    @property
    def width(self) -> int:
        """Codes per row."""
        if self.kind in _INTEGER:
            return packed_width(self.dim, _INTEGER[self.kind])
        if self.codebooks is not None:
            return packed_width(len(self.codebooks), code_bits(self.codebooks.shape[1]))
        return self.planes * ((self.dim + 7) // 8) if self.planes else self.dim

    @property
    def planes(self) -> int:
        """Bits per dimension of packed bits; 0 for the other kinds."""
        return _PLANES.get(self.kind, 0)

    @cached_property
    def tables(self) -> Floats | None:
        """What every value of every byte stands for, (width * 256, dimensions of a byte), where codes number codewords."""
        return None if self.codebooks is None else byte_tables(self.codebooks)

    @cached_property
    def code_length(self) -> float | None:
        """About how long rows are that `widen` gives; None for floats, whose length their codec does not know."""
        if self.codebooks is not None:
            return float(np.sqrt(np.square(self.codebooks, dtype=np.float64).sum(axis=2).max(axis=1).sum()))
        bits = self.planes or _INTEGER.get(self.kind, 0)
        return (2**bits - 1) / 2 * float(np.sqrt(self.dim)) if bits else None

    @property
    def byte_dims(self) -> int:
        """Dimensions of which a byte tells values, where `byte_products` has tables of them; else 0."""
        if self.tables is not None:
            return int(self.tables.shape[1])
        return 8 // _INTEGER[self.kind] if self.kind in ("int4", "int2") else 0

    @property
    def bits_per_vector(self) -> int:
        """Storage of one row."""
        return self.width * self.dtype.itemsize * 8

    def encode(self, vectors: Floats) -> NDArray[Any]:
        """Vectors (n, dim) to codes (n, width); values outside the range of the format are clipped.

        Raises InputError for another dimension, NaN or infinity.
        """
        vectors = as_float32(vectors, dim=self.dim)
        if self.kind == "float32":
            return vectors
        codes = np.empty((len(vectors), self.width), self.dtype)
        for start in range(0, len(vectors), _ROWS):
            codes[start : start + _ROWS] = self._encode(vectors[start : start + _ROWS])
        return codes

    def decode(self, codes: NDArray[Any]) -> Floats:
        """What codes (n, width) stand for, float32 (n, dim)."""
        decoded = self._read(codes)
        return decoded if self.rotation is None else decoded @ self.rotation.T

    def _read(self, codes: NDArray[Any]) -> Floats:
        """The same before the rotation, which changes no length."""
        gain, base = self.affine
        decoded = self.widen(codes, np.empty((len(codes), self.dim), np.float32))
        if self.kind == "float32":
            return decoded.copy()
        decoded *= gain
        if base is not None:
            decoded += base
        return decoded

    def widen(self, codes: NDArray[Any], out: Floats) -> Floats:
        """Codes (n, width) to float32 (n, dim) before gain and base, written to `out` unless they are float32 already."""
        if self.kind == "float32":
            return codes
        if self.kind == "binary":
            out[:] = np.unpackbits(codes, axis=1, count=self.dim)
        elif self.planes:
            # c = sum_j 2^(n-1-j) plane_j
            width = self.width // self.planes
            values = np.unpackbits(codes[:, :width], axis=1, count=self.dim)
            for plane in range(1, self.planes):
                values <<= 1
                values |= np.unpackbits(codes[:, plane * width : (plane + 1) * width], axis=1, count=self.dim)
            out[:] = values
        elif self.kind == "int8":
            out[:] = codes
        elif self.kind in _INTEGER:
            depth = _INTEGER[self.kind]
            for place, start in enumerate(range(0, self.dim, self.width)):
                stretch = out[:, start : start + self.width]
                stretch[:] = (codes[:, : stretch.shape[1]] >> (8 - depth * (place + 1))) & (2**depth - 1)
        elif self.tables is not None:
            each = self.tables.shape[1]
            exact = self.width * each == self.dim and out.flags.c_contiguous
            whole = out if exact else np.empty((len(codes), self.width * each), np.float32)
            np.take(
                self.tables, table_rows(codes), axis=0, out=whole.reshape(len(codes), self.width, each), mode="clip"
            )
            if not exact:  # the last byte has room for more dimensions than there are
                out[:] = whole[:, : self.dim]
        else:
            widened(codes, self.kind, out)
        return out

    def query_form(self, queries: Floats) -> QueryForm:
        """Fold gain and base into queries (q, dim), so that raw codes can be scored with one matrix product."""
        gain, base = self.affine
        queries = queries if self.rotation is None else _rotated(queries, self.rotation)
        unit = np.ones(len(queries), np.float32)
        weights = np.ascontiguousarray(queries * gain, np.float32)
        bias = np.zeros(len(queries), np.float32) if base is None else (queries @ base).astype(np.float32)
        return QueryForm(weights, unit, bias)

    def rotated(self, queries: Floats) -> Floats:
        """Queries (q, dim) as they are compared with rows before the rotation: of each the same, whatever others there are."""
        if self._rotation64 is None:
            return queries
        return np.asarray(queries.astype(np.float64) @ self._rotation64, np.float32)

    @cached_property
    def _rotation64(self) -> NDArray[np.float64] | None:
        return None if self.rotation is None else self.rotation.astype(np.float64)

    def byte_products(self, queries: Floats) -> tuple[Floats, Floats]:
        """What each value of each byte adds to the score of queries (q, dim): (q, width, 256), and the bias (q,)."""
        weights, _, bias = self.query_form(queries)
        each = self.byte_dims
        padded = np.zeros((len(queries), self.width * each), np.float32)
        padded[:, : self.dim] = weights
        if self.tables is not None:  # the dimensions of a byte are neighbours
            tables = self.tables.reshape(self.width, 256, each)
            parts = padded.reshape(-1, self.width, each)
            return np.einsum("wcs,qws->qwc", tables, parts, order="C"), bias
        depth = _INTEGER[self.kind]
        values = np.arange(256)[:, None] >> (8 - depth * np.arange(1, each + 1)) & (2**depth - 1)
        return np.einsum("cs,qsw->qwc", np.float32(values), padded.reshape(-1, each, self.width), order="C"), bias

    def squared_norms(self, codes: NDArray[Any]) -> Floats:
        """Squared lengths (n,) of what the codes stand for."""
        norms = np.empty(len(codes), np.float32)
        for start in range(0, len(codes), _ROWS):
            block = self._read(codes[start : start + _ROWS])
            norms[start : start + _ROWS] = np.einsum("ij,ij->i", block, block)
        return norms

    def state(self) -> dict[str, NDArray[Any]]:
        """The calibration by name, without what is not set; `from_state` brings it back."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        return {name: array for name, array in arrays.items() if array is not None}

    @classmethod
    def from_state(cls, kind: CodecKind, dim: int, state: dict[str, NDArray[Any]]) -> Codec:
        """The codec whose `state()` this was.

        >>> Codec.from_state("float16", 3, {}) == Codec("float16", 3)
        True
        """
        return cls(kind, dim, **{name: state[name] for name in _ARRAYS if name in state})

    def _encode(self, block: Floats) -> NDArray[Any]:
        if self.kind in _INTEGER:
            return self._steps(block, _INTEGER[self.kind])
        if self.codebooks is not None:
            rotated = block if self.rotation is None else _rotated(block, self.rotation)
            codes = nearest_codes(rotated, self.codebooks) if self.edges is None else bin_codes(block, self.edges)
            return pack(codes, code_bits(self.codebooks.shape[1]))
        if self.kind == "binary":
            return np.packbits(block > (0.0 if self.offset is None else self.offset), axis=1)
        if self.planes:
            assert self.scale is not None
            # c = clip(floor(x / s) + 2^(n-1), 0, 2^n - 1)
            n, rotated = self.planes, block if self.rotation is None else _rotated(block, self.rotation)
            levels = np.clip(np.floor(rotated / self.scale) + 2 ** (n - 1), 0, 2**n - 1).astype(np.uint8)
            return np.concatenate([np.packbits(levels >> (n - 1 - j) & 1, axis=1) for j in range(n)], axis=1)
        small = SMALL[self.kind]
        block = np.clip(block * np.float32(2.0**self._float8_shift), -small.largest, small.largest)
        return block.astype(np.float16) if self.kind == "float16" else round_to_byte(block, small)

    def _steps(self, block: Floats, bits: int) -> NDArray[np.uint8]:
        """c = clip(round((x - lo) / step), 0, 2^b - 1), and stretches of dimensions laid over each other."""
        assert self.scale is not None and self.offset is not None
        rounded: Floats = np.rint((block - self.offset) / self.scale)
        steps = rounded.clip(0, 2**bits - 1).astype(np.uint8)
        if bits == 8:
            return steps
        width = self.width
        codes = np.zeros((len(block), width), np.uint8)
        for place, start in enumerate(range(0, self.dim, width)):
            stretch = steps[:, start : start + width]
            codes[:, : stretch.shape[1]] |= stretch << (8 - bits * (place + 1))
        return codes

    @property
    def _float8_shift(self) -> int:
        return round(np.log2(np.sqrt(self.dim))) if self.kind.startswith("float8") else 0

    @property
    def affine(self) -> tuple[Any, Floats | None]:
        """Gain and base, by which `widen` becomes what codes stand for before the rotation; a base of None is zero."""
        if self.kind in _INTEGER:
            return self.scale, self.offset
        if self.codebooks is not None:
            return np.float32(1), None
        if self.kind == "binary":
            scale = np.full(self.dim, self.dim**-0.5, np.float32) if self.scale is None else self.scale
            return 2 * scale, -scale
        if self.planes:
            assert self.scale is not None
            return self.scale, self.scale * np.float32(-(2**self.planes - 1) / 2)
        if self.kind == "float32":
            return np.float32(1), None
        return np.float32(2.0**-self._float8_shift), None


def _rotated(vectors: Floats, rotation: Floats) -> Floats:
    if len(vectors) > _FEW:
        return vectors @ rotation
    out = np.empty((len(vectors), rotation.shape[1]), np.float32)
    for vector, place in zip(vectors, out, strict=True):
        place[:] = vector @ rotation
    return out
