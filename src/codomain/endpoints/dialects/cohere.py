"""Cohere's second version: /v2/embed with input types, /v2/rerank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codomain.arrays import Floats
from codomain.endpoints.dialects.dialect import (
    Ask,
    Dialect,
    Embedded,
    Malformed,
    Request,
    floats,
    listed,
    scores_by_index,
    whole,
)


class Cohere(Dialect):
    """`texts`, `input_type`, `output_dimension`, `truncate`; the vectors of one type, in the order of the texts."""

    name = "cohere"
    default_url = "https://api.cohere.com"
    url_env = "CO_API_URL"
    key_env = "CO_API_KEY"
    needs_key = True
    most_texts = 96
    cuts = True
    has_roles = True

    def embed(self, ask: Ask) -> Request:
        """POST /v2/embed."""
        body: dict[str, Any] = {
            "model": ask.model,
            "texts": [*ask.texts],
            "input_type": f"search_{ask.role}",
            "embedding_types": ["float"],
            "truncate": "END" if ask.cuts else "NONE",
        }
        if ask.dimensions is not None:
            body["output_dimension"] = ask.dimensions
        return "/v2/embed", body

    def embedded(self, answer: Any, headers: Mapping[str, str], count: int) -> Embedded:
        """`embeddings.float`."""
        rows = listed(answer, "embeddings", "float")
        if len(rows) != count:
            raise Malformed(f"answers with {len(rows):,} entries to {count:,} texts")
        return Embedded([floats(row) for row in rows], whole(answer, "meta", "billed_units", "input_tokens"))

    def rerank(self, model: str, query: str, documents: Sequence[str]) -> Request:
        """POST /v2/rerank."""
        return "/v2/rerank", {"model": model, "query": query, "documents": [*documents]}

    def reranked(self, answer: Any, count: int) -> Floats:
        """`results` by `index`."""
        return scores_by_index(listed(answer, "results"), count, "relevance_score")
