"""Write a file so that it is there whole or not at all, whatever ends the process or the power."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from codomain.errors import StoreError


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` once it is complete and on disk.

    Raises StoreError where it cannot be written; the file that was there is then as it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
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
