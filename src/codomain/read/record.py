"""A record: one document with its id, text, title and metadata, whatever it was read from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from codomain.items import Media
from codomain.read.metadata import Value

TEXT_FIELDS = ("text", "body", "content", "contents", "document", "passage", "abstract", "description")
TITLE_FIELDS = ("title",)
ID_FIELDS = ("_id", "id", "docid", "doc_id", "document_id", "corpus-id")


_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True)
class Record:
    """One document as it is stored: `source` is the file it came from, `markdown` says how to cut it; `media` stand beside the text."""

    id: str
    text: str
    title: str | None = None
    metadata: dict[str, Value] = field(default_factory=dict)
    source: str = ""
    markdown: bool = False
    media: tuple[Media, ...] = ()

    @cached_property
    def fields_json(self) -> str:
        """The metadata as JSON, in the order of their names."""
        return _JSON.encode(self.metadata)

    @cached_property
    def digest(self) -> str:
        """A hash of all that is stored, equal for equal records: 32 hexadecimal digits.

        >>> Record("1", "a").digest == Record("1", "a", metadata={"year": 2020}).digest
        False
        """
        return self.digest_with([medium.digest for medium in self.media])

    def digest_with(self, media: Sequence[str]) -> str:
        """The digest, its media known by their own digests."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.id, self.title, self.text, self.fields_json):
            digest.update(b"\0" if part is None else b"\1" + part.encode() + b"\0")
        for medium in media:
            digest.update(b"\2" + medium.encode())
        return digest.hexdigest()


def content_id(title: str | None, text: str, media: Sequence[Media] = ()) -> str:
    """The id of a row that names none: a hash of its title, text and media, the same in every run.

    >>> content_id(None, "a text")
    'd324ad02134418ad'
    """
    parts = [f"{title or ''}\0{text}", *(medium.digest for medium in media)]
    return hashlib.blake2b("\2".join(parts).encode(), digest_size=8).hexdigest()
