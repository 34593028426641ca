"""The write path: records in, one transaction a batch, each batch whole or not at all."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.contracts import Encoder
from codomain.encode.text.window import cuts_are_counted
from codomain.endpoints.usage import counted
from codomain.errors import InputError, detail
from codomain.items import Item as Passage
from codomain.items import Media, as_item
from codomain.kinds import Modality, in_words
from codomain.plan import EncodedOnce, PlanNode, branches, encode, modalities_of
from codomain.progress import Progress, counter, shifted
from codomain.read.files import HEADED
from codomain.read.frames import FrameReport, frame_records, is_frame, values
from codomain.read.metadata import ODD_NAME, flatten
from codomain.read.record import Record, content_id
from codomain.read.situated import situate
from codomain.read.text.chunks import Chunk, chunk
from codomain.read.text.fitting import Limit
from codomain.read.text.passage import passage
from codomain.store.backend import Backend
from codomain.store.backend.values import StoredChunk, StoredDocument
from codomain.store.branches.branch import BranchGone
from codomain.store.chunking.unread import limits, unread
from codomain.store.ids import document_id
from codomain.store.writing.repeated import note
from codomain.store.writing.servers import remember
from codomain.text import brief, clean

if TYPE_CHECKING:
    from codomain.store.collection import Collection
from codomain.store.settings import Settings

BATCH_DOCUMENTS = 2_048
BATCH_CHARACTERS = 4_000_000

Item = str | Mapping[str, Any] | Record | Media | np.ndarray[Any, Any] | bytes


@dataclass
class AddReport:
    """What became of the documents of one `add`."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    chunks: int = 0
    not_encoded: int = 0
    """Of the updated ones, those whose title, text and media were there already: they keep their vectors."""
    taken: dict[tuple[int, str], list[str]] = dataclass_field(default_factory=dict)
    """Ids of documents that came from a source, by number, and come from another file now, by path."""
    frame: FrameReport = dataclass_field(default_factory=FrameReport)
    """Of a table in memory, what was not taken over: cells without a value, rows without a text, repeated rows."""

    @property
    def documents(self) -> int:
        """All that were looked at."""
        return self.added + self.updated + self.unchanged


def as_record(item: Item, modalities: Sequence[Modality] = ("text",)) -> Record:
    """A document as it was given, as a record.

    It is a text; a dict with `text` or `media`, and optionally `id`, `title`, `metadata`; media; or an array of the one
    modality beside text that a pipeline starts from.

    >>> as_record({"id": "a", "text": "words", "metadata": {"year": 2020}}).metadata
    {'year': 2020}

    Raises InputError when the text is missing or empty, or a value is not of its type.
    """
    if isinstance(item, Record):
        return _cleaned(item)
    if isinstance(item, str):
        item = {"text": item}
    elif isinstance(item, Media | np.ndarray | bytes):
        item = {"media": item}
    if not isinstance(item, Mapping):
        raise InputError(f"a document is a text or a dict, not {type(item).__name__}.")
    unknown = set(item) - {"id", "text", "title", "metadata", "media", "vector"}
    if unknown:
        raise InputError(
            "a document has id, text, title, metadata, media and vector; "
            f"{min(map(brief, unknown))} belongs into metadata."
        )
    key = item.get("id")
    named = brief(key)
    text, title, metadata = item.get("text"), item.get("title"), item.get("metadata") or {}
    media = _media(item.get("media"), modalities)
    if item.get("vector") is not None:
        media = (*media, _vector(item["vector"], item.get("id"), modalities))
    if text is None and media:
        text = ""
    if not isinstance(text, str) or not ((text := clean(text)).strip() or media):
        raise InputError(f"the document {named} has no text.")
    if title is not None and not isinstance(title, str):
        raise InputError(f"the title of the document {named} is not a text.")
    try:
        fields = flatten(dict(metadata))
    except (ValueError, TypeError) as error:
        raise InputError(f"the metadata of the document {named} cannot be stored: {error}.") from None
    title = None if title is None else clean(title)
    return Record(content_id(title, text, media) if key is None else document_id(key), text, title, fields, media=media)


def _media(given: Any, modalities: Sequence[Modality]) -> tuple[Media, ...]:
    """Media as they were given: one or a list, as `Media` or as arrays."""
    if given is None:
        return ()
    several = given if isinstance(given, list | tuple) else [given]
    return tuple(medium for one in several for medium in as_item(one, modalities).media)


def _no_vectors(id: Any, modalities: Sequence[Modality]) -> str:
    return (
        f"the document {brief(id)} has a vector, and this pipeline starts from {in_words(*modalities)}: "
        "begin one with vectors(dim)."
    )


