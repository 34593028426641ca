"""The files that documents come from; one without a digest is not complete."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from codomain.store.sqlite.schema import LISTED, Tables


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

    def paths(self) -> list[tuple[int, str]]:
        return self.db.execute("SELECT id, path FROM sources").fetchall()

    def documents(self, numbers: Sequence[int]) -> list[tuple[int, str]]:
        sql = f"SELECT id, key FROM documents WHERE source IN ({LISTED})"
        return self.db.execute(sql, [json.dumps(list(numbers))]).fetchall()

    def delete(self, numbers: Sequence[int]) -> None:
        self.db.execute(f"DELETE FROM sources WHERE id IN ({LISTED})", [json.dumps(list(numbers))])
