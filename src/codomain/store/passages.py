"""What a chunk says, as encoders and text indexes see it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from codomain.items import Item
from codomain.store.media import has_media, media_of
from codomain.vectors import Rows

_ROWS_AT_ONCE = 4_096


def passages(db: sqlite3.Connection, start: int, stop: int) -> list[str]:
    """What each row from start to stop - 1 says, as encoders and text indexes see it; "" for deleted rows."""
    texts = [""] * (stop - start)
    for first in range(start, stop, _ROWS_AT_ONCE):
        last = min(stop, first + _ROWS_AT_ONCE)
        # each document once, however many chunks it has: a long text is costly to fetch
        query = (
            "SELECT id, title, text FROM documents WHERE id IN (SELECT document FROM chunks WHERE row >= ? AND row < ?)"
        )
        documents = {id: (title, text) for id, title, text in db.execute(query, [first, last])}
        query = "SELECT row, document, start, stop, headings FROM chunks WHERE row >= ? AND row < ?"
        for row, document, begin, end, headings in db.execute(query, [first, last]):
            title, text = documents[document]
            texts[row - start] = passage(title, json.loads(headings) if headings else (), text[begin:end])
    return texts


def passages_of(db: sqlite3.Connection, rows: Rows) -> list[str]:
    """What some rows say, in their order; "" for deleted rows."""
    sql = (
        "SELECT c.row, d.title, c.headings, substr(d.text, c.start + 1, c.stop - c.start) FROM chunks c "
        "JOIN documents d ON d.id = c.document WHERE c.row IN (SELECT value FROM json_each(?))"
    )
    found = {
        row: passage(title, json.loads(headings) if headings else (), text)
        for row, title, headings, text in db.execute(sql, [json.dumps(rows.tolist())])
    }
    return [found.get(row, "") for row in rows.tolist()]


def items_of(db: sqlite3.Connection, rows: Rows) -> list[str | Item]:
    """What some rows say, with the media of their documents where there are any; "" for deleted rows."""
    texts = passages_of(db, rows)
    if not has_media(db):
        return [*texts]
    sql = "SELECT row, document FROM chunks WHERE row IN (SELECT value FROM json_each(?))"
    owner = dict(db.execute(sql, [json.dumps(rows.tolist())]).fetchall())
    media = media_of(db, [*{*owner.values()}])
    return [
        Item(text, media[owner[row]]) if owner.get(row) in media else text
        for row, text in zip(rows.tolist(), texts, strict=True)
    ]


def passage(title: str | None, headings: Sequence[str], text: str) -> str:
    """A chunk with what it stands under: title, headings, text.

    >>> passage("Guide", ["Install", "Linux"], "Run make.")
    'Guide\\nInstall > Linux\\nRun make.'
    """
    above = " > ".join(heading for heading in headings if heading != title)
    return "\n".join(part for part in (title, above, text) if part)