def _vector(given: Any, id: Any, modalities: Sequence[Modality]) -> Media:
    """A vector of one's own (d,) as float32."""
    if "vector" not in modalities:
        raise InputError(_no_vectors(id, modalities))
    try:
        vector = np.asarray(given, np.float32)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"the vector of the document {brief(id)} is no list of numbers.") from None
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise InputError(f"the vector of the document {brief(id)} has NaN, infinity or more than one axis.")
    return Media("vector", vector)


def _check_vector(record: Record, dims: set[int], modalities: Sequence[Modality]) -> None:
    for medium in record.media:
        if medium.modality == "vector" and {len(medium.data)} != dims:
            if not dims:
                raise InputError(_no_vectors(record.id, modalities))
            wanted = " and ".join(map(str, sorted(dims)))
            raise InputError(
                f"the vector of the document {record.id!r} has {len(medium.data)} dimensions; the pipeline takes {wanted}."
            )


def _cleaned(record: Record) -> Record:
    """A record without what no database takes: NUL characters and halves of surrogate pairs."""
    parts = (record.id, record.text, record.title or "", record.source, record.fields_json)
    if all(clean(part) is part for part in parts) and "\\u0000" not in record.fields_json:
        return record
    return replace(
        record,
        id=clean(record.id),
        text=clean(record.text),
        title=None if record.title is None else clean(record.title),
        source=clean(record.source),
        metadata=flatten(record.metadata),
    )


def add_items(
    collection: Collection, items: Any, progress: Progress | None, columns: Mapping[str, str | None]
) -> AddReport:
    """Add the documents of an iterable or the rows of a table; `columns` name those of text, title and id.

    Raises InputError for what is neither, and for a document that cannot be stored.
    """
    report = AddReport()
    collection.refresh()
    if is_frame(items):
        takes_vectors = "vector" in modalities_of(collection.state.root)
        if columns.get("vector_field") and not takes_vectors:
            raise InputError(f"{collection.pipeline} does not start from vectors: begin one with vectors(dim).")
        records = frame_records(items, report.frame, takes_vectors=takes_vectors, **columns)
        return add_records(collection, records, progress, report=report)
    named = next((f"{name}={column!r}" for name, column in columns.items() if column is not None), None)
    if named:
        raise InputError(f"{named} names a column of a table; a document as a dict has its text under text.")
    if isinstance(items, str | bytes | Mapping | Record | Media):
        raise InputError("add takes a list of documents; a single one is written [document].")
    try:
        listed = iter(values(items))
    except TypeError:
        raise InputError(f"add takes documents or a table, not {type(items).__name__}.") from None
    return add_records(collection, listed, progress, report=report)


def add_records(
    collection: Collection,
    items: Iterable[Item],
    progress: Progress | None = None,
    encoding: Progress | None = None,
    report: AddReport | None = None,
) -> AddReport:
    """Add or update documents by id, batch by batch; a document whose content is unchanged is left as it is.

    `progress` follows batches that are on disk, `encoding` the chunks inside a batch.
    """
    report = report or AddReport()
    advance = counter(progress, "adding")
    collection.refresh()
    for batch in _batches(items, collection.state.root):
        records: dict[str, Record] = {}
        twice: set[tuple[str, str]] = set()
        for record in batch:  # of two with one id the later one counts, as it does in two batches
            before = records.get(record.id)
            if before is not None:
                same = before.digest == record.digest
                report.unchanged, report.updated = report.unchanged + same, report.updated + (not same)
                twice.add((record.source, before.source))
            records[record.id] = record
        with collection.held():
            _add_batch(collection, records, report, encoding, twice)
        advance(len(batch))
    return report


def _batches(items: Iterable[Item], root: PlanNode) -> Iterator[list[Record]]:
    modalities = modalities_of(root)
    dims = {b.encoder.dim for b in branches(root) if b.encoder is not None and "vector" in b.modalities}
    batch: list[Record] = []
    size = 0
    for item in items:
        record = as_record(item, modalities)
        _check_fields(record)
        if modalities == ("vector",) and not record.media:
            raise InputError(f"the document {record.id!r} has no vector, which this pipeline starts from.")
        _check_vector(record, dims, modalities)
        batch.append(record)
        size += len(record.text) + sum(len(medium.stored[1]) for medium in record.media)
        if len(batch) >= BATCH_DOCUMENTS or size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@lru_cache(maxsize=4_096)
def _is_odd(name: str) -> bool:
    return ODD_NAME.search(name) is not None


