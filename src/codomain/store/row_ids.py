"""The numbering of rows: a chunk's row is its position in every index, given once and never again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from codomain.store.feedback.journal import forget_documents
from codomain.store.media import forget_media


def next_row(db: sqlite3.Connection) -> int:
    """The number that the next chunk gets."""
    (row,) = db.execute(
        "SELECT max(ifnull((SELECT max(row) FROM chunks), -1), ifnull((SELECT max(row) FROM tombstones), -1)) + 1"
    ).fetchone()
    return int(row)


def delete_documents(db: sqlite3.Connection, documents: Sequence[int]) -> None:
    """Delete documents by number and leave tombstones for their rows, none for feedback; inside a transaction."""
    if not documents:
        return
    forget_documents(db, documents)
    numbers = [json.dumps(list(documents))]
    db.execute(
        "INSERT INTO tombstones SELECT row FROM chunks WHERE document IN (SELECT value FROM json_each(?))", numbers
    )
    db.execute("DELETE FROM chunks WHERE document IN (SELECT value FROM json_each(?))", numbers)
    forget_media(db, numbers[0])
    db.execute("DELETE FROM documents WHERE id IN (SELECT value FROM json_each(?))", numbers)
