"""Which rows a filter allows: from the columns beside the database where they reach, from the database for the rest."""

from __future__ import annotations

import difflib
import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codomain import __version__
from codomain.errors import notice
from codomain.store.backend import Backend
from codomain.store.branches.index_files import IndexFiles
from codomain.store.filters.where import OWN_FIELDS, Where, fields_of
from codomain.trace import FilterChoice, collect, record

if TYPE_CHECKING:  # a search without a filter does not need them
    from codomain.store.filters.columns import Columns, Mask

_REMEMBERED = 16


class Filters:
    """Masks of a collection's rows; call `sync` whenever the database may have changed."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.index_files = IndexFiles(backend.folder, "columns")
        self._fingerprint = hashlib.sha256(f"columns 3 {__version__}".encode()).hexdigest()
        self._known: OrderedDict[str, Mask] = OrderedDict()
        self._columns: tuple[Path, Columns] | None = None
        self._opened: tuple[int, int] | None = None
        self._rows = self._epoch = 0

    def sync(self, rows: int, epoch: int) -> None:
        """Forget what was found before; the columns are opened again by the next filter."""
        self._known.clear()
        self._opened = None
        self._rows, self._epoch = rows, epoch

    def forget(self) -> None:
        """Let go of the columns that are open."""
        self._known.clear()
        self._columns = self._opened = None

    def mask(self, where: Where) -> Mask:
        """The rows (rows,) whose document the filter matches, without deleted ones."""
        key = str(where)
        with collect("where"):
            if key not in self._known:
                self._known[key] = self._found(where)
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
            else:
                record(plan=FilterChoice("remembered filter", int(self._known[key].sum()), self._rows))
        self._known.move_to_end(key)
        return self._known[key]

    def _found(self, where: Where) -> Mask:
        from codomain.store.filters.columns import NotInColumns

        mask = np.zeros(self._rows, bool)
        columns, way = self._open(), "columns"
        if self._rows:
            notice_unknown(self.backend, fields_of(where) - (columns.fields if columns is not None else set()))
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
