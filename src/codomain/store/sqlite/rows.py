"""Chunks of documents by row, deleted rows, and new numbers without gaps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from codomain.arrays import Rows
from codomain.errors import StoreError
from codomain.store.backend.values import ChunkHit, ChunkText, StoredChunk
from codomain.store.sqlite.feedback import renumber_corrections
from codomain.store.sqlite.namespaces import Scoped
from codomain.store.sqlite.schema import LISTED, has_table
from codomain.store.sqlite.vectors import renumber_unread

_BELOW = "FROM tombstones WHERE row < ifnull(?, 9223372036854775807)"


class SqliteRows(Scoped):
    """The tables `chunks` and `tombstones`."""

    def count(self) -> int:
        return int(self.db.execute("SELECT count(*) FROM chunks").fetchone()[0])

    def next(self) -> int:
        (row,) = self.db.execute(
            "SELECT max(ifnull((SELECT max(row) FROM chunks), -1), ifnull((SELECT max(row) FROM tombstones), -1)) + 1"
        ).fetchone()
        return int(row)

    def add(self, chunks: Iterable[StoredChunk]) -> None:
        self.db.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", chunks)

    def alive(self) -> Rows:
        return self._rows("SELECT row FROM chunks ORDER BY row", [])

    def deleted(self, stop: int | None = None) -> Rows:
        return self._rows(f"SELECT row {_BELOW} ORDER BY row", [stop])

    def count_deleted(self, stop: int | None = None) -> int:
        return int(self.db.execute(f"SELECT count(*) {_BELOW}", [stop]).fetchone()[0])

    def of(self, document: int) -> Rows:
        return self._rows("SELECT row FROM chunks WHERE document = ? ORDER BY row", [document])

    def _rows(self, sql: str, parameters: list[int | None]) -> Rows:
        return np.array([row for (row,) in self.db.execute(sql, parameters)], np.int64)

    def inside(self, start: int = 0) -> Rows:
        among = self.scope.among("d.")
        if among == "1":
            return self._rows("SELECT row FROM chunks WHERE row >= ? ORDER BY row", [start])
        sql = f"SELECT c.row FROM chunks c JOIN documents d ON d.id = c.document WHERE {among} AND c.row >= ?"
        return np.sort(self._rows(sql, [start]))

    def owners(self, rows: Rows) -> dict[int, int]:
        sql = f"SELECT row, document FROM chunks WHERE row IN ({LISTED})"
        return dict(self.db.execute(sql, [json.dumps(rows.tolist())]))

    def around(self, rows: Rows) -> dict[int, int]:
        sql = (
            "SELECT row, document FROM chunks WHERE document IN "
            f"(SELECT document FROM chunks WHERE row IN ({LISTED})) ORDER BY row"
        )
        return dict(self.db.execute(sql, [json.dumps(rows.tolist())]))

    def document_keys(self) -> list[tuple[int, str]]:
        among = self.scope.among("d.")
        sql = f"SELECT c.row, d.key FROM chunks c JOIN documents d ON d.id = c.document WHERE {among} ORDER BY c.row"
        return self.db.execute(sql).fetchall()

    def texts_between(self, start: int, stop: int) -> Iterator[ChunkText]:
        # each document once, however many chunks it has: a long text is costly to fetch
        query = (
            "SELECT id, title, text FROM documents WHERE id IN (SELECT document FROM chunks WHERE row >= ? AND row < ?)"
        )
        documents = {id: (title, text) for id, title, text in self.db.execute(query, [start, stop])}
        query = "SELECT row, document, start, stop, headings FROM chunks WHERE row >= ? AND row < ?"
        for row, document, begin, end, headings in self.db.execute(query, [start, stop]):
            if document not in documents:
                raise StoreError(f"the document of row {row} is damaged: codomain verify shows more.")
            title, text = documents[document]
            yield ChunkText(row, title, headings, text[begin:end])

    def texts_of(self, rows: Rows) -> Iterator[ChunkText]:
        sql = (
            "SELECT c.row, d.title, c.headings, substr(d.text, c.start + 1, c.stop - c.start) FROM chunks c "
            f"JOIN documents d ON d.id = c.document WHERE c.row IN ({LISTED})"
        )
        return map(ChunkText._make, self.db.execute(sql, [json.dumps(rows.tolist())]))

    def hits(self, rows: Sequence[int], context: int = 0) -> dict[int, ChunkHit]:
        around = "''"
        if context:
            around = f"substr(d.text, max(c.start - {context:d}, 0) + 1, c.stop + {context:d} - max(c.start - {context:d}, 0))"
        sql = (
            "SELECT c.row, d.key, substr(d.text, c.start + 1, c.stop - c.start), d.title, d.metadata, s.path, c.start, "
            f"c.stop, c.headings, {around} FROM chunks c JOIN documents d ON d.id = c.document "
            f"LEFT JOIN sources s ON s.id = d.source WHERE c.row IN ({LISTED})"
        )
        return {hit[0]: ChunkHit._make(hit) for hit in self.db.execute(sql, [json.dumps(list(rows))])}

    def renumber(self, alive: Rows) -> None:
        self.db.execute("CREATE TEMP TABLE renumber (old INTEGER PRIMARY KEY, new INTEGER)")
        self.db.executemany("INSERT INTO renumber VALUES (?, ?)", ((int(old), new) for new, old in enumerate(alive)))
        # by way of negative numbers, so that no two rows have one number in between
        self.db.execute("UPDATE chunks SET row = -1 - (SELECT new FROM renumber WHERE old = chunks.row)")
        self.db.execute("UPDATE chunks SET row = -1 - row")
        renumber_corrections(self.db)
        renumber_unread(self.db)
        self.db.execute("DROP TABLE renumber")
        self.db.execute("DELETE FROM tombstones")
        if has_table(self.db, "changed"):
            self.db.execute("DELETE FROM changed")  # an index of the metadata is of one numbering
