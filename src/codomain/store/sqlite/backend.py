"""A collection's database in SQLite."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from codomain.store.sqlite import connection
from codomain.store.sqlite.checks import SqliteChecks
from codomain.store.sqlite.documents import SqliteDocuments
from codomain.store.sqlite.feedback import SqliteCorrections, SqliteJournal
from codomain.store.sqlite.fields import SqliteFields
from codomain.store.sqlite.media import SqliteMedia
from codomain.store.sqlite.meta import SqliteHistory, SqliteMeta
from codomain.store.sqlite.namespaces import Scope, SqliteNamespaces
from codomain.store.sqlite.place import Place
from codomain.store.sqlite.resting import Connection
from codomain.store.sqlite.rows import SqliteRows
from codomain.store.sqlite.schema import DATABASE, bring_up_to_date
from codomain.store.sqlite.sources import SqliteExclusions, SqliteSources
from codomain.store.sqlite.vectors import SqliteBlocks, SqliteBranches, SqliteBridges, SqliteUnread


class SqliteBackend:
    """A connection to the database of one collection; `codomain.store.backend.Backend` says what it promises."""

    def __init__(self, folder: Path, db: Connection) -> None:
        self.folder = folder
        self.db = db
        self.database = str(folder / DATABASE)
        self.place = Place(folder)
        self.meta = SqliteMeta(db)
        self.history = SqliteHistory(db)
        self.namespaces = SqliteNamespaces(db)
        self._show(Scope(db))
        self.media = SqliteMedia(db)
        self.branches = SqliteBranches(db)
        self.blocks = SqliteBlocks(db)
        self.bridges = SqliteBridges(db)
        self.unread = SqliteUnread(db)
        self.corrections = SqliteCorrections(db)
        self.checks = SqliteChecks(db)

    def _show(self, scope: Scope) -> None:
        self.namespace = scope.name
        self.documents = SqliteDocuments(self.db, scope)
        self.rows = SqliteRows(self.db, scope)
        self.fields = SqliteFields(self.db, scope)
        self.sources = SqliteSources(self.db, scope)
        self.exclusions = SqliteExclusions(self.db, scope)
        self.journal = SqliteJournal(self.db, scope)

    def within(self, namespace: str) -> Self:
        inside = copy.copy(self)
        inside._show(Scope(self.db, namespace))
        return inside

    @classmethod
    def exists(cls, folder: Path) -> bool:
        return (folder / DATABASE).exists()

    @classmethod
    def create(cls, folder: Path, fill: Callable[[Self], None]) -> None:
        connection.create(folder, lambda db: fill(cls(folder, Connection(db))))

    @classmethod
    def open(cls, folder: Path) -> Self:
        return cls(folder, connection.connect(folder))

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def sentences(self) -> Iterator[None]:
        with connection.sentences(self.folder), self.db.in_use():
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self.sentences():
            nested = self.db.in_transaction
            if not nested:
                self.db.execute("BEGIN")
            try:
                yield
            finally:
                if not nested and self.db.in_transaction:
                    self.db.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self.sentences():
            self.place.check()
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.place.check()
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
        self.place.set_aside()

    def backup(self, folder: Path, beside: Callable[[], None]) -> None:
        with self.sentences():
            connection.backup(self.db, folder, beside)

    def overwrite_deleted(self) -> None:
        self.db.keep("PRAGMA secure_delete = ON")

    def log_is_empty(self) -> bool:
        with self.sentences():
            self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return _size(self.folder / f"{DATABASE}-wal") == 0

    def check_in_place(self) -> None:
        self.place.check()

    def release_reserve(self) -> bool:
        return self.place.release()

    def changes(self) -> int:
        self.db.execute("SELECT 1 FROM meta LIMIT 1").fetchone()  # the snapshot begins with the first read
        seen = int(self.db.execute("PRAGMA data_version").fetchone()[0])  # since this connection was opened
        return self.db.opened << 32 | seen

    def migrate(self) -> None:
        bring_up_to_date(self.db)

    def shrink(self) -> None:
        self.place.check()
        self.db.execute("VACUUM")
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def bytes(self) -> int:
        return _size(self.folder / DATABASE) + _size(self.folder / f"{DATABASE}-wal")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # not there, or replaced a moment ago
