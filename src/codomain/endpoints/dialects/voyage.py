"""Voyage's: /embeddings with input types, chunks that know their document, /rerank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codomain.arrays import Floats
from codomain.endpoints.dialects.dialect import (
    Ask,
    Dialect,
    Embedded,
    Request,
    field,
    floats,
    in_order,
    listed,
    scores_by_index,
    whole,
)


class Voyage(Dialect):
    """`input`, `input_type`, `output_dimension`, `truncation`, base64; models named voyage-context-... take chunks in their documents."""

    name = "voyage"
    default_url = "https://api.voyageai.com/v1"
    key_env = "VOYAGE_API_KEY"
    needs_key = True
    most_texts = 128
    cuts = True
    has_roles = True

    def embed(self, ask: Ask) -> Request:
        """POST /embeddings; to a contextual model each text alone is a document of one chunk."""
        body: dict[str, Any] = {"model": ask.model, "input_type": ask.role, "encoding_format": "base64"}
        if ask.dimensions is not None:
            body["output_dimension"] = ask.dimensions
        if "context" in ask.model:
            return "/contextualizedembeddings", body | {"inputs": [[text] for text in ask.texts]}
        return "/embeddings", body | {"input": [*ask.texts], "truncation": ask.cuts}

    def embedded(self, answer: Any, headers: Mapping[str, str], count: int) -> Embedded:
        """`data` by `index`; of a contextual model `data` within `data`."""
        entries = in_order(listed(answer, "data"), count)
        if entries and isinstance(entries[0], dict) and "data" in entries[0]:
            entries = [in_order(listed(entry, "data"), 1)[0] for entry in entries]
        return Embedded(
            [floats(field(entry, "embedding")) for entry in entries], whole(answer, "usage", "total_tokens")
        )

    def situate(self, model: str, documents: Sequence[Sequence[str]], dimensions: int | None = None) -> Request:
        """POST /contextualizedembeddings: the chunks of each document, which are read together."""
        body: dict[str, Any] = {"model": model, "input_type": "document", "inputs": [[*chunks] for chunks in documents]}
        return "/contextualizedembeddings", body if dimensions is None else body | {"output_dimension": dimensions}

    def situated(self, answer: Any, counts: Sequence[int]) -> list[list[Floats]]:
        """The vectors of the chunks of each document."""
        found = in_order(listed(answer, "data"), len(counts))
        return [
            [floats(field(entry, "embedding")) for entry in in_order(listed(one, "data"), count)]
            for one, count in zip(found, counts, strict=True)
        ]

    def rerank(self, model: str, query: str, documents: Sequence[str]) -> Request:
        """POST /rerank."""
        return "/rerank", {"model": model, "query": query, "documents": [*documents]}

    def reranked(self, answer: Any, count: int) -> Floats:
        """`data` by `index`."""
        return scores_by_index(listed(answer, "data"), count, "relevance_score")
