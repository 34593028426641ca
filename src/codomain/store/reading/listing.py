"""Documents without a query: listed, counted, and counted by the values of a field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.errors import InputError
from codomain.store.backend.choose import open_backend
from codomain.store.filters.masks import notice_unknown
from codomain.store.filters.moments import moment_of
from codomain.store.filters.where import Where, checked_field, fields_of, parse_where
from codomain.store.ids import DocumentId, document_ids
from codomain.store.reading.hits import loaded
from codomain.text import brief

if TYPE_CHECKING:
    from codomain.store.backend import Backend
    from codomain.store.backend.values import ExportedDocument, StoredDocument
    from codomain.store.collection import Collection

Filter = str | Mapping[str, Any] | Where


def listed(
    collection: Collection, where: Filter | None, sort: str | None, offset: int, limit: int | None
) -> Iterator[ExportedDocument]:
    """Documents in the order of a field, or of adding, while the database is held.

    Raises WhereError for a filter or a field that cannot be read, InputError for an offset or limit below 0.
    """
    return _listed(collection.backend, where, sort, offset, limit)


def _listed(
    backend: Backend, where: Filter | None, sort: str | None, offset: int, limit: int | None
) -> Iterator[ExportedDocument]:
    for name, value in (("offset", offset), ("limit", limit)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63):
            raise InputError(f"the {name} must be a whole number of 0 or more, not {brief(value)}.")
    field, descending = sort_field(sort)
    parsed = parsed_filter(backend, where, () if field is None else (field,))
    return backend.documents.export(parsed, field, descending, offset, limit)


def parsed_filter(backend: Backend, where: Filter | None, fields: Iterable[str] = ()) -> Where | None:
    """A filter that is read; it and the other fields that are asked for are noticed where no document has them."""
    parsed = None if where is None else parse_where(where)
    notice_unknown(backend, {*fields} | (set() if parsed is None else fields_of(parsed)))
    return parsed


def documents(
    collection: Collection, where: Filter | None, sort: str | None, offset: int, limit: int | None
) -> Iterator[dict[str, Any]]:
    """Documents as plain values, one by one, in one state of the database."""
    collection.check_open()
    # a connection of its own: one state from the first document to the last, and nobody is kept from writing
    with closing(open_backend(collection.folder).within(collection.name)) as backend, backend.reading():
        for found in _listed(backend, where, sort, offset, limit):
            collection.check_open()
            yield {
                "id": found.key,
                "text": found.text,
                "title": found.title,
                "metadata": loaded(found.metadata, found.key),
                "source": found.source,
            }


def get(collection: Collection, id: DocumentId | Iterable[DocumentId], include: Sequence[str]) -> Any:
    """A document, or several in the order of their ids; None for one that is not there."""
    unknown = [name for name in include if name != "vector"] if not isinstance(include, str) else [include]
    if unknown:
        raise InputError(f'get can include ["vector"], not {unknown[0]!r}.')
    keys = document_ids(id)
    with collection.snapshot():
        stored = collection.backend.documents.contents(keys)
        found = [_shown(collection, stored[key], bool(include)) if key in stored else None for key in keys]
    return found[0] if isinstance(id, str | int | np.integer) else found


def _shown(collection: Collection, stored: StoredDocument, with_vector: bool) -> dict[str, Any]:
    shown = {
        "id": stored.key,
        "text": stored.text,
        "title": stored.title,
        "metadata": loaded(stored.metadata, stored.key),
    }
    if with_vector:
        shown["vector"] = _vector(collection, stored.number)
    return shown


def _vector(collection: Collection, number: int) -> Any:
    """A document's own vector where it came with one, else what is stored of it."""
    for medium in collection.backend.media.of([number]).get(number, ()) if collection.backend.media.any() else ():
        if medium.modality == "vector":
            return medium.data
    vectors = collection.vectors(collection.backend.rows.of(number))
    return vectors[0] if len(vectors) == 1 else vectors


def count(collection: Collection, where: Filter | None) -> int:
    """How many documents a filter matches, all without one."""
    if where is None:
        with collection.held() as backend:
            return backend.documents.count()
    parsed = parse_where(where)
    with collection.held() as backend, backend.reading():
        collection.state.refresh()
        return collection.state.count_where(parsed, backend)


def facets(collection: Collection, field: str, where: Filter | None) -> list[tuple[Any, int]]:
    """The values of a field with the number of documents that have each, the most frequent first; members of lists count each."""
    with collection.held() as backend:
        counted = backend.fields.facets(checked_field(field), parsed_filter(backend, where, (field,)))
    return sorted(counted, key=lambda one: (-one[1], sort_key(one[0])))


def as_html(collection: Collection) -> str:
    """What a notebook shows of a collection: where it is, its pipeline, how much it holds, its first documents."""
    from html import escape

    with collection.held() as backend:
        divided = bool(backend.namespace) or backend.namespaces.any()
        chunks = len(backend.rows.inside()) if divided else backend.rows.count()
        numbers = f"{backend.documents.count():,} documents, {chunks:,} chunks"
        first = list(backend.documents.export(None, limit=3))
    rows = "".join(f"<tr><td>{escape(d.key)}</td><td>{escape(d.text[:100])}</td></tr>" for d in first)
    return (
        f"<div><b>{escape(str(collection.folder))}</b>: {numbers}<br><code>{escape(str(collection.pipeline))}</code>"
        f"<table>{rows}</table></div>"
    )


def sort_field(sort: str | None) -> tuple[str | None, bool]:
    """Field and direction of "year" and "-year"; raises WhereError for what is no field."""
    if sort is None:
        return None, False
    return checked_field(sort.removeprefix("-")), sort.startswith("-")


def sort_key(value: Any) -> tuple[Any, ...]:
    """What values of a field are ordered by: false and true, numbers and dates, texts, lists by their first member.

    >>> sorted(["b", 2, "a", "2024-05-01", 1.5], key=sort_key)
    [1.5, 2, '2024-05-01', 'a', 'b']
    """
    if isinstance(value, list):
        return sort_key(value[0]) if value else (3,)
    if isinstance(value, bool):
        return (0, value)
    if isinstance(value, int | float):
        return (1, value)
    if isinstance(value, str):
        moment = moment_of(value)
        return (1, moment) if moment is not None else (2, value.encode())
    return (3,)
