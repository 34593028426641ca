"""The files that documents come from, one without a digest not complete, and what of them was deleted by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence

from codomain.store.backend.values import Fetched
from codomain.store.sqlite.namespaces import Scoped
from codomain.store.sqlite.schema import FETCHED, LISTED, bring_up_to_date, has_table


class SqliteSources(Scoped):
    """The table `sources`."""

    def count(self) -> int:
        return int(self.db.execute(f"SELECT count(*) FROM sources WHERE {self.scope.among()}").fetchone()[0])

    def enter(self, paths: Iterable[str]) -> dict[str, int]:
        listing = [json.dumps(sorted(paths))]
        column, value = self._namespace()
        self.db.execute(f"INSERT OR IGNORE INTO sources (path{column}) SELECT value{value} FROM json_each(?)", listing)
        sql = f"SELECT path, id FROM sources WHERE path IN ({LISTED}) AND {self.scope.one()}"
        return dict(self.db.execute(sql, listing))

    def _namespace(self) -> tuple[str, str]:
        """Column and value that a new source has beside its path; inside a transaction."""
        number = self.scope.enter()
        return ("", "") if number is None else (", namespace", f", {number}")

    def complete(self) -> dict[str, tuple[int, int, str]]:
        sql = f"SELECT path, size, mtime_ns, digest FROM sources WHERE digest IS NOT NULL AND {self.scope.among()}"
        return {path: (size, time, stamp) for path, size, time, stamp in self.db.execute(sql)}

    def set_times(self, times: Iterable[tuple[str, int]]) -> None:
        sql = f"UPDATE sources SET mtime_ns = ? WHERE path = ? AND {self.scope.one()}"
        self.db.executemany(sql, [(time, path) for path, time in times])

    def set_complete(self, path: str, size: int, time: int, stamp: str) -> None:
        column, value = self._namespace()
        self.db.execute(f"INSERT OR IGNORE INTO sources (path{column}) VALUES (?{value})", [path])
        values = [size, time, stamp, path]
        sql = f"UPDATE sources SET size = ?, mtime_ns = ?, digest = ? WHERE path = ? AND {self.scope.one()}"
        self.db.execute(sql, values)

    def set_fetched(self, pages: Mapping[str, Fetched]) -> None:
        if not pages:
            return
        self.db.execute(FETCHED)
        sql = (
            "INSERT OR REPLACE INTO fetched SELECT id, path, digest, ?, ?, ?, ?, ? FROM sources "
            f"WHERE path = ? AND digest IS NOT NULL AND {self.scope.one()}"
        )
        self.db.executemany(sql, ((*page[:5], path) for path, page in pages.items()))

    def fetched(self) -> dict[str, Fetched]:
        if not has_table(self.db, "fetched"):
            return {}
        sql = (
            "SELECT s.path, f.sitemap, f.etag, f.changed, f.format, f.encoding, ifnull(f.stamp = s.digest, 0) FROM fetched f "
            f"JOIN sources s ON s.id = f.source AND s.path = f.path WHERE {self.scope.among('s.')}"
        )
        return {row[0]: Fetched._make((*row[1:6], bool(row[6]))) for row in self.db.execute(sql)}

    def rename(self, path: str, new: str, time: int) -> int | None:
        one = self.scope.one()
        if self.db.execute(f"SELECT 1 FROM sources WHERE path = ? AND {one}", [new]).fetchone() is not None:
            return None
        self.db.execute(f"UPDATE sources SET path = ?, mtime_ns = ? WHERE path = ? AND {one}", [new, time, path])
        row = self.db.execute(f"SELECT id FROM sources WHERE path = ? AND {one}", [new]).fetchone()
        return None if row is None else int(row[0])

    def forget(self, paths: Iterable[str]) -> None:
        sql = f"UPDATE sources SET digest = NULL WHERE path IN ({LISTED}) AND {self.scope.one()}"
        self.db.execute(sql, [json.dumps(list(paths))])

    def paths(self) -> list[tuple[int, str]]:
        return self.db.execute(f"SELECT id, path FROM sources WHERE {self.scope.among()}").fetchall()

    def documents(self, numbers: Sequence[int]) -> list[tuple[int, str]]:
        sql = f"SELECT id, key FROM documents WHERE source IN ({LISTED})"
        return self.db.execute(sql, [json.dumps(list(numbers))]).fetchall()

    def delete(self, numbers: Sequence[int]) -> None:
        listing = [json.dumps(list(numbers))]
        self.db.execute(f"DELETE FROM sources WHERE id IN ({LISTED})", listing)
        if has_table(self.db, "fetched"):
            self.db.execute(f"DELETE FROM fetched WHERE source IN ({LISTED})", listing)


class SqliteExclusions(Scoped):
    """The table `excluded`, which databases of earlier formats get with the first of them."""

    def all(self) -> dict[str, str]:
        if not has_table(self.db, "excluded"):
            return {}
        return dict(self.db.execute(f"SELECT key, source FROM excluded WHERE {self.scope.one()}"))

    def exclude(self, numbers: Sequence[int]) -> None:
        listing = [json.dumps(list(numbers))]
        found = f"FROM documents d JOIN sources s ON s.id = d.source WHERE d.id IN ({LISTED})"
        if self.db.execute(f"SELECT 1 {found} LIMIT 1", listing).fetchone() is None:
            return
        if not has_table(self.db, "excluded"):
            bring_up_to_date(self.db)
        column, value = (", namespace", ", d.namespace") if self.scope.made else ("", "")
        sql = (
            f"INSERT OR REPLACE INTO excluded (key, source, at{column}) "
            f"SELECT d.key, s.path, ?2{value} {found.replace('?', '?1')}"
        )
        self.db.execute(sql, [*listing, time.time()])

    def remove(self, keys: Iterable[str]) -> None:
        if has_table(self.db, "excluded"):
            sql = f"DELETE FROM excluded WHERE key IN ({LISTED}) AND {self.scope.one()}"
            self.db.execute(sql, [json.dumps(list(keys))])

    def rename(self, source: str, new: str) -> None:
        if has_table(self.db, "excluded"):
            one = self.scope.one()
            sql = f"UPDATE OR REPLACE excluded SET key = ?2 WHERE key = ?1 AND source = ?1 AND {one}"
            self.db.execute(sql, [source, new])
            self.db.execute(f"UPDATE excluded SET source = ? WHERE source = ? AND {one}", [new, source])
