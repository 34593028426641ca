"""Files: arrays of numpy, damaged ones too, and files that are there whole or not at all, whatever ends the process or the power.

numpy reads the head of its files (.npy) as Python's own syntax, and may fail there in any way.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from codomain.errors import StoreError


def open_npy(source: str | Path | IO[bytes], *, mapped: bool = False) -> np.ndarray[Any, Any]:
    """The array in a file, mapped or read.

    >>> import io
    >>> open_npy(io.BytesIO(b"no array"))
    Traceback (most recent call last):
    ValueError: it is no array of numpy, or damaged

    Raises ValueError, worded as what the file is, for one that is damaged; OSError for one that cannot be read.
    """
    try:
        array: np.ndarray[Any, Any] = np.load(source, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, MemoryError):
        raise
    except Exception:
        raise ValueError("it is no array of numpy, or damaged") from None
    if not isinstance(array, np.ndarray):  # an .npz under that name
        raise ValueError("it holds several arrays of numpy, not one")
    return array


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once it is complete and on disk.

    Raises StoreError where it cannot be written; the file that was there is then as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.part")
    with failing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


@contextmanager
def failing(path: Path) -> Iterator[None]:
    """Turn what the system says while this file is written into one sentence: StoreError."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}.") from None


def to_disk(folder: Path) -> None:
    """Have every file below a folder on disk, so that a loss of power leaves them as they were written."""
    for inside, _, names in os.walk(folder):
        for name in names:
            with (Path(inside) / name).open("rb") as file:
                os.fsync(file.fileno())
