"""An upgrade step by step: fill, cut over, go back, forget the old vectors. Each step is one transaction.

Whatever is killed in between, the next step finds in the database where the last one ended.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.errors import StoreError
from codomain.progress import Progress, counter
from codomain.store.feedback.journal import forget_shadows
from codomain.store.feedback.replay import catch_up
from codomain.store.row_ids import next_row
from codomain.store.schema import writing
from codomain.store.upgrade.state import UpgradeState, next_generation
from codomain.store.upgrade.vector_source import source_of

if TYPE_CHECKING:
    import sqlite3

    from codomain.store.branch import StoredBranch
    from codomain.store.collection import Collection

BATCH_ROWS = 512


def resume(collection: Collection, progress: Progress | None = None) -> None:
    """Embed what is left and cut over; `progress` follows the rows that are on disk.

    Raises StoreError when no upgrade is under way.
    """
    advance = counter(progress, "encoding", _left(collection))
    while True:
        with collection.snapshot():
            move = collection.move
            if move is None or move.done:
                raise StoreError(f"no upgrade of {collection.folder} is under way.")
        while encoded := fill(collection):
            advance(encoded)
        if _cut_over(collection, move):
            catch_up(collection)
            return


def rollback(collection: Collection, progress: Progress | None = None) -> None:
    """Go back to the pipeline before the upgrade; rows that came after it are embedded with the old encoder first.

    Raises StoreError when there is nothing to go back to.
    """
    advance = counter(progress, "encoding", _left(collection))
    while True:
        with collection.snapshot():
            move = collection.move
            if move is None:
                raise StoreError(f"{collection.folder} keeps no older vectors that it could go back to.")
        if move.done:
            while encoded := fill(collection):
                advance(encoded)
        if _go_back(collection, move):
            catch_up(collection)
            return


def _left(collection: Collection) -> int:
    """Rows that the branches being filled lack; 0 where there are none."""
    with collection.snapshot():
        ends = [b.blocks.end() for b in collection.others if b.plan.encoder is not None and b.blocks.keeps]
        return collection.rows - min(ends, default=collection.rows)


def drop_old(collection: Collection) -> None:
    """Forget the vectors of the pipeline before the upgrade.

    Raises StoreError when there are none, or the upgrade is still under way and needs them.
    """
    while not _drop(collection):
        pass


def _drop(collection: Collection) -> bool:
    """False where another process has dropped them or gone back to them meanwhile: then they are not ours to clear."""
    with collection.held():
        with collection.snapshot():
            move = collection.move
        if move is None:
            raise StoreError(f"{collection.folder} keeps no older vectors.")
        if not move.done:
            raise StoreError(
                f"the old vectors of {collection.folder} are still in use: codomain upgrade --continue replaces them first."
            )
        old = collection.others
        with writing(collection.db, collection.folder) as db:
            current = not collection.outdated
            if current:
                _forget(db, old)
                db.execute("DELETE FROM meta WHERE name = 'upgrade'")
                next_generation(db)
                db.execute(
                    "INSERT INTO history VALUES (?, 'dropped', ?)", [time.time(), f"the vectors of {move.source}"]
                )
        collection.changed()
        if current:
            _clear(old)
        return current


def fill(collection: Collection) -> int:
    """Embed the next rows of the branches that lack some; how many rows, 0 when none lacks any."""
    with collection.held():
        with collection.snapshot():
            rows, state = collection.rows, (collection.generation, collection.epoch)
            behind = [b for b in _vectors(collection.others) if b.blocks.keeps and b.blocks.end() < rows]
            if not behind:
                return 0
            first = min(branch.blocks.end() for branch in behind)
            stop = min([first + BATCH_ROWS, rows, *(end for b in behind if (end := b.blocks.end()) > first)])
            behind = [branch for branch in behind if branch.blocks.end() == first]
            vectors = _encoded(collection, behind, np.arange(first, stop))
        with writing(collection.db, collection.folder) as db:
            if collection.outdated or (collection.generation, _epoch(db)) != state:
                return stop - first  # another process renumbered the rows or ended the upgrade: look again
            for branch in behind:
                branch.refresh()
                if branch.blocks.end() == first:  # else another process was here
                    branch.append(first, vectors[branch.key])
        collection.changed()
        return stop - first


def _encoded(collection: Collection, behind: Sequence[StoredBranch], rows: np.ndarray[Any, Any]) -> dict[str, Any]:
    """What the encoder of each branch gives for the rows; branches of one encoder share it."""
    by_encoder: dict[str, Any] = {}
    found = {}
    for branch in behind:
        branch.check_encoder()
        encoder_fingerprint = branch.encoder_fingerprint
        if encoder_fingerprint not in by_encoder:
            by_encoder[encoder_fingerprint] = source_of(branch, collection.vector_branches).vectors(rows)
        found[branch.key] = by_encoder[encoder_fingerprint]
    return found


def _cut_over(collection: Collection, move: UpgradeState) -> bool:
    """Build the new indexes, then answer with them alone; False when rows came in meanwhile."""
    with collection.held():
        with writing(collection.db, collection.folder) as db:
            if not collection.outdated:
                for branch in _vectors(collection.others):
                    branch.fit(next_row(db))
        collection.changed()
        with collection.snapshot():
            for branch in collection.others:
                branch.sync(collection.rows, collection.epoch)
                branch.reindex(collection.rows, collection.epoch)
        with writing(collection.db, collection.folder) as db:
            if collection.outdated or not _complete(db, collection.others):
                return False
            _set_pipeline(db, move.target, move.keys)
            if {*move.source_keys.values()} <= {*move.keys.values()}:  # nothing was replaced
                db.execute("DELETE FROM meta WHERE name = 'upgrade'")
            else:
                move.finished().write(db)
            next_generation(db)
            db.execute("INSERT INTO history VALUES (?, 'upgraded', ?)", [time.time(), f"to {move.target}"])
        collection.changed()
        return True


def _go_back(collection: Collection, move: UpgradeState) -> bool:
    with collection.held():
        gone = collection.branches if move.done else collection.others
        gone = [branch for branch in gone if branch.key not in move.source_keys.values()]
        with writing(collection.db, collection.folder) as db:
            if collection.outdated or (move.done and not _complete(db, collection.others)):
                return False
            _forget(db, gone)
            _set_pipeline(db, move.source, move.source_keys)
            db.execute("DELETE FROM meta WHERE name = 'upgrade'")
            next_generation(db)
            db.execute("INSERT INTO history VALUES (?, 'rolled back', ?)", [time.time(), f"to {move.source}"])
        collection.changed()
        _clear(gone)
        return True


def _complete(db: sqlite3.Connection, branches: Sequence[StoredBranch]) -> bool:
    rows = next_row(db)
    for branch in branches:
        branch.refresh()
    return all(branch.blocks.end() == rows for branch in _vectors(branches) if branch.blocks.keeps)


def _set_pipeline(db: sqlite3.Connection, expression: str, keys: dict[str, str]) -> None:
    db.execute("INSERT OR REPLACE INTO meta VALUES ('pipeline', ?)", [expression])
    db.execute("INSERT OR REPLACE INTO meta VALUES ('keys', ?)", [json.dumps(keys)])


def _forget(db: sqlite3.Connection, branches: Sequence[StoredBranch]) -> None:
    for branch in branches:
        branch.refresh()
        forget_shadows(db, branch.number)
        for table, column in (("blocks", "branch"), ("bridges", "new"), ("bridges", "old"), ("branches", "id")):
            db.execute(f"DELETE FROM {table} WHERE {column} = ?", [branch.blocks.id])


def _clear(branches: Sequence[StoredBranch]) -> None:
    for branch in branches:
        branch.index_files.clear()


def _vectors(branches: Sequence[StoredBranch]) -> list[StoredBranch]:
    return [branch for branch in branches if branch.plan.encoder is not None]


def _epoch(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()[0])
