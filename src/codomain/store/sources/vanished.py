"""Documents whose files are gone: removed below the folders that are read, told of elsewhere."""

from __future__ import annotations

import os
from collections.abc import Collection as Paths
from collections.abc import Iterable
from typing import TYPE_CHECKING

from codomain.read.files import label
from codomain.store.writing.repeated import read_again

if TYPE_CHECKING:
    from codomain.store.collection import Collection


def remove_vanished(
    collection: Collection, folders: Iterable[str], present: Paths[str], hidden: Iterable[str], left_out: Paths[str]
) -> int:
    """Remove the documents of files that were once read under these folders and are gone, or in .gitignore now.

    A file that is there and only was not asked for keeps its documents, and so does what lies below `hidden` paths. How
    many documents went.
    """
    roots = tuple(os.path.join(label(os.path.abspath(path)), "") for path in folders)
    kept = tuple(os.path.join(path, "") for path in hidden)
    if not roots:
        return 0
    with collection.held() as backend:
        gone = [
            (number, path)
            for number, path in backend.sources.paths()
            if path not in present
            and path.startswith(roots)
            and not f"{path}/".startswith(kept)
            and (not os.path.lexists(path) or _is_left_out(path, left_out))
        ]
    return remove_sources(collection, gone)


def remove_sources(collection: Collection, gone: Iterable[tuple[int, str]]) -> int:
    """Remove sources, given by number and path, with their documents; how many. Files that held some of them before count as unread."""
    numbers = [number for number, _ in gone]
    if not numbers:
        return 0
    with collection.held() as backend:
        with collection.writing():
            documents = [number for number, _ in backend.sources.documents(numbers)]
            read_again(backend, numbers, gone=True)
            backend.documents.delete(documents)
            backend.sources.delete(numbers)
        collection.state.changed()
    return len(documents)


def _is_left_out(path: str, left_out: Paths[str]) -> bool:
    """Whether a file or a folder above it is among these."""
    if path in left_out:
        return True
    while (above := os.path.dirname(path)) != path:
        if os.path.join(above, "") in left_out:
            return True
        path = above
    return False


def gone_elsewhere(collection: Collection, folders: Iterable[str]) -> list[str]:
    """The paths of files that are gone, outside these folders, and whose documents are still found."""
    roots = tuple(os.path.join(label(os.path.abspath(path)), "") for path in folders)
    with collection.held() as backend:
        sources = backend.sources.paths()
    there: dict[str, bool] = {}  # whether a folder is
    gone = []
    for number, path in sources:
        if not os.path.isabs(path) or (roots and path.startswith(roots)):
            continue
        folder = os.path.dirname(path)
        if folder not in there:
            there[folder] = os.path.isdir(folder)
        if "\\x" not in path and not (there[folder] and os.path.lexists(path)):
            gone.append((number, path))
    with collection.held() as backend:
        return [path for number, path in gone if backend.sources.documents([number])]


def remove_gone(collection: Collection) -> int:
    """Remove the documents of all files that are gone, wherever they were; how many."""
    gone = set(gone_elsewhere(collection, []))
    with collection.held() as backend:
        found = [(number, path) for number, path in backend.sources.paths() if path in gone]
    return remove_sources(collection, found)
