"""A copy of a collection in another folder, made while it is used: nothing is encoded, and writers need not wait."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from codomain.errors import StoreError
from codomain.store.backend.choose import open_backend
from codomain.store.branches.index_files import copy_indexes

if TYPE_CHECKING:
    from codomain.store.collection import Collection


def backup(collection: Collection, folder: Path) -> None:
    """Copy one state of the database, and the indexes, into a new or empty folder; what is there is a collection."""
    collection.check_open()
    # a connection of its own: other threads go on with the collection
    with closing(open_backend(collection.folder)) as backend:
        # indexes first: what is newer than they are is searched exactly, and one that knows more than the copy is not used
        backend.backup(folder, lambda: copy_indexes(collection.folder, folder))


def restore(source: Path, folder: Path) -> int:
    """Make a collection of a backup, after a check of all that is in it; how many documents it has.

    Raises StoreError for a backup with a fault, or a folder that is in use.
    """
    from codomain.store.collection import Collection

    with closing(Collection(source)) as collection:
        faults = collection.verify()
        if faults:
            raise StoreError(f"the backup {source} is not sound: {faults[0]}")
        backup(collection, folder)
    with closing(Collection(folder)) as restored:
        return len(restored)
