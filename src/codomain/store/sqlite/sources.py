"""The files that documents come from, one without a digest not complete, and what of them was deleted by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence

from codomain.store.sqlite.schema import LISTED, Tables, bring_up_to_date, has_table


class SqliteSources(Tables):
    """The table `sources`."""

    def count(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM sources").fetchone()[0])

    def enter(self, paths: Iterable[str]) -> dict[str, int]:
        listing = [json.dumps(sorted(paths))]
        self.db.execute("INSERT OR IGNORE INTO sources (path) SELECT value FROM json_each(?)", listing)
        return dict(self.db.execute(f"SELECT path, id FROM sources WHERE path IN ({LISTED})", listing))

    def complete(self) -> dict[str, tuple[int, int, str]]:
        sql = "SELECT path, size, mtime_ns, digest FROM sources WHERE digest IS NOT NULL"
        return {path: (size, time, stamp) for path, size, time, stamp in self.db.execute(sql)}

    def set_times(self, times: Iterable[tuple[str, int]]) -> None:
        self.db.executemany("UPDATE sources SET mtime_ns = ? WHERE path = ?", [(time, path) for path, time in times])

    def set_complete(self, path: str, size: int, time: int, stamp: str) -> None:
        self.db.execute("INSERT OR IGNORE INTO sources (path) VALUES (?)", [path])
        values = [size, time, stamp, path]
        self.db.execute("UPDATE sources SET size = ?, mtime_ns = ?, digest = ? WHERE path = ?", values)

    def rename(self, path: str, new: str, time: int) -> int | None:
        if self.db.execute("SELECT 1 FROM sources WHERE path = ?", [new]).fetchone() is not None:
            return None
        self.db.execute("UPDATE sources SET path = ?, mtime_ns = ? WHERE path = ?", [new, time, path])
        row = self.db.execute("SELECT id FROM sources WHERE path = ?", [new]).fetchone()
        return None if row is None else int(row[0])

    def forget(self, paths: Iterable[str]) -> None:
        self.db.execute(f"UPDATE sources SET digest = NULL WHERE path IN ({LISTED})", [json.dumps(list(paths))])

    def paths(self) -> list[tuple[int, str]]:
        return self.db.execute("SELECT id, path FROM sources").fetchall()

    def documents(self, numbers: Sequence[int]) -> list[tuple[int, str]]:
        sql = f"SELECT id, key FROM documents WHERE source IN ({LISTED})"
        return self.db.execute(sql, [json.dumps(list(numbers))]).fetchall()

    def delete(self, numbers: Sequence[int]) -> None:
        self.db.execute(f"DELETE FROM sources WHERE id IN ({LISTED})", [json.dumps(list(numbers))])


class SqliteExclusions(Tables):
    """The table `excluded`, which databases of earlier formats get with the first of them."""

    def all(self) -> dict[str, str]:
        if not has_table(self.db, "excluded"):
            return {}
        return dict(self.db.execute("SELECT key, source FROM excluded"))

    def exclude(self, numbers: Sequence[int]) -> None:
        listing = [json.dumps(list(numbers))]
        found = f"FROM documents d JOIN sources s ON s.id = d.source WHERE d.id IN ({LISTED})"
        if self.db.execute(f"SELECT 1 {found} LIMIT 1", listing).fetchone() is None:
            return
        if not has_table(self.db, "excluded"):
            bring_up_to_date(self.db)
        sql = f"INSERT OR REPLACE INTO excluded SELECT d.key, s.path, ?2 {found.replace('?', '?1')}"
        self.db.execute(sql, [*listing, time.time()])

    def remove(self, keys: Iterable[str]) -> None:
        if has_table(self.db, "excluded"):
            self.db.execute(f"DELETE FROM excluded WHERE key IN ({LISTED})", [json.dumps(list(keys))])

    def rename(self, source: str, new: str) -> None:
        if has_table(self.db, "excluded"):
            self.db.execute("UPDATE OR REPLACE excluded SET key = ?2 WHERE key = ?1 AND source = ?1", [source, new])
            self.db.execute("UPDATE excluded SET source = ? WHERE source = ?", [new, source])
