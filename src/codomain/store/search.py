"""A search of a collection: queries through every branch, rows to documents, as deep as it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.errors import InputError
from codomain.items import Item, texts_of
from codomain.plan import Branch, BranchScores, EncodedOnce, as_queries, encode_queries, run
from codomain.store.filters.where import Where, parse_where
from codomain.store.hits import Hit, as_hits, best_documents
from codomain.text import clean
from codomain.vectors import Hits

if TYPE_CHECKING:
    from codomain.store.collection import Collection


def search_many(
    collection: Collection,
    queries: Sequence[Any],
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
    with collection.snapshot():
        asked = [checked_query(query) for query in as_queries(collection.state.root, queries)]
        allow = None if where is None else collection.state.filters.mask(parse_where(where))
        encoded = EncodedOnce(encode_queries)
        depth = k
        while True:
            trace = BranchScores()
            hits = _search(collection, asked, min(depth, max(collection.rows, 1)), allow, encoded, feedback, trace)
            found = [
                best_documents(collection.backend, rows, scores, k)
                for rows, scores in zip(hits.rows, hits.scores, strict=True)
            ]
            # several chunks of one document count once: look deeper until k documents are there or all rows were seen
            short = any(len(f) < k and (rows >= 0).all() for f, rows in zip(found, hits.rows, strict=True))
            if not short or depth >= collection.rows:
                break
            depth *= 4
        return [as_hits(collection.backend, f, trace if explain else None, number) for number, f in enumerate(found)]


def checked_query(query: str | Item) -> str | Item:
    """A query without what no encoder takes; raises InputError for a text that is empty."""
    return checked_text(query) if isinstance(query, str) else query


def checked_text(query: str) -> str:
    """A text without what no encoder takes; raises InputError for one that is empty."""
    if not query.strip():
        raise InputError("the query is empty.")
    return clean(query)


def _search(
    collection: Collection,
    queries: Sequence[str | Item],
    k: int,
    allow: np.ndarray[Any, Any] | None,
    encoded: EncodedOnce,
    feedback: bool,
    trace: BranchScores,
) -> Hits:
    def search_branch(planned: Branch, fitting: Sequence[str | Item], depth: int) -> Hits:
        branch = collection.state.searched[planned.name]
        if planned.encoder is None:
            return branch.search(texts_of(fitting), depth, allow)
        branch.check_encoder()
        return branch.search(encoded(planned, fitting), depth, allow, feedback)

    return run(collection.state.root, queries, k, search_branch, collection, trace)
