"""A search of a collection: queries through every branch, rows to documents, as deep as it takes."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from codomain.arrays import Hits
from codomain.errors import InputError, StoreError
from codomain.items import Item, texts_of
from codomain.plan import Branch, BranchScores, EncodedOnce, as_queries, encode_queries, first_dense, run
from codomain.store.filters.where import Where, parse_where
from codomain.store.reading.hits import Answers, Hit, as_hits, best_documents, first_owners
from codomain.store.reading.listing import sort_field, sort_key
from codomain.text import brief, clean

if TYPE_CHECKING:
    from codomain.store.collection import Collection
    from codomain.store.reading.by_vector import VectorQuery

Syntax = Literal["plain", "query"]
"""How a query is read: as it stands, or by the signs of `codomain.analyzer.syntax`."""

Mask = np.ndarray[Any, np.dtype[np.bool_]]

SearchRows = Callable[[int, BranchScores], Hits]
"""So many rows of each query, with what every branch answered."""


@dataclass(frozen=True)
class Wanted:
    """What a search returns of what it finds; raises InputError for a value that it cannot be."""

    k: int = 10
    offset: int = 0
    sort: str | None = None
    min_score: float | None = None
    min_similarity: float | None = None
    max_per_source: int | None = None
    context: int = 0

    def __post_init__(self) -> None:
        _whole("k", self.k, 1)
        _whole("offset", self.offset, 0)
        _whole("context", self.context, 0)
        if self.max_per_source is not None:
            _whole("max_per_source", self.max_per_source, 1)
        for name in ("min_score", "min_similarity"):
            value = getattr(self, name)
            if value is not None and not _number(value):
                raise InputError(f"{name} must be a number, not {brief(value)}.")
        sort_field(self.sort)


def _number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return not math.isnan(value) if isinstance(value, float) else abs(value) <= sys.float_info.max


def _whole(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 1 << 63:
        raise InputError(f"{name} must be a whole number of {least} or more, not {brief(value)}.")


def search_many(
    collection: Collection,
    queries: Sequence[Any],
    where: str | Mapping[str, Any] | Where | None,
    feedback: bool,
    wanted: Wanted,
    syntax: Syntax = "plain",
    typos: bool = False,
) -> list[Answers]:
    """The k best documents of each query, each with its best chunk.

    With `syntax="query"` texts are read by `codomain.analyzer.syntax.parse`.

    Raises InputError for what is no query, WhereError for a filter that cannot be read.
    """
    if syntax not in ("plain", "query"):
        raise InputError(f"the syntax of a query is 'plain' or 'query', not {syntax!r}.")
    if isinstance(queries, str):
        raise InputError("search_many takes a list of queries; a single one is for search.")
    with collection.snapshot():
        asked = [checked_query(query) for query in as_queries(collection.state.root, queries)]
        parsed = None if where is None else parse_where(where)
        allow, inside = collection.state.filters.allowed(collection.backend, parsed)
        if syntax == "query" or typos:
            found = [
                _by_words(collection, query, allow, inside, feedback, wanted, syntax, typos)
                if isinstance(query, str)
                else _found(collection, [query], allow, inside, feedback, wanted)[0]
                for query in asked
            ]
        else:
            found = _found(collection, asked, allow, inside, feedback, wanted)
            if not all(found):
                from codomain.store.filters.words import warn_of_stop_words

                warn_of_stop_words(collection, asked, found)
        return found


def _found(
    collection: Collection,
    asked: Sequence[str | Item],
    allow: Mask | None,
    inside: Mask | None,
    feedback: bool,
    wanted: Wanted,
) -> list[Answers]:
    encoded = EncodedOnce(encode_queries)

    def search(depth: int, trace: BranchScores) -> Hits:
        return _search(collection, asked, depth, allow, inside, encoded, feedback, trace)

    return _answers(collection, search, len(asked), wanted)


def _by_words(
    collection: Collection,
    query: str,
    allow: Mask | None,
    inside: Mask | None,
    feedback: bool,
    wanted: Wanted,
    syntax: Syntax,
    typos: bool,
) -> Answers:
    """The answers of one query that is read by the query syntax, or forgives typing errors."""
    from codomain.analyzer.syntax import LexicalQuery, parse
    from codomain.store.filters.words import WordFilter, lexical, warn_of_stop_words

    if syntax == "plain":
        asked = LexicalQuery(query, typos=typos)
    else:
        parsed = parse(query)
        asked = lexical(parsed, typos)
        if any(clause.filters for clause in parsed.clauses):
            mask = WordFilter(collection).mask(parsed)
            if mask is not None:
                allow = mask if allow is None else allow & mask
    found = _found(collection, [asked], allow, inside, feedback, wanted)
    if not found[0]:
        warn_of_stop_words(collection, [asked], found)
    return found[0]


def search_by_vector(
    collection: Collection,
    ask: Callable[[Collection], VectorQuery],
    where: str | Mapping[str, Any] | Where | None,
    feedback: bool,
    wanted: Wanted,
) -> Answers:
    """The k best documents for a vector, in the first dense branch alone; rankers that read a query's text do not take part."""
    with collection.snapshot():
        asked = ask(collection)
        parsed = None if where is None else parse_where(where)
        allow, inside = collection.state.filters.allowed(collection.backend, parsed)
        if len(asked.without):
            allow = np.ones(collection.rows, bool) if allow is None else allow.copy()
            allow[asked.without] = False
        branch: Any = collection.state.searched[asked.branch.name]

        def search(depth: int, trace: BranchScores) -> Hits:
            prepared = {"prepared": True} if asked.prepared else {}
            hits: Hits = branch.search(asked.vector, depth, allow, feedback, **prepared)
            _check_inside(hits, inside)
            trace.hits[asked.branch.name] = hits
            return hits

        return _answers(collection, search, 1, wanted)[0]


