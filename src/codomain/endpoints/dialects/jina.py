"""Jina's reranking route, which most other servers have as well; its embeddings are OpenAI's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from codomain.arrays import Floats
from codomain.endpoints.dialects.dialect import Request, listed, scores_by_index
from codomain.endpoints.dialects.openai import OpenAI


class Jina(OpenAI):
    """`query`, `documents`; `results` have an index."""

    name = "jina"
    default_url = "https://api.jina.ai/v1"
    url_env = None
    key_env = "JINA_API_KEY"

    def rerank(self, model: str, query: str, documents: Sequence[str]) -> Request:
        """POST /rerank."""
        return "/rerank", {"model": model, "query": query, "documents": [*documents], "return_documents": False}

    def reranked(self, answer: Any, count: int) -> Floats:
        """`results` by `index`."""
        return scores_by_index(listed(answer, "results"), count, "relevance_score")
