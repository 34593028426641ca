"""Where a database lies: whether the one that is open is still there, and a little room that is kept for a full disk."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from codomain.errors import StoreError
from codomain.store.backend.errors import replaced
from codomain.store.sqlite.schema import DATABASE

RESERVE = "reserve"
RESERVED_BYTES = 1 << 19
"""What deleting a few documents takes: a full disk has no room for the log of that either."""
_ROOM_TO_SPARE = 1 << 26
_ABANDONED_SECONDS = 3_600


class Place:
    """The folder of an open database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened = identity(folder / DATABASE)
        self._set_aside = False

    def check(self) -> None:
        """Raises StoreError where the database that is open was removed, or another one is in its place."""
        if self._opened is not None and identity(self.folder / DATABASE) != self._opened:
            raise StoreError(replaced(self.folder))

    def set_aside(self) -> None:
        """Take room on the disk that `release` gives back, once, where there is enough of it."""
        if self._set_aside:
            return
        self._set_aside = True
        path = self.folder / RESERVE
        try:
            if path.exists() or shutil.disk_usage(self.folder).free < _ROOM_TO_SPARE:
                return
            with path.open("xb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, RESERVED_BYTES)
                else:
                    file.write(bytes(RESERVED_BYTES))
        except OSError:
            return  # there is none then: it is needed on a full disk only

    def release(self) -> bool:
        """Give the room back; whether there was any."""
        try:
            (self.folder / RESERVE).unlink()
        except OSError:
            return False
        return True


def drop_unfinished(folder: Path, prefix: str) -> None:
    """Remove databases that creations left which were killed an hour ago or more."""
    for path in folder.glob(f"{prefix}*"):
        try:
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                path.unlink()
        except OSError:
            continue  # its process has just finished with it, or the folder is read-only


def identity(path: Path) -> tuple[int, int] | None:
    """Device and number of a file; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
