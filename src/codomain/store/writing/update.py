"""Change documents that are there: other metadata costs no encoding, another text is encoded anew."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from codomain.errors import InputError
from codomain.read.metadata import ODD_NAME, flatten
from codomain.read.record import Record
from codomain.store.filters.where import Where, parse_where
from codomain.store.ids import DocumentId, document_id
from codomain.store.writing import UNCHANGED
from codomain.store.writing.ingest import add_records, has_headings

if TYPE_CHECKING:
    from codomain.store.backend import Backend
    from codomain.store.backend.values import StoredDocument
    from codomain.store.collection import Collection


def update(
    collection: Collection, id: DocumentId, metadata: Mapping[str, Any] | None, text: str, title: str | None
) -> None:
    """Change fields, text or title of one document; a field that is None is removed.

    Raises InputError for a document that is not there and for values that cannot be stored.
    """
    key, changes = document_id(id), _checked(metadata or {})
    with collection.held() as backend:
        stored = backend.documents.get(key)
        if stored is None:
            raise InputError(f"there is no document {key!r} in {collection.folder} to update.")
        if text is UNCHANGED and title is UNCHANGED:
            with collection.writing() as backend:
                _change(backend, [stored.number], changes)
            collection.state.changed()
            return
        fields = json.loads(stored.metadata)
        record = Record(
            key,
            stored.text if text is UNCHANGED else text,
            stored.title if title is UNCHANGED else title,
            _merged(fields, changes),
            source=dict(backend.sources.paths()).get(stored.source or 0, ""),
            markdown=has_headings(key, fields),
            media=backend.media.of([stored.number]).get(stored.number, ()),
        )
        if not isinstance(record.text, str) or not (record.text.strip() or record.media):
            raise InputError(f"the document {key!r} would have no text.")
        if record.title is not None and not isinstance(record.title, str):
            raise InputError(f"the title of the document {key!r} is not a text.")
        add_records(collection, [record])


def update_where(collection: Collection, where: str | Mapping[str, Any] | Where, metadata: Mapping[str, Any]) -> int:
    """Change fields of all documents that a filter matches, nothing is encoded; how many there were."""
    parsed, changes = parse_where(where), _checked(metadata)
    with collection.held():
        with collection.writing() as backend:
            numbers = collection.state.documents_where(parsed, backend)
            _change(backend, numbers, changes)
        collection.state.changed()
    return len(numbers)


def _checked(metadata: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(metadata, Mapping):
        raise InputError(f"metadata is a dict, not {type(metadata).__name__}.")
    try:
        changes = flatten(metadata)
    except (ValueError, TypeError) as error:
        raise InputError(f"the metadata cannot be stored: {error}.") from None
    for name in changes:
        if ODD_NAME.search(name):
            raise InputError(
                f"the metadata field {name!r:.60} has a quote, a backslash or a control character, or no name."
            )
    return changes


def _merged(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**fields, **changes}.items() if changes.get(name, value) is not None}


def _change(backend: Backend, numbers: list[int], changes: Mapping[str, Any]) -> None:
    """Merge changes into the metadata of documents; inside a transaction."""
    digests = backend.media.digests() if backend.media.any() else {}
    changed = []
    for stored in backend.documents.of(numbers):
        record = _with(stored, _merged(json.loads(stored.metadata), changes))
        if record.fields_json != stored.metadata:
            changed.append((stored.number, record.fields_json, record.digest_with(digests.get(stored.number, ()))))
    backend.fields.change(changed)


def _with(stored: StoredDocument, fields: dict[str, Any]) -> Record:
    return Record(stored.key, stored.text, stored.title, fields)
