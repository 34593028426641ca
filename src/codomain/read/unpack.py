"""Files as bytes, whatever they are packed with: gzip, bzip2, xz or Zstandard, with limits on what comes out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, cast

from codomain.errors import InputError, MissingExtra
from codomain.read.limits import check_unpacked, limit, over

PACKED = (".gz", ".bz2", ".xz", ".lzma", ".zst")
"""Suffixes behind the one that says a file's format."""

_BUFFER = 1 << 17


def is_packed(path: str) -> bool:
    """Whether a file's name says that it is packed.

    >>> is_packed("notes.md.XZ"), is_packed("notes.md")
    (True, False)
    """
    return path.lower().endswith(PACKED)


class _Bounded(io.RawIOBase):
    """What comes out of a packed file; raises InputError at the limits."""

    def __init__(self, inner: Any, path: str, label: str) -> None:
        self._inner, self._label = inner, label
        self._packed, self._unpacked = os.stat(path).st_size, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = int(self._inner.readinto(buffer))
        self._unpacked += count
        check_unpacked(self._label, self._packed or self._unpacked, self._unpacked)  # a pipe has no size
        return count

    def close(self) -> None:
        self._inner.close()
        super().close()


def open_unpacked(path: str, label: str) -> IO[bytes]:
    """A file's bytes as a stream, unpacked as its name says; "-" is standard input."""
    if path == "-":
        return sys.stdin.buffer
    if not is_packed(path):
        return open(path, "rb")
    suffix = os.path.splitext(path)[1].lower()
    kind = {".gz": gzip.GzipFile, ".bz2": bz2.BZ2File}.get(suffix, lzma.LZMAFile)
    opened = _zstd(label).ZstdFile(path) if suffix == ".zst" else kind(path)
    return cast(IO[bytes], io.BufferedReader(_Bounded(opened, path, label), _BUFFER))  # their own lines are slow


def _zstd(label: str) -> Any:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError:
        raise MissingExtra(f"reading {label}", "files") from None
    return zstd


@contextmanager
def unpacking(label: str) -> Iterator[None]:
    """Turn what unpacking raises on a damaged file into one sentence."""
    try:
        yield
    except (zlib.error, EOFError, lzma.LZMAError) as error:
        raise _damaged(label, error) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _damaged(label, error) from None  # what gzip and bz2 say of bytes that are not theirs
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise _damaged(label, error) from None


def _damaged(label: str, error: Exception) -> InputError:
    return InputError(f"{label} cannot be unpacked: {str(error).rstrip('.')}.")


def read_whole(stream: IO[bytes], label: str) -> bytes:
    """All that is left in a stream; raises InputError for more than one document may have."""
    most, parts, size = limit("document"), list[bytes](), 0
    while raw := stream.read(_BUFFER):  # in pieces: to ask for all at once is to have room made for all
        parts.append(raw)
        size += len(raw)
        if size > most:
            raise over(label, "document")
    return b"".join(parts)


def seekable(path: str, label: str) -> IO[bytes]:
    """A file in which a parser can go back and forth: the file, or in memory what is packed in it."""
    if not is_packed(path):
        return open(path, "rb")
    with unpacking(label), open_unpacked(path, label) as stream:
        return io.BytesIO(read_whole(stream, label))
