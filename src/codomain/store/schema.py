"""The database of a collection: its tables, how it is opened, and sentences for what SQLite may say.

`collection.db` is the only truth. Rows are numbered 0, 1, 2, ... in the order of adding and never reused: a chunk's row
is its position in every index. A deleted chunk leaves its number behind in `tombstones`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from codomain.errors import StoreError

FORMAT = 4
DATABASE = "collection.db"
BUSY_SECONDS = 20.0
_UNFINISHED = f"{DATABASE}.new"
_MODES = ("mode=rw", "mode=ro", "mode=ro&immutable=1")

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE,
    size INTEGER, mtime_ns INTEGER, digest TEXT          -- null until every document of the source is in
);
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, source INTEGER REFERENCES sources,
    title TEXT, text TEXT NOT NULL, metadata TEXT NOT NULL, digest TEXT NOT NULL, added REAL NOT NULL
);
CREATE INDEX documents_by_source ON documents (source);
CREATE TABLE chunks (
    row INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, headings TEXT
);
CREATE INDEX chunks_by_document ON chunks (document);
CREATE TABLE tombstones (row INTEGER PRIMARY KEY);
CREATE TABLE branches (
    id INTEGER PRIMARY KEY, expression TEXT NOT NULL UNIQUE, encoder TEXT NOT NULL,
    state BLOB                                           -- the fitted transforms as safetensors; null until fitted
);
CREATE TABLE blocks (
    branch INTEGER NOT NULL REFERENCES branches, first INTEGER NOT NULL, count INTEGER NOT NULL,
    fingerprint TEXT NOT NULL, raw INTEGER NOT NULL,     -- raw: float32 straight from the encoder, before the fit
    checksum INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (branch, first)
);
CREATE TABLE history (at REAL NOT NULL, event TEXT NOT NULL, detail TEXT NOT NULL);
"""

_ADDED_IN_2 = """
CREATE TABLE IF NOT EXISTS bridges (
    new INTEGER PRIMARY KEY REFERENCES branches, old INTEGER NOT NULL REFERENCES branches,
    state BLOB NOT NULL                                  -- codomain.store.bridge
);
"""

_ADDED_IN_3 = """
CREATE TABLE IF NOT EXISTS feedback (                    -- the journal (codomain.store.feedback), in order
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, document INTEGER NOT NULL REFERENCES documents,
    liked INTEGER NOT NULL, query TEXT, vector BLOB, encoder TEXT    -- a text, or a vector of that encoder
);
CREATE INDEX IF NOT EXISTS feedback_by_document ON feedback (document);
CREATE TABLE IF NOT EXISTS shadows (                     -- vectors after feedback, searched in the place of those in blocks
    branch INTEGER NOT NULL REFERENCES branches, row INTEGER NOT NULL, checksum INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (branch, row)
);
CREATE TABLE IF NOT EXISTS corrected (                   -- the last entry that a branch has in its shadows, and their space
    branch INTEGER PRIMARY KEY REFERENCES branches, fingerprint TEXT NOT NULL, entry INTEGER NOT NULL
);
"""


_ADDED_IN_4 = """
CREATE TABLE IF NOT EXISTS media (                       -- images, sounds, ... of documents, in their order
    document INTEGER NOT NULL REFERENCES documents, position INTEGER NOT NULL, modality TEXT NOT NULL,
    form TEXT NOT NULL, digest TEXT NOT NULL, data BLOB NOT NULL,        -- form: npy, or file
    PRIMARY KEY (document, position)
);
"""


