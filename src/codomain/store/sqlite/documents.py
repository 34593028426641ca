"""Documents with their metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from codomain.store.backend.values import ExportedDocument, StoredDocument
from codomain.store.filters.where import Where
from codomain.store.sqlite.feedback import forget_documents
from codomain.store.sqlite.filters import order_by, to_sql
from codomain.store.sqlite.media import has_media
from codomain.store.sqlite.namespaces import Scoped
from codomain.store.sqlite.schema import LISTED, has_table

_JOINED = "FROM documents d LEFT JOIN sources s ON s.id = d.source"
_COLUMNS = "id, key, source, title, text, metadata, digest, added"


class SqliteDocuments(Scoped):
    """The table `documents`."""

    def count(self, where: Where | None = None) -> int:
        if where is None:
            return int(self.db.execute(f"SELECT count(*) FROM documents WHERE {self.scope.among()}").fetchone()[0])
        condition, parameters = to_sql(where)
        sql = f"SELECT count(*) {_JOINED} WHERE {condition} AND {self.scope.among('d.')}"
        return int(self.db.execute(sql, parameters).fetchone()[0])

    def get(self, key: str) -> StoredDocument | None:
        row = self.db.execute(
            f"SELECT {_COLUMNS} FROM documents WHERE key = ? AND {self.scope.one()}", [key]
        ).fetchone()
        return None if row is None else StoredDocument(*row)

    def known(self, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
        query = f"SELECT key, id, digest FROM documents WHERE key IN ({LISTED}) AND {self.scope.one()}"
        return {key: (number, digest) for key, number, digest in self.db.execute(query, [json.dumps(list(keys))])}

    def contents(self, keys: Sequence[str]) -> dict[str, StoredDocument]:
        sql = f"SELECT {_COLUMNS} FROM documents WHERE key IN ({LISTED}) AND {self.scope.one()}"
        return {row[1]: StoredDocument(*row) for row in self.db.execute(sql, [json.dumps(list(keys))])}

    def matching(self, where: Where) -> list[int]:
        condition, parameters = to_sql(where)
        sql = f"SELECT d.id {_JOINED} WHERE {condition} AND {self.scope.among('d.')}"
        return [number for (number,) in self.db.execute(sql, parameters)]

    def export(
        self,
        where: Where | None,
        sort: str | None = None,
        descending: bool = False,
        offset: int = 0,
        limit: int | None = None,
    ) -> Iterator[ExportedDocument]:
        condition, parameters = ("1", []) if where is None else to_sql(where)
        order = ""
        if sort is not None:
            order, path = order_by(sort, descending)
            parameters = [*parameters, *path]
        sql = (
            f"SELECT d.id, d.key, d.title, d.text, d.metadata, s.path {_JOINED} WHERE {condition} "
            f"AND {self.scope.among('d.')} ORDER BY {order}d.id LIMIT ? OFFSET ?"
        )
        found = self.db.execute(sql, [*parameters, -1 if limit is None else limit, offset])
        return map(ExportedDocument._make, found)

    def of(self, numbers: Sequence[int]) -> Iterator[StoredDocument]:
        sql = f"SELECT {_COLUMNS} FROM documents WHERE id IN ({LISTED})"
        return map(StoredDocument._make, self.db.execute(sql, [json.dumps(list(numbers))]))

    def all(self) -> Iterator[StoredDocument]:
        return map(
            StoredDocument._make, self.db.execute(f"SELECT {_COLUMNS} FROM documents WHERE {self.scope.among()}")
        )

    def next_number(self) -> int:
        return int(self.db.execute("SELECT ifnull(max(id), 0) + 1 FROM documents").fetchone()[0])

    def add(self, documents: Iterable[StoredDocument]) -> None:
        columns, values = _COLUMNS, "?, ?, ?, ?, ?, ?, ?, ?"
        if (number := self.scope.enter()) is not None:
            columns, values = f"{columns}, namespace", f"{values}, {number}"
        self.db.executemany(f"INSERT INTO documents ({columns}) VALUES ({values})", documents)

    def namespace(self, number: int) -> str:
        if not self.scope.made:
            return ""
        sql = "SELECT n.name FROM documents d JOIN namespaces n ON n.id = d.namespace WHERE d.id = ?"
        found = self.db.execute(sql, [number]).fetchone()
        return "" if found is None else str(found[0])

    def sources(self, numbers: Sequence[int]) -> dict[int, int]:
        sql = f"SELECT id, source FROM documents WHERE source IS NOT NULL AND id IN ({LISTED})"
        return dict(self.db.execute(sql, [json.dumps(list(numbers))]))

    def set_source(self, number: int, source: int | None) -> None:
        self.db.execute("UPDATE documents SET source = ?1 WHERE id = ?2 AND source IS NOT ?1", [source, number])

    def rename(self, number: int, key: str) -> None:
        self.db.execute("UPDATE documents SET key = ? WHERE id = ?", [key, number])

    def delete(self, numbers: Sequence[int]) -> None:
        if not numbers:
            return
        listing = [json.dumps(list(numbers))]
        forget_documents(self.db, listing)
        if has_table(self.db, "changed"):
            self.db.execute(f"DELETE FROM changed WHERE document IN ({LISTED})", listing)
        self.db.execute(f"INSERT INTO tombstones SELECT row FROM chunks WHERE document IN ({LISTED})", listing)
        self.db.execute(f"DELETE FROM chunks WHERE document IN ({LISTED})", listing)
        if has_media(self.db):
            self.db.execute(f"DELETE FROM media WHERE document IN ({LISTED})", listing)
        self.db.execute(f"DELETE FROM documents WHERE id IN ({LISTED})", listing)
