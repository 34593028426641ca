"""Cohere's routes: POST /v2/embed and POST /v2/rerank."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Response
from pydantic import Field

from codomain.serve.dialects.answers import Body, Served, answer
from codomain.serve.encoding.embedding import FORMS, dense, in_form
from codomain.serve.encoding.reranking import rerank as ranked
from codomain.serve.errors import Refusal

router = APIRouter(tags=["Cohere"])

_TYPES = {"search_document": False, "search_query": True, "classification": False, "clustering": False}


class Embed(Body):
    """Cohere's fields; `inputs` are texts in parts, as its newer clients send them."""

    model: str
    input_type: str
    texts: list[str] | None = None
    images: list[str] | None = None
    inputs: list[dict[str, Any]] | None = None
    output_dimension: int | None = None
    embedding_types: list[str] = Field(default_factory=lambda: ["float"])
    truncate: str = "END"


class Rerank(Body):
    """Cohere's fields."""

    model: str
    query: str
    documents: list[str]
    top_n: int | None = None
    max_tokens_per_doc: int | None = None


@router.post("/v2/embed")
async def embed(body: Embed, served: Served) -> Response:
    """Vectors of texts, in each of the forms that are asked for."""
    if body.input_type not in _TYPES:
        why = "images are not served here" if body.input_type == "image" else f"it is one of {', '.join(_TYPES)}"
        raise Refusal(400, f"input_type {body.input_type!r:.40}: {why}.", "input_type")
    unknown = next((form for form in body.embedding_types if form not in (*FORMS, "base64")), None)
    if unknown is not None:
        raise Refusal(
            400, f"embedding_types are {', '.join(FORMS)} and base64, not {unknown!r:.40}.", "embedding_types"
        )
    if body.truncate not in ("NONE", "END", "START"):
        raise Refusal(400, f"truncate is NONE or END, not {body.truncate!r:.40}.", "truncate")
    if body.truncate == "START":
        raise Refusal(400, "truncate START is not served here: the end of a long text is cut.", "truncate")
    texts = _texts(body)
    found = await dense(
        served.model(body.model), texts, _TYPES[body.input_type], body.output_dimension, body.truncate == "END"
    )
    forms = dict.fromkeys(body.embedding_types or ["float"])
    vectors = {form: in_form(found.vectors, "float" if form == "base64" else form, form == "base64") for form in forms}
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": found.tokens}}
    return answer(
        {
            "id": str(uuid4()),
            "embeddings": vectors,
            "texts": texts,
            "meta": meta,
            "response_type": "embeddings_by_type",
        },
        found.headers,
    )


@router.post("/v2/rerank")
async def rerank(body: Rerank, served: Served) -> Response:
    """Documents by their similarity to the query, the best first."""
    if not body.documents:
        raise Refusal(400, "there is no document to rank.", "documents")
    found = await ranked(served.model(body.model, ("dense", "multi", "sparse")), body.query, body.documents, body.top_n)
    results = [{"index": i, "relevance_score": float(found.scores[i])} for i in found.order]
    meta = {
        "api_version": {"version": "2"},
        "billed_units": {"search_units": 1},
        "tokens": {"input_tokens": found.tokens},
    }
    return answer({"id": str(uuid4()), "results": results, "meta": meta})


def _texts(body: Embed) -> list[str]:
    given = [name for name in ("texts", "images", "inputs") if getattr(body, name)]
    if len(given) > 1:
        raise Refusal(400, f"{' and '.join(given)} were given: give one of them.", given[1])
    if body.images:
        raise Refusal(400, "images are not served here.", "images")
    if body.inputs:
        return [_text_of(one, i) for i, one in enumerate(body.inputs)]
    if not body.texts:
        raise Refusal(400, "texts is empty.", "texts")
    return body.texts


def _text_of(given: dict[str, Any], place: int) -> str:
    parts = given.get("content")
    if not isinstance(parts, list) or not all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str) for part in parts
    ):
        raise Refusal(
            400, f"input {place} is not made of parts of type text, and nothing else is served here.", "inputs"
        )
    return "\n".join(part["text"] for part in parts)