def create_database(folder: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make the folder and a database in it that `fill` has filled; it appears whole or not at all.

    Raises StoreError when there is a collection already, another process was quicker, or the folder holds other files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise StoreError(f"cannot create the collection {folder}: {error.strerror or error}.") from None
    if DATABASE in there:
        raise StoreError(f"there is a collection at {folder} already.")
    if any(not name.startswith(_UNFINISHED) for name in there):  # those are left from a creation that was killed
        raise StoreError(f"{folder} is in use: a collection needs a folder of its own.")
    temporary = folder / f"{_UNFINISHED}{os.urandom(16).hex()}"
    try:
        with sentences(folder):
            db = sqlite3.connect(temporary, isolation_level=None)
            try:
                db.executescript(_SCHEMA + _ADDED_IN_2 + _ADDED_IN_3 + _ADDED_IN_4)
                db.execute("INSERT INTO meta VALUES ('format', ?)", [str(FORMAT)])
                fill(db)
                db.execute("PRAGMA journal_mode = WAL")
            finally:
                db.close()
        _publish(temporary, folder)
    finally:
        temporary.unlink(missing_ok=True)


def _publish(temporary: Path, folder: Path) -> None:
    """Give the finished database its name, unless one has that name by now."""
    try:
        os.link(temporary, folder / DATABASE)
    except FileExistsError:
        raise StoreError(f"there is a collection at {folder} already.") from None
    except OSError:  # a file system without hard links
        temporary.rename(folder / DATABASE)


def connect(folder: Path) -> sqlite3.Connection:
    """Open the database of a collection, for writing where permitted, else for reading only.

    Raises StoreError when it is missing, is not a collection, is damaged or was made by a newer version.
    """
    path = folder / DATABASE
    if not path.exists():
        raise StoreError(f"there is no collection at {folder}: codomain index FILES --into {folder} makes one.")
    with sentences(folder):
        db = _open(path)
        try:
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA cache_size = -65536")
            db.execute("PRAGMA mmap_size = 1073741824")
            row = db.execute("SELECT value FROM meta WHERE name = 'format'").fetchone()
        except sqlite3.Error:
            db.close()
            raise
    if row is None or int(row[0]) > FORMAT:
        db.close()
        found = "an unknown format" if row is None else f"format {row[0]}"
        raise StoreError(f"the collection {folder} has {found}; this version of codomain reads up to format {FORMAT}.")
    return db


def bring_up_to_date(db: sqlite3.Connection) -> None:
    """Give an older database what upgrades, feedback and media need; inside a transaction. Readers do without it."""
    for statement in filter(str.strip, (_ADDED_IN_2 + _ADDED_IN_3 + _ADDED_IN_4).split(";")):
        db.execute(statement)
    db.execute("UPDATE meta SET value = ? WHERE name = 'format'", [str(FORMAT)])


def _open(path: Path) -> sqlite3.Connection:
    """Read and write; else read only; else, on a read-only medium without a log to look into, as immutable."""
    uri = path.resolve().as_uri()
    error: sqlite3.Error | None = None
    for mode in _MODES:
        try:
            db = sqlite3.connect(
                f"{uri}?{mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return db
        except sqlite3.OperationalError as refused:
            if refused.sqlite_errorname not in ("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_READONLY_DIRECTORY"):
                raise
            error = refused
    assert error is not None
    raise error


@contextmanager
def sentences(folder: Path) -> Iterator[None]:
    """Turn what SQLite says into one sentence about the collection."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(_sentence(folder, error)) from error


def closed(folder: Path) -> str:
    """The sentence for a collection that was closed."""
    return f"the collection {folder} is closed: open it again to use it."


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
        return f"the database of {folder} is damaged ({error}): restore collection.db from a copy and index again."
    if name.startswith("SQLITE_CANTOPEN"):
        return f"the collection {folder} cannot be opened: check that you may read it."
    if "no such table" in str(error) or "no such column" in str(error):
        return f"{folder / DATABASE} is a SQLite database but not a codomain collection."
    return f"the database of {folder} says: {error}."


@contextmanager
def writing(db: sqlite3.Connection, folder: Path) -> Iterator[sqlite3.Connection]:
    """One transaction that is written whole or not at all; waits for another writer, then gives up with a sentence."""
    with sentences(folder):
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
