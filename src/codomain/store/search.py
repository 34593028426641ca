"""A search of a collection: queries through every branch, rows to documents, as deep as it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.errors import InputError
from codomain.plan import Branch, BranchScores, run
from codomain.read.record import clean
from codomain.store.filters.where import Where, parse_where
from codomain.store.hits import Hit, as_hits, best_documents
from codomain.vectors import Hits

if TYPE_CHECKING:
    from codomain.store.collection import Collection


def search_many(
    collection: Collection,
    queries: Sequence[str],
    k: int,
    where: str | Mapping[str, Any] | Where | None,
    explain: bool,
    feedback: bool,
) -> list[list[Hit]]:
    """The k best documents of each query, each with its best chunk.

    Raises InputError for what is no query, WhereError for a filter that cannot be read.
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise InputError(f"k must be a whole number of 1 or more, not {k!r}.")
    if isinstance(queries, str):
        raise InputError("search_many takes a list of queries; a single one is for search.")
    queries = [checked_query(query) for query in queries]
    with collection.snapshot():
        allow = None if where is None else collection.filters.mask(parse_where(where))
        encoded: dict[str, Any] = {}
        depth = k
        while True:
            trace = BranchScores()
            hits = _search(collection, queries, min(depth, max(collection.rows, 1)), allow, encoded, feedback, trace)
            found = [
                best_documents(collection.db, rows, scores, k)
                for rows, scores in zip(hits.rows, hits.scores, strict=True)
            ]
            # several chunks of one document count once: look deeper until k documents are there or all rows were seen
            short = any(len(f) < k and (rows >= 0).all() for f, rows in zip(found, hits.rows, strict=True))
            if not short or depth >= collection.rows:
                break
            depth *= 4
        return [as_hits(collection.db, f, trace if explain else None, number) for number, f in enumerate(found)]


def checked_query(query: str) -> str:
    """A query without what no encoder takes; raises InputError for one that is empty or no text."""
    if not isinstance(query, str):
        raise InputError(f"a query is a text, not {type(query).__name__}.")
    if not query.strip():
        raise InputError("the query is empty.")
    return clean(query)


def _search(
    collection: Collection,
    queries: Sequence[str],
    k: int,
    allow: np.ndarray[Any, Any] | None,
    encoded: dict[str, Any],
    feedback: bool,
    trace: BranchScores,
) -> Hits:
    def search_branch(planned: Branch, texts: Sequence[str], depth: int) -> Hits:
        branch = collection.searched[planned.name]
        if planned.encoder is None:
            return branch.search(texts, depth, allow)
        branch.check_encoder()
        key = planned.encoder.fingerprint
        if key not in encoded:
            encoded[key] = planned.encoder.encode_queries(texts)
        return branch.search(encoded[key], depth, allow, feedback)

    return run(collection.root, queries, k, search_branch, collection, trace)