def _answers(collection: Collection, search: SearchRows, queries: int, wanted: Wanted) -> list[Answers]:
    """What is wanted of the rows that a search finds, as deep as that takes."""
    backend, most = collection.backend, wanted.offset + wanted.k
    depth = most
    while True:
        trace = BranchScores()
        hits = search(min(depth, max(collection.rows, 1)), trace)
        owners = first_owners(backend, hits, most)
        found = [
            best_documents(backend, rows, scores, most, wanted.max_per_source, owners)
            for rows, scores in zip(hits.rows, hits.scores, strict=True)
        ]
        # several chunks of one document count once: look deeper until k documents are there or all rows were seen
        short = any(len(f) < most and (rows >= 0).all() for f, rows in zip(found, hits.rows, strict=True))
        if not short or depth >= collection.rows:
            break
        depth *= 4
    dense = first_dense(collection.state.root)
    similar = None if dense is None else dense.name
    chosen = [dict(list(one.items())[wanted.offset :]) for one in found]
    chunks = backend.rows.hits(sorted({row for one in chosen for row, _ in one.values()}), wanted.context)
    return [
        Answers(_kept(as_hits(chunks, chosen[number], trace, number, similar), wanted)) for number in range(queries)
    ]


def _kept(hits: list[Hit], wanted: Wanted) -> list[Hit]:
    """The hits above the lowest scores that are wanted, in the order that is wanted."""
    if wanted.min_score is not None:
        hits = [hit for hit in hits if hit.score >= wanted.min_score]
    if wanted.min_similarity is not None:
        hits = [hit for hit in hits if hit.similarity is not None and hit.similarity >= wanted.min_similarity]
    field, descending = sort_field(wanted.sort)
    if field is None:
        return hits
    having = [hit for hit in hits if _field(hit, field) is not None]
    having.sort(key=lambda hit: sort_key(_field(hit, field)), reverse=descending)
    return having + [hit for hit in hits if _field(hit, field) is None]


def _field(hit: Hit, field: str) -> Any:
    own = {"_id": hit.id, "_title": hit.title, "_source": hit.source}
    return own[field] if field in own else hit.metadata.get(field)


def checked_query(query: str | Item) -> str | Item:
    """A query without what no encoder takes; raises InputError for a text that is empty."""
    return checked_text(query) if isinstance(query, str) else query


def checked_text(query: str) -> str:
    """A text without what no encoder takes; raises InputError for one that is empty."""
    if not query.strip():
        raise InputError("the query is empty.")
    return clean(query)


def _search_hosted(
    collection: Collection,
    branch: Any,
    planned: Branch,
    queries: Sequence[str | Item],
    depth: int,
    allow: Any,
    inside: Any,
    feedback: bool,
    encoded: EncodedOnce,
) -> Hits:
    """Search a branch whose encoder is behind a server; without it where a bridge was prepared for that."""
    from codomain.endpoints.client import not_waited_for
    from codomain.endpoints.errors import Unreachable
    from codomain.store.upgrade import offline

    if not offline.ready(collection, branch):
        try:
            vectors = encoded(planned, queries)
        except Unreachable as away:
            raise Unreachable(offline.advice(collection, away)) from None
        return branch.search(vectors, depth, allow, feedback, inside=inside)  # type: ignore[no-any-return]
    try:
        with not_waited_for():
            vectors = encoded(planned, queries)
    except Unreachable as away:
        return offline.search(collection, branch, queries, depth, allow, feedback, away)
    return branch.search(vectors, depth, allow, feedback, inside=inside)  # type: ignore[no-any-return]


def _search(
    collection: Collection,
    queries: Sequence[str | Item],
    k: int,
    allow: Mask | None,
    inside: Mask | None,
    encoded: EncodedOnce,
    feedback: bool,
    trace: BranchScores,
) -> Hits:
    def search_branch(planned: Branch, fitting: Sequence[str | Item], depth: int, allow: Any = allow) -> Hits:
        branch = collection.state.searched[planned.name]
        if planned.encoder is None:
            return branch.search(texts_of(fitting), depth, allow, inside=inside)
        branch.check_encoder()
        # encoders are given a plain text, not the LexicalQuery that it may be
        plain = [str(query) if isinstance(query, str) else query for query in fitting]
        if not hasattr(planned.encoder, "known_dim"):
            return branch.search(encoded(planned, plain), depth, allow, feedback, inside=inside)
        return _search_hosted(collection, branch, planned, plain, depth, allow, inside, feedback, encoded)

    def unfiltered(planned: Branch, fitting: Sequence[str | Item], depth: int) -> Hits:
        return search_branch(planned, fitting, depth, inside)

    without = None if allow is inside else unfiltered
    hits = run(collection.state.root, queries, k, search_branch, collection, trace, without)
    _check_inside(hits, inside)
    return hits


def _check_inside(hits: Hits, inside: Mask | None) -> None:
    """Refuse an answer with a row of another namespace, which an index that is not codomain's own might give."""
    if inside is not None and not inside[hits.rows[hits.rows >= 0]].all():
        raise StoreError(
            "an index gave a document of another namespace, which it was told to leave out: nothing is shown."
        )
