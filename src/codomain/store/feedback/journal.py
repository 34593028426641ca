"""The journal of feedback in the database: who was liked or disliked for which query, in the order in which it came."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from codomain.read.record import Record
    from codomain.vectors import Floats

_LISTED = "SELECT value FROM json_each(?)"


@dataclass(frozen=True)
class Entry:
    """One document liked or disliked for a query: a text, or a vector of the encoder whose fingerprint is `encoder`."""

    number: int
    at: float
    document: int
    id: str
    liked: bool
    query: str | None
    vector: Floats | None
    encoder: str | None


def version(db: sqlite3.Connection) -> int | None:
    """How often journal or shadows have changed; None where there never was feedback, perhaps not even its tables."""
    row = db.execute("SELECT value FROM meta WHERE name = 'feedback'").fetchone()
    return None if row is None else int(row[0])


def touch(db: sqlite3.Connection) -> None:
    """Tell every process that journal or shadows have changed; inside a transaction."""
    db.execute("INSERT OR IGNORE INTO meta VALUES ('feedback', '0')")
    db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'feedback'")


def enter(
    db: sqlite3.Connection, verdicts: Mapping[int, bool], query: str | None, vector: Floats | None, encoder: str | None
) -> list[int]:
    """Write verdicts on documents, by number, to the end of the journal: the entries' numbers. Inside a transaction."""
    data = None if vector is None else np.ascontiguousarray(vector, np.float32).tobytes()
    sql = "INSERT INTO feedback (at, document, liked, query, vector, encoder) VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
    at = time.time()
    numbers = [
        int(db.execute(sql, [at, document, liked, query, data, encoder]).fetchone()[0])
        for document, liked in verdicts.items()
    ]
    touch(db)
    return numbers


def entries(db: sqlite3.Connection, after: int = 0, limit: int = -1) -> Iterator[Entry]:
    """The entries with a higher number than `after`, in order."""
    if version(db) is None:
        return
    sql = (
        "SELECT f.id, f.at, f.document, d.key, f.liked, f.query, f.vector, f.encoder FROM feedback f "
        "JOIN documents d ON d.id = f.document WHERE f.id > ? ORDER BY f.id LIMIT ?"
    )
    for number, at, document, key, liked, query, data, encoder in db.execute(sql, [after, limit]):
        vector = None if data is None else np.frombuffer(data, np.float32)
        yield Entry(number, at, document, key, bool(liked), query, vector, encoder)


def strike(db: sqlite3.Connection, numbers: Sequence[int] | None) -> int:
    """Take entries out of the journal, None: all; and every shadow with them: how many entries. Inside a transaction."""
    if version(db) is None:
        return 0
    chosen, parameters = ("1", []) if numbers is None else (f"id IN ({_LISTED})", [json.dumps(list(numbers))])
    struck = db.execute(f"DELETE FROM feedback WHERE {chosen}", parameters).rowcount
    if struck:
        forget_shadows(db)
    return struck


def forget_shadows(db: sqlite3.Connection, branch: int | None = None) -> None:
    """Drop the shadows of a branch, by number, or all of them; inside a transaction."""
    if version(db) is not None:
        for table in ("shadows", "corrected"):
            db.execute(f"DELETE FROM {table} WHERE branch = ifnull(?, branch)", [branch])
        touch(db)


# --- documents that go, change or get other numbers ----------------------------------------------------------------


def forget_documents(db: sqlite3.Connection, documents: Sequence[int]) -> None:
    """Strike what was said of documents that are about to be deleted, and their shadows; inside a transaction."""
    if version(db) is None:
        return
    numbers = [json.dumps(list(documents))]
    chunks = f"SELECT row FROM chunks WHERE document IN ({_LISTED})"
    gone = db.execute(f"DELETE FROM shadows WHERE row IN ({chunks})", numbers).rowcount
    gone += db.execute(f"DELETE FROM feedback WHERE document IN ({_LISTED})", numbers).rowcount
    if gone:
        touch(db)


def detach(db: sqlite3.Connection, records: Mapping[str, Record]) -> list[tuple[str, int, int, int]]:
    """Set aside the feedback on documents that are about to be replaced by others with the same title and text.

    Gives key, number, first and last row of each, for `attach`; inside a transaction.
    """
    if version(db) is None:
        return []
    sql = (
        "SELECT d.key, d.id, d.title, d.text, min(c.row), max(c.row) FROM documents d JOIN chunks c ON c.document = d.id "
        f"WHERE d.key IN ({_LISTED}) AND d.id IN (SELECT document FROM feedback) GROUP BY d.id"
    )
    kept = []
    for key, number, title, text, first, last in db.execute(sql, [json.dumps(list(records))]).fetchall():
        if (title, text) == (records[key].title, records[key].text):
            # negative numbers: the deletion of the old document does not see them
            db.execute("UPDATE feedback SET document = -1 - document WHERE document = ?", [number])
            db.execute("UPDATE shadows SET row = -1 - row WHERE row BETWEEN ? AND ?", [first, last])
            kept.append((key, number, first, last))
    return kept


def attach(db: sqlite3.Connection, detached: Sequence[tuple[str, int, int, int]]) -> None:
    """Give what `detach` set aside to the documents that have those keys now; inside a transaction."""
    for key, number, first, last in detached:
        sql = (
            "SELECT d.id, min(c.row) FROM documents d JOIN chunks c ON c.document = d.id WHERE d.key = ? GROUP BY d.id"
        )
        new, start = db.execute(sql, [key]).fetchone()
        db.execute("UPDATE feedback SET document = ? WHERE document = ?", [new, -1 - number])
        db.execute(
            "UPDATE shadows SET row = ? + (-1 - row) - ? WHERE row BETWEEN ? AND ?",
            [start, first, -1 - last, -1 - first],
        )
    if detached:
        touch(db)


def renumber(db: sqlite3.Connection) -> None:
    """Give shadows the new numbers of their rows from the table `renumber` (old, new); inside a transaction."""
    if version(db) is not None:
        db.execute("UPDATE shadows SET row = -1 - (SELECT new FROM renumber WHERE old = shadows.row)")
        db.execute("UPDATE shadows SET row = -1 - row")
        touch(db)


def as_json(entry: Entry) -> dict[str, Any]:
    """An entry in plain values; a query that was given as a vector is left out."""
    return {"entry": entry.number, "at": entry.at, "query": entry.query, "id": entry.id, "liked": entry.liked}
