"""Pipeline and branches of an open collection, read again when another process has changed them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from codomain.arrays import Rows
from codomain.endpoints.usage import Usage
from codomain.errors import StoreError, notice
from codomain.pipeline import Pipeline, pipeline
from codomain.plan import PlanNode, branches, plan
from codomain.stage import Stage
from codomain.store.backend import Backend
from codomain.store.branches.branch import StoredBranch
from codomain.store.branches.index_files import IndexFiles
from codomain.store.filters.masks import Filters
from codomain.store.filters.where import Where
from codomain.store.settings import Settings
from codomain.store.trust import check_trusted, lock, models_in, untrusted
from codomain.store.upgrade.roles import branch_roles
from codomain.store.upgrade.state import UpgradeState
from codomain.store.writing.servers import recall

if TYPE_CHECKING:
    from codomain.index.bm25 import BM25
    from codomain.store.upgrade.roles import SearchedBranch


_shared: WeakValueDictionary[str, Stage] = WeakValueDictionary()
"""Encoders by expression that all collections of the process use: a table of words takes some megabytes. None from a file, which may change."""


_FEW = 1 / 16
"""Rows of a filter, as a part of all, whose documents are looked up one by one."""


class CollectionState:
    """What a `Collection` searches and writes to: pipeline, settings, branches, and how far an upgrade is.

    Raises KeyError where the database is not one of a collection.
    """

    pipeline: Pipeline
    """What new rows are written for."""
    settings: Settings
    """How documents become chunks."""
    upgrade: UpgradeState | None
    """The upgrade that is under way, or came through and keeps the old vectors."""
    generation: int
    """How often an upgrade began or ended."""
    rows: int
    """Rows that the current snapshot sees, deleted ones included."""
    epoch: int
    """How often the rows were renumbered."""
    uses: int
    """How many calls are using the collection now, counted by whoever has its lock."""
    filters: Filters
    """Masks of the rows that a filter matches."""

    spent: dict[str, Usage]
    """What servers were sent for rows that are not written yet, by encoder."""
    offline: dict[str, Any]
    """By branch, what answers while the server of its encoder is away (`codomain.store.upgrade.offline`)."""
    words: tuple[tuple[int, int], BM25] | None
    """An index of the words for queries that filter by them, of a collection whose pipeline has none: rows and epoch, index."""

    known_words: tuple[Any, Any] | None
    """What such queries have learnt, with the version of the collection and the namespace (`codomain.store.filters.words`)."""

    def __init__(self, backend: Backend, root: PlanNode | None = None) -> None:
        self.backend = backend
        self.words = None
        self.known_words = None
        self.spent: dict[str, Usage] = {}
        self.offline: dict[str, Any] = {}
        self.rows = 0
        self.epoch = 0
        self.uses = 0
        self._encoders: dict[str, Stage] = {}  # by expression: models are slow to load
        self._synced: tuple[int, int] | None = None  # changes of others and our own, as last synced
        self._changes = 0
        self._read(root)
        self.filters = Filters(backend)

    def _read(self, root: PlanNode | None = None) -> None:
        """Read pipeline and branches from the database; encoders of `root` are taken over."""
        if root is not None:
            self._encoders |= {str(one.stages[0]): one.stages[0] for one in branches(root) if one.encoder is not None}
        meta = self.backend.meta.all()
        check_trusted(self.backend.database, meta["pipeline"])
        self._meta = meta
        self.pipeline = pipeline(meta["pipeline"])
        self.settings = Settings.restore(meta["settings"])
        self.generation = self._number("generation")
        self.upgrade = UpgradeState.read(meta)
        self._roles = branch_roles(self.backend, self.settings.situate, meta, self._planned)
        for expression, encoder in self._encoders.items():
            if encoder.shared and getattr(encoder, encoder.reads, None) is None:
                _shared.setdefault(expression, encoder)
        self._synced = None

    def _planned(self, expression: str) -> PlanNode:
        check_trusted(self.backend.database, expression)
        locked = untrusted(expression, self.backend.database)
        self._encoders = {**_shared, **self._encoders}
        root = plan(expression, self._encoders)
        recall(self._meta, [branch.stages[0] for branch in branches(root)])
        allowed = set(models_in(expression)) - set(locked) if locked else set()
        for branch in branches(root) if locked else ():
            lock(branch.stages[0], self.backend.database, allowed)
        return root

    @property
    def version(self) -> tuple[int, int] | None:
        """Another one after every change, by whomever; None where the state is not up to date."""
        return self._synced

    @property
    def upgrading(self) -> bool:
        """Whether an upgrade is under way: what it leads from stays as it is."""
        return self.upgrade is not None and not self.upgrade.done

    @property
    def root(self) -> PlanNode:
        """What searches run: during an upgrade with a bridge, the new pipeline."""
        return self._roles.root

    @property
    def searched(self) -> dict[str, SearchedBranch]:
        """What answers for each branch of `root`, by name."""
        return self._roles.searched

    @property
    def branches(self) -> list[StoredBranch]:
        """The branches that hold every row: those of `pipeline`."""
        return self._roles.written

    @property
    def others(self) -> list[StoredBranch]:
        """Branches that an upgrade fills, or has left for a rollback."""
        return self._roles.others

    @property
    def vector_branches(self) -> list[StoredBranch]:
        """Those of `branches` that store vectors."""
        return [branch for branch in self.branches if branch.plan.encoder is not None]

    @property
    def first_dense(self) -> StoredBranch | None:
        """The first of `branches` with an encoder of dense vectors; None without one."""
        return next((branch for branch in self.branches if branch.plan.is_dense), None)

    @property
    def keys(self) -> dict[str, str]:
        """What the branches of `pipeline` are called in the database."""
        return {branch.plan.identity: branch.key for branch in self.branches}

    @property
    def outdated(self) -> bool:
        """Whether another process has begun or ended an upgrade since; inside a transaction."""
        return self._number("generation") != self.generation

    def _number(self, name: str) -> int:
        value = self.backend.meta.get(name) or "0"
        if not value.isdecimal() or len(value) > 18:
            raise StoreError(
                f"{self.backend.database} has {value[:20]!r} as its entry {name!r}, which is no number: it is damaged."
            )
        return int(value)

    def changed(self, root: PlanNode | None = None) -> None:
        """Note that this process has written; `root` is a new pipeline whose encoders are loaded already."""
        self._changes += 1
        if self.outdated:
            self._read(root)

    def refresh(self) -> None:
        """Read pipeline and branches again if another process has changed them; inside a transaction."""
        if self.outdated:
            self._read()

    def _leave_damaged_indexes(self) -> None:
        """Stop using indexes whose files were cut while they are open; rows are searched exactly until `reindex`."""
        for branch in (*self.branches, *self.others):
            if not branch.index_files.whole():
                branch.forget()
                self._told(branch.index_files)
        for files in (self.filters.index_files, self.filters.newer_files):
            if not files.whole():
                self.filters.forget()
                self._told(files)

    def let_go(self, everything: bool = False) -> None:
        """Close indexes that are mapped files, or all; while nobody uses them. The next `sync` opens what is there then."""
        for branch in (*self.branches, *self.others):
            if everything or branch.index_files.mapped:
                branch.forget()
                branch.index_files.let_go()
                self._synced = None
        if everything or self.filters.mapped():
            self.filters.close()
            self._synced = None

    def _told(self, files: IndexFiles) -> None:
        self._synced = None
        notice(
            f"an index of {files.collection} was cut by something else and is not used: codomain reindex rebuilds it."
        )

    def sync(self) -> None:
        """Bring branches and filters up to the state that the current transaction sees."""
        seen = self.backend.changes()
        self._leave_damaged_indexes()
        if (seen, self._changes) == self._synced:
            return
        self.refresh()
        epoch = self._number("epoch")
        if epoch != self.epoch:
            for branch in (*self.branches, *self.others):
                branch.forget()
            self.epoch = epoch
        self.rows = self.backend.rows.next()
        for branch in (*self.branches, *self.others):
            branch.refresh()
        for searched in self.searched.values():
            searched.sync(self.rows, self.epoch)
        self.filters.sync(self.rows, self.epoch)
        self._synced = (seen, self._changes)

    def documents_where(self, where: Where, backend: Backend) -> list[int]:
        """Numbers of the documents in the namespace of `backend` that a filter matches, in order; inside a transaction.

        Every document has a row. The indexes are not brought up to date, only the filters.
        """
        return sorted({*backend.rows.owners(self._rows_where(where, backend)).values()})

    def count_where(self, where: Where, backend: Backend) -> int:
        """How many these are."""
        rows = self._rows_where(where, backend)
        if len(rows) > _FEW * self.filters.rows:  # the documents of so many rows are counted in less time without them
            return backend.documents.count(where)
        return len({*backend.rows.owners(rows).values()})

    def _rows_where(self, where: Where, backend: Backend) -> Rows:
        self.filters.sync(self.backend.rows.next(), self._number("epoch"))
        self._synced = None
        return np.flatnonzero(self.filters.mask(where, backend))
