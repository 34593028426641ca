"""Erase documents: nothing of them stays in any file of the collection, as deleting alone would leave it until `compact`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from codomain.errors import StoreError
from codomain.store.backend.errors import DiskFull
from codomain.store.filters.where import And
from codomain.store.ids import DocumentId, document_ids
from codomain.store.maintenance import compact

if TYPE_CHECKING:
    from codomain.store.backend import Backend
    from codomain.store.collection import Collection

_TRACES = ("tune",)
"""Folders beside the database with encodings and answers that `codomain tune` keeps for its next run."""


def erase(collection: Collection, ids: DocumentId | Iterable[DocumentId]) -> int:
    """Delete documents with all that was derived from them, and rewrite every file that held a part of them; how many.

    Text, title, metadata, media, vectors and feedback go from pages of the database that are free, from its log and from the
    indexes. What was learnt from many documents together (a codebook, principal axes) stays.

    Raises StoreError where a file could not be rewritten yet: the documents are deleted then, and erasing again goes on.
    """
    keys = document_ids(ids)

    def delete(backend: Backend) -> int:
        found = [number for number, _ in backend.documents.known(keys).values()]
        sources = {stored.source for stored in backend.documents.of(found)} - {None}
        backend.documents.delete(found)
        backend.exclusions.remove(keys)  # an id may tell something too
        empty = [number for number in sources if number is not None and not backend.sources.documents([number])]
        backend.sources.delete(empty)
        if not (backend.documents.count() or backend.sources.paths() or backend.exclusions.all()):
            backend.namespaces.forget(backend.namespace or "")
        return len(found)

    return _erased(collection, delete)


def delete_namespace(collection: Collection, and_erase: bool) -> int:
    """Delete all documents of the namespace that a collection is of, and what is remembered of its files; how many."""

    def delete(backend: Backend) -> int:
        found = backend.documents.matching(And(()))
        backend.documents.delete(found)
        backend.sources.delete([number for number, _ in backend.sources.paths()])
        backend.exclusions.remove(backend.exclusions.all())
        backend.namespaces.forget(backend.namespace or "")
        return len(found)

    if and_erase:
        return _erased(collection, delete)
    with collection.held() as held:
        try:
            return _deleted(collection, delete)
        except DiskFull:
            if not held.release_reserve():
                raise
            return _deleted(collection, delete)


def _deleted(collection: Collection, delete: Callable[[Backend], int]) -> int:
    with collection.writing() as backend:
        number = delete(backend)
    collection.state.changed()
    return number


def _erased(collection: Collection, delete: Callable[[Backend], int]) -> int:
    with collection.held():
        with collection.writing() as backend:
            backend.overwrite_deleted()
            number = delete(backend)
            backend.history.add("erased", f"{number} documents")
        collection.state.changed()
        try:
            compact(collection)
        except DiskFull as error:
            raise StoreError(
                f"{number} documents are deleted, but parts of them are still in {collection.backend.database}: {error}"
            ) from None
        collection.branches[0].index_files.drop_all_but_current(collection.state.epoch)
        _drop_traces(collection)
        if not collection.backend.log_is_empty():
            raise StoreError(
                f"{number} documents are deleted, but parts of them are still in the log of {collection.folder}, which another "
                "process is reading: erase again when it has finished."
            )
    return number


def _drop_traces(collection: Collection) -> None:
    import shutil

    for name in _TRACES:
        if (collection.folder / name).is_dir():
            shutil.rmtree(collection.folder / name)
