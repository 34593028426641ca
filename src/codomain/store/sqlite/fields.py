"""Metadata, and the rows that filters match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from codomain.arrays import Rows
from codomain.store.backend.values import ChunkFields
from codomain.store.filters.where import Where
from codomain.store.sqlite.filters import COLUMNS, json_path, to_sql
from codomain.store.sqlite.namespaces import Scoped
from codomain.store.sqlite.schema import bring_up_to_date, has_table

_CHUNKS = "FROM chunks c JOIN documents d ON d.id = c.document LEFT JOIN sources s ON s.id = d.source"

_CHANGED = "SELECT document FROM changed WHERE version > ?"
_VERSION = "fields_version"


class SqliteFields(Scoped):
    """The column `documents.metadata`."""

    def rows_where(self, where: Where, start: int = 0, changed_since: int | None = None) -> Rows:
        condition, parameters = to_sql(where)
        asked, values = self._newer(start, changed_since)
        asked = asked.replace("row", "c.row", 1)
        found = self.db.execute(f"SELECT c.row {_CHUNKS} WHERE {asked} AND {condition}", [*values, *parameters])
        return np.fromiter((row for (row,) in found), np.int64)

    def change(self, fields: Sequence[tuple[int, str, str]]) -> None:
        if not fields:
            return
        if not has_table(self.db, "changed"):
            bring_up_to_date(self.db)
        version = self.version() + 1
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [_VERSION, str(version)])
        for number, metadata, digest in fields:
            self.db.execute("UPDATE documents SET metadata = ?, digest = ? WHERE id = ?", [metadata, digest, number])
            self.db.execute("INSERT OR REPLACE INTO changed VALUES (?, ?)", [number, version])

    def version(self) -> int:
        row = self.db.execute("SELECT value FROM meta WHERE name = ?", [_VERSION]).fetchone()
        return 0 if row is None else int(row[0])

    def changed_since(self, version: int) -> Rows:
        if self.version() <= version:
            return np.empty(0, np.int64)
        sql = f"SELECT row FROM chunks WHERE document IN ({_CHANGED})"
        return np.array([row for (row,) in self.db.execute(sql, [version])], np.int64)

    def chunks_where(self, where: Where | None) -> list[ChunkFields]:
        condition, parameters = ("1", []) if where is None else to_sql(where)
        sql = (
            f"SELECT c.row, d.id, d.key, d.metadata {_CHUNKS} WHERE {condition} AND {self.scope.among('d.')} "
            "ORDER BY d.id, c.row"
        )
        return [ChunkFields._make(row) for row in self.db.execute(sql, parameters)]

    def rows_by_document(self, stop: int, start: int = 0, changed_since: int | None = None) -> np.ndarray[Any, Any]:
        newer, values = self._newer(start, changed_since)
        among = self.scope.among("d.")
        joined = "" if among == "1" else "c JOIN documents d ON d.id = c.document"
        sql = f"SELECT document, row FROM chunks {joined} WHERE row < ? AND {newer} AND {among} ORDER BY document, row"
        listing = self.db.execute(sql, [stop, *values])
        return np.array(listing.fetchall(), np.int64).reshape(-1, 2)

    def facets(self, field: str, where: Where | None) -> list[tuple[Any, int]]:
        condition, parameters = ("1", []) if where is None else to_sql(where)
        condition = f"{condition} AND {self.scope.among('d.')}"
        documents = "documents d LEFT JOIN sources s ON s.id = d.source"
        if field in COLUMNS:
            column = COLUMNS[field]
            sql = f"SELECT {column}, count(*) FROM {documents} WHERE {condition} AND {column} IS NOT NULL GROUP BY 1"
            return self.db.execute(sql, parameters).fetchall()
        sql = (
            "SELECT CASE WHEN item.type IN ('true', 'false') THEN item.type END, item.atom, count(DISTINCT d.id) "
            f"FROM {documents}, json_each(d.metadata, ?) AS item WHERE {condition} AND item.type NOT IN ('null', 'array', 'object') "
            "GROUP BY 1, 2"
        )
        found = self.db.execute(sql, [json_path(field), *parameters])
        return [(value if truth is None else truth == "true", number) for truth, value, number in found]

    def names(self) -> list[str]:
        among = self.scope.among("d.")
        sql = f"SELECT DISTINCT item.key FROM documents d, json_each(d.metadata) AS item WHERE {among} ORDER BY 1"
        return [name for (name,) in self.db.execute(sql)]

    def any(self, field: str) -> bool:
        among = self.scope.among("d.")
        sql = f"SELECT 1 FROM documents d WHERE json_type(d.metadata, ?) IS NOT NULL AND {among} LIMIT 1"
        return self.db.execute(sql, [json_path(field)]).fetchone() is not None

    def metadata(self, start: int = 0, changed_since: int | None = None) -> Iterator[tuple[int, str]]:
        newer, values = self._newer(start, changed_since)
        some = "" if newer == "1" else f" WHERE id IN (SELECT document FROM chunks WHERE {newer})"
        return self.db.execute(f"SELECT id, metadata FROM documents{some}", values)

    def _newer(self, start: int, changed_since: int | None) -> tuple[str, list[int]]:
        """A condition on chunks with its parameters: rows from `start` on, or of documents that were changed later."""
        if not start:
            return "1", []
        if changed_since is None or self.version() <= changed_since:
            return "row >= ?", [start]
        # OR would let SQLite go through all chunks
        of_changed = f"SELECT row FROM chunks WHERE document IN ({_CHANGED})"
        return f"row IN (SELECT row FROM chunks WHERE row >= ? UNION {of_changed})", [start, changed_since]
