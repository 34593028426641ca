"""Reranking as Jina and others have it: POST /v1/rerank; the same body is taken at /rerank (see tei.py)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from codomain.serve.catalog import Catalog
from codomain.serve.dialects.answers import Body, Served, answer
from codomain.serve.encoding.reranking import rerank as ranked
from codomain.serve.errors import Refusal

router = APIRouter(tags=["Jina"])


class WithText(Body):
    """A document as an object."""

    text: str


class Rerank(Body):
    """Jina's fields; `top_k` is Voyage's."""

    query: str
    documents: list[str | WithText]
    model: str = ""
    top_n: int | None = None
    top_k: int | None = None
    return_documents: bool = False


@router.post("/v1/rerank")
async def rerank(body: Rerank, served: Served) -> Response:
    """Documents by their similarity to the query, the best first."""
    return await rerank_answer(body, served)


async def rerank_answer(body: Rerank, served: Catalog) -> Response:
    """The answer, wherever it was asked for."""
    texts = [one if isinstance(one, str) else one.text for one in body.documents]
    if not texts:
        raise Refusal(400, "there is no document to rank.", "documents")
    model = served.model(body.model, ("dense", "multi", "sparse"))
    found = await ranked(model, body.query, texts, body.top_n if body.top_k is None else body.top_k)
    by_voyage = "top_k" in body.model_fields_set
    results: list[dict[str, Any]] = []
    for i in found.order:
        result: dict[str, Any] = {"index": i, "relevance_score": float(found.scores[i])}
        if body.return_documents:
            result["document"] = texts[i] if by_voyage else {"text": texts[i]}
        results.append(result)
    usage = {"total_tokens": found.tokens}
    return answer({"object": "list", "model": model.name, "data" if by_voyage else "results": results, "usage": usage})
