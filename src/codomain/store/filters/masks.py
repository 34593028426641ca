"""Which rows a filter allows: from the columns beside the database where they reach, from the database for the rest."""

from __future__ import annotations

import difflib
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from codomain import __version__
from codomain.arrays import Rows
from codomain.errors import StoreError, notice
from codomain.store.backend import Backend
from codomain.store.branches.index_files import IndexFiles
from codomain.store.filters.where import OWN_FIELDS, Where, fields_of
from codomain.trace import FilterChoice, collect, record

if TYPE_CHECKING:  # a search without a filter does not need them
    from codomain.store.filters.columns import Columns, Mask

_REMEMBERED = 16
_NEWER = 1 / 8
"""Rows beside the columns, as a part of theirs, up to which they get columns of their own: writing these costs what has changed."""


class _Inside(NamedTuple):
    """The rows below `stop` of a namespace, some of them deleted since; in one numbering."""

    epoch: int
    stop: int
    rows: Rows


class Filters:
    """Masks of a collection's rows; call `sync` whenever the database may have changed."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.index_files = IndexFiles(backend.folder, "columns")
        self.newer_files = IndexFiles(backend.folder, "newer columns")
        self._fingerprint = hashlib.sha256(f"columns 3 {__version__}".encode()).hexdigest()
        self._known: OrderedDict[tuple[str | None, str], Mask] = OrderedDict()
        self._inside: OrderedDict[str, _Inside] = OrderedDict()
        self._divided = False  # whether there are namespaces beside the default one
        self._columns: tuple[Path, Columns] | None = None
        self._newer: tuple[int, Columns] | None = None  # and how many rows they and the others cover
        self._opened: tuple[int, int] | None = None
        self.rows = self._epoch = 0

    def sync(self, rows: int, epoch: int) -> None:
        """Forget what was found before; the columns are opened again by the next filter."""
        self._known.clear()
        self._opened = None
        self.rows, self._epoch = rows, epoch
        self._divided = self.backend.namespaces.any()

    def forget(self) -> None:
        """Let go of the columns that are open."""
        self._known.clear()
        self._columns = self._newer = self._opened = None

    def allowed(self, backend: Backend, where: Where | None) -> tuple[Mask | None, Mask | None]:
        """The rows (rows,) that a filter allows in the namespace of `backend`, and all rows of that; None: every row."""
        inside = self.inside(backend)
        return inside if where is None else self.mask(where, backend), inside

    def inside(self, backend: Backend) -> Mask | None:
        """The rows (rows,) of the namespace of `backend`, without deleted ones; None where there is no other."""
        name = backend.namespace
        if name is None or not (name or self._divided):
            return None
        found = self._known.get((name, ""))
        if found is None:
            found = self._remember((name, ""), self._rows_of(backend, name))
        self._known.move_to_end((name, ""))
        return found

    def _rows_of(self, backend: Backend, name: str) -> Mask:
        before = self._inside.pop(name, None)
        if before is None or before.epoch != self._epoch:
            before = _Inside(self._epoch, 0, np.empty(0, np.int64))
        rows = before.rows
        if before.stop < self.rows:  # rows are only added, or deleted
            rows = np.concatenate([rows, backend.rows.inside(before.stop)])
        self._inside[name] = _Inside(self._epoch, self.rows, rows)
        while len(self._inside) > _REMEMBERED:
            self._inside.popitem(last=False)
        mask = np.zeros(self.rows, bool)
        mask[rows] = True
        mask[self.backend.rows.deleted()] = False
        return mask

    def _remember(self, key: tuple[str | None, str], mask: Mask) -> Mask:
        self._known[key] = mask
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return mask

    def mask(self, where: Where, backend: Backend | None = None) -> Mask:
        """The rows (rows,) whose document the filter matches, without deleted ones, in the namespace of `backend`."""
        backend = backend or self.backend
        key = (backend.namespace, str(where))
        with collect("where"):
            if key not in self._known:
                self._remember(key, self._found(where, backend))
            else:
                record(plan=FilterChoice("remembered filter", int(self._known[key].sum()), self.rows))
        self._known.move_to_end(key)
        return self._known[key]

    def _found(self, where: Where, backend: Backend) -> Mask:
        from codomain.store.filters.columns import NotInColumns

        mask = np.zeros(self.rows, bool)
        inside = self.inside(backend)
        columns, way = self._open(), "columns"
        every = [] if columns is None else [columns] if self._newer is None else [columns, self._newer[1]]
        if self.rows:
            # the columns are of all namespaces: they do not tell what fields this one has
            there = set().union(*(some.fields for some in every)) if inside is None else set()
            notice_unknown(backend, fields_of(where) - there)
        covered, version = self._covered(columns)
        try:
            if columns is not None:
                mask[: columns.rows] = columns.mask(where)
                if self._newer is not None:
                    self._newer[1].update(mask, where)
        except NotInColumns:
            mask[:] = False
            covered = 0
        changed = self.backend.fields.changed_since(version) if covered else ()
        if covered < self.rows or len(changed):
            way = "columns and database" if covered else "database"
            mask[changed] = False
            since = version if len(changed) else None
            mask[self.backend.fields.rows_where(where, covered, since)] = True
        if covered:
            mask[self.backend.rows.deleted(covered)] = False
        if inside is not None:
            mask &= inside
        record(plan=FilterChoice(f"filter by {way}", int(mask.sum()), self.rows))
        return mask

    def _covered(self, columns: Columns | None) -> tuple[int, int]:
        """How many rows the open columns cover, and of which version of the metadata."""
        if self._newer is not None:
            return self._newer[0], self._newer[1].version
        return (0, 0) if columns is None else (columns.rows, columns.version)

    def _open(self) -> Columns | None:
        """The columns that cover most of the rows; opens those that continue them, too."""
        from codomain.store.filters.columns import Columns

        def read(path: Path) -> tuple[Path, Columns]:
            return self._columns if self._columns and self._columns[0] == path else (path, Columns().load(path))

        def read_newer(path: Path) -> Columns:
            assert self._columns is not None
            found = Columns().load(path)
            if found.base != (self._columns[1].rows, self._columns[1].version):
                raise StoreError(f"{path} continues other columns.")
            return found

        if self._opened != (self.rows, self._epoch):
            self._opened = (self.rows, self._epoch)
            found = self.index_files.open(self._fingerprint, self._epoch, self.rows, read)
            self._columns = self._newer = None
            if found is not None:
                self._columns = found[1]
                self._newer = self.newer_files.open(self._fingerprint, self._epoch, self.rows, read_newer)
        return None if self._columns is None else self._columns[1]

    def reindex(self, rows: int, epoch: int) -> bool:
        """Write the columns of all rows, or of those that have changed where these are few; False when they are there."""
        from codomain.store.filters.columns import Columns

        damaged = [files.drop_damaged() for files in (self.index_files, self.newer_files)]
        self._opened = None
        there, fields = self._open(), self.backend.fields
        covered, version = self._covered(there)
        if not any(damaged) and there is not None and covered == rows and not len(fields.changed_since(version)):
            return False
        if there is not None:
            owners = fields.rows_by_document(rows, there.rows, there.version)
            if len(owners) <= _NEWER * there.rows:
                metadata = fields.metadata(there.rows, there.version)
                newer = Columns().build_newer(owners, metadata, fields.version(), there)
                self.newer_files.publish(newer, rows, self._fingerprint, epoch)
                self._opened = None
                return True
        columns = Columns().build(fields.rows_by_document(rows), fields.metadata(), rows, fields.version())
        self.index_files.publish(columns, rows, self._fingerprint, epoch)
        self.newer_files.clear()
        self._opened = None
        return True

    def clear(self) -> None:
        """Drop all columns."""
        self.index_files.clear()
        self.newer_files.clear()

    def mapped(self) -> bool:
        """Whether open columns have files that are mapped."""
        return self.index_files.mapped or self.newer_files.mapped

    def close(self) -> None:
        """Let go of the columns that are open, and of their files."""
        self.forget()
        self.index_files.let_go()
        self.newer_files.let_go()

    def faults(self) -> Iterator[str]:
        """A sentence for damaged columns."""
        for fault in (*self.index_files.faults(), *self.newer_files.faults()):
            yield f"the columns of the metadata are damaged and not used ({fault}); codomain reindex rebuilds them."


def notice_unknown(backend: Backend, fields: Iterable[str]) -> None:
    """Say which fields no document has: most often a name is misspelled."""
    for field in sorted({*fields} - OWN_FIELDS):
        if not backend.fields.any(field) and backend.documents.count():
            near = difflib.get_close_matches(field, backend.fields.names(), n=1)
            notice(f"no document has `{field}`" + (f"; did you mean `{near[0]}`?" if near else "."))
