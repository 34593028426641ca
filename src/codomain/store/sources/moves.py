"""Files that are somewhere else now: their documents get new ids and keep their chunks and vectors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codomain.read import Record, SourceFile
from codomain.read.files import format_of

if TYPE_CHECKING:
    from codomain.store.backend import Backend
    from codomain.store.collection import Collection

Complete = dict[str, tuple[int, int, str]]
"""Size, time and stamp of the sources that are complete, by path."""


def moved(
    files: Sequence[SourceFile], known: Complete, stamp: Callable[[SourceFile], str | None]
) -> list[tuple[str, SourceFile]]:
    """The files that are new, each with the path of a file of the same contents that is gone.

    Only where a file of the same size is gone are contents compared.
    """
    new = [file for file in files if file.regular and not file.live and file.path != "-" and file.label not in known]
    sizes = {file.size for file in new}
    present = {file.label for file in files}
    gone: dict[tuple[str, str], list[str]] = {}
    gone_sizes = set()
    for path, (size, _, its_stamp) in known.items():
        if size in sizes and path not in present and os.path.isabs(path) and not os.path.lexists(path):
            gone.setdefault((its_stamp, format_of(path)), []).append(path)
            gone_sizes.add(size)
    pairs = []
    for file in new:
        if file.size not in gone_sizes:
            continue
        candidates = gone.get((stamp(file) or "", file.format), [])
        if candidates:
            same_end = max(candidates, key=lambda path: _common_end(path, file.label))
            candidates.remove(same_end)
            pairs.append((same_end, file))
    return pairs


def _common_end(one: str, other: str) -> int:
    """How many of the last names of two paths are the same."""
    count = 0
    for a, b in zip(reversed(Path(one).parts), reversed(Path(other).parts), strict=False):
        if a != b:
            break
        count += 1
    return count


def follow(collection: Collection, pairs: Sequence[tuple[str, SourceFile]]) -> list[SourceFile]:
    """Enter files under their new paths, with their documents; which of them could be."""
    followed = []
    with collection.held() as backend:
        with collection.writing():
            for path, file in pairs:
                number = backend.sources.rename(path, file.label, file.mtime_ns)
                if number is not None:
                    _rename_document(backend, number, path, file)
                    backend.exclusions.rename(path, file.label)
                    followed.append(file)
        collection.state.changed()
    return followed


def _rename_document(backend: Backend, source: int, path: str, file: SourceFile) -> None:
    """The document of a whole file has its path as its id and its name as a field; rows of a table have neither."""
    numbers = [number for number, key in backend.sources.documents([source]) if key == path]
    if not numbers or backend.documents.known([file.label]):
        return
    stored = backend.documents.get(path)
    if stored is None:
        return
    metadata = json.loads(stored.metadata)
    if metadata.get("name") == os.path.basename(path):
        metadata["name"] = os.path.basename(file.label)
    record = Record(file.label, stored.text, stored.title, metadata)
    media = backend.media.digests().get(stored.number, []) if backend.media.any() else []
    backend.documents.rename(stored.number, file.label)
    backend.fields.change([(stored.number, record.fields_json, record.digest_with(media))])
