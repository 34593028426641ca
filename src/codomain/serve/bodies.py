"""What requests about collections hold; a field that there is not is refused."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from codomain.serve.dialects.answers import OwnBody

Where = str | dict[str, Any] | None
"""A filter as an expression or as JSON (docs/filters.md)."""


class Search(OwnBody):
    """A search, as `Collection.search` takes it: one of `query`, `queries`, `vector` and `like`."""

    query: str | None = None
    queries: list[str] | None = None
    vector: list[float] | None = None
    like: str | list[str] | dict[str, float] | None = None
    k: int = Field(10, ge=1, le=10_000)
    where: Where = None
    offset: int = Field(0, ge=0, le=1_000_000)
    sort: str | None = None
    min_score: float | None = None
    min_similarity: float | None = None
    max_per_source: int | None = Field(None, ge=1)
    context: int = Field(0, ge=0, le=100_000)
    syntax: Literal["plain", "query"] = "plain"
    typos: bool = False
    feedback: bool = True
    explain: bool = False
    namespace: str | None = None


class SearchIn(Search):
    """A search of one of several collections."""

    collection: str


class Searches(OwnBody):
    """Several searches at once."""

    searches: list[SearchIn] = Field(min_length=1, max_length=100)


class Document(OwnBody):
    """A document; without an id it gets that of its text."""

    text: str
    id: str | None = None
    title: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    vector: list[float] | None = None


class Documents(OwnBody):
    """Documents to add, or to update where their id is there."""

    documents: list[Document | str] = Field(min_length=1)
    namespace: str | None = None


class Change(OwnBody):
    """What changes of a document: fields of its metadata (null removes one), its text, its title."""

    metadata: dict[str, Any] | None = None
    text: str | None = None
    title: str | None = None
    namespace: str | None = None


class Deletion(OwnBody):
    """Documents to delete: by id, or those that a filter matches."""

    ids: list[str] | None = None
    where: Where = None
    namespace: str | None = None


class Feedback(OwnBody):
    """Documents that were right or wrong for a query."""

    query: str
    good: list[str] = Field(default_factory=list)
    bad: list[str] = Field(default_factory=list)
    namespace: str | None = None
