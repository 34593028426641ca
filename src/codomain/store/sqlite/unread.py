"""Which rows an encoder did not read whole, in the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from codomain.store.backend.values import UnreadCounts
from codomain.store.sqlite.schema import Tables, bring_up_to_date, has_table


def forget_unread(db: sqlite3.Connection, branch: int) -> None:
    """Drop what is noted of a branch, by number; inside a transaction."""
    if has_table(db, "unread"):
        db.execute("DELETE FROM unread WHERE branch = ?", [branch])


def renumber_unread(db: sqlite3.Connection) -> None:
    """Give the notes the new numbers of their rows from the table `renumber` (old, new); inside a transaction."""
    if has_table(db, "unread"):
        db.execute("DELETE FROM unread WHERE row NOT IN (SELECT old FROM renumber)")
        db.execute("UPDATE unread SET row = -1 - (SELECT new FROM renumber WHERE old = unread.row)")
        db.execute("UPDATE unread SET row = -1 - row")


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
