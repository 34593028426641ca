"""Lines "key number number ..." and binary records of word2vec, read in batches that a bad line does not stop."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from gzip import GzipFile
from io import BufferedReader
from itertools import islice
from typing import IO

import numpy as np

from codomain.arrays import Floats
from codomain.errors import InputError

Batches = Iterator[tuple[list[str], Floats]]
Bad = Callable[[str], None]

_BYTES = 1 << 20
"""Bytes of lines or records that are read at a time."""
_LONGEST_KEY = 10_000
_MOST_DIMENSIONS = 100_000
_GUESSED_FROM = 200
"""Lines of a file without a header from which the dimensions are told."""


def header(line: bytes) -> tuple[int, int] | None:
    """The number of keys and of dimensions, if this is the first line of word2vec's or fastText's format.

    >>> header(b"400000 50"), header(b"the 0.4 0.2")
    ((400000, 50), None)
    """
    parts = line.split()
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        return None
    n, dim = map(int, parts)
    return (n, dim) if 1 <= dim <= _MOST_DIMENSIONS else None


def is_number(field: bytes) -> bool:
    """Whether a field can be read as a number."""
    try:
        float(field)
    except ValueError:
        return False
    return True


def looks_binary(start: bytes) -> bool:
    r"""Whether bytes are no text: control characters, or more than one in twenty that is not UTF-8.

    >>> looks_binary(b"caf\xc3\xa9 1 2\n"), looks_binary(b"cat \x00\x00\x80?")
    (False, True)
    """
    control = any(byte < 9 or 13 < byte < 28 for byte in start)
    return control or start.decode("utf-8", "replace").count("\ufffd") > len(start) / 20


def lines_of(file: BufferedReader | GzipFile, promised: tuple[int, int] | None, number: int, bad: Bad) -> Batches:
    """Batches of lines; `promised` is what a header said, else dimensions are told from the first lines.

    A key is what stands before the last `dim` numbers: it may hold spaces, as in GloVe's 840B, but not end in a number.
    """
    dim = promised[1] if promised else 0
    seen = 0
    while lines := file.readlines(_BYTES):
        if not dim:
            # most lines have a key without spaces, and are whole
            dim = Counter(len(line.split()) for line in lines[:_GUESSED_FROM]).most_common(1)[0][0] - 1
            if dim < 1:
                raise InputError("a line holds no numbers: this is no file of vectors.")
        keys, vectors = _parsed(lines, dim, number, bad)
        number += len(lines)
        seen += sum(not line.isspace() for line in lines)
        yield keys, vectors
    if promised and seen != promised[0]:
        bad(f"line 1 promises {promised[0]} keys, but {seen} lines follow")


def _parsed(lines: list[bytes], dim: int, number: int, bad: Bad) -> tuple[list[str], Floats]:
    """All lines with one call where none is unusual, else one by one."""
    keys, numbers = [], []
    for line in lines:
        line = line.rstrip()
        key, _, rest = line.partition(b" ")
        if rest.count(b" ") != dim - 1 or b"\t" in line or not key:
            return _one_by_one(lines, dim, number, bad)
        keys.append(key)
        numbers.append(rest)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy only warns of what is no number
        try:
            vectors = np.fromstring(b" ".join(numbers), np.float32, sep=" ").reshape(len(lines), dim)
            if np.isfinite(vectors).all():
                return [key.decode("utf-8") for key in keys], vectors
        except (ValueError, DeprecationWarning, RuntimeWarning):
            pass
    return _one_by_one(lines, dim, number, bad)


def _one_by_one(lines: list[bytes], dim: int, first: int, bad: Bad) -> tuple[list[str], Floats]:
    keys, vectors = [], []
    for number, line in enumerate(lines, first):
        if line.isspace():
            continue
        parts = line.rstrip().rsplit(maxsplit=dim)
        try:
            more = next((i for i, field in enumerate(reversed(parts[0].split())) if not is_number(field)), 0)
            if len(parts) <= dim or more:
                have = dim + more if len(parts) > dim else len(parts) - 1
                raise ValueError(f"has {have} numbers after its key where {dim} are needed")
            key = parts[0].decode("utf-8")
            vector = np.array([float(part) for part in parts[1:]])
            if not (np.abs(vector) <= np.finfo(np.float32).max).all():
                raise ValueError("holds NaN or infinity, or a number beyond float32")
        except UnicodeDecodeError:
            bad(f"line {number} has a key that is not UTF-8")
            continue
        except ValueError as error:
            reason = str(error)
            bad(f"line {number} " + (f"has a field that is no number ({reason})" if "convert" in reason else reason))
            continue
        keys.append(key)
        vectors.append(vector)
    return keys, np.array(vectors, np.float32).reshape(len(vectors), dim)


def records_of(file: BufferedReader | GzipFile, promised: tuple[int, int], bad: Bad) -> Batches:
    """Batches of binary records: a key, a space, `dim` float32, and in some files a line feed."""
    n, dim = promised
    size = 4 * dim
    held, at, number = b"", 0, 0
    while number < n:
        keys: list[str] = []
        raw: list[bytes] = []
        while number < n:
            space = held.find(b" ", at)
            if space < 0 or space + 1 + size > len(held):
                break
            key = held[at:space].lstrip(b"\n")
            number += 1
            at = space + 1 + size
            try:
                if not key:
                    raise ValueError
                keys.append(key.decode("utf-8"))
                raw.append(held[space + 1 : at])
            except ValueError:
                bad(f"record {number} has a key that is " + ("not UTF-8" if key else "empty"))
        if keys:
            vectors = np.frombuffer(b"".join(raw), "<f4").reshape(len(raw), dim)
            good = np.isfinite(vectors).all(axis=1)
            for i in np.flatnonzero(~good):
                bad(f"record {number - len(keys) + 1 + int(i)} holds NaN or infinity")
            yield [keys[i] for i in np.flatnonzero(good)], vectors[good].astype(np.float32)
        if number == n:
            return
        more = file.read(max(_BYTES, size))
        held, at = held[at:] + more, 0
        if not more or (len(held) > _LONGEST_KEY and b" " not in held[:_LONGEST_KEY]):
            bad(f"record {number + 1} of {n} is cut off or damaged")
            return


def next_lines(file: IO[str], n: int) -> list[str]:
    """The next n lines without their ends; fewer at the end of the file."""
    return [line.rstrip("\r\n") for line in islice(file, n)]
