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
from codomain.errors import notice
from codomain.store.backend import Backend
from codomain.store.branches.index_files import IndexFiles
from codomain.store.filters.where import OWN_FIELDS, Where, fields_of
from codomain.trace import FilterChoice, collect, record

if TYPE_CHECKING:  # a search without a filter does not need them
    from codomain.store.filters.columns import Columns, Mask

_REMEMBERED = 16


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
        self._fingerprint = hashlib.sha256(f"columns 3 {__version__}".encode()).hexdigest()
        self._known: OrderedDict[tuple[str | None, str], Mask] = OrderedDict()
        self._inside: OrderedDict[str, _Inside] = OrderedDict()
        self._divided = False  # whether there are namespaces beside the default one
        self._columns: tuple[Path, Columns] | None = None
        self._opened: tuple[int, int] | None = None
        self._rows = self._epoch = 0

    def sync(self, rows: int, epoch: int) -> None:
        """Forget what was found before; the columns are opened again by the next filter."""
        self._known.clear()
        self._opened = None
        self._rows, self._epoch = rows, epoch
        self._divided = self.backend.namespaces.any()

    def forget(self) -> None:
        """Let go of the columns that are open."""
        self._known.clear()
        self._columns = self._opened = None

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
        if before.stop < self._rows:  # rows are only added, or deleted
            rows = np.concatenate([rows, backend.rows.inside(before.stop)])
        self._inside[name] = _Inside(self._epoch, self._rows, rows)
        while len(self._inside) > _REMEMBERED:
            self._inside.popitem(last=False)
        mask = np.zeros(self._rows, bool)
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
                record(plan=FilterChoice("remembered filter", int(self._known[key].sum()), self._rows))
        self._known.move_to_end(key)
        return self._known[key]

    def _found(self, where: Where, backend: Backend) -> Mask:
        from codomain.store.filters.columns import NotInColumns

        mask = np.zeros(self._rows, bool)
        inside = self.inside(backend)
        columns, way = self._open(), "columns"
        if self._rows:
            # the columns are of all namespaces: they do not tell what fields this one has
            there = columns.fields if columns is not None and inside is None else set()
            notice_unknown(backend, fields_of(where) - there)
        covered = 0 if columns is None else columns.rows
        try:
            if columns is not None:
                mask[:covered] = columns.mask(where)
        except NotInColumns:
            covered = 0
        changed = self.backend.fields.changed_since(columns.version) if columns is not None and covered else ()
        if covered < self._rows or len(changed):
            way = "columns and database" if covered else "database"
            mask[changed] = False
            since = columns.version if columns is not None and len(changed) else None
            mask[self.backend.fields.rows_where(where, covered, since)] = True
        if covered:
            mask[self.backend.rows.deleted(covered)] = False
        if inside is not None:
            mask &= inside
        record(plan=FilterChoice(f"filter by {way}", int(mask.sum()), self._rows))
        return mask

    def _open(self) -> Columns | None:
        """The columns that cover most of the rows."""
        from codomain.store.filters.columns import Columns

        def read(path: Path) -> tuple[Path, Columns]:
            return self._columns if self._columns and self._columns[0] == path else (path, Columns().load(path))

        if self._opened != (self._rows, self._epoch):
            self._opened = (self._rows, self._epoch)
            found = self.index_files.open(self._fingerprint, self._epoch, self._rows, read)
            self._columns = None if found is None else found[1]
        return None if self._columns is None else self._columns[1]

    def reindex(self, rows: int, epoch: int) -> bool:
        """Write the columns of all rows; False when they are there."""
        from codomain.store.filters.columns import Columns

        damaged = self.index_files.drop_damaged()
        self._opened = None
        there, fields = self._open(), self.backend.fields
        if not damaged and there is not None and there.rows == rows and not len(fields.changed_since(there.version)):
            return False
        columns = Columns().build(fields.rows_by_document(rows), fields.metadata(), rows, fields.version())
        self.index_files.publish(columns, rows, self._fingerprint, epoch)
        return True

    def faults(self) -> Iterator[str]:
        """A sentence for damaged columns."""
        for fault in self.index_files.faults():
            yield f"the columns of the metadata are damaged and not used ({fault}); codomain reindex rebuilds them."


def notice_unknown(backend: Backend, fields: Iterable[str]) -> None:
    """Say which fields no document has: most often a name is misspelled."""
    for field in sorted({*fields} - OWN_FIELDS):
        if not backend.fields.any(field) and backend.documents.count():
            near = difflib.get_close_matches(field, backend.fields.names(), n=1)
            notice(f"no document has `{field}`" + (f"; did you mean `{near[0]}`?" if near else "."))
