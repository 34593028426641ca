"""Metadata, and the rows that filters match."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from codomain.store.backend.values import ChunkFields
from codomain.store.filters.where import Where
from codomain.store.sqlite.filters import to_sql
from codomain.store.sqlite.schema import Tables
from codomain.vectors import Rows

_CHUNKS = "FROM chunks c JOIN documents d ON d.id = c.document LEFT JOIN sources s ON s.id = d.source"


class SqliteFields(Tables):
    """The column `documents.metadata`."""

    def rows_where(self, where: Where, start: int = 0) -> Rows:
        condition, parameters = to_sql(where)
        found = self.db.execute(f"SELECT c.row {_CHUNKS} WHERE c.row >= ? AND {condition}", [start, *parameters])
        return np.fromiter((row for (row,) in found), np.int64)

    def chunks_where(self, where: Where | None) -> list[ChunkFields]:
        condition, parameters = ("1", []) if where is None else to_sql(where)
        sql = f"SELECT c.row, d.id, d.key, d.metadata {_CHUNKS} WHERE {condition} ORDER BY d.id, c.row"
        return [ChunkFields._make(row) for row in self.db.execute(sql, parameters)]

    def rows_by_document(self, stop: int) -> np.ndarray[Any, Any]:
        listing = self.db.execute("SELECT document, row FROM chunks WHERE row < ? ORDER BY document, row", [stop])
        return np.array(listing.fetchall(), np.int64).reshape(-1, 2)

    def metadata(self) -> Iterator[tuple[int, str]]:
        return self.db.execute("SELECT id, metadata FROM documents")
