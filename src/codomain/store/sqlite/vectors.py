"""Branches of pipelines, their vectors in blocks, what their encoders did not read, and the bridges of an upgrade."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from codomain.errors import StoreError
from codomain.store.backend.errors import damaged_vectors
from codomain.store.backend.values import StoredBlock, UnreadCounts
from codomain.store.sqlite.feedback import forget_corrections
from codomain.store.sqlite.resting import Connection
from codomain.store.sqlite.schema import Tables, bring_up_to_date, has_table


def forget_unread(db: Connection, branch: int) -> None:
    """Drop what is noted of a branch, by number; inside a transaction."""
    if has_table(db, "unread"):
        db.execute("DELETE FROM unread WHERE branch = ?", [branch])


def renumber_unread(db: Connection) -> None:
    """Give the notes the new numbers of their rows from the table `renumber` (old, new); inside a transaction."""
    if has_table(db, "unread"):
        db.execute("DELETE FROM unread WHERE row NOT IN (SELECT old FROM renumber)")
        db.execute("UPDATE unread SET row = -1 - (SELECT new FROM renumber WHERE old = unread.row)")
        db.execute("UPDATE unread SET row = -1 - row")


class SqliteBranches(Tables):
    """The table `branches`."""

    def add(self, expression: str, encoder: str) -> None:
        self.db.execute("INSERT INTO branches (expression, encoder) VALUES (?, ?)", [expression, encoder])

    def get(self, expression: str) -> tuple[int, bytes | None] | None:
        row: tuple[int, bytes | None] | None = self.db.execute(
            "SELECT id, state FROM branches WHERE expression = ?", [expression]
        ).fetchone()
        return row

    def encoder(self, expression: str) -> str:
        found = self.db.execute("SELECT encoder FROM branches WHERE expression = ?", [expression]).fetchone()
        if found is None:
            raise KeyError(expression)
        return str(found[0])

    def expressions(self) -> list[str]:
        return [expression for (expression,) in self.db.execute("SELECT expression FROM branches")]

    def save_state(self, number: int, state: bytes) -> None:
        self.db.execute("UPDATE branches SET state = ? WHERE id = ?", [state, number])

    def delete(self, number: int) -> None:
        forget_corrections(self.db, number)
        forget_unread(self.db, number)
        for table, column in (("blocks", "branch"), ("bridges", "new"), ("bridges", "old"), ("branches", "id")):
            self.db.execute(f"DELETE FROM {table} WHERE {column} = ?", [number])


class SqliteBlocks(Tables):
    """The table `blocks`."""

    def __init__(self, db: Connection) -> None:
        super().__init__(db)
        self._sound: set[tuple[int, int, int]] = set()  # branch, first row and checksum of blocks that were compared

    def add(self, branch: int, block: StoredBlock) -> None:
        self.db.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", [branch, *block])

    def spans(self, branch: int) -> np.ndarray[Any, Any]:
        listing = self.db.execute("SELECT first, count FROM blocks WHERE branch = ? ORDER BY first", [branch])
        return np.array(listing.fetchall(), np.int64).reshape(-1, 2)

    def fingerprint(self, branch: int) -> str | None:
        sql = "SELECT fingerprint FROM blocks WHERE branch = ? AND NOT raw ORDER BY first DESC LIMIT 1"
        found = self.db.execute(sql, [branch]).fetchone()
        return None if found is None else str(found[0])

    def end(self, branch: int) -> int:
        sql = "SELECT ifnull(max(first + count), 0) FROM blocks WHERE branch = ?"
        return int(self.db.execute(sql, [branch]).fetchone()[0])

    def read(self, branch: int, start: int) -> Iterator[tuple[int, int, bytes]]:
        query = "SELECT first, count, checksum, data FROM blocks WHERE branch = ? AND first + count > ? ORDER BY first"
        for first, count, checksum, data in self.db.execute(query, [branch, start]):
            self._check(branch, first, checksum, data)
            yield first, count, data

    def _check(self, branch: int, first: int, checksum: int, data: bytes) -> None:
        """Compare a block with its checksum when it is read for the first time since the database was opened."""
        key = (branch, first, checksum)
        if key not in self._sound:
            if zlib.crc32(data) != checksum:
                raise StoreError(damaged_vectors(first))
            self._sound.add(key)

    def all(self, branch: int) -> Iterator[StoredBlock]:
        query = "SELECT first, count, fingerprint, raw, checksum, data FROM blocks WHERE branch = ? ORDER BY first"
        for first, count, fingerprint, raw, checksum, data in self.db.execute(query, [branch]):
            yield StoredBlock(first, count, fingerprint, bool(raw), checksum, data)

    def data(self, branch: int, first: int) -> bytes:
        found: bytes
        sql = "SELECT checksum, data FROM blocks WHERE branch = ? AND first = ?"
        checksum, found = self.db.execute(sql, [branch, first]).fetchone()
        self._check(branch, first, checksum, found)
        return found

    def parts(self, branch: int, first: int, starts: Iterable[int], size: int) -> Iterator[bytes]:
        sql = "SELECT rowid, checksum FROM blocks WHERE branch = ? AND first = ?"
        rowid, checksum = self.db.execute(sql, [branch, first]).fetchone()
        if (branch, first, checksum) not in self._sound:
            self.data(branch, first)
        with self.db.blobopen("blocks", "data", rowid, readonly=True) as blob:
            for start in starts:
                blob.seek(start)
                yield blob.read(size)

    def row_bytes(self, branch: int) -> int | None:
        sql = "SELECT length(data) / count FROM blocks WHERE branch = ? AND count > 0 LIMIT 1"
        row = self.db.execute(sql, [branch]).fetchone()
        return None if row is None else int(row[0])

    def total_bytes(self, branch: int) -> int:
        sql = "SELECT ifnull(sum(length(data)), 0) FROM blocks WHERE branch = ?"
        return int(self.db.execute(sql, [branch]).fetchone()[0])

    def delete(self, branch: int, first: int | None = None, below: int | None = None) -> None:
        chosen, parameters = "branch = ?", [branch]
        if first is not None:
            chosen, parameters = f"{chosen} AND first = ?", [*parameters, first]
        if below is not None:
            chosen, parameters = f"{chosen} AND first + count <= ?", [*parameters, below]
        self.db.execute(f"DELETE FROM blocks WHERE {chosen}", parameters)


class SqliteBridges(Tables):
    """The table `bridges`, which is there once an upgrade has begun."""

    def add(self, new: int, old: int, state: bytes) -> None:
        self.db.execute("INSERT INTO bridges VALUES (?, ?, ?)", [new, old, state])

    def get(self, new: int, old: int) -> bytes:
        state: bytes
        (state,) = self.db.execute("SELECT state FROM bridges WHERE new = ? AND old = ?", [new, old]).fetchone()
        return state

    def pairs(self) -> dict[str, str]:
        sql = (
            "SELECT n.expression, o.expression FROM bridges b "
            "JOIN branches n ON n.id = b.new JOIN branches o ON o.id = b.old"
        )
        return dict(self.db.execute(sql))


class SqliteUnread(Tables):
    """The table `unread`, which readers of earlier formats do not find."""

    def enter(self, branch: int, rows: Iterable[tuple[int, int]]) -> None:
        found = [(branch, row, tokens) for row, tokens in rows]
        if not found:
            return
        if not has_table(self.db, "unread"):
            bring_up_to_date(self.db)
        self.db.executemany("INSERT OR REPLACE INTO unread VALUES (?, ?, ?)", found)

    def counts(self, branch: int) -> UnreadCounts:
        if not has_table(self.db, "unread"):
            return UnreadCounts(0, 0, 0)
        # rows that were deleted since are not in chunks any more
        sql = (
            "SELECT ifnull(sum(u.tokens > 0), 0), ifnull(sum(u.tokens), 0), ifnull(sum(u.tokens = 0), 0) "
            "FROM unread u JOIN chunks c ON c.row = u.row WHERE u.branch = ?"
        )
        return UnreadCounts._make(self.db.execute(sql, [branch]).fetchone())

    def forget(self, branch: int) -> None:
        forget_unread(self.db, branch)