def _check_fields(record: Record) -> None:
    for name in record.metadata:
        if _is_odd(name):
            raise InputError(
                f"the metadata field {name!r:.60} of the document {record.id!r:.60} "
                "has a name with a quote, a backslash or a control character, or none."
            )


def chunks_of(record: Record, settings: Settings, limits: Sequence[Limit]) -> list[Chunk]:
    """The chunks of the text; media without a text are one row, and so is a text with a vector of its own."""
    if any(medium.modality == "vector" for medium in record.media):
        return [Chunk(record.text, 0, len(record.text), [], 0)]
    return chunk(record, settings.chunk_size, settings.overlap, limits=limits) or [Chunk("", 0, 0, [], 0)]


@dataclass
class _Prepared:
    record: Record
    chunks: list[Chunk]


def _add_batch(
    collection: Collection,
    records: dict[str, Record],
    report: AddReport,
    encoding: Progress | None = None,
    twice: Iterable[tuple[str, str]] = (),
) -> None:
    backend = collection.backend
    known = backend.documents.known(list(records))
    changed = [r for key, r in records.items() if key not in known or known[key][1] != r.digest]
    written = None
    while written is None:
        collection.refresh()  # another process may have ended an upgrade since the last step
        generation = collection.state.generation
        kept = _with_contents_kept(backend, changed)
        new = [record for record in changed if record.id not in kept]
        most = limits(collection) if new else []
        prepared = [_Prepared(record, chunks_of(record, collection.settings, most)) for record in new]
        try:  # the long part, before anything is locked
            encoded, left = _encode(collection, prepared, shifted(encoding, report.chunks, 0))
        except BranchGone:
            if collection.state.outdated:  # dropped by another process meanwhile: encode for what took its place
                continue
            raise
        with collection.writing():
            # else another process ended an upgrade: other encoders; or it wrote one of the documents
            if collection.state.generation == generation and _with_contents_kept(backend, changed) == kept:
                written = _write(collection, records, kept, prepared, encoded, left, report, twice)
    replaced, chunks = written
    report.updated += replaced + len(kept)
    report.not_encoded += len(kept)
    report.added += len(prepared) - replaced
    report.unchanged += len(records) - len(changed)
    report.chunks += chunks
    collection.state.changed()
    detail(
        f"{collection.folder}: {len(prepared)} documents written as {chunks} chunks, {len(kept)} with new metadata only."
    )


def write_again(
    collection: Collection, read: Callable[[], list[Record]], most: Sequence[Limit], report: AddReport
) -> None:
    """Cut documents that are there again, encode and replace them; `read` gives them as they are stored."""
    backend = collection.backend
    written = False
    while not written:
        collection.refresh()
        records = read()
        if not records:
            return
        generation = collection.state.generation
        prepared = [_Prepared(record, chunks_of(record, collection.settings, most)) for record in records]
        try:
            encoded, left = _encode(collection, prepared)
        except BranchGone:
            if collection.state.outdated:
                continue
            raise
        with collection.writing():
            known = backend.documents.known([record.id for record in records])
            unchanged = all(known.get(record.id, (0, ""))[1] == record.digest for record in records)
            if unchanged and collection.state.generation == generation:  # else another process was here: read again
                _write(collection, {record.id: record for record in records}, set(), prepared, encoded, left, report)
                written = True
    report.updated += len(records)
    collection.state.changed()


def _with_contents_kept(backend: Backend, records: Sequence[Record]) -> set[str]:
    """The ids of those records whose title, text, media and headings are stored already: only other fields differ."""
    stored = backend.documents.contents([record.id for record in records])
    if not stored:
        return set()
    media = backend.media.of([found.number for found in stored.values()]) if backend.media.any() else {}
    kept = set()
    for record in records:
        there = stored.get(record.id)
        if there is not None and (there.title, there.text) == (record.title, record.text):
            beside = [medium.digest for medium in media.get(there.number, ())]
            headings = has_headings(record.id, json.loads(there.metadata))
            if beside == [medium.digest for medium in record.media] and headings == record.markdown:
                kept.add(record.id)
    return kept


def has_headings(id: str, metadata: Mapping[str, Any]) -> bool:
    """Whether a stored document was a file of a format with Markdown headings, which its chunks follow."""
    name = metadata.get("name")
    return metadata.get("type") in HEADED and isinstance(name, str) and os.path.basename(id) == name


