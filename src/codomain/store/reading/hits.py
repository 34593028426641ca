"""From rows to answers: documents, each once with its best chunk, and what a user wants to see of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from codomain.arrays import Floats, Hits, Rows
from codomain.errors import StoreError
from codomain.plan import BranchScores
from codomain.store.backend import Backend
from codomain.store.backend.errors import damaged_document
from codomain.store.backend.values import ChunkHit

_SHOWN = 300
"""Characters of a passage that a notebook shows."""

_FIRST = 4
"""Rows for each document that is wanted, whose documents are looked up at first."""

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
    """Rank (from 1) and score in each branch that found it."""
    similarity: float | None = None
    """The score in the first dense branch, a cosine for most pipelines; None where that branch did not find it."""
    context: str = ""
    """The text around the chunk, with it, where that was asked for."""


class Answers(list[Hit]):
    """The hits of a query, best first: a list that a notebook shows as a table."""

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{rank}</td><td>{hit.score:.4f}</td><td>{escape(hit.title or hit.id)}</td>"
            f"<td style='text-align:left'>{escape(hit.text[:_SHOWN])}{'…' if len(hit.text) > _SHOWN else ''}</td></tr>"
            for rank, hit in enumerate(self, 1)
        )
        return f"<table><tr><th>#</th><th>score</th><th>document</th><th>passage</th></tr>{rows}</table>"


def first_owners(backend: Backend, hits: Hits, k: int) -> dict[int, int]:
    """The documents of the first rows of all queries: most often enough for k of each."""
    first = {*hits.rows[:, : _FIRST * k].ravel().tolist()} - {-1}  # np.unique would import numpy.ma
    return backend.rows.owners(np.array(sorted(first), np.int64))


def best_documents(
    backend: Backend,
    rows: Rows,
    scores: Floats,
    k: int,
    max_per_source: int | None = None,
    owners: Mapping[int, int] | None = None,
) -> Found:
    """The first k documents among one query's hits, so many of a source at most; documents without a source are not counted.

    `owners` are the `first_owners` of several queries.
    """
    number = int((rows >= 0).sum())
    taken: Counter[int] = Counter()
    found: Found = {}
    start, stop = 0, min(_FIRST * k, number)
    while start < number and len(found) < k:  # most often the first rows are of enough documents
        owner = backend.rows.owners(rows[start:stop]) if start or owners is None else owners
        sources = {}
        if max_per_source is not None:
            seen = (owner.get(row) for row in rows[start:stop].tolist())
            sources = backend.documents.sources(sorted({document for document in seen if document is not None}))
        for row, score in zip(rows[start:stop].tolist(), scores[start:stop].tolist(), strict=True):
            if len(found) == k:
                break
            if row not in owner or owner[row] in found:
                continue
            source = sources.get(owner[row])
            if source is not None and max_per_source is not None:
                if taken[source] == max_per_source:
                    continue
                taken[source] += 1
            found[owner[row]] = (row, score)
        start, stop = stop, number
    return found


def as_hits(
    shown: Mapping[int, ChunkHit], found: Found, trace: BranchScores, query: int, similar: str | None
) -> list[Hit]:
    """Documents as hits, with their place in each branch; `shown` has the chunk of each row."""
    places = trace.of_rows(query, [row for row, _ in found.values()])
    hits = []
    for row, score in found.values():
        if row not in shown:
            raise StoreError(f"the document of row {row} is damaged: codomain verify shows more.")
        chunk = shown[row]
        above = tuple(loaded(chunk.headings, chunk.key)) if chunk.headings else ()
        branches = places[row]
        similarity = branches[similar][1] if similar in branches else None
        fields = {} if chunk.metadata == "{}" else loaded(chunk.metadata, chunk.key)
        hits.append(
            Hit(
                chunk.key, score, chunk.text, chunk.title, fields, chunk.source, chunk.start, chunk.stop, above, row,
                branches, similarity, chunk.context,
            )
        )  # fmt: skip
    return hits


def loaded(stored: str, key: str) -> Any:
    """The JSON of a document's entry; raises StoreError where it is none."""
    try:
        return json.loads(stored)
    except (TypeError, ValueError):
        raise StoreError(damaged_document(key)) from None
