"""From rows to answers: documents, each once with its best chunk, and what a user wants to see of them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from typing import Any

from codomain.plan import BranchScores
from codomain.vectors import Floats, Rows

Found = dict[int, tuple[int, float]]
"""Documents by number, best first: their best row and its score."""


@dataclass(frozen=True)
class Hit:
    """One answer: the best chunk of a document, with offsets into the document's text."""

    id: str
    score: float
    text: str
    title: str | None
    metadata: dict[str, Any]
    source: str | None
    start: int
    end: int
    headings: tuple[str, ...]
    row: int
    branches: dict[str, tuple[int, float]] = field(default_factory=dict)
    """With explain: rank (from 1) and score in each branch that found it."""


def best_documents(db: sqlite3.Connection, rows: Rows, scores: Floats, k: int) -> Found:
    """The first k documents among one query's hits."""
    rows, scores = rows[rows >= 0], scores[: int((rows >= 0).sum())]
    query = "SELECT row, document FROM chunks WHERE row IN (SELECT value FROM json_each(?))"
    owner = dict(db.execute(query, [json.dumps(rows.tolist())]))
    found: Found = {}
    for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
        if row in owner and owner[row] not in found and len(found) < k:
            found[owner[row]] = (row, score)
    return found


def as_hits(db: sqlite3.Connection, found: Found, trace: BranchScores | None, query: int) -> list[Hit]:
    """Documents as hits, with the branches of the trace where one was kept."""
    sql = (
        "SELECT c.row, d.key, substr(d.text, c.start + 1, c.stop - c.start), d.title, d.metadata, s.path, c.start, c.stop, "
        "c.headings FROM chunks c JOIN documents d ON d.id = c.document LEFT JOIN sources s ON s.id = d.source "
        "WHERE c.row IN (SELECT value FROM json_each(?))"
    )
    rows = {r[0]: r[1:] for r in db.execute(sql, [json.dumps([row for row, _ in found.values()])])}
    hits = []
    for row, score in found.values():
        key, text, title, metadata, source, start, stop, headings = rows[row]
        above = tuple(json.loads(headings)) if headings else ()
        branches = trace.scores(query, row) if trace is not None else {}
        hits.append(Hit(key, score, text, title, json.loads(metadata), source, start, stop, above, row, branches))
    return hits
