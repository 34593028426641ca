"""Letters of a key as hashed n-grams, and the random vector that they stand for: the same in every process, for ever.

Everything here is defined by integers alone: a gram is a 64-bit hash of its code points, a random vector the raw output of
the counter-based generator Philox, keyed by that hash and the hash of a namespace. No global seed, no lock, no state.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

SHORTEST, LONGEST = 3, 6
"""Lengths of n-grams, in code points."""
START, END = "\x02", "\x03"
"""Marks of where a word begins and ends: a gram at an end is another one than the same letters within."""
_RUN = re.compile(r"(.)\1{2,}", re.DOTALL)
_MULTIPLY = np.uint64(0x9E3779B97F4A7C15)
_ROTATE = np.uint64(29)


def normal(key: str) -> str:
    """A key as it is stored and looked up: Unicode NFC.

    >>> len(normal("e\\u0301"))
    1
    """
    return key if key.isascii() else unicodedata.normalize("NFC", key)


def squeezed(key: str, letters: int = 2) -> str:
    """A key in small letters, runs of three equal letters and more cut down to `letters`.

    >>> squeezed("Soooo goood"), squeezed("Soooo goood", 1)
    ('soo good', 'so god')
    """
    return _RUN.sub(lambda run: run[1] * letters, key.lower())


def key_hash(key: str) -> int:
    """64 bits of BLAKE2b over a key in UTF-8."""
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def gram_hashes(keys: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """The hashes of all n-grams of some keys, and for each the position of its key; a gram that repeats comes twice.

    Keys are squeezed and marked at both ends; one too short for any gram counts as a gram by itself.

    >>> hashes, owners = gram_hashes(["cat", "at"])
    >>> np.bincount(owners), len(np.intersect1d(hashes[owners == 0], hashes[owners == 1]))
    (array([6, 3]), 1)
    """
    forms = [f"{START}{squeezed(key)}{END}".ljust(SHORTEST, END) for key in keys]
    lengths = np.fromiter(map(len, forms), np.int64, len(forms))
    letters = np.frombuffer("".join(forms).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(forms)), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(letters))  # letters up to the end of the form
    hashes, owners = [], []
    for n in range(SHORTEST, LONGEST + 1):
        starts = np.flatnonzero(left >= n)
        h = np.full(len(starts), n, np.uint64)
        for j in range(n):  # h <- (h xor letter) * golden ratio, mixed downwards
            h ^= letters[starts + j]
            h *= _MULTIPLY
            h ^= h >> _ROTATE
        hashes.append(h)
        owners.append(owner[starts])
    return np.concatenate(hashes), np.concatenate(owners)


def random_vector(hashes: Hashes, dim: int, namespace: str = "") -> NDArray[np.float64]:
    """The mean, brought to length one, of a vector uniform in (-1, 1) for each hash: float64 (dim,).

    >>> random_vector(gram_hashes(["cat"])[0], 3).round(3)
    array([...])
    """
    room = np.uint64(key_hash(namespace))
    total = np.zeros(dim)
    for value in hashes:
        raw = np.random.Philox(key=np.array([value, room], np.uint64)).random_raw(dim)
        total += (raw >> np.uint64(11)) * 2.0**-52 - 1  # 53 bits to [0, 2), less one
    return unit(total)


def unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """A vector at length one; zero stays zero."""
    length = float(np.sqrt((vector * vector).sum()))
    return vector / length if length > 0 else vector
