"""Floating-point formats narrower than float32, read from and written to their bits without a library of such types."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats


class FloatFormat(NamedTuple):
    """A floating-point format narrower than float32: how its bits sit, sign-extended, inside a float32."""

    integer: type[np.signedinteger[Any]]
    shift: int  # moves its mantissa to the top of float32's
    mask: int  # clears what sign extension left in float32's exponent
    exponent: int  # float32's bias minus its own: the value is 2^exponent times the float32 with these bits
    largest: float


SMALL = {
    "float16": FloatFormat(np.int16, 13, 0x8FFFFFFF, 112, 65504.0),
    "float8_e4m3": FloatFormat(np.int8, 20, 0x87FFFFFF, 120, 448.0),
    "float8_e5m2": FloatFormat(np.int8, 21, 0x8FFFFFFF, 112, 57344.0),
}


_NUMKONG: dict[str, Any] = {"float16": "f16", "float8_e4m3": "e4m3", "float8_e5m2": "e5m2"}


def widened(codes: NDArray[Any], kind: str, out: Floats) -> Floats:
    """The values of codes (n, d), written to `out` (n, d); none of them is a subnormal float32.

    Many processors take a hundred times as long for arithmetic with subnormals: a matrix product is never given any.

    >>> widened(np.uint8([[1, 56, 255 - 128 - 1]]), "float8_e4m3", np.empty((1, 3), np.float32))
    array([[1.953125e-03, 1.000000e+00, 4.480000e+02]], dtype=float32)
    """
    if has_numkong() and out.flags.c_contiguous:
        import numkong

        codes = np.ascontiguousarray(codes)
        typed = numkong.from_pointer(codes.ctypes.data, codes.shape, _NUMKONG[kind], owner=codes)
        numkong.astype(typed, "f32", out=out)
        return out
    small = SMALL[kind]
    bits = out.view(np.int32)
    bits[:] = codes.view(small.integer)
    bits <<= small.shift
    bits &= np.uint32(small.mask).view(np.int32)
    out *= np.float32(2.0**small.exponent)  # here each subnormal is met once, not for every query
    return out


@cache
def has_numkong() -> bool:
    """Whether numkong's kernels are installed."""
    return find_spec("numkong") is not None


def round_to_byte(block: Floats, small: FloatFormat) -> NDArray[np.uint8]:
    """Float32 within range to float8, round half to even, bit for bit what torch.float8_* gives."""
    bits = block.view(np.uint32)
    sign = (bits >> 24) & 0x80
    magnitude = bits & 0x7FFFFFFF
    # normal numbers: add half of the last kept bit, minus one where that bit is even, and rebias the exponent
    odd = (magnitude >> small.shift) & 1
    half = np.uint32((1 << (small.shift - 1)) - 1)
    normal = (magnitude + half + odd - np.uint32(small.exponent << 23)) >> small.shift
    # subnormal numbers: adding 2^k puts their last bit at float32's last bit, and the hardware rounds
    magic = np.uint32((small.exponent + 23 - (23 - small.shift) + 1) << 23)
    subnormal = (magnitude.view(np.float32) + magic.view(np.float32)).view(np.uint32) - magic
    rounded = np.where(magnitude < ((small.exponent + 1) << 23), subnormal, normal)
    return np.asarray(rounded | sign, np.uint8)
