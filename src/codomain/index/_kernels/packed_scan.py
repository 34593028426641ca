"""Inner products of queries with rows as they are stored, by numkong's kernels, which take queries in the type of the codes.

A float32 query is rounded to that type, and what is left of it perhaps once or twice again: q = u (h + l / s + ...). The
products with the parts are nearly those with q, and the length of what is left over bounds how far they are off. So they
choose candidates, which are scored again one by one.
"""

from __future__ import annotations

from typing import Any

import numkong
import numpy as np

from codomain.arrays import Floats
from codomain.codecs.codec import Codec, QueryForm
from codomain.codecs.float8 import SMALL, round_to_byte
from codomain.index._kernels import ROUNDING

_TYPE = {"int8": "uint8", "float16": "f16", "float8_e4m3": "e4m3", "float8_e5m2": "e5m2"}
_STEP = {"float16": 2048.0, "float8_e4m3": 16.0, "float8_e5m2": 8.0}
"""How much smaller than a number is what rounding it to a type leaves."""
_MIDDLE = 127.5
"""Codes of int8 are read as steps from the middle of their range: they are shorter so."""
FEW = 8
"""Queries up to which their products are laid out one query after the other."""


class PackedQueries:
    """Queries in the form of `Codec.query_form`, ready for blocks of codes, each as so many `parts`.

    >>> codec = Codec("float16", 2)
    >>> queries = PackedQueries(codec.query_form(np.float32([[1, 2]])), codec, parts=1)
    >>> out = np.empty((1, 2), np.float32)
    >>> queries.products(np.float16([[3, 4], [1, 0]]), out)
    >>> out.tolist(), queries.error.tolist()
    ([[11.0, 1.0]], [2.23...e-05])
    """

    def __init__(self, form: QueryForm, codec: Codec, parts: int) -> None:
        self.parts, self.count = parts, len(form.weights)
        self._type: Any = _TYPE[codec.kind]
        self._result: Any = "float32"
        if codec.kind == "int8":
            stacked, self._factors, self._added, self.error = _integers(form, parts)
            if self.count > FEW:
                self._type, self._result = "int8", "int32"
            else:
                # <w, c> = <w + 128, c> - 128 <1, c>, modulo 2^32: a query of ones
                ones = np.ones((1, stacked.shape[1]), np.uint8)
                stacked, self._result = np.concatenate([stacked.view(np.uint8) + np.uint8(128), ones]), "uint32"
        else:
            stacked, self._factors, self._added, self.error = _floats(form, codec.kind, parts)
        self._packed = numkong.dots_pack(_typed(stacked, self._type), dtype=self._type)
        self._columns = len(stacked)
        self._found: Any = None

    error: Floats
    """How far products are off at most, for each query (q,) and each unit of a row's length in codes."""

    @property
    def unit(self) -> Floats:
        """What a product without its unit is multiplied with, for each query (q,)."""
        return np.asarray(self._factors[0])

    def products(self, codes: np.ndarray, out: Floats, in_units: bool = False) -> None:
        """Write about <q, x^> of the queries with codes (n, width) to `out` (q, n).

        With `in_units`, for queries of one part, (<q, x^> - b) / unit, which puts rows in the same order.
        """
        if self._found is None or len(self._found) < len(codes):
            self._found = numkong.empty((len(codes), self._columns), dtype=self._result)
        n = len(codes)
        tensor = self._found if len(self._found) == n else self._found[:n]
        # a query of ones among many fills no tile of its own for less than a fifth of the time: shifted bytes are quicker
        codes = np.bitwise_xor(codes, np.uint8(128)) if self._type == "int8" else np.ascontiguousarray(codes)
        numkong.dots_packed(_typed(codes, self._type), self._packed, out=tensor)
        found: Any = np.asarray(tensor).T
        if self.count <= FEW:
            found = found.copy()  # loops over a few numbers at a time would take longer
        if self._result == "uint32":
            found[-1] *= np.uint32(128)
            found[:-1] -= found[-1]
            found = found[:-1].view(np.int32)
        out[:] = found[: self.count]
        if in_units:
            return
        out *= self._factors[0][:, None]
        for part in range(1, self.parts):
            more = found[part * self.count : (part + 1) * self.count].astype(np.float32)
            more *= self._factors[part][:, None]
            out += more
        out += self._added[:, None]


def _integers(form: QueryForm, parts: int) -> tuple[np.ndarray, Floats, Floats, Floats]:
    """Weights as bytes (parts * q, d), their factors (parts, q), what is added (q,), and how much is left over (q,)."""
    weights = form.weights.astype(np.float64)
    left, step = weights, np.abs(weights).max(axis=1, keepdims=True) / 127
    rounded, factors = [], []
    for _ in range(parts):
        whole = np.rint(left / step)
        rounded.append(whole.astype(np.int8))
        factors.append(form.unit * step[:, 0])
        left = left - whole * step
        step = step / 254
    # <w, c> = <h, c> + <r, c>, and <r, c> = <r, c - m> + m <r, 1>
    added = form.unit * _MIDDLE * left.sum(axis=1) + form.bias
    if len(weights) > FEW:  # products are those with c - 128
        added += 128 * sum(f * part.sum(axis=1, dtype=np.int64) for f, part in zip(factors, rounded, strict=True))
    error = form.unit * np.linalg.norm(left, axis=1)
    return np.concatenate(rounded), np.array(factors, np.float32), added.astype(np.float32), error.astype(np.float32)


def _floats(form: QueryForm, kind: str, parts: int) -> tuple[np.ndarray, Floats, Floats, Floats]:
    """The same in a type of floats; a power of two brings the largest weight to 256 at most."""
    unit = np.exp2(np.ceil(np.log2(np.abs(form.weights).max(axis=1).clip(1e-30))) - 8).astype(np.float32)
    left = form.weights / unit[:, None]
    length = np.linalg.norm(left, axis=1)
    rounded, factors = [], []
    scale = np.float32(1)
    for _ in range(parts):
        part, value = _rounded(left, kind)
        rounded.append(part)
        factors.append(form.unit * unit / scale)
        left = (left - value) * np.float32(_STEP[kind])
        scale *= np.float32(_STEP[kind])
    error = form.unit * unit * (np.linalg.norm(left, axis=1) / scale + np.float32(ROUNDING) * length)
    return np.concatenate(rounded), np.array(factors, np.float32), form.bias, error.astype(np.float32)


def _rounded(block: Floats, kind: str) -> tuple[np.ndarray, Floats]:
    """Floats below 256 in a type, and its values."""
    if kind == "float16":
        half = block.astype(np.float16)
        return half, half.astype(np.float32)
    codes = round_to_byte(np.ascontiguousarray(block), SMALL[kind])
    codec = Codec(kind, block.shape[1])  # type: ignore[arg-type]
    return codes, codec.widen(codes, np.empty(block.shape, np.float32))


def _typed(codes: np.ndarray, kind: Any) -> Any:
    """A contiguous matrix as one of a type of numkong's."""
    return numkong.from_pointer(codes.ctypes.data, codes.shape, kind, owner=codes)
