"""Media of documents in the database: arrays as .npy, files as they are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence

from codomain.items import Media
from codomain.store.schema import bring_up_to_date


def has_media(db: sqlite3.Connection) -> bool:
    """Whether the database has a place for media: one of an earlier format has none until the first is added."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'media'").fetchone() is not None


def add_media(db: sqlite3.Connection, media: Mapping[int, Sequence[Media]]) -> None:
    """Store the media of documents by number; inside a transaction."""
    rows = [
        (document, position, medium.modality, medium.stored[0], medium.digest, medium.stored[1])
        for document, own in media.items()
        for position, medium in enumerate(own)
    ]
    if not rows:
        return
    if not has_media(db):
        bring_up_to_date(db)
    db.executemany("INSERT INTO media VALUES (?, ?, ?, ?, ?, ?)", rows)


def media_of(db: sqlite3.Connection, documents: Sequence[int]) -> dict[int, tuple[Media, ...]]:
    """The media of documents by number, in their order; documents without any are left out."""
    found: dict[int, tuple[Media, ...]] = {}
    if not has_media(db):
        return found
    sql = (
        "SELECT document, modality, form, data FROM media WHERE document IN (SELECT value FROM json_each(?)) "
        "ORDER BY document, position"
    )
    for document, modality, form, data in db.execute(sql, [json.dumps(list(documents))]):
        found[document] = (*found.get(document, ()), Media.restore(modality, form, data))
    return found


def digests(db: sqlite3.Connection) -> dict[int, list[str]]:
    """The digests of all media by document."""
    found: dict[int, list[str]] = {}
    if has_media(db):
        for document, digest in db.execute("SELECT document, digest FROM media ORDER BY document, position"):
            found.setdefault(document, []).append(digest)
    return found


def forget_media(db: sqlite3.Connection, documents: str) -> None:
    """Delete the media of documents, numbers as a JSON list; inside a transaction."""
    if has_media(db):
        db.execute("DELETE FROM media WHERE document IN (SELECT value FROM json_each(?))", [documents])


def faults(db: sqlite3.Connection) -> Iterator[str]:
    """A sentence for each medium that is not what was stored, or that belongs to no document."""
    if not has_media(db):
        return
    sql = "SELECT m.document, d.key, m.modality, m.form, m.digest, m.data FROM media m LEFT JOIN documents d ON d.id = m.document"
    for document, key, modality, form, digest, data in db.execute(sql):
        if key is None:
            yield f"there is an {modality} of a document {document} that is not there."
            continue
        try:
            sound = Media.restore(modality, form, data).digest == digest
        except (ValueError, EOFError):
            sound = False
        if not sound:
            yield f"an {modality} of the document {key!r} is not what was stored: its digest differs."
