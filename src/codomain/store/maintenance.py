"""Keep a collection in order: build its indexes, give back the room of deleted documents, check it, describe it."""

from __future__ import annotations

import json
import os
import sqlite3
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.errors import CodomainError
from codomain.read.record import Record
from codomain.store import media
from codomain.store.blocks import count, joined
from codomain.store.feedback import corrections as shadows
from codomain.store.feedback.journal import renumber, version
from codomain.store.feedback.replay import catch_up
from codomain.store.row_ids import next_row
from codomain.store.schema import DATABASE
from codomain.vectors import Ragged

if TYPE_CHECKING:
    from codomain.store.branch import StoredBranch
    from codomain.store.collection import Collection

_BLOCK = 4_096


def reindex(collection: Collection) -> bool:
    """Fit transforms that wait for a sample and write an index over all rows for each branch."""
    with collection.held():
        for branch in collection.branches:
            branch.index_files.drop_abandoned()
        fit_waiting(collection)
        with collection.snapshot():
            rows, epoch = collection.rows, collection.epoch
            built = [branch.reindex(rows, epoch) for branch in collection.branches]
            built.append(collection.filters.reindex(rows, epoch))
        if any(built):
            with collection.writing() as db:
                for branch in collection.vector_branches:
                    branch.refresh()
                    branch.drop_covered(rows, epoch)
                # the entry also tells other processes that there is something new to open
                db.execute("INSERT INTO history VALUES (?, 'reindexed', ?)", [time.time(), f"{rows} rows"])
            collection.changed()
        catch_up(collection)  # a fit has changed the space of the shadows
    return any(built)


def fit_waiting(collection: Collection) -> None:
    """Fit transforms that wait for a sample, if there is one by now; an upgrade leaves them as they are."""
    if all(not branch.plan.needs_fit for branch in collection.vector_branches):
        return
    with collection.writing() as db:
        rows = next_row(db)
        fitted = [branch.fit(rows) for branch in collection.vector_branches if not collection.moving]
    if any(fitted):
        collection.changed()


def compact(collection: Collection) -> None:
    """Renumber the rows without gaps, rewrite the vectors without deleted rows, and shrink the database."""
    with collection.held():
        with collection.writing() as db:
            live = np.array([row for (row,) in db.execute("SELECT row FROM chunks ORDER BY row")], np.int64)
            for branch in (*collection.branches, *collection.others):
                if branch.plan.encoder is not None:
                    branch.refresh()
                    _rewrite_blocks(db, branch, live)
            db.execute("CREATE TEMP TABLE renumber (old INTEGER PRIMARY KEY, new INTEGER)")
            db.executemany("INSERT INTO renumber VALUES (?, ?)", ((int(old), new) for new, old in enumerate(live)))
            # by way of negative numbers, so that no two rows have one number in between
            db.execute("UPDATE chunks SET row = -1 - (SELECT new FROM renumber WHERE old = chunks.row)")
            db.execute("UPDATE chunks SET row = -1 - row")
            renumber(db)
            db.execute("DROP TABLE renumber")
            db.execute("DELETE FROM tombstones")
            db.execute("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE name = 'epoch'")
            db.execute("INSERT INTO history VALUES (?, 'compacted', ?)", [time.time(), f"{len(live)} rows"])
        collection.changed()
        collection.db.execute("VACUUM")
        collection.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for index_files in (
            collection.filters.index_files,
            *(b.index_files for b in (*collection.branches, *collection.others)),
        ):
            index_files.clear()
        reindex(collection)


def _rewrite_blocks(db: sqlite3.Connection, branch: StoredBranch, live: np.ndarray[Any, Any]) -> None:
    """Write the live rows anew without gaps; vectors that are not kept are left for `reindex` to make."""
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
    db.execute("DELETE FROM blocks WHERE branch = ?", [branch.blocks.id])
    for first, rows in kept:
        branch.blocks.append(first, rows)


def verify(collection: Collection) -> list[str]:
    """Every fault found, a sentence each: database, documents, rows, vectors, indexes."""
    collection.check_open()
    try:
        with collection.held() as db:
            check = [line for (line,) in db.execute("PRAGMA integrity_check(10)")]
        if check != ["ok"]:
            return [f"the database is damaged: {line}." for line in check]
        with collection.snapshot():
            faults = [
                *_document_faults(collection.db),
                *_row_faults(collection.db),
                *shadows.faults(collection.db),
                *media.faults(collection.db),
            ]
            for branch in collection.branches:
                if branch.plan.encoder is not None:
                    faults += _block_faults(collection.db, branch, next_row(collection.db))
                faults += branch.index_faults()
            for branch in collection.others:  # they need not have every row
                if branch.plan.encoder is not None:
                    faults += _block_faults(collection.db, branch, branch.blocks.end())
                faults += branch.index_faults()
            faults += _branch_faults(collection)
            return [*faults, *collection.filters.faults()]
    except CodomainError as error:
        return [str(error)]


