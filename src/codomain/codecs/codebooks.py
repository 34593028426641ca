"""Codes that are numbers of codewords: packed into bytes, found for vectors, and read back by tables.

Codebooks (m, c, s) have c codewords of s dimensions for each of m parts of a vector; c is 4, 16 or 256, so that a code has 2, 4
or 8 bits and 4, 2 or 1 of them fill a byte. A byte is read by one table that has the codewords of all its codes side by side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats


def code_bits(codewords: int) -> int:
    """Bits of a code that tells `codewords` apart; raises ValueError for numbers that do not fill bytes.

    >>> code_bits(16)
    4
    """
    if codewords not in (4, 16, 256):
        raise ValueError(f"a codebook has 4, 16 or 256 codewords, not {codewords}")
    return codewords.bit_length() - 1


def packed_width(parts: int, bits: int) -> int:
    """Bytes that `parts` codes of some bits fill."""
    return -(-parts * bits // 8)


def pack(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Codes (n, m) of 2, 4 or 8 bits as bytes (n, width), neighbours in one byte, the first in the highest bits.

    >>> pack(np.uint8([[1, 2, 3]]), 4)
    array([[18, 48]], dtype=uint8)
    """
    if bits == 8:
        return codes
    each = 8 // bits
    full = np.zeros((len(codes), packed_width(codes.shape[1], bits) * each), np.uint8)
    full[:, : codes.shape[1]] = codes
    packed = np.zeros((len(codes), full.shape[1] // each), np.uint8)
    for place in range(each):
        packed |= full[:, place::each] << np.uint8(8 - bits * (place + 1))
    return packed


def byte_tables(codebooks: Floats) -> Floats:
    """What every value of every byte stands for, (width * 256, dimensions of a byte); zero beyond the last part.

    >>> byte_tables(np.float32([[[0], [1], [2], [3]]]))[0b11_00_00_00]
    array([3., 0., 0., 0.], dtype=float32)
    """
    parts, codewords, size = codebooks.shape
    bits = code_bits(codewords)
    each, width = 8 // bits, packed_width(parts, bits)
    full = np.zeros((width * each, codewords, size), np.float32)
    full[:parts] = codebooks
    values = np.arange(256)
    tables = np.empty((width, 256, each * size), np.float32)
    for place in range(each):
        codes = values >> (8 - bits * (place + 1)) & (codewords - 1)
        tables[:, :, place * size : (place + 1) * size] = full[place::each][:, codes]
    return tables.reshape(width * 256, each * size)


def table_rows(codes: NDArray[np.uint8]) -> NDArray[np.int32]:
    """The rows of `byte_tables` that bytes (n, width) are read from."""
    return np.add(codes, np.arange(codes.shape[1], dtype=np.int32) * 256, dtype=np.int32)


def nearest_codes(vectors: Floats, codebooks: Floats) -> NDArray[np.uint8]:
    """The codeword nearest to each part of vectors (n, m * s): codes (n, m)."""
    parts, _, size = codebooks.shape
    codes = np.empty((len(vectors), parts), np.uint8)
    half = np.einsum("mcs,mcs->mc", codebooks, codebooks) / 2
    for part, book in enumerate(codebooks):
        # the nearest c of x has the highest <x, c> - |c|^2 / 2
        codes[:, part] = (vectors[:, part * size : (part + 1) * size] @ book.T - half[part]).argmax(axis=1)
    return codes


def bin_codes(vectors: Floats, edges: Floats) -> NDArray[np.uint8]:
    """The bin of every component of vectors (n, d) between ascending edges (d, bins - 1): codes (n, d)."""
    codes = np.empty(vectors.shape, np.uint8)
    for j, own in enumerate(edges):
        codes[:, j] = np.searchsorted(own, vectors[:, j])
    return codes
