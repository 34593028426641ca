"""Files: arrays of numpy, damaged ones too, and files that are there whole or not at all, whatever ends the process or the power.

numpy reads the head of its files (.npy) as Python's own syntax, and may fail there in any way.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
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


def cache_folder() -> Path:
    """Where is kept what would have to be computed, or paid for, again: CODOMAIN_CACHE, else codomain below XDG_CACHE_HOME or ~/.cache."""
    named = os.environ.get("CODOMAIN_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "codomain"


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


# --- how many files the process may have open, and room for more --------------------------------------------------------

_SPARE = 8
"""What opening a database (three files) or an index takes at a time."""

on_shortage: list[Callable[[], object]] = []
"""What is called where room is short, to close what is not in use."""


def descriptor_limit() -> int | None:
    """The files that this process may have open at once (RLIMIT_NOFILE); None where the system sets no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def make_room() -> None:
    """See to it that some files can be opened; raises StoreError, which names the limit, where nothing can be closed for it."""
    if has_room():
        return
    for close in on_shortage:
        close()
    if not has_room():
        raise StoreError(too_many())


def too_many() -> str:
    """The sentence for a process that can open no more files."""
    return (
        f"this process has too many files open: it may have {descriptor_limit()}. Close collections that are not needed, or raise the "
        "limit (ulimit -n)."
    )


def has_room() -> bool:
    """Whether some more files can be opened."""
    made: list[int] = []
    try:
        made.append(os.open(os.devnull, os.O_RDONLY))
        while len(made) < _SPARE:
            made.append(os.dup(made[0]))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    finally:
        for descriptor in made:
            os.close(descriptor)
    return True
