"""Pairs of a query and a right document: JSON lines of texts, of vectors or of ids, and the feedback of a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from codomain.arrays import Floats, as_float32
from codomain.errors import InputError, PipelineError
from codomain.learn.fitting.sides import column, sampled

if TYPE_CHECKING:
    from codomain.contracts import Encoder
    from codomain.store import Collection

_CORPUS = 20_000
"""Other documents at most that hard negatives are drawn from."""


class Pairs(NamedTuple):
    """Queries (n, d), a right document's vector (n, d) of each, other documents (m, d), and how many pairs were left out."""

    X: Floats
    y: Floats
    corpus: Floats
    left_out: int


class Scored(NamedTuple):
    """Both sides of pairs (n, d), and how alike the two of each are (n,)."""

    X: Floats
    y: Floats
    scores: np.ndarray


def of_lines(path: Path, encoder: str | None) -> Pairs:
    """Pairs of a file of JSON lines with "query" and "document", two texts for an encoder or two vectors.

    Raises InputError, naming file and line, for a line that is no pair, and where texts have no encoder.
    """
    rows = _rows(path, "query", "document")
    X = _vectors([row["query"] for row in rows], f"queries of {path}", encoder, queries=True)
    y = _vectors([row["document"] for row in rows], f"documents of {path}", encoder, queries=False)
    return Pairs(X, y, y[:0], 0)


def scored_of_lines(path: Path, encoder: str | None) -> Scored:
    """Pairs with "left", "right" and a number as "score"; raises InputError as `of_lines` does."""
    rows = _rows(path, "left", "right", "score")
    for number, row in enumerate(rows, 1):
        if isinstance(row["score"], bool) or not isinstance(row["score"], int | float):
            raise InputError(f'{path}, pair {number}: the field "score" is no number.')
    left, right = (
        _vectors([row[name] for row in rows], f"{name} sides of {path}", encoder, queries=False)
        for name in ("left", "right")
    )
    return Scored(left, right, np.array([row["score"] for row in rows], np.float64))


def of_collection(collection: Collection, path: Path | None) -> Pairs:
    """Pairs of a query's text and the id of a document, of a file or, without one, of what users liked.

    Vectors are those of the encoder, before any transform. Of a document of several chunks, the chunk that is nearest to the
    query is the right one; the other chunks, 20,000 at most, are the corpus. Pairs whose document is gone, feedback on
    queries that were vectors, and what users did not like, are left out and counted.

    Raises InputError where nothing is left, PipelineError for a collection without an encoder of dense vectors.
    """
    disliked = 0
    if path is not None:
        try:
            rows = _rows(path, "query", "_id")
        except InputError as error:  # readers of data sets call it so
            raise InputError(str(error).replace('"_id"', '"id"')) from None
        asked = [(row["query"], str(row["_id"])) for row in rows]
        what = str(path)
    else:
        entries = collection.feedback_journal()
        journal = [entry for entry in entries if entry["liked"]]
        disliked = len(entries) - len(journal)
        asked, what = [(entry["query"], str(entry["id"])) for entry in journal], f"the feedback of {collection.folder}"
    with collection.snapshot():
        branch = collection.first_dense
        if branch is None or "text" not in branch.plan.modalities:
            raise PipelineError(f"{collection.pipeline} has no encoder of dense vectors of texts.")
        branch.check_encoder()
        encoder: Encoder = branch.plan.encoder  # type: ignore[assignment]
        plain = not branch.plan.transforms
    rows_of: dict[str, list[int]] = {}
    for row, id in collection.row_ids():
        rows_of.setdefault(id, []).append(row)
    kept = [(query, id) for query, id in asked if isinstance(query, str) and id in rows_of]
    if not kept:
        raise InputError(f"{what} has no pair of a query and a document that is in {collection.folder}.")

    def vectors(rows: np.ndarray) -> Floats:
        if plain:
            return as_float32(collection.vectors(rows))
        return as_float32(encoder.encode_documents(collection.items(rows)))

    X = as_float32(encoder.encode_queries([query for query, _ in kept]))
    y = np.empty_like(X)
    for place, (_, id) in enumerate(kept):
        chunks = vectors(np.array(rows_of[id], np.int64))
        y[place] = chunks[int((chunks @ X[place]).argmax())]
    live = collection.live_rows()
    return Pairs(X, y, vectors(live[sampled(len(live), _CORPUS)]), len(asked) - len(kept) + disliked)


def _rows(path: Path, *needed: str) -> list[dict[str, Any]]:
    from codomain.measure.data.lines import json_rows

    rows = list(json_rows(path, *needed))
    if not rows:
        raise InputError(f"{path} holds no pairs.")
    return rows


def _vectors(values: list[Any], what: str, encoder: str | None, queries: bool) -> Floats:
    found = column(values, what)
    if not isinstance(found, list):
        return found
    if encoder is None:
        raise InputError(f"the {what} are texts: name the --encoder that makes vectors of them.")
    from codomain.learn.fitting.sides import _encoder

    return as_float32(_encoder(encoder).encode(found, queries))
