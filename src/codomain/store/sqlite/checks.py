"""What is wrong in the database, a sentence each."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from codomain.items import Media
from codomain.store.sqlite.feedback import version
from codomain.store.sqlite.media import has_media
from codomain.store.sqlite.rows import SqliteRows
from codomain.store.sqlite.schema import Tables, has_namespaces


class SqliteChecks(Tables):
    """Checks of all tables."""

    def integrity(self) -> list[str]:
        found = ["; ".join(said.split("\n")) for (said,) in self.db.execute("PRAGMA integrity_check(10)")]
        return [] if found == ["ok"] else found

    def rows(self) -> Iterator[str]:
        rows = SqliteRows(self.db).next()
        present = self._number(
            "SELECT (SELECT count(*) FROM chunks) "
            "+ (SELECT count(*) FROM tombstones WHERE row NOT IN (SELECT row FROM chunks))"
        )
        if present != rows:
            yield f"{rows - present} of {rows} rows are neither a chunk nor deleted."
        orphans = "SELECT count(*) FROM chunks WHERE document NOT IN (SELECT id FROM documents)"
        childless = "SELECT count(*) FROM documents WHERE id NOT IN (SELECT document FROM chunks)"
        with_media = "d.id IN (SELECT document FROM media)" if has_media(self.db) else "0"
        outside = (
            "SELECT count(*) FROM documents d JOIN (SELECT document, min(start) AS first, max(stop) AS last, "
            "min(stop - start) AS least FROM chunks GROUP BY document) c ON c.document = d.id "
            f"WHERE c.first < 0 OR c.last > length(d.text) OR (c.least <= 0 AND NOT ({with_media}))"
        )
        yield from self._counted(
            (orphans, "chunks without a document"),
            (childless, "documents without a chunk"),
            (outside, "documents with a chunk that reaches outside their document"),
        )
        if has_namespaces(self.db):
            lost = "WHERE namespace <> 0 AND namespace NOT IN (SELECT id FROM namespaces)"
            yield from self._counted(
                (f"SELECT count(*) FROM documents {lost}", "documents in a namespace without a name"),
                (f"SELECT count(*) FROM sources {lost}", "files in a namespace without a name"),
            )

    def feedback(self) -> Iterator[str]:
        if version(self.db) is None:
            return
        unowned = "SELECT count(*) FROM feedback WHERE document NOT IN (SELECT id FROM documents)"
        rowless = "SELECT count(*) FROM shadows WHERE row NOT IN (SELECT row FROM chunks)"
        branchless = "SELECT count(*) FROM shadows WHERE branch NOT IN (SELECT id FROM branches)"
        yield from self._counted(
            (unowned, "entries of feedback on no document"),
            (rowless, "corrected vectors of rows that are not there"),
            (branchless, "corrected vectors that belong to no branch"),
        )
        stored = self.db.execute("SELECT checksum, data FROM shadows")
        damaged = sum(zlib.crc32(data) != checksum for checksum, data in stored)
        if damaged:
            yield f"{damaged} corrected vectors are damaged: codomain feedback --replay recomputes them."

    def media(self) -> Iterator[str]:
        if not has_media(self.db):
            return
        sql = (
            "SELECT m.document, d.key, m.modality, m.form, m.digest, m.data FROM media m "
            "LEFT JOIN documents d ON d.id = m.document"
        )
        for document, key, modality, form, digest, data in self.db.execute(sql):
            if key is None:
                yield f"there is an {modality} of a document {document} that is not there."
                continue
            try:
                sound = Media.restore(modality, form, data).digest == digest
            except ValueError:
                sound = False
            if not sound:
                yield f"an {modality} of the document {key!r} is not what was stored: its digest differs."

    def blocks(self) -> Iterator[str]:
        orphans = "SELECT count(*) FROM blocks WHERE branch NOT IN (SELECT id FROM branches)"
        yield from self._counted((orphans, "blocks of vectors that belong to no branch"))

    def _counted(self, *checks: tuple[str, str]) -> Iterator[str]:
        for sql, what in checks:
            if number := self._number(sql):
                yield f"there are {number} {what}."

    def _number(self, sql: str) -> int:
        return int(self.db.execute(sql).fetchone()[0])
