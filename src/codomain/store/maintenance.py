"""Keep a collection in order: build its indexes, free the space of deleted documents, check it, describe it."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.arrays import Ragged, Rows
from codomain.errors import CodomainError, detail
from codomain.read.record import Record
from codomain.store.backend import Backend
from codomain.store.backend.errors import DiskFull
from codomain.store.branches.blocks import count, joined
from codomain.store.chunking.unread import facts, notes
from codomain.store.feedback.replay import catch_up
from codomain.store.writing import servers

if TYPE_CHECKING:
    from codomain.store.branches.branch import StoredBranch
    from codomain.store.collection import Collection

_BLOCK = 4_096


def reindex(collection: Collection) -> bool:
    """Fit transforms that wait for a sample and write an index over all rows for each branch."""
    with collection.held() as backend:
        backend.check_in_place()
        if collection.branches:
            collection.branches[0].index_files.drop_abandoned()
        fit_waiting(collection)
        with collection.snapshot():
            rows, epoch = collection.rows, collection.state.epoch
            earlier = [branch.plan.name for branch in collection.branches if branch.made_before(epoch)]
            built = [branch.reindex(rows, epoch) for branch in collection.branches]
            built.append(collection.state.filters.reindex(rows, epoch))
        if any(built):
            with collection.writing() as backend:
                for branch in collection.vector_branches:
                    branch.refresh()
                    branch.drop_covered(rows, epoch)
                # the entry also tells other processes that there is something new to open
                again = "".join(f"; {name} made again, an earlier version had cut words otherwise" for name in earlier)
                backend.history.add("reindexed", f"{rows} rows{again}")
            detail(f"{collection.folder}: indexes written over {rows} rows.")
            collection.state.changed()
        catch_up(collection)  # a fit has changed the space of the corrections
    return any(built)


def fit_waiting(collection: Collection) -> None:
    """Fit transforms that wait for a sample, if there is one by now; an upgrade leaves them as they are."""
    if all(not branch.plan.needs_fit for branch in collection.vector_branches):
        return
    with collection.writing() as backend:
        rows = backend.rows.next()
        fitted = [branch.fit(rows) for branch in collection.vector_branches if not collection.upgrading]
    if any(fitted):
        collection.state.changed()


def compact(collection: Collection) -> None:
    """Renumber the rows without gaps, rewrite the vectors without deleted rows, and shrink the database."""
    with collection.held():
        with collection.writing():
            backend = collection.state.backend
            live = backend.rows.alive()
            for branch in (*collection.branches, *collection.state.others):
                if branch.plan.encoder is not None:
                    branch.refresh()
                    branch.settle()
                    _rewrite_blocks(backend, branch, live)
            backend.rows.renumber(live)
            backend.meta.count_up("epoch")
            backend.history.add("compacted", f"{len(live)} rows")
        detail(f"{collection.folder}: compacted to {len(live)} rows.")
        collection.state.changed()
        # of rows as they were numbered before: their room may be what the next step needs
        collection.state.filters.clear()
        for branch in (*collection.branches, *collection.state.others):
            branch.index_files.clear()
        refused = None
        try:
            collection.backend.shrink()
        except DiskFull:
            refused = DiskFull(
                f"{collection.folder} has {len(live)} rows without gaps now, but its file could not be made smaller: that takes "
                f"{collection.backend.bytes() / 1e6:,.0f} MB of free room for a moment; what is added next uses the room inside it."
            )
        reindex(collection)
        if refused is not None:
            raise refused


def _rewrite_blocks(backend: Backend, branch: StoredBranch, live: Rows) -> None:
    """Rewrite the live rows without gaps; vectors that are not kept are left for `reindex` to make."""
    pending: list[Any] = []
    written = waiting = 0
    kept: list[tuple[int, Any]] = []
    for first, rows in branch.blocks.read(0) if branch.blocks.keeps else ():
        inside = live[np.searchsorted(live, first) : np.searchsorted(live, first + count(rows))] - first
        pending.append(rows.take(inside) if isinstance(rows, Ragged) else rows[inside])
        waiting += len(inside)
        if waiting >= _BLOCK:
            kept.append((written, joined(pending)))
            written, waiting, pending = written + waiting, 0, []
    if waiting:
        kept.append((written, joined(pending)))
    backend.blocks.delete(branch.number)
    for first, rows in kept:
        branch.blocks.append(first, rows)


def verify(collection: Collection) -> list[str]:
    """Every fault found, a sentence each: database, documents, rows, vectors, indexes."""
    collection.check_open()
    try:
        with collection.held() as backend:
            damage = backend.checks.integrity()
        if damage:
            return [f"the database is damaged: {line}." for line in damage]
        with collection.held() as backend, backend.reading():  # no snapshot: that reads vectors, which may be damaged
            collection.state.refresh()
            for branch in (*collection.branches, *collection.state.others):
                branch.refresh()
                branch.settle()
            checks = collection.backend.checks
            faults = [*_document_faults(collection.state.backend), *checks.rows(), *checks.feedback(), *checks.media()]
            for branch in collection.branches:
                if branch.plan.encoder is not None:
                    faults += _block_faults(branch, collection.backend.rows.next())
                faults += branch.index_faults()
            for branch in collection.state.others:  # they need not have every row
                if branch.plan.encoder is not None:
                    faults += _block_faults(branch, branch.blocks.end())
                faults += branch.index_faults()
            return [*faults, *_branch_faults(collection), *checks.blocks(), *collection.state.filters.faults()]
    except CodomainError as error:
        return [str(error)]


def _document_faults(backend: Backend) -> Iterator[str]:
    beside = backend.media.digests()
    for stored in backend.documents.all():
        try:
            record = Record(stored.key, stored.text, stored.title, json.loads(stored.metadata))
            sound = record.digest_with(beside.get(stored.number, ())) == stored.digest
        except ValueError:
            sound = False
        if not sound:
            yield f"the document {stored.key!r} is not what was stored: its digest differs."


def _branch_faults(collection: Collection) -> Iterator[str]:
    known = {branch.key for branch in (*collection.branches, *collection.state.others)}
    for key in collection.backend.branches.expressions():
        if key not in known:
            yield f"there is a branch {key} that belongs to no pipeline."


def _block_faults(branch: StoredBranch, rows: int) -> Iterator[str]:
    expected = 0
    for first, number, fingerprint, raw, checksum, data in branch.backend.blocks.all(branch.number):
        if first != expected and branch.blocks.keeps:
            yield f"{branch.plan.name}: rows {expected} to {first - 1} have no vectors."
        if zlib.crc32(data) != checksum:
            yield f"{branch.plan.name}: the vectors of rows {first} to {first + number - 1} are damaged."
        if raw == branch.fitted or fingerprint != branch.blocks.fingerprint:
            yield f"{branch.plan.name}: rows {first} to {first + number - 1} come from another encoder or transform."
        expected = first + number
    if expected != rows and branch.blocks.keeps:
        yield f"{branch.plan.name}: {rows} rows, but vectors for {expected}."


def info(collection: Collection) -> dict[str, Any]:
    """What there is, in plain values that JSON can hold."""
    with collection.snapshot():
        backend = collection.state.backend
        return {
            "path": str(collection.folder),
            "pipeline": str(collection.pipeline),
            "documents": backend.documents.count(),
            "namespaces": backend.namespaces.counts(),
            "chunks": backend.rows.count(),
            "deleted_rows": backend.rows.count_deleted(),
            "sources": backend.sources.count(),
            "settings": {
                name: getattr(collection.settings, name) for name in ("chunk_size", "overlap", "situate", "window")
            },
            "unread": facts(collection),
            "servers": servers.spending(backend),
            "notes": [*notes(collection), *servers.notes(backend), *_measured(collection)],
            "branches": [branch.info() for branch in collection.branches],
            "feedback": None
            if backend.journal.version() is None
            else {"entries": backend.journal.count(), "corrected_vectors": backend.corrections.count()},
            "upgrade": _upgrade(collection),
            "database_bytes": backend.bytes(),
            "index_bytes": _size_below(collection.folder / "derived"),
            "history": [event._asdict() for event in backend.history.all()],
        }


def _measured(collection: Collection) -> list[str]:
    """What runs the encoders on this machine, of those that have more than one way."""
    told = (getattr(branch.plan.encoder, "measured", None) for branch in collection.branches)
    return list(dict.fromkeys(sentence for sentence in told if sentence))


def _upgrade(collection: Collection) -> dict[str, Any] | None:
    """How far an upgrade is; None when there is none to speak of."""
    upgrade = collection.state.upgrade
    if upgrade is None:
        return None
    ends = [b.blocks.end() for b in collection.state.others if b.plan.encoder is not None and b.blocks.keeps]
    return {
        "from": upgrade.source,
        "to": upgrade.target,
        "mode": upgrade.mode,
        "done": upgrade.done,
        "rows": collection.rows,
        "rows_embedded": collection.rows if upgrade.done else min(ends, default=collection.rows),
        "bridges": upgrade.reports,
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # not there, or replaced a moment ago


def _size_below(folder: Path) -> int:
    """Bytes of all files in a folder; one that another process removes meanwhile counts or does not."""
    return sum(_size(Path(inside) / name) for inside, _, names in os.walk(folder) for name in names)
