"""An upgrade step by step: fill, cut over, go back, drop the old vectors. Each step is one transaction.

Whatever is killed in between, the next step finds in the database where the last one ended.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.endpoints.usage import counted
from codomain.errors import StoreError
from codomain.progress import Progress, counter
from codomain.store.backend import Backend
from codomain.store.chunking.unread import unread
from codomain.store.feedback.replay import catch_up
from codomain.store.reading.passages import items_of
from codomain.store.upgrade.state import UpgradeState, next_generation
from codomain.store.upgrade.vector_source import source_of
from codomain.store.writing.servers import remember

if TYPE_CHECKING:
    from codomain.store.branches.branch import StoredBranch
    from codomain.store.collection import Collection

BATCH_ROWS = 512


def resume(collection: Collection, progress: Progress | None = None) -> None:
    """Embed what is left and cut over; `progress` follows the rows that are on disk.

    Raises StoreError when no upgrade is under way.
    """
    advance = counter(progress, "encoding", _left(collection))
    while True:
        with collection.snapshot():
            upgrade = collection.state.upgrade
            if upgrade is None or upgrade.done:
                raise StoreError(f"no upgrade of {collection.folder} is under way.")
        while encoded := fill(collection):
            advance(encoded)
        if _cut_over(collection, upgrade):
            catch_up(collection)
            return


def rollback(collection: Collection, progress: Progress | None = None) -> None:
    """Go back to the pipeline before the upgrade; rows that came after it are embedded with the old encoder first.

    Raises StoreError when there is nothing to go back to.
    """
    advance = counter(progress, "encoding", _left(collection))
    while True:
        with collection.snapshot():
            upgrade = collection.state.upgrade
            if upgrade is None:
                raise StoreError(f"{collection.folder} keeps no older vectors that it could go back to.")
        if upgrade.done:
            while encoded := fill(collection):
                advance(encoded)
        if _go_back(collection, upgrade):
            catch_up(collection)
            return


def _left(collection: Collection) -> int:
    """Rows that the branches being filled lack; 0 where there are none."""
    with collection.snapshot():
        ends = [b.blocks.end() for b in collection.state.others if b.plan.encoder is not None and b.blocks.keeps]
        return collection.rows - min(ends, default=collection.rows)


def drop_old(collection: Collection) -> None:
    """Forget the vectors of the pipeline before the upgrade.

    Raises StoreError when there are none, or the upgrade is still under way and needs them.
    """
    while not _drop(collection):
        pass


def _drop(collection: Collection) -> bool:
    """False where another process has dropped them or gone back to them meanwhile: then they are not ours to clear."""
    with collection.held() as backend:
        with collection.snapshot():
            upgrade = collection.state.upgrade
        if upgrade is None:
            raise StoreError(f"{collection.folder} keeps no older vectors.")
        if not upgrade.done:
            raise StoreError(
                f"the old vectors of {collection.folder} are still in use: codomain upgrade --continue replaces them first."
            )
        old = collection.state.others
        with backend.writing():
            current = not collection.state.outdated
            if current:
                _delete(old)
                backend.meta.delete("upgrade")
                next_generation(backend.meta)
                backend.history.add("dropped", f"the vectors of {upgrade.source}")
        collection.state.changed()
        if current:
            _clear(old)
        return current


def fill(collection: Collection) -> int:
    """Embed the next rows of the branches that lack some; how many rows, 0 when none lacks any."""
    with collection.held() as backend:
        with collection.snapshot():
            rows, state = collection.rows, (collection.state.generation, collection.state.epoch)
            behind = [b for b in _vectors(collection.state.others) if b.blocks.keeps and b.blocks.end() < rows]
            if not behind:
                return 0
            first = min(branch.blocks.end() for branch in behind)
            stop = min([first + BATCH_ROWS, rows, *(end for b in behind if (end := b.blocks.end()) > first)])
            behind = [branch for branch in behind if branch.blocks.end() == first]
            with counted(collection.state.spent):
                vectors, left = _encoded(collection, behind, np.arange(first, stop))
        with backend.writing():
            if collection.state.outdated or (collection.state.generation, _epoch(backend)) != state:
                return stop - first  # another process renumbered the rows or ended the upgrade: look again
            for branch in behind:
                branch.refresh()
                if branch.blocks.end() == first:  # else another process was here
                    branch.append(first, vectors[branch.key])
                    backend.unread.enter(branch.number, ((first + i, tokens) for i, tokens in left[branch.key]))
            remember(backend, [branch.plan.encoder for branch in behind], collection.state.spent)
            collection.state.spent.clear()
        collection.state.changed()
        return stop - first


def _encoded(
    collection: Collection, behind: Sequence[StoredBranch], rows: np.ndarray[Any, Any]
) -> tuple[dict[str, Any], dict[str, list[tuple[int, int]]]]:
    """What the encoder of each branch returns for the rows, and what it did not read; branches of one encoder share it."""
    by_encoder: dict[str, Any] = {}
    found, left = {}, {}
    items = items_of(collection.backend, rows)
    for branch in behind:
        branch.check_encoder()
        encoder_fingerprint = branch.encoder_fingerprint
        if encoder_fingerprint not in by_encoder:
            by_encoder[encoder_fingerprint] = source_of(branch, collection.vector_branches).vectors(rows)
        found[branch.key] = by_encoder[encoder_fingerprint]
        left[branch.key] = unread(branch.plan.encoder, items, found[branch.key])
    return found, left


def _cut_over(collection: Collection, upgrade: UpgradeState) -> bool:
    """Build the new indexes, then answer with them alone; False when rows came in meanwhile."""
    with collection.held() as backend:
        with backend.writing():
            if not collection.state.outdated:
                for branch in _vectors(collection.state.others):
                    branch.fit(backend.rows.next())
        collection.state.changed()
        with collection.snapshot():
            for branch in collection.state.others:
                branch.sync(collection.rows, collection.state.epoch)
                branch.reindex(collection.rows, collection.state.epoch)
        with backend.writing():
            if collection.state.outdated or not _complete(backend, collection.state.others):
                return False
            _set_pipeline(backend, upgrade.target, upgrade.keys)
            if {*upgrade.source_keys.values()} <= {*upgrade.keys.values()}:  # nothing was replaced
                backend.meta.delete("upgrade")
            else:
                upgrade.finished().write(backend.meta)
            next_generation(backend.meta)
            backend.history.add("upgraded", f"to {upgrade.target}")
        collection.state.changed()
        return True


def _go_back(collection: Collection, upgrade: UpgradeState) -> bool:
    with collection.held() as backend:
        gone = collection.branches if upgrade.done else collection.state.others
        gone = [branch for branch in gone if branch.key not in upgrade.source_keys.values()]
        with backend.writing():
            if collection.state.outdated or (upgrade.done and not _complete(backend, collection.state.others)):
                return False
            _delete(gone)
            _set_pipeline(backend, upgrade.source, upgrade.source_keys)
            backend.meta.delete("upgrade")
            next_generation(backend.meta)
            backend.history.add("rolled back", f"to {upgrade.source}")
        collection.state.changed()
        _clear(gone)
        return True


def _complete(backend: Backend, branches: Sequence[StoredBranch]) -> bool:
    rows = backend.rows.next()
    for branch in branches:
        branch.refresh()
    return all(branch.blocks.end() == rows for branch in _vectors(branches) if branch.blocks.keeps)


def _set_pipeline(backend: Backend, expression: str, keys: dict[str, str]) -> None:
    backend.meta.set("pipeline", expression)
    backend.meta.set("keys", json.dumps(keys))


def _delete(branches: Sequence[StoredBranch]) -> None:
    for branch in branches:
        branch.refresh()
        branch.backend.branches.delete(branch.number)


def _clear(branches: Sequence[StoredBranch]) -> None:
    for branch in branches:
        branch.index_files.clear()


def _vectors(branches: Sequence[StoredBranch]) -> list[StoredBranch]:
    return [branch for branch in branches if branch.plan.encoder is not None]


def _epoch(backend: Backend) -> int:
    return int(backend.meta.get("epoch") or 0)
