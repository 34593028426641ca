"""A record: one document with its id, text, title and flat metadata, whatever it was read from."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from codomain.items import Media
from codomain.text import clean

Value = str | int | float | bool | None | list[str]

TEXT_FIELDS = ("text", "body", "content", "contents", "document", "passage", "abstract", "description")
TITLE_FIELDS = ("title",)
ID_FIELDS = ("_id", "id", "docid", "doc_id", "document_id", "corpus-id")


ODD_NAME = re.compile(r'["`\\\x00-\x1f\x7f]|\A\Z')
"""What no name of a metadata field has: quotes, backslashes and control characters; nor is it empty."""

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


def plain_names(fields: dict[str, Value]) -> dict[str, Value]:
    """Metadata under names that a filter can spell: odd characters become "_", a field without a name is dropped.

    >>> plain_names({"": 0, 'a"b': 1, "a_b": 2})
    {'a_b': 2, 'a_b_': 1}
    """
    if "" not in fields and not ODD_NAME.search("|".join(fields)):
        return fields
    plain = {name: value for name, value in fields.items() if not ODD_NAME.search(name)}
    for name, value in fields.items():
        if name and name not in plain:
            new = ODD_NAME.sub("_", name)
            while new in plain:
                new += "_"
            plain[new] = value
    return plain


def flatten(fields: dict[str, Any]) -> dict[str, Value]:
    """Metadata for filters: nested objects become dotted names, lists of plain values lists of text, the rest JSON text.

    >>> flatten({"author": {"name": "Ada", "born": 1815}, "tags": ["a", 1], "more": [{"x": 1}]})
    {'author.name': 'Ada', 'author.born': 1815, 'tags': ['a', '1'], 'more': '[{"x": 1}]'}

    Raises ValueError for NaN, infinity, a value that JSON does not know, or one that is nested too deeply.
    """
    try:
        return _flatten(fields, "")
    except RecursionError:
        raise ValueError("holds metadata that is nested too deeply") from None


def _flatten(fields: dict[str, Any], prefix: str) -> dict[str, Value]:
    flat: dict[str, Value] = {}
    for name, value in fields.items():
        kind = type(value)
        # nearly all fields are plain texts and numbers: those are seen to here, without a call
        if kind is str:
            if "\0" in value or not value.isascii():
                value = clean(value)
        elif isinstance(value, dict):
            flat.update(_flatten(value, f"{prefix}{_clean_name(name)}."))
            continue
        elif kind is not int or not -(2**63) <= value < 2**63:
            value = _plain(name, value)
        flat[prefix + _clean_name(name)] = value
    return flat


@lru_cache(maxsize=4_096, typed=True)
def _clean_name(name: Any) -> str:
    return clean(str(name))


def _plain(name: str, value: Any) -> Value:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f'the field "{name}" holds {value}, which no filter can compare')
        return value
    if isinstance(value, list):
        return _plain_list(value)
    return clean(str(value))


def _plain_list(items: list[Any]) -> Value:
    try:
        joined = "".join(items)
    except TypeError:  # something in it is not a text
        if all(isinstance(item, str | int | float | bool) for item in items):
            return [clean(item if isinstance(item, str) else json.dumps(item)) for item in items]
        return clean(json.dumps(items, ensure_ascii=False, default=str))
    return items if clean(joined) is joined else [clean(item) for item in items]
