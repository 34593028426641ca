"""The journal of feedback and the vectors that follow from it; earlier formats have no tables for them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from codomain.store.backend.values import Detached, Entry
from codomain.store.sqlite.namespaces import Scoped
from codomain.store.sqlite.resting import Connection
from codomain.store.sqlite.schema import LISTED, Tables

if TYPE_CHECKING:
    from codomain.arrays import Floats


def version(db: Connection) -> int | None:
    """How often journal or corrections have changed; None where there never was feedback, perhaps not even its tables."""
    row = db.execute("SELECT value FROM meta WHERE name = 'feedback'").fetchone()
    return None if row is None else int(row[0])


def touch(db: Connection) -> None:
    """Tell every process that journal or corrections have changed; inside a transaction."""
    db.execute("INSERT OR IGNORE INTO meta VALUES ('feedback', '0')")
    db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'feedback'")


def forget_corrections(db: Connection, branch: int | None = None) -> None:
    """Drop the corrections of a branch, by number, or all of them; inside a transaction."""
    if version(db) is not None:
        for table in ("shadows", "corrected"):
            db.execute(f"DELETE FROM {table} WHERE branch = ifnull(?, branch)", [branch])
        touch(db)


def forget_documents(db: Connection, listing: Sequence[str]) -> None:
    """Strike the feedback on documents that are about to be deleted, a JSON list of numbers; inside a transaction."""
    if version(db) is None:
        return
    chunks = f"SELECT row FROM chunks WHERE document IN ({LISTED})"
    gone = db.execute(f"DELETE FROM shadows WHERE row IN ({chunks})", listing).rowcount
    gone += db.execute(f"DELETE FROM feedback WHERE document IN ({LISTED})", listing).rowcount
    if gone:
        touch(db)


def renumber_corrections(db: Connection) -> None:
    """Give corrections the new numbers of their rows from the table `renumber` (old, new); inside a transaction."""
    if version(db) is not None:
        db.execute("UPDATE shadows SET row = -1 - (SELECT new FROM renumber WHERE old = shadows.row)")
        db.execute("UPDATE shadows SET row = -1 - row")
        touch(db)


class SqliteJournal(Scoped):
    """The table `feedback`, and the entry `feedback` of `meta`."""

    def version(self) -> int | None:
        return version(self.db)

    def touch(self) -> None:
        touch(self.db)

    def count(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM feedback").fetchone()[0])

    def enter(
        self, verdicts: Mapping[int, bool], query: str | None, vector: Floats | None, encoder: str | None
    ) -> list[int]:
        data = None if vector is None else np.ascontiguousarray(vector, np.float32).tobytes()
        sql = (
            "INSERT INTO feedback (at, document, liked, query, vector, encoder) VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
        )
        at = time.time()
        numbers = [
            int(self.db.execute(sql, [at, document, liked, query, data, encoder]).fetchone()[0])
            for document, liked in verdicts.items()
        ]
        touch(self.db)
        return numbers

    def entries(self, after: int = 0, limit: int = -1) -> Iterator[Entry]:
        if version(self.db) is None:
            return
        sql = (
            "SELECT f.id, f.at, f.document, d.key, f.liked, f.query, f.vector, f.encoder FROM feedback f "
            f"JOIN documents d ON d.id = f.document WHERE f.id > ? AND {self.scope.among('d.')} ORDER BY f.id LIMIT ?"
        )
        for number, at, document, key, liked, query, data, encoder in self.db.execute(sql, [after, limit]):
            vector = None if data is None else np.frombuffer(data, np.float32)
            yield Entry(number, at, document, key, bool(liked), query, vector, encoder)

    def strike(self, numbers: Sequence[int] | None) -> int:
        if version(self.db) is None:
            return 0
        chosen, parameters = ("1", []) if numbers is None else (f"id IN ({LISTED})", [json.dumps(list(numbers))])
        among = self.scope.among("d.")
        if among != "1":
            chosen += f" AND document IN (SELECT d.id FROM documents d WHERE {among})"
        struck = self.db.execute(f"DELETE FROM feedback WHERE {chosen}", parameters).rowcount
        if struck:
            forget_corrections(self.db)
        return struck

    def detach(self, texts: Mapping[str, tuple[str | None, str]]) -> list[Detached]:
        if version(self.db) is None:
            return []
        sql = (
            "SELECT d.key, d.id, d.title, d.text, min(c.row), max(c.row) FROM documents d "
            "JOIN chunks c ON c.document = d.id "
            f"WHERE d.key IN ({LISTED}) AND {self.scope.one('d.')} AND d.id IN (SELECT document FROM feedback) GROUP BY d.id"
        )
        detached = []
        for key, number, title, text, first, last in self.db.execute(sql, [json.dumps(list(texts))]).fetchall():
            if (title, text) == texts[key]:
                # negative numbers: the deletion of the old document does not see them
                self.db.execute("UPDATE feedback SET document = -1 - document WHERE document = ?", [number])
                self.db.execute("UPDATE shadows SET row = -1 - row WHERE row BETWEEN ? AND ?", [first, last])
                detached.append(Detached(key, number, first, last))
        return detached

    def attach(self, detached: Sequence[Detached]) -> None:
        for key, number, first, last in detached:
            sql = (
                "SELECT d.id, min(c.row) FROM documents d JOIN chunks c ON c.document = d.id WHERE d.key = ? "
                f"AND {self.scope.one('d.')} GROUP BY d.id"
            )
            new, start = self.db.execute(sql, [key]).fetchone()
            self.db.execute("UPDATE feedback SET document = ? WHERE document = ?", [new, -1 - number])
            self.db.execute(
                "UPDATE shadows SET row = ? + (-1 - row) - ? WHERE row BETWEEN ? AND ?",
                [start, first, -1 - last, -1 - first],
            )
        if detached:
            touch(self.db)


class SqliteCorrections(Tables):
    """The table `shadows`, vectors after feedback, and `corrected`, how far each branch is."""

    def count(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM shadows").fetchone()[0])

    def read(self, branch: int) -> Iterator[tuple[int, int, bytes]]:
        return self.db.execute("SELECT row, checksum, data FROM shadows WHERE branch = ? ORDER BY row", [branch])

    def write(self, branch: int, row: int, checksum: int, data: bytes) -> None:
        self.db.execute("INSERT OR REPLACE INTO shadows VALUES (?, ?, ?, ?)", [branch, row, checksum, data])

    def reach(self, branch: int) -> tuple[str, int] | None:
        row = self.db.execute("SELECT fingerprint, entry FROM corrected WHERE branch = ?", [branch]).fetchone()
        return None if row is None else (str(row[0]), int(row[1]))

    def set_reach(self, branch: int, fingerprint: str, entry: int) -> None:
        self.db.execute("INSERT OR REPLACE INTO corrected VALUES (?, ?, ?)", [branch, fingerprint, entry])

    def forget(self, branch: int | None = None) -> None:
        forget_corrections(self.db, branch)
