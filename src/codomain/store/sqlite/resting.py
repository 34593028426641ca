"""Connections that rest: of many open collections the process keeps the databases open that were used last.

An open database takes three descriptors. Once the process has a quarter of those that it may have in databases, the connection
that was used longest ago is closed, and opened again at its next use. One that is inside a transaction, a snapshot or a call,
or whose rows are still being read, stays.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import ref

import codomain.files as files

_FILES = 3
"""Descriptors of an open database: itself, its log, the index of the log."""
_SHARE = 4
"""Databases may take one in so many of the process's descriptors."""
_FEWEST = 4
_CURSORS = 64
"""Cursors that are remembered before those that are gone are dropped."""
_CLOSED = "Cannot operate on a closed database."
_Cursor = TypeVar("_Cursor", sqlite3.Cursor, sqlite3.Blob)


class Connection:
    """What all of a backend asks the database through: a connection of sqlite3, closed while nobody has used it for long."""

    def __init__(self, db: sqlite3.Connection, again: Callable[[], sqlite3.Connection] | None = None) -> None:
        """Without `again`, which opens the same database once more, it does not rest."""
        self._db: sqlite3.Connection | None = db
        self._again = again
        self._closed = False
        self._calls: list[None] = []  # one for each that is under way: appending and popping need no lock
        self._mutex = threading.Lock()  # held to open and to close, never while a statement runs
        self._cursors: list[ref[Any]] = []
        self._kept: list[str] = []
        self.opened = 1
        """How often it was opened: what SQLite counts of a connection begins anew each time."""
        self.key = object()
        """What it is listed by."""
        self.rests = again is not None
        """Whether it may rest."""
        _recent.use(self)

    # --- statements -----------------------------------------------------------------------------------------------------

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """As of sqlite3."""
        db = self._enter()
        try:
            return self._remembered(db.execute(sql, parameters))
        finally:
            self._leave()

    def executemany(self, sql: str, parameters: Any) -> sqlite3.Cursor:
        """As of sqlite3."""
        db = self._enter()
        try:
            return self._remembered(db.executemany(sql, parameters))
        finally:
            self._leave()

    def blobopen(self, table: str, column: str, row: int, readonly: bool) -> sqlite3.Blob:
        """As of sqlite3."""
        db = self._enter()
        try:
            return self._remembered(db.blobopen(table, column, row, readonly=readonly))
        finally:
            self._leave()

    def backup(self, target: sqlite3.Connection) -> None:
        """As of sqlite3, all pages in one step."""
        db = self._enter()
        try:
            db.backup(target)
        finally:
            self._leave()

    def keep(self, pragma: str) -> None:
        """A setting of this connection, also after it has rested."""
        self.execute(pragma)
        self._kept.append(pragma)

    @property
    def in_transaction(self) -> bool:
        """As of sqlite3."""
        if self._closed:
            raise sqlite3.ProgrammingError(_CLOSED)
        db = self._db
        return db is not None and db.in_transaction

    # --- open, resting, closed --------------------------------------------------------------------------------------------

    def in_use(self) -> _InUse:
        """Inside, it does not rest."""
        return _InUse(self)

    def close(self) -> None:
        """End every use; may be called again."""
        with self._mutex:
            self._closed = True
            db, self._db = self._db, None
            if db is not None:
                db.close()
        _recent.forget(self)

    def rest(self) -> bool:
        """Close what is not in use until it is needed; whether it was closed. Waits for nobody."""
        if not self._mutex.acquire(blocking=False):
            return False
        try:
            db = self._db
            if db is None or not self.rests:
                return False
            self._db = None  # first: whoever comes from here on waits for the mutex
            if self._calls or db.in_transaction or any(cursor() is not None for cursor in self._cursors):
                self._db = db
                return False
            db.close()
            return True
        finally:
            self._mutex.release()

    def _enter(self) -> sqlite3.Connection:
        self._calls.append(None)  # first: from here on it does not rest
        db = self._db
        return self._opened_again() if db is None else db

    def _leave(self) -> None:
        self._calls.pop()

    def _opened_again(self) -> sqlite3.Connection:
        try:
            with self._mutex:
                if self._closed:
                    raise sqlite3.ProgrammingError(_CLOSED)
                db = self._db
                if db is None:
                    assert self._again is not None
                    db = self._again()
                    for pragma in self._kept:
                        db.execute(pragma)
                    self._cursors = []
                    self.opened += 1
                    self._db = db
            _recent.use(self)
        except BaseException:
            self._leave()
            raise
        return db

    def _remembered(self, cursor: _Cursor) -> _Cursor:
        cursors = self._cursors
        if len(cursors) >= _CURSORS:
            self._cursors = cursors = [one for one in cursors if one() is not None]
        cursors.append(ref(cursor))
        return cursor


class _InUse:
    """A connection that does not rest inside `with`."""

    __slots__ = ("connection",)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        self.connection._enter()
        if _recent.last is not self.connection.key:
            _recent.use(self.connection)

    def __exit__(self, *_: object) -> None:
        self.connection._leave()


class _Recent:
    """The connections that are open, the one used longest ago first."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.last: object = None
        """The key of the connection that was used last."""
        self._order: OrderedDict[object, ref[Connection]] = OrderedDict()

    def use(self, connection: Connection) -> None:
        """Note that a connection is used now, and close others where that makes too many."""
        if not connection.rests:
            return
        with self._lock:
            self.last = connection.key
            self._order[connection.key] = ref(connection)
            self._order.move_to_end(connection.key)
            most = self.most()
            oldest = [] if most is None or len(self._order) <= most else list(self._order.items())
        over = 0 if most is None else len(oldest) - most
        for key, held in oldest[:-1]:  # the last one is that which is used now
            if over <= 0:
                break
            over -= self._rested(key, held)

    def forget(self, connection: Connection) -> None:
        """Drop a connection that is closed for good."""
        with self._lock:
            self._order.pop(connection.key, None)

    def rest_all(self) -> None:
        """Close all that are not in use."""
        with self._lock:
            listed = list(self._order.items())
        for key, held in listed:
            self._rested(key, held)

    def most(self) -> int | None:
        """How many may be open while some of them are not in use; None for any number."""
        limit = files.descriptor_limit()
        return None if limit is None else max(limit // (_SHARE * _FILES), _FEWEST)

    def _rested(self, key: object, held: ref[Connection]) -> bool:
        connection = held()
        if connection is not None and not connection.rest():
            return False
        with self._lock:
            if self._order.get(key) is held and (connection is None or connection._db is None):
                del self._order[key]
        return True


_recent = _Recent()
files.on_shortage.append(_recent.rest_all)
