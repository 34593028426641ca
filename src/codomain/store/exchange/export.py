"""Documents out of a collection and into another one: JSON lines and Parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NoReturn, Protocol

from codomain.arrays import as_float32
from codomain.errors import InputError, MissingExtra
from codomain.items import Item, Media, from_json, to_json
from codomain.plan import modalities_of
from codomain.progress import Progress, counter
from codomain.read import Record, SourceFile, fingerprint
from codomain.read.metadata import flatten
from codomain.read.text.tables import rows
from codomain.store.backend import Backend
from codomain.store.backend.choose import open_backend
from codomain.store.collection import Collection
from codomain.store.filters.masks import notice_unknown
from codomain.store.filters.where import Where, fields_of, parse_where
from codomain.store.namespace import namespace_name
from codomain.store.reading.by_vector import document_vectors
from codomain.store.reading.hits import loaded
from codomain.store.writing.ingest import AddReport, add_records, has_headings

_ROWS_A_GROUP = 4_096
_TEXTS = ("id", "title", "text", "source")


def documents(
    collection: Collection,
    where: str | Mapping[str, Any] | Where | None = None,
    vectors: bool = False,
    all_namespaces: bool = False,
) -> Iterator[dict[str, Any]]:
    """Every document, or those that a filter matches, as plain values: id, title, text, metadata, source, markdown.

    They are those of the collection's own namespace, or of one after the other; outside the default one with its "namespace".

    Documents with media have them under "media", as `Media`. A vector of a document's own is its "vector" (d,), and with
    `vectors` so is, of all others, what the first dense branch stores (the mean of the unit vectors of several chunks).

    They come as they are when the first is asked for; the collection may be changed meanwhile. Raises StoreError where it
    is closed before the last one.
    """
    parsed = None if where is None else parse_where(where)
    # a connection of its own: one state from the first document to the last, and nobody is kept from writing
    collection.check_open()
    with closing(open_backend(collection.folder)) as backend, backend.reading():
        with_media = backend.media.digests()
        if parsed is not None:
            notice_unknown(backend if all_namespaces else backend.within(collection.name), fields_of(parsed))
        for namespace in backend.namespaces.counts() if all_namespaces else [collection.name]:
            inside = collection.namespace(namespace)
            own = {"namespace": namespace} if namespace else {}
            for number, key, title, text, metadata, source in backend.within(namespace).documents.export(parsed):
                collection.check_open()
                fields = loaded(metadata, key)
                yield (
                    _beside(inside, backend, number, number in with_media, vectors)
                    | own
                    | {
                        "id": key,
                        "title": title,
                        "text": text,
                        "metadata": fields,
                        "source": source,
                        "markdown": has_headings(key, fields),
                    }
                )


def _beside(collection: Collection, backend: Backend, number: int, with_media: bool, vectors: bool) -> dict[str, Any]:
    """The media of a document and its vector, where it has any."""
    beside: dict[str, Any] = {}
    media = backend.media.of([number])[number] if with_media else ()
    for medium in media:
        if medium.modality == "vector":
            beside["vector"] = medium.data
        else:
            beside["media"] = (*beside.get("media", ()), medium)
    if vectors and "vector" not in beside:
        with collection.snapshot():
            (beside["vector"],) = document_vectors(collection, [number])
    return beside


def _how_many(collection: Collection, all_namespaces: bool) -> int:
    return sum(collection.namespaces().values()) if all_namespaces else len(collection)


class Writable(Protocol):
    """What takes text."""

    def write(self, text: str, /) -> object:
        """Take a text."""
        ...


def export_jsonl(
    collection: Collection,
    file: Writable,
    where: str | None = None,
    progress: Progress | None = None,
    vectors: bool = False,
    all_namespaces: bool = False,
) -> int:
    """Write one JSON object a document; how many."""
    count = 0
    advance = counter(progress, "exporting", _how_many(collection, all_namespaces))
    for document in documents(collection, where, vectors, all_namespaces):
        if "vector" in document:
            document["vector"] = document["vector"].tolist()
        if media := document.get("media"):
            document["media"] = to_json(Item("", media))["media"]
        file.write(json.dumps(document, ensure_ascii=False) + "\n")
        count += 1
        advance(1)
    return count


def export_file(
    collection: Collection,
    path: Path,
    where: str | None = None,
    progress: Progress | None = None,
    vectors: bool = False,
    all_namespaces: bool = False,
) -> int:
    """Write documents to a .jsonl or .parquet file, which appears whole or not at all; how many.

    Raises InputError for another suffix, MissingExtra for Parquet without pyarrow.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.suffix == ".jsonl":
            with temporary.open("w", encoding="utf-8") as file:
                count = export_jsonl(collection, file, where, progress, vectors, all_namespaces)
        elif path.suffix == ".parquet":
            advance = counter(progress, "exporting", _how_many(collection, all_namespaces))
            count = _export_parquet(documents(collection, where, vectors, all_namespaces), temporary, advance)
        else:
            raise InputError(f"{path} must end in .jsonl or .parquet.")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _export_parquet(rows: Iterable[dict[str, Any]], path: Path, advance: Callable[[int], None]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("writing Parquet", "parquet") from None
    names = ("id", "title", "text", "metadata", "source")
    columns = [*((name, pa.string()) for name in names), ("markdown", pa.bool_()), ("vector", pa.list_(pa.float32()))]
    columns.append(("namespace", pa.string()))
    schema = pa.schema(columns)
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        group: list[dict[str, Any]] = []

        def write() -> None:
            writer.write_table(pa.Table.from_pylist(group, schema))
            group.clear()

        for row in rows:
            if "media" in row:
                raise InputError(
                    f"the document {row['id']!r} has media, which Parquet exports do not hold: write .jsonl."
                )
            group.append({**row, "metadata": json.dumps(row["metadata"], ensure_ascii=False)})
            count += 1
            advance(1)
            if len(group) == _ROWS_A_GROUP:
                write()
        write()
    return count


def import_file(
    collection: Collection, path: Path, progress: Progress | None = None, namespace: str | None = None
) -> AddReport:
    """Add the documents of a file that `export_file` wrote, with ids, titles and metadata as they were.

    They go into the namespaces that they come from, or all into `namespace`, or into the one that `collection` is itself.
    Vectors in the file are taken over by a pipeline that starts from vectors(); others encode the texts.

    Raises InputError for a file that is not such an export.
    """
    report = AddReport()
    inside = collection if namespace is None else collection.namespace(namespace)
    kept_apart = namespace is None and not collection.name
    rows = _exported(path, "vector" in modalities_of(collection.state.root))
    for name, own in groupby(rows, itemgetter(0)):
        into = collection.namespace(name) if kept_apart else inside
        add_records(into, (record for _, record in own), progress, report=report)
    return report


def _exported(path: Path, takes_vectors: bool) -> Iterator[tuple[str, Record]]:
    """The documents of a file, each with the namespace that it comes from."""
    file = fingerprint(path)
    if file.format not in ("jsonl", "parquet"):
        raise InputError(f"{file.label} is not an export of codomain: those are .jsonl or .parquet.")

    def refuse(line: int, reason: str) -> NoReturn:
        raise InputError(f"{file.label} is not an export of codomain: line {line} {reason}.")

    for line, row in rows(file, refuse):
        record = _as_exported(file, line, row, refuse, takes_vectors)
        try:
            namespace = namespace_name(row.get("namespace"))
        except InputError:
            refuse(line, "has a namespace that is no name")
        yield namespace, record


def _as_exported(
    file: SourceFile, line: int, row: dict[str, Any], refuse: Callable[[int, str], NoReturn], takes_vectors: bool
) -> Record:
    """The document of one row; refused where it is not what `documents` returns."""
    missing = {*_TEXTS, "metadata"} - set(row)
    if missing:
        refuse(line, f"has no {min(missing)}")
    metadata, markdown = row["metadata"], row.get("markdown") or False
    try:
        if file.format == "parquet" and isinstance(metadata, str):
            metadata = json.loads(metadata)
        if not isinstance(metadata, dict) or not isinstance(markdown, bool):
            refuse(line, "has metadata of another form")
        fields = flatten(metadata)
    except (ValueError, RecursionError):
        refuse(line, "has metadata of another form")
    id, title, text, source = (row[name] for name in _TEXTS)
    try:
        media = from_json({"text": "", "media": row.get("media") or []}).media  # type: ignore[union-attr]
        if takes_vectors and row.get("vector") is not None:
            media = (*media, Media("vector", as_float32([row["vector"]])[0]))
    except (ValueError, TypeError, InputError):
        refuse(line, "has media of another form")
    if not isinstance(id, str) or not isinstance(text, str) or not (text.strip() or media):
        refuse(line, "has no id or no text")
    if not all(isinstance(value, str | None) for value in (title, source)):
        refuse(line, "has a title or a source that is not a text")
    return Record(id, text, title, fields, markdown=markdown, media=media)
