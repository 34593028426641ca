"""Keep a collection like the files it was made from: new and changed ones are read, vanished ones removed.

A source is entered as complete, with its size, time and stamp (the hash of its contents and of how it was read), only when all its documents are on disk. A run that was
interrupted is repeated: complete files are skipped unread, and of the others only documents that changed are encoded.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from codomain.errors import InputError
from codomain.plan import modalities_of
from codomain.progress import Progress, counter
from codomain.read import ReadFault, Record, SourceFile, expand, records
from codomain.read.files import FAULTS, format_of, is_table, label
from codomain.read.record import content_id
from codomain.read.remote import fetched, is_remote
from codomain.read.selection import Selection
from codomain.store.collection import Collection
from codomain.store.sources.exclusions import excluded, take_back
from codomain.store.sources.moves import follow, moved
from codomain.store.sources.pages import Pages
from codomain.store.sources.vanished import gone_elsewhere, remove_sources, remove_vanished
from codomain.store.writing.ingest import AddReport, add_records
from codomain.store.writing.repeated import read_again

_TOLD = 64
"""Documents between two reports of reading."""


@dataclass
class IndexReport:
    """What `index_files` did."""

    files: int = 0
    unchanged_files: int = 0
    moved: int = 0
    """Files that are somewhere else now; counted as unchanged."""
    documents: AddReport = field(default_factory=AddReport)
    removed: int = 0
    """Documents whose file, or row in a file, is gone."""
    excluded: int = 0
    """Documents that were left out because they had been deleted by hand."""
    ignored: int = 0
    """Files and folders that a .gitignore left out."""
    not_chosen: int = 0
    """Files that `include` and `exclude` left out."""
    left_sitemap: list[str] = field(default_factory=list)
    """Pages that their sitemap does not list any more; their documents are removed."""
    gone_elsewhere: list[str] = field(default_factory=list)
    """Files that are gone outside the folders that were read; their documents are still there."""
    bytes: int = 0
    """Of the files that were read."""
    bad: list[ReadFault] = field(default_factory=list)

    @property
    def faults(self) -> list[ReadFault]:
        """Those of `bad` that left out what was meant to be read: files and lines that are broken or cannot be read."""
        return [bad for bad in self.bad if bad.kind in FAULTS]


def index_files(
    collection: Collection,
    paths: Iterable[str | Path],
    *,
    progress: Progress | None = None,
    skip_bad: bool = False,
    selection: Selection | Callable[[], Selection] | None = None,
    force: bool = False,
    **fields: Any,
) -> IndexReport:
    """Read files, folders and web pages into a collection; see `codomain.read.records` for the formats and `fields`.

    `selection` says which files of folders count, or makes what does. With `force` every file is read again, and documents that were deleted by
    hand come back. `progress` follows the bytes of the files that are read.

    Raises InputError for a named file that cannot be read, StoreError when the collection cannot be written. What was
    acknowledged before stays. A bad file in a folder stops nothing and is in the report.
    """
    names = [str(path) for path in paths]
    report = IndexReport()
    selection = selection() if callable(selection) else selection or Selection()
    if fields.get("vector_field") is None and "vector" in modalities_of(collection.state.root):
        fields["vector_field"] = "vector"  # as in tables in memory
    asked = {name: fields.pop(name, None) for name in ("delimiter", "encoding", "query", "delay")}
    local = [name for name in names if not is_remote(name)]
    folders = [name for name in local if os.path.isdir(name)]
    files = list(
        expand(
            local,
            format=fields.get("format"),
            on_bad=report.bad.append,
            selection=selection,
            delimiter=asked["delimiter"],
            encoding=asked["encoding"],
        )
    )
    report.ignored, report.not_chosen = selection.ignored, selection.not_chosen
    reading = _Reading(collection, report, skip_bad, fields, force)
    if force:
        take_back(collection, [key for key, path in reading.excluded.items() if path in {file.label for file in files}])
    reading.follow_moves(files)
    todo = reading.changed(files)
    report.files, report.unchanged_files = len(files), len(files) - len(todo)
    reading.advance = counter(progress, "indexing", sum(file.size for file in todo))
    remote = _remote(collection, [name for name in names if is_remote(name)], reading, asked)
    reading.read = _now_and_then(progress, "reading")
    found = reading.records(chain(todo, remote))
    report.documents = add_records(collection, found, progress=reading.acknowledge, encoding=progress)
    reading.acknowledge()
    reading.pages.enter()
    reading.tell_taken(report.documents)
    # what may not be looked at has not vanished
    hidden = [bad.path for bad in report.bad if bad.kind == "unreadable"]
    report.removed += remove_vanished(
        collection, folders, {file.label for file in files}, hidden, {label(path) for path in selection.left_out}
    )
    if report.removed:
        reading.restore([file for file in files if file.regular and not file.live])
    report.gone_elsewhere = gone_elsewhere(collection, folders)
    return report


def _remote(collection: Collection, names: list[str], reading: _Reading, asked: dict[str, Any]) -> Iterator[SourceFile]:
    """What is elsewhere, one by one: pages that have not changed since are left out, those that are gone are removed."""
    report = reading.report
    listed: dict[str, set[str]] = {}
    for name in names:
        for file in fetched(
            name,
            query=asked["query"],
            delay=asked["delay"],
            on_bad=report.bad.append,
            known=None if reading.force else reading.pages.version_of,
            on_listed=partial(listed.__setitem__, name),
        ):
            if file.size >= 0:
                reading.pages.came.add(file.label)
            if file.unchanged:
                report.files += 1
                report.unchanged_files += 1
                reading.pages.note_same(file)
                continue
            if file.size < 0:
                with collection.held() as backend:
                    gone = [(number, path) for number, path in backend.sources.paths() if path == file.label]
                if not gone and file.root is None:
                    raise InputError(f"{file.label} is not there, says its server.")
                report.bad.append(ReadFault(file.label, 0, "unreadable", "is not there any more, says its server"))
                report.removed += remove_sources(collection, gone)
                continue
            report.files += 1
            if reading.changed([file]):
                yield file
            else:
                report.unchanged_files += 1
                reading.pages.note(file)
    gone = reading.pages.unlisted(listed) if listed else []  # at the end: another sitemap may list them now
    report.left_sitemap = [path for _, path in gone]
    report.removed += remove_sources(collection, gone)


def _as_it_was(path: str, size: int, time: int) -> bool:
    """Whether a file is there as it was read; what is elsewhere is taken to be."""
    if is_remote(path):
        return True
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return False
    return (found.st_size, found.st_mtime_ns) == (size, time)


def _now_and_then(progress: Progress | None, step: str) -> Callable[[int], None]:
    """A counter that tells of the first item and of every 64th: it may be called for each one."""
    done = 0

    def advance(items: int) -> None:
        nonlocal done
        if done % _TOLD == 0 and progress is not None:
            progress(step, done + items, 0)
        done += items

    return advance


class _Reading:
    """Which files have been read to their end, and which documents they held."""

    def __init__(
        self,
        collection: Collection,
        report: IndexReport,
        skip_bad: bool,
        fields: dict[str, Any],
        force: bool,
    ) -> None:
        self.collection = collection
        self.report = report
        self.advance = counter(None, "indexing")
        self.read = _now_and_then(None, "reading")
        self.skip_bad = skip_bad
        self.fields = fields
        self.force = force
        self.excluded = excluded(collection)
        self.stamps: dict[str, str | None] = {}  # of files that were looked into before they are read
        self.finished: list[tuple[SourceFile, str, set[str]]] = []
        self.bytes_read = 0
        self.read_now: set[str] = set()
        self.were_complete: set[str] = set()
        self.restoring = (
            False  # files are read for documents that went with another file: all else of them is told already
        )
        self.pages = Pages(collection, self._options)
        self.given_by: dict[int, str] = {}  # hash of an id -> the file of this run that gave it last

    def follow_moves(self, files: Sequence[SourceFile]) -> None:
        """Enter files that are somewhere else now under their new paths."""
        with self.collection.held() as backend:
            known = backend.sources.complete()
        if known and (pairs := moved(files, known, self._stamp_kept)):
            self.report.moved = len(follow(self.collection, pairs))
            self.excluded = excluded(self.collection)

    def _stamp_kept(self, file: SourceFile) -> str | None:
        stamp = self.stamps[file.label] = self._stamp(file)
        return stamp

    def changed(self, files: Iterable[SourceFile]) -> list[SourceFile]:
        """Files whose size or time differs from the last complete reading, and whose contents do, too."""
        with self.collection.held() as backend:
            known = backend.sources.complete()
        self.were_complete |= known.keys()
        todo: list[SourceFile] = []
        touched: list[SourceFile] = []
        for file in files:
            size, time, stamp = known.get(file.label, (None, None, ""))
            options = self._options(file)
            if self.force or file.live or size != file.size or not file.regular or stamp.partition(" ")[2] != options:
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
            self.read_now.add(file.label)
            whole = True
            # before reading: a change meanwhile is seen next time
            stamp = self.stamps[file.label] if file.label in self.stamps else self._stamp(file)

            def on_bad(bad: ReadFault) -> None:
                nonlocal whole
                # a fault that nobody has asked to pass over is told of in every run, until it is mended
                whole = whole and bad.kind != "unreadable" and (self.skip_bad or bad.kind != "broken")
                if not self.restoring:
                    self.report.bad.append(bad)

            repeated: dict[str, list[str]] = {}
            for record in records([file], skip_bad=self.skip_bad, on_bad=on_bad, **self.fields):
                keys.add(record.id)
                other = None if self.restoring else self._given_before(record, file)
                if other is not None:
                    repeated.setdefault(other, []).append(record.id)
                self.read(1)
                if record.id in self.excluded and not self.force:
                    self.report.excluded += not self.restoring
                    continue
                yield record
            for other, ids in repeated.items():
                reason = f'has {len(ids):,} of the ids of {other} again, such as "{ids[0]:.60}": the later one counts'
                self.report.bad.append(ReadFault(file.label, 0, "broken", reason))
            if whole and stamp is not None:
                self.finished.append((file, stamp, keys))
            if not self.restoring:
                self.bytes_read += file.size
                self.report.bytes += file.size

    def restore(self, files: Sequence[SourceFile]) -> None:
        """Read those files again that may hold documents which went with another file, for these documents alone."""
        with self.collection.held() as backend:
            complete = backend.sources.complete()
        todo = [file for file in files if file.label in self.were_complete and file.label not in complete]
        if not todo:
            return
        self.restoring = True
        missing = (record for record in self.records(todo) if not self._is_there(record.id))
        added = add_records(self.collection, missing, progress=self.acknowledge)
        self.acknowledge()
        self.report.documents.added += added.added
        self.report.documents.chunks += added.chunks

    def _is_there(self, id: str) -> bool:
        with self.collection.held() as backend:
            return bool(backend.documents.known([id]))

    def _given_before(self, record: Record, file: SourceFile) -> str | None:
        """Another file of this run that has given a document with this id and other contents."""
        if record.id == file.label:  # a file that is one document
            return None
        key = hash(record.id)
        other = self.given_by.get(key)
        self.given_by[key] = file.label
        if other in (None, file.label) or record.id == content_id(record.title, record.text, record.media):
            return None
        return other

    def tell_taken(self, added: AddReport) -> None:
        """Report ids that files of earlier runs, which are as they were, still have."""
        if not added.taken:
            return
        with self.collection.held() as backend:
            paths, complete = dict(backend.sources.paths()), backend.sources.complete()
        for (number, new), ids in added.taken.items():
            old = paths.get(number, "")
            # of a file that was read in this run, too, the repetition is told already, or it has lost these ids
            if old not in self.read_now and old in complete and _as_it_was(old, *complete[old][:2]):
                reason = f'has {len(ids):,} of the ids of {old} again, such as "{ids[0]:.60}": the later one counts'
                self.report.bad.append(ReadFault(new, 0, "broken", reason))

    def _stamp(self, file: SourceFile) -> str | None:
        """The hash of a file's contents and of how it is read; None for a stream, and for what cannot be read."""
        if file.path == "-" or not file.regular:
            return None
        if file.live:
            return f"live {self._options(file)}".rstrip()
        try:
            return f"{file.sha256()} {self._options(file)}".rstrip()
        except InputError:
            return None  # reading it will say why

    def _options(self, file: SourceFile) -> str:
        """A hash of the options that decide what documents a file holds; empty for a file read as its name says."""
        names = ("text_field", "id_field", "title_field") if is_table(file.format) else ()
        chosen = [self.fields.get(name) for name in names]
        vector = self.fields.get("vector_field") if names else None
        named = [given for given in (file.delimiter, file.encoding, vector) if given]
        if not any(chosen) and not named and (file.path == "-" or file.live or file.format == format_of(file.path)):
            return ""
        return hashlib.sha256(json.dumps([file.format, *chosen, *named]).encode()).hexdigest()[:16]

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
        self.were_complete.add(file.label)
        backend.sources.set_complete(file.label, file.size, file.mtime_ns, stamp)
        self.pages.note(file)
        gone = [number for number, key in backend.sources.documents([source]) if key not in keys]
        backend.documents.delete(gone)
        if gone:
            read_again(backend, [source], gone=False)
        return len(gone)
