"""What a chunk says, as encoders and text indexes see it."""

from __future__ import annotations

import json

from codomain.arrays import Rows
from codomain.items import Item
from codomain.read.text.passage import passage
from codomain.store.backend import Backend
from codomain.store.backend.values import ChunkText

_ROWS_AT_ONCE = 4_096


def passages(backend: Backend, start: int, stop: int) -> list[str]:
    """What each row from start to stop - 1 says, as encoders and text indexes see it; "" for deleted rows."""
    texts = [""] * (stop - start)
    for first in range(start, stop, _ROWS_AT_ONCE):
        for chunk in backend.rows.texts_between(first, min(stop, first + _ROWS_AT_ONCE)):
            texts[chunk.row - start] = _passage_of(chunk)
    return texts


def passages_of(backend: Backend, rows: Rows) -> list[str]:
    """What some rows say, in their order; "" for deleted rows."""
    found = {chunk.row: _passage_of(chunk) for chunk in backend.rows.texts_of(rows)}
    return [found.get(row, "") for row in rows.tolist()]


def items_of(backend: Backend, rows: Rows) -> list[str | Item]:
    """What some rows say, with the media of their documents where there are any; "" for deleted rows."""
    texts = passages_of(backend, rows)
    if not backend.media.any():
        return [*texts]
    owner = backend.rows.owners(rows)
    media = backend.media.of([*{*owner.values()}])
    return [
        Item(text, media[owner[row]]) if owner.get(row) in media else text
        for row, text in zip(rows.tolist(), texts, strict=True)
    ]


def _passage_of(chunk: ChunkText) -> str:
    return passage(chunk.title, json.loads(chunk.headings) if chunk.headings else (), chunk.text)
