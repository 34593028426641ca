"""Copy a database while others write to it (SQLite's online backup): the copy appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from codomain.errors import StoreError
from codomain.store.backend.errors import in_use, taken
from codomain.store.sqlite.connection import publish, sentences
from codomain.store.sqlite.resting import Connection
from codomain.store.sqlite.schema import DATABASE


def backup(db: Connection, folder: Path, beside: Callable[[], None]) -> None:
    """Copy the state that `db` sees into a new or empty folder, after `beside` has put other files there.

    Raises StoreError when there is a collection already, the folder holds other files, or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise StoreError(f"cannot write a backup to {folder}: {error.strerror or error}.") from None
    if DATABASE in there:
        raise StoreError(taken(folder))
    if there:
        raise StoreError(in_use(folder))
    temporary = folder / f"{DATABASE}.new{os.urandom(16).hex()}"
    try:
        beside()
        with sentences(folder):
            copy = sqlite3.connect(temporary, isolation_level=None)
            try:
                copy.execute("PRAGMA synchronous = FULL")
                db.backup(copy)  # all pages in one step: one state, and writers need not wait
                copy.execute("PRAGMA journal_mode = WAL")
            finally:
                copy.close()
        publish(temporary, folder)
    except BaseException as error:
        for path in folder.iterdir():
            shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, OSError):
            raise StoreError(f"cannot write a backup to {folder}: {error.strerror or error}.") from None
        raise
    finally:
        for name in (
            temporary,
            *(temporary.with_name(f"{temporary.name}{end}") for end in ("-wal", "-shm", "-journal")),
        ):
            with suppress(
                OSError
            ):  # on a full disk even this may fail; what is left is removed when the folder is opened
                name.unlink(missing_ok=True)
