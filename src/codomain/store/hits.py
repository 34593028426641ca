"""From rows to answers: documents, each once with its best chunk, and what a user wants to see of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from codomain.plan import BranchScores
from codomain.store.backend import Backend
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


def best_documents(backend: Backend, rows: Rows, scores: Floats, k: int) -> Found:
    """The first k documents among one query's hits."""
    rows, scores = rows[rows >= 0], scores[: int((rows >= 0).sum())]
    owner = backend.rows.owners(rows)
    found: Found = {}
    for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
        if row in owner and owner[row] not in found and len(found) < k:
            found[owner[row]] = (row, score)
    return found


def as_hits(backend: Backend, found: Found, trace: BranchScores | None, query: int) -> list[Hit]:
    """Documents as hits, with the branches of the trace where one was kept."""
    shown = backend.rows.hits([row for row, _ in found.values()])
    hits = []
    for row, score in found.values():
        _, key, text, title, metadata, source, start, stop, headings = shown[row]
        above = tuple(json.loads(headings)) if headings else ()
        branches = trace.scores(query, row) if trace is not None else {}
        hits.append(Hit(key, score, text, title, json.loads(metadata), source, start, stop, above, row, branches))
    return hits
