"""Cut documents again whose chunks are longer than what the encoders read, batch by batch, each whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.errors import StoreError
from codomain.progress import Progress, counter
from codomain.read.record import Record
from codomain.read.text.fitting import Limit
from codomain.store.chunking.unread import limits, remember_windows
from codomain.store.reading.passages import passages_of
from codomain.store.writing.ingest import AddReport, chunks_of, has_headings, write_again

if TYPE_CHECKING:
    from codomain.store.collection import Collection

_ROWS = 2_048
_DOCUMENTS = 256


def rechunk(
    collection: Collection,
    also: Iterable[Any] = (),
    progress: Progress | None = None,
    size: int | None = None,
    overlap: int | None = None,
) -> int:
    """Cut the documents again that have a chunk which some encoder, or one of `also`, does not read whole; how many.

    With a `size` or an `overlap` these are the collection's from now on, and all documents are cut by them. Their new chunks are encoded. A document is replaced in one transaction with its batch; what was done stays where this
    is interrupted, and doing it again does the rest.

    Raises StoreError during an upgrade, InputError for a size or an overlap that cannot be.
    """
    others = list(also)
    every = size is not None or overlap is not None
    report = AddReport()
    with collection.snapshot():
        if collection.upgrading:
            raise StoreError(f"{collection.folder} is on its way to another pipeline: end that first.")
        for branch in collection.vector_branches:
            branch.check_encoder()
        most = limits(collection, others)
        documents = _every(collection) if every else _too_long(collection, most) if most else []
    if every:
        _set(collection, size, overlap)
    advance = counter(progress, "cutting again", len(documents))
    for namespace, own in _by_namespace(collection, documents).items():
        inside = collection.namespace(namespace)
        for start in range(0, len(own), _DOCUMENTS):
            numbers = own[start : start + _DOCUMENTS]
            with inside.held():
                write_again(inside, partial(_records, inside, numbers, most), most, report)
            advance(len(numbers))
    if most or every:
        with collection.held() as backend:
            with backend.writing():
                remember_windows(backend, [*(branch.plan.encoder for branch in collection.vector_branches), *others])
                backend.history.add("cut again", f"{report.updated} documents")
            collection.state.changed()
    return report.updated


def _set(collection: Collection, size: int | None, overlap: int | None) -> None:
    """Enter another size and overlap of chunks, which others that have the collection open take over."""
    before = collection.settings
    settings = replace(
        before,
        chunk_size=before.chunk_size if size is None else size,
        overlap=before.overlap if overlap is None else overlap,
    )
    if settings == before:
        return
    with collection.held() as backend:
        with backend.writing():
            backend.meta.set("settings", json.dumps(asdict(settings)))
            backend.meta.count_up("generation")
            backend.history.add("chunks", f"{settings.chunk_size} tokens, {settings.overlap} shared")
        collection.state.changed()


def _every(collection: Collection) -> list[int]:
    rows = collection.backend.rows
    return [*dict.fromkeys(rows.owners(rows.alive()).values())]


def _by_namespace(collection: Collection, documents: Sequence[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    with collection.held():
        for number in documents:
            found.setdefault(collection.state.backend.documents.namespace(number), []).append(number)
    return found


def _too_long(collection: Collection, most: list[Limit]) -> list[int]:
    """The numbers of documents with a chunk beyond a limit."""
    found: dict[int, None] = {}
    backend = collection.backend
    live = backend.rows.alive()
    for start in range(0, len(live), _ROWS):
        rows = live[start : start + _ROWS]
        texts = passages_of(backend, rows)
        long = np.any([np.asarray(limit.tokens_of(texts)) > limit.tokens for limit in most], axis=0)
        found |= dict.fromkeys(backend.rows.owners(rows[long]).values())
    return list(found)


def _records(collection: Collection, numbers: Sequence[int], most: Sequence[Limit]) -> list[Record]:
    """Documents by number as records: those that are there still and have other chunks now."""
    backend = collection.backend
    media = backend.media.of(numbers) if backend.media.any() else {}
    paths = dict(backend.sources.paths())
    records = []
    for stored in backend.documents.of(numbers):
        fields = json.loads(stored.metadata)
        markdown = has_headings(stored.key, fields)
        source = "" if stored.source is None else paths.get(stored.source, "")
        beside = media.get(stored.number, ())
        record = Record(stored.key, stored.text, stored.title, fields, source, markdown, beside)
        rows = backend.rows.hits(backend.rows.of(stored.number).tolist()).values()
        there = sorted((hit.start, hit.stop) for hit in rows)
        if [(piece.start, piece.end) for piece in chunks_of(record, collection.settings, most)] != there:
            records.append(record)
    return records
