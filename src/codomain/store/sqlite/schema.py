"""The tables of a collection, and those that later formats added.

`collection.db` is the only truth. Rows are numbered 0, 1, 2, ... in the order of adding and never reused: a chunk's row
is its position in every index. A deleted chunk leaves its number behind in `tombstones`.
"""

from __future__ import annotations

import sqlite3

from codomain.store.sqlite.resting import Connection

DATABASE = "collection.db"
FORMAT = 6
_WITHOUT_NAMESPACES = 5
"""The format of a collection that was made before there were namespaces, until it has one."""

LISTED = "SELECT value FROM json_each(?)"
"""The values of a parameter that is a JSON list."""

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
    state BLOB NOT NULL                                  -- codomain.store.upgrade.bridge
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
CREATE TABLE IF NOT EXISTS corrected (                   -- the last entry that a branch has in its corrected vectors, and their space
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

_ADDED_IN_5 = """
CREATE TABLE IF NOT EXISTS changed (                     -- documents whose metadata alone was changed, since the last renumbering
    document INTEGER PRIMARY KEY REFERENCES documents, version INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS excluded (                    -- ids of documents of files that were deleted by hand
    key TEXT PRIMARY KEY, source TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unread (                      -- chunks longer than what an encoder reads, tokens 0 where there is no vector at all
    branch INTEGER NOT NULL REFERENCES branches, row INTEGER NOT NULL, tokens INTEGER NOT NULL, PRIMARY KEY (branch, row)
) WITHOUT ROWID;
"""


FETCHED = """
CREATE TABLE IF NOT EXISTS fetched (                     -- what servers said of web pages, of sources with this path and stamp
    source INTEGER PRIMARY KEY REFERENCES sources, path TEXT NOT NULL, stamp TEXT NOT NULL, sitemap TEXT,
    etag TEXT NOT NULL, changed TEXT NOT NULL, format TEXT NOT NULL, encoding TEXT NOT NULL
)"""
"""Made with the first page, in databases of all formats: versions that do not know it read pages as if it were not there."""

_BY_NAMESPACE = {
    "sources": """
    CREATE TABLE {name} (
        id INTEGER PRIMARY KEY, namespace INTEGER NOT NULL DEFAULT 0, path TEXT NOT NULL,
        size INTEGER, mtime_ns INTEGER, digest TEXT,
        UNIQUE (namespace, path)
    )""",
    "documents": """
    CREATE TABLE {name} (
        id INTEGER PRIMARY KEY, namespace INTEGER NOT NULL DEFAULT 0, key TEXT NOT NULL, source INTEGER REFERENCES sources,
        title TEXT, text TEXT NOT NULL, metadata TEXT NOT NULL, digest TEXT NOT NULL, added REAL NOT NULL,
        UNIQUE (namespace, key)
    )""",
    "excluded": """
    CREATE TABLE {name} (
        namespace INTEGER NOT NULL DEFAULT 0, key TEXT NOT NULL, source TEXT NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (namespace, key)
    ) WITHOUT ROWID""",
}
"""Tables of format 6: an id or a path is unique in its namespace. 0 is the default one; the others are in `namespaces`."""

_COPIED = {
    "sources": "id, path, size, mtime_ns, digest",
    "documents": "id, key, source, title, text, metadata, digest, added",
    "excluded": "key, source, at",
}


class Tables:
    """Some tables of an open database."""

    def __init__(self, db: Connection) -> None:
        self.db = db


def has_table(db: Connection, name: str) -> bool:
    """Whether a database has a table: one of an older format may lack it until it is written to."""
    sql = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
    return bool(db.execute(sql, [name]).fetchone()[0])


def make_tables(db: sqlite3.Connection) -> None:
    """Make all tables in an empty database."""
    db.executescript(_SCHEMA + _ADDED_IN_2 + _ADDED_IN_3 + _ADDED_IN_4 + _ADDED_IN_5)
    db.execute("INSERT INTO meta VALUES ('format', ?)", [str(_WITHOUT_NAMESPACES)])
    add_namespaces(Connection(db))


def bring_up_to_date(db: Connection) -> None:
    """Add to an older database what upgrades, feedback, media and changes of metadata need; inside a transaction. Readers do not need it."""
    for statement in filter(str.strip, (_ADDED_IN_2 + _ADDED_IN_3 + _ADDED_IN_4 + _ADDED_IN_5).split(";")):
        db.execute(statement)
    reached = FORMAT if has_namespaces(db) else _WITHOUT_NAMESPACES
    db.execute("UPDATE meta SET value = ? WHERE name = 'format'", [str(reached)])


def has_namespaces(db: Connection) -> bool:
    """Whether ids are unique in their namespace only; in a database of an earlier format there is one namespace."""
    return has_table(db, "namespaces")


def add_namespaces(db: Connection) -> None:
    """Give a database of an earlier format namespaces, by copying the tables whose ids were unique; inside a transaction."""
    bring_up_to_date(db)
    # AUTOINCREMENT: a number is not used again, whatever was deleted
    db.execute("CREATE TABLE namespaces (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE)")
    for table, definition in _BY_NAMESPACE.items():
        columns = _COPIED[table]
        db.execute(definition.format(name=f"new_{table}"))
        db.execute(f"INSERT INTO new_{table} ({columns}) SELECT {columns} FROM {table}")
        db.execute(f"DROP TABLE {table}")
        db.execute(f"ALTER TABLE new_{table} RENAME TO {table}")
    db.execute("CREATE INDEX documents_by_source ON documents (source)")
    db.execute("UPDATE meta SET value = ? WHERE name = 'format'", [str(FORMAT)])