def _document_faults(db: sqlite3.Connection) -> Iterator[str]:
    beside = media.digests(db)
    for number, key, title, text, metadata, digest in db.execute(
        "SELECT id, key, title, text, metadata, digest FROM documents"
    ):
        try:
            sound = Record(key, text, title, json.loads(metadata)).digest_with(beside.get(number, ())) == digest
        except ValueError:
            sound = False
        if not sound:
            yield f"the document {key!r} is not what was stored: its digest differs."


def _row_faults(db: sqlite3.Connection) -> Iterator[str]:
    rows = next_row(db)
    (present,) = db.execute(
        "SELECT (SELECT count(*) FROM chunks) + (SELECT count(*) FROM tombstones WHERE row NOT IN (SELECT row FROM chunks))"
    ).fetchone()
    if present != rows:
        yield f"{rows - present} of {rows} rows are neither a chunk nor deleted."
    orphans = "SELECT count(*) FROM chunks WHERE document NOT IN (SELECT id FROM documents)"
    childless = "SELECT count(*) FROM documents WHERE id NOT IN (SELECT document FROM chunks)"
    with_media = "d.id IN (SELECT document FROM media)" if media.has_media(db) else "0"
    outside = (
        "SELECT count(*) FROM documents d JOIN (SELECT document, min(start) AS first, max(stop) AS last, "
        "min(stop - start) AS least FROM chunks GROUP BY document) c ON c.document = d.id "
        f"WHERE c.first < 0 OR c.last > length(d.text) OR (c.least <= 0 AND NOT ({with_media}))"
    )
    for sql, what in (
        (orphans, "chunks without a document"),
        (childless, "documents without a chunk"),
        (outside, "documents with a chunk that reaches outside their document"),
    ):
        (count,) = db.execute(sql).fetchone()
        if count:
            yield f"there are {count} {what}."


def _branch_faults(collection: Collection) -> Iterator[str]:
    known = {branch.key for branch in (*collection.branches, *collection.others)}
    for (key,) in collection.db.execute("SELECT expression FROM branches"):
        if key not in known:
            yield f"there is a branch {key} that belongs to no pipeline."
    sql = "SELECT count(*) FROM blocks WHERE branch NOT IN (SELECT id FROM branches)"
    (orphans,) = collection.db.execute(sql).fetchone()
    if orphans:
        yield f"there are {orphans} blocks of vectors that belong to no branch."


def _block_faults(db: sqlite3.Connection, branch: StoredBranch, rows: int) -> Iterator[str]:
    expected = 0
    query = "SELECT first, count, fingerprint, raw, checksum, data FROM blocks WHERE branch = ? ORDER BY first"
    for first, number, fingerprint, raw, checksum, data in db.execute(query, [branch.blocks.id]):
        if first != expected and branch.blocks.keeps:
            yield f"{branch.plan.name}: rows {expected} to {first - 1} have no vectors."
        if zlib.crc32(data) != checksum:
            yield f"{branch.plan.name}: the vectors of rows {first} to {first + number - 1} are damaged."
        if bool(raw) == branch.fitted or fingerprint != branch.blocks.fingerprint:
            yield f"{branch.plan.name}: rows {first} to {first + number - 1} come from another encoder or transform."
        expected = first + number
    if expected != rows and branch.blocks.keeps:
        yield f"{branch.plan.name}: {rows} rows, but vectors for {expected}."


def info(collection: Collection) -> dict[str, Any]:
    """What there is, in plain values that JSON can hold."""
    with collection.snapshot():
        db = collection.db

        def entries(table: str) -> int:
            return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

        history = db.execute("SELECT at, event, detail FROM history ORDER BY at").fetchall()
        return {
            "path": str(collection.folder),
            "pipeline": str(collection.pipeline),
            "documents": entries("documents"),
            "chunks": entries("chunks"),
            "deleted_rows": entries("tombstones"),
            "sources": entries("sources"),
            "settings": {name: getattr(collection.settings, name) for name in ("chunk_size", "overlap", "situate")},
            "branches": [branch.info() for branch in collection.branches],
            "feedback": None
            if version(db) is None
            else {"entries": entries("feedback"), "shadows": entries("shadows")},
            "upgrade": _upgrade(collection),
            "database_bytes": _size(collection.folder / DATABASE) + _size(collection.folder / f"{DATABASE}-wal"),
            "index_bytes": _size_below(collection.folder / "derived"),
            "history": [{"at": at, "event": event, "detail": detail} for at, event, detail in history],
        }


def _upgrade(collection: Collection) -> dict[str, Any] | None:
    """How far an upgrade is; None when there is none to speak of."""
    move = collection.move
    if move is None:
        return None
    ends = [b.blocks.end() for b in collection.others if b.plan.encoder is not None and b.blocks.keeps]
    return {
        "from": move.source,
        "to": move.target,
        "mode": move.mode,
        "done": move.done,
        "rows": collection.rows,
        "rows_embedded": collection.rows if move.done else min(ends, default=collection.rows),
        "bridges": move.reports,
    }


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # not there, or replaced a moment ago


def _size_below(folder: Path) -> int:
    """Bytes of all files in a folder; one that another process removes meanwhile counts or does not."""
    return sum(_size(Path(inside) / name) for inside, _, names in os.walk(folder) for name in names)
