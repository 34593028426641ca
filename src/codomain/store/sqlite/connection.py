"""Make, open and copy the database of a collection, and turn what SQLite says into sentences."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from codomain.errors import StoreError
from codomain.files import has_room, make_room, too_many
from codomain.store.backend.errors import DiskFull, closed, in_use, missing, replaced, taken
from codomain.store.filters.moments import moment_of
from codomain.store.sqlite.place import drop_unfinished, identity
from codomain.store.sqlite.resting import Connection
from codomain.store.sqlite.schema import DATABASE, FORMAT, make_tables
from codomain.text import nfc

BUSY_SECONDS = 20.0
_UNFINISHED = f"{DATABASE}.new"
_MODES = ("mode=rw", "mode=ro")
_IMMUTABLE = "mode=ro&immutable=1"
_WITH_LOG = "mode=ro&vfs=unix-none"


def create(folder: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make the folder and a database in it that `fill` has filled; it appears whole or not at all.

    Raises StoreError when there is a collection already, another process was quicker, or the folder holds other files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise StoreError(f"cannot create the collection {folder}: {error.strerror or error}.") from None
    if DATABASE in there:
        raise StoreError(taken(folder))
    drop_unfinished(folder, _UNFINISHED)
    if any(not name.startswith(_UNFINISHED) for name in there):  # those are left from a creation that was killed
        raise StoreError(in_use(folder))
    temporary = folder / f"{_UNFINISHED}{os.urandom(16).hex()}"
    try:
        with sentences(folder):
            db = sqlite3.connect(temporary, isolation_level=None)
            try:
                make_tables(db)
                fill(db)
                db.execute("PRAGMA journal_mode = WAL")
            finally:
                db.close()
        publish(temporary, folder)
    finally:
        temporary.unlink(missing_ok=True)


def publish(temporary: Path, folder: Path) -> None:
    """Give a finished database its name, unless one has that name by now."""
    try:
        os.link(temporary, folder / DATABASE)
    except FileExistsError:
        raise StoreError(taken(folder)) from None
    except OSError:  # a file system without hard links
        temporary.rename(folder / DATABASE)


def connect(folder: Path) -> Connection:
    """Open the database of a collection, for writing where permitted, else for reading only; it may rest while it is not used.

    Raises StoreError when it is missing, is not a collection, is damaged or was made by a newer version.
    """
    path = folder / DATABASE
    first = identity(path)

    def again() -> sqlite3.Connection:
        """The same database once more: what is in its place by now is not it."""
        if first is None or identity(path) != first:
            raise StoreError(replaced(folder))
        db = _connected(path)
        if identity(path) != first:
            db.close()
            raise StoreError(replaced(folder))
        return db

    return Connection(_connected(path), again)


def _connected(path: Path) -> sqlite3.Connection:
    folder = path.parent
    if not path.exists():
        raise StoreError(missing(folder))
    make_room()
    drop_unfinished(folder, _UNFINISHED)
    with sentences(folder):
        db = _open(path)
        try:
            add_functions(db)
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA cache_size = -65536")
            db.execute("PRAGMA mmap_size = 1073741824")
            row = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
        except sqlite3.Error:
            db.close()
            raise
    if row is None or not re.fullmatch(r"[0-9]{1,9}", row[0]) or int(row[0]) > FORMAT:
        db.close()
        found = "an unknown format" if row is None else f"format {row[0]:.20}"
        raise StoreError(f"the collection {folder} has {found}; this version of codomain reads up to format {FORMAT}.")
    return db


def backup(db: Connection, folder: Path, beside: Callable[[], None]) -> None:
    """Copy the state that `db` sees into a new or empty folder, after `beside` has put other files there; others may write meanwhile.

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


def add_functions(db: sqlite3.Connection) -> None:
    """Add what filters call: `moment`, the microseconds of a date as text, and `nfc`, a text in that form of Unicode."""
    db.create_function("moment", 1, moment_of, deterministic=True)
    # a document may have neither title nor source
    db.create_function("nfc", 1, lambda text: None if text is None else nfc(text), deterministic=True)


def _open(path: Path) -> sqlite3.Connection:
    """Read and write; else read only; else, where no file can be made beside it, as a copy that nobody writes to.

    Such a copy may have a log (-wal) with documents that were acknowledged. As immutable SQLite would pass over it, so it is
    opened for this process alone: the index of the log is then kept in memory, not in a file.
    """
    uri = path.resolve().as_uri()
    denied: sqlite3.Error | None = None
    logged = _size(path.with_name(f"{path.name}-wal")) > 0
    for mode in (*_MODES, _WITH_LOG if logged else _IMMUTABLE):
        try:
            db = sqlite3.connect(
                f"{uri}?{mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            if mode == _WITH_LOG:
                db.execute("PRAGMA locking_mode = EXCLUSIVE")
            try:
                db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # reads the schema
            except UnicodeDecodeError as error:  # the message of SQLite quotes damaged bytes
                db.close()
                raise StoreError(_damaged(path.parent, error)) from error
            return db
        except sqlite3.OperationalError as refused:
            if refused.sqlite_errorname not in ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_READONLY_DIRECTORY"):
                raise
            if not has_room():  # read only and without its log, it would take fewer files and be another state
                raise StoreError(too_many()) from None
            denied = refused
    assert denied is not None
    if logged:
        raise StoreError(
            f"the collection {path.parent} is read-only and has a log, {path.name}-wal, that cannot be read, with documents "
            "that would be missing: make the folder writable, or copy it to a place that is."
        )
    raise denied


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def sentences(folder: Path) -> Iterator[None]:
    """Turn what SQLite says into one sentence about the collection."""
    try:
        yield
    except sqlite3.Error as error:
        full = (getattr(error, "sqlite_errorname", "") or "").startswith("SQLITE_FULL")
        raise (DiskFull if full else StoreError)(_sentence(folder, error)) from error


def _damaged(folder: Path, error: Exception) -> str:
    return f"the database of {folder} is damaged ({error}): restore collection.db from a copy and index again."


def _sentence(folder: Path, error: sqlite3.Error) -> str:
    if isinstance(error, sqlite3.ProgrammingError) and "closed database" in str(error):
        return closed(folder)
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"the collection {folder} is being written by another process; try again when it has finished."
    if name.startswith("SQLITE_READONLY"):
        return f"the collection {folder} is read-only: it can be searched but not changed."
    if name.startswith("SQLITE_FULL"):
        return f"the disk is full: nothing of this step was written to {folder}; free some room and run it again."
    if name.startswith("SQLITE_IOERR"):
        return f"the disk failed while using {folder} ({name}): nothing of this step was written."
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return _damaged(folder, error)
    if name.startswith("SQLITE_CANTOPEN"):
        return f"the collection {folder} cannot be opened: check that you may read it."
    if "no such table" in str(error) or "no such column" in str(error):
        return f"{folder / DATABASE} is a SQLite database but not a codomain collection."
    return f"the database of {folder} says: {error}."
