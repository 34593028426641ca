"""What a backend takes and returns: named tuples, in the order in which their fields are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from codomain.arrays import Floats


class StoredDocument(NamedTuple):
    """A document: its number, its id as `key`, the number of its source, and metadata as a JSON object."""

    number: int
    key: str
    source: int | None
    title: str | None
    text: str
    metadata: str
    digest: str
    added: float


class ExportedDocument(NamedTuple):
    """A document with the path of its source, and metadata as a JSON object."""

    number: int
    key: str
    title: str | None
    text: str
    metadata: str
    source: str | None


class Fetched(NamedTuple):
    """What is known of a web page that was read: the sitemap that listed it, and its version as its server gave it.

    `current` says that nothing was entered of the source since.
    """

    sitemap: str | None
    etag: str
    changed: str
    format: str
    encoding: str
    current: bool = True


class UnreadCounts(NamedTuple):
    """Chunks that an encoder did not read to the end, the tokens that were left, and chunks without any vector."""

    cut: int
    tokens: int
    empty: int


class StoredChunk(NamedTuple):
    """A chunk: its row, the number of its document, where it starts and stops there, and headings as a JSON list."""

    row: int
    document: int
    start: int
    stop: int
    headings: str | None


class ChunkText(NamedTuple):
    """A chunk's own text, with the title of its document and headings as a JSON list."""

    row: int
    title: str | None
    headings: str | None
    text: str


class ChunkHit(NamedTuple):
    """What a search shows of a chunk and its document; metadata and headings as JSON."""

    row: int
    key: str
    text: str
    title: str | None
    metadata: str
    source: str | None
    start: int
    stop: int
    headings: str | None
    context: str


class ChunkFields(NamedTuple):
    """A chunk's row with the number, the id and the metadata, as a JSON object, of its document."""

    row: int
    document: int
    key: str
    metadata: str


class StoredBlock(NamedTuple):
    """The vectors of so many `rows` from `first` on; `raw` ones are as the encoder returned them, before the fit."""

    first: int
    rows: int
    fingerprint: str
    raw: bool
    checksum: int
    data: bytes


class Event(NamedTuple):
    """Something that was done to the collection as a whole, in seconds since 1970."""

    at: float
    event: str
    detail: str


class Detached(NamedTuple):
    """Feedback that was set aside: the id of its document, its old number, first and last row."""

    key: str
    document: int
    first: int
    last: int


@dataclass(frozen=True)
class Entry:
    """One document liked or disliked for a query: a text, or a vector of the encoder whose fingerprint is `encoder`."""

    number: int
    at: float
    document: int
    id: str
    liked: bool
    query: str | None
    vector: Floats | None
    encoder: str | None

    def as_json(self) -> dict[str, Any]:
        """The entry in plain values; a query that was given as a vector is left out."""
        return {"entry": self.number, "at": self.at, "query": self.query, "id": self.id, "liked": self.liked}
