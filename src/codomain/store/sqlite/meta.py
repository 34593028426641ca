"""Single entries by name, and what was done to the collection as a whole."""

from __future__ import annotations

import time

from codomain.store.backend.values import Event
from codomain.store.sqlite.schema import Tables


class SqliteMeta(Tables):
    """The table `meta`."""

    def all(self) -> dict[str, str]:
        return dict(self.db.execute("SELECT name, value FROM meta"))

    def get(self, name: str) -> str | None:
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", [name]).fetchone()
        return None if row is None else str(row[0])

    def set(self, name: str, value: str) -> None:
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [name, value])

    def delete(self, name: str) -> None:
        self.db.execute("DELETE FROM meta WHERE name = ?", [name])

    def count_up(self, name: str) -> None:
        self.db.execute("INSERT OR IGNORE INTO meta VALUES (?, '0')", [name])
        self.db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = ?", [name])


class SqliteHistory(Tables):
    """The table `history`."""

    def add(self, event: str, detail: str = "") -> None:
        self.db.execute("INSERT INTO history VALUES (?, ?, ?)", [time.time(), event, detail])

    def all(self) -> list[Event]:
        return [Event(*row) for row in self.db.execute("SELECT at, event, detail FROM history ORDER BY at")]