def _write(
    collection: Collection,
    records: dict[str, Record],
    kept: set[str],
    prepared: Sequence[_Prepared],
    encoded: dict[str, Any],
    left: dict[str, list[tuple[int, int]]],
    report: AddReport,
    twice: Iterable[tuple[str, str]] = (),
) -> tuple[int, int]:
    """Put a batch into the database; how many documents it replaced, and how many chunks it has. Inside a transaction.

    `twice` are the files of documents that the batch held twice: the one that counts, and the one before it.
    """
    backend = collection.backend
    known = backend.documents.known(list(records))
    replaced = [known[p.record.id][0] for p in prepared if p.record.id in known]
    same_text = backend.journal.detach({p.record.id: (p.record.title, p.record.text) for p in prepared})
    before = backend.documents.sources([number for number, _ in known.values()])
    backend.documents.delete(replaced)
    # a file seen for the first time is entered as not yet complete
    paths = {record.source for record in records.values()}.union(*twice)
    sources = backend.sources.enter(paths - {"", "-"})
    repeated = {(sources[last], sources[other]) for last, other in twice if last in sources and other in sources}
    for key, (number, digest) in known.items():
        r = records[key]
        new = sources.get(r.source)
        other = new is not None and before.get(number, new) != new and digest != r.digest
        if other and key != content_id(r.title, r.text, r.media):
            report.taken.setdefault((before[number], r.source), []).append(key)
        backend.documents.set_source(number, new)
        if new is not None and number in before:
            repeated.add((new, before[number]))
    note(backend, ((last, other) for last, other in repeated if last != other))
    backend.fields.change([(known[key][0], records[key].fields_json, records[key].digest) for key in kept])
    first = backend.rows.next()
    row = _insert(backend, prepared, sources, first)
    backend.journal.attach(same_text)
    if row > first:
        for branch in collection.vector_branches:
            branch.refresh()
            made_by = branch.plan.encoder.fingerprint  # type: ignore[union-attr]
            branch.append(first, encoded[made_by])
            backend.unread.enter(branch.number, ((first + i, tokens) for i, tokens in left[made_by]))
    remember(backend, [branch.plan.encoder for branch in collection.vector_branches], collection.state.spent)
    collection.state.spent.clear()
    collection.fit_if_ready(row)
    return len(replaced), row - first


def _encode(
    collection: Collection, prepared: Sequence[_Prepared], progress: Progress | None = None
) -> tuple[dict[str, Any], dict[str, list[tuple[int, int]]]]:
    """By encoder the vectors of all chunks, each mixed with its document's where a document has several, and what was not read."""
    items = [as_passage(p.record, c) for p in prepared for c in p.chunks]
    owner = [number for number, p in enumerate(prepared) for _ in p.chunks]
    if not items:
        return {}, {}

    def situated(encoder: Encoder, items: Sequence[str | Passage]) -> Any:
        vectors = encode(encoder, items, progress)
        if encoder.gives == "dense" and collection.settings.situate and len(owner) > len(prepared):
            vectors = situate(vectors, owner, collection.settings.situate)
        return vectors

    once = EncodedOnce(situated)
    for branch in collection.vector_branches:
        branch.check_encoder()
        with cuts_are_counted(), counted(collection.state.spent):
            once(branch.plan, items)
    encoders = {branch.plan.encoder.fingerprint: branch.plan.encoder for branch in collection.vector_branches}  # type: ignore[union-attr]
    left = {made_by: unread(encoders[made_by], items, vectors) for made_by, vectors in once.by_fingerprint.items()}
    return once.by_fingerprint, left


def as_passage(record: Record, chunk: Chunk) -> str | Passage:
    """What encoders see of a chunk: its text under title and headings, with the media of its document."""
    text = passage(record.title, chunk.headings, chunk.text)
    return Passage(text, record.media) if record.media else text


def _insert(backend: Backend, prepared: Sequence[_Prepared], sources: Mapping[str, int], row: int) -> int:
    """Write documents and their chunks, the chunks as rows from `row` on; the number after the last row."""
    free = backend.documents.next_number()
    now = time.time()
    documents: list[StoredDocument] = []
    chunks: list[StoredChunk] = []
    for number, p in enumerate(prepared, free):
        r = p.record
        source = sources.get(r.source)
        documents.append(StoredDocument(number, r.id, source, r.title, r.text, r.fields_json, r.digest, now))
        for c in p.chunks:
            headings = json.dumps(list(c.headings), ensure_ascii=False) if c.headings else None
            chunks.append(StoredChunk(row, number, c.start, c.end, headings))
            row += 1
    backend.documents.add(documents)
    backend.media.add({number: p.record.media for number, p in enumerate(prepared, free)})
    backend.rows.add(chunks)
    return row
