"""Keep a collection like the files it was made from: new and changed ones are read, vanished ones removed.

A source is entered as complete, with its size, time and stamp (the hash of its contents and of how it was read), only when all its documents are on disk. A run that was
interrupted is repeated: complete files are skipped unread, and of the others only documents that changed are encoded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codomain.errors import InputError
from codomain.progress import Progress, counter
from codomain.read import ReadFault, Record, SourceFile, expand, records
from codomain.read.files import format_of, is_table, label
from codomain.store.collection import Collection
from codomain.store.ingest import AddReport, add_records


@dataclass
class IndexReport:
    """What `index_files` did."""

    files: int = 0
    unchanged_files: int = 0
    documents: AddReport = field(default_factory=AddReport)
    removed: int = 0
    """Documents whose file, or row in a file, is gone."""
    bad: list[ReadFault] = field(default_factory=list)


def index_files(
    collection: Collection,
    paths: Iterable[str | Path],
    *,
    progress: Progress | None = None,
    skip_bad: bool = False,
    **fields: Any,
) -> IndexReport:
    """Read files and folders into a collection; see `codomain.read.records` for the formats and `fields`.

    `progress` follows the bytes of the files that are read.

    Raises InputError for input that cannot be read, StoreError when the collection cannot be written. What was
    acknowledged before stays.
    """
    names = [str(path) for path in paths]
    report = IndexReport()
    files = list(expand(names, format=fields.get("format"), on_bad=report.bad.append))
    reading = _Reading(collection, report, skip_bad, fields)
    todo = reading.changed(files)
    report.files, report.unchanged_files = len(files), len(files) - len(todo)
    reading.advance = counter(progress, "indexing", sum(file.size for file in todo))
    report.documents = add_records(collection, reading.records(todo), progress=reading.acknowledge)
    reading.acknowledge()
    # what may not be looked at has not vanished
    hidden = [bad.path for bad in report.bad if bad.kind == "unreadable"]
    report.removed += _remove_vanished(collection, names, {file.label for file in files}, hidden)
    return report


class _Reading:
    """Which files have been read to their end, and which documents they held."""

    def __init__(
        self,
        collection: Collection,
        report: IndexReport,
        skip_bad: bool,
        fields: dict[str, Any],
    ) -> None:
        self.collection = collection
        self.report = report
        self.advance = counter(None, "indexing")
        self.skip_bad = skip_bad
        self.fields = fields
        self.finished: list[tuple[SourceFile, str, set[str]]] = []
        self.bytes_read = 0

    def changed(self, files: Iterable[SourceFile]) -> list[SourceFile]:
        """Files whose size or time differs from the last complete reading, and whose contents do, too."""
        with self.collection.held() as backend:
            known = backend.sources.complete()
        todo: list[SourceFile] = []
        touched: list[SourceFile] = []
        for file in files:
            size, time, stamp = known.get(file.label, (None, None, ""))
            options = self._options(file)
            if size != file.size or not file.regular or stamp.partition(" ")[2] != options:
                todo.append(file)
            elif time != file.mtime_ns:
                (touched if self._stamp(file) == stamp else todo).append(file)
        if touched:
            with self.collection.held() as backend, backend.writing():
                backend.sources.set_times((file.label, file.mtime_ns) for file in touched)
        return todo

    def records(self, files: Iterable[SourceFile]) -> Iterator[Record]:
        """The records of all files; a file is finished when the next one is asked for."""
        for file in files:
            keys: set[str] = set()
            whole = True
            stamp = self._stamp(file)  # before reading: a change meanwhile is seen next time

            def on_bad(bad: ReadFault) -> None:
                nonlocal whole
                whole = whole and bad.kind != "unreadable"
                self.report.bad.append(bad)

            for record in records([file], skip_bad=self.skip_bad, on_bad=on_bad, **self.fields):
                keys.add(record.id)
                yield record
            if whole and stamp is not None:
                self.finished.append((file, stamp, keys))
            self.bytes_read += file.size

    def _stamp(self, file: SourceFile) -> str | None:
        """The hash of a file's contents and of how it is read; None for a stream, and for what cannot be read."""
        if file.path == "-" or not file.regular:
            return None
        try:
            return f"{file.sha256()} {self._options(file)}".rstrip()
        except InputError:
            return None  # reading it will say why

    def _options(self, file: SourceFile) -> str:
        """A hash of the options that decide what documents a file holds; empty for a file read as its name says."""
        names = ("text_field", "id_field", "title_field") if is_table(file.format) else ()
        chosen = [self.fields.get(name) for name in names]
        if not any(chosen) and (file.path == "-" or file.format == format_of(file.path)):
            return ""
        return hashlib.sha256(json.dumps([file.format, *chosen]).encode()).hexdigest()[:16]

    def acknowledge(self, _step: str = "", _done: int = 0, _total: int = 0) -> None:
        """Called when all that was read so far is on disk: enter the finished files as complete."""
        if self.finished:
            with self.collection.held() as backend:
                with backend.writing():
                    for file, stamp, keys in self.finished:
                        self.report.removed += self._complete(file, stamp, keys)
                self.collection.state.changed()
            self.finished.clear()
        self.advance(self.bytes_read)
        self.bytes_read = 0

    def _complete(self, file: SourceFile, stamp: str, keys: set[str]) -> int:
        """Stamp a file and delete the documents that it no longer holds; how many those were."""
        backend = self.collection.backend
        source = backend.sources.enter([file.label])[file.label]
        backend.sources.set_complete(file.label, file.size, file.mtime_ns, stamp)
        gone = [number for number, key in backend.sources.documents([source]) if key not in keys]
        backend.documents.delete(gone)
        return len(gone)


def _remove_vanished(collection: Collection, paths: Iterable[str], present: set[str], hidden: Iterable[str]) -> int:
    """Remove the documents of files that were once found under these folders and are not there any more.

    What lies below hidden paths is left alone.
    """
    roots = [os.path.join(label(os.path.abspath(path)), "") for path in paths if os.path.isdir(path)]
    kept = tuple(os.path.join(path, "") for path in hidden)
    if not roots:
        return 0
    with collection.held() as backend:
        with backend.writing():
            gone = [
                number
                for number, path in backend.sources.paths()
                if path not in present and path.startswith(tuple(roots)) and not f"{path}/".startswith(kept)
            ]
            if not gone:
                return 0
            documents = [number for number, _ in backend.sources.documents(gone)]
            backend.documents.delete(documents)
            backend.sources.delete(gone)
        collection.state.changed()
    return len(documents)
