"""OpenAI's routes: POST /v1/embeddings and GET /v1/models; with the fields that Voyage and Jina add to the same route."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from codomain.arrays import unit_rows
from codomain.serve.dialects.answers import Served, StrictBody, answer, as_list, asks_for_queries
from codomain.serve.encoding.embedding import dense, in_form
from codomain.serve.encoding.token_ids import TokenIds
from codomain.serve.errors import Refusal

router = APIRouter(tags=["OpenAI"])

_QUERY = {"query", "search_query", "retrieval.query"}
_DOCUMENT = {"document", "search_document", "retrieval.passage"}


class Embeddings(StrictBody):
    """OpenAI's fields; `input_type`, `output_dimension`, `output_dtype`, `truncation` of Voyage; `task`, `embedding_type` of Jina."""

    input: str | list[str] | list[int] | list[list[int]]
    model: str = ""
    dimensions: int | None = None
    encoding_format: str | None = None
    user: str | None = None
    input_type: str | None = None
    task: str | None = None
    output_dimension: int | None = None
    output_dtype: str | None = None
    truncate: bool | None = None
    truncation: bool | None = None
    embedding_type: str | None = None
    normalized: bool = False
    late_chunking: bool = False


@router.post("/v1/embeddings")
async def embeddings(body: Embeddings, request: Request, served: Served) -> Response:
    """Vectors of texts. A model is asked for queries by `input_type: "query"`, or as NAME:query."""
    if body.dimensions and body.output_dimension and body.dimensions != body.output_dimension:
        raise Refusal(400, "dimensions is OpenAI's and output_dimension Voyage's: give one of them.", "dimensions")
    if body.late_chunking:
        raise Refusal(400, "late_chunking is not served: ask /v1/contextualizedembeddings.", "late_chunking")
    model = served.model(body.model)
    texts = _texts(body.input, request.app.state.token_ids)
    empty = next((i for i, text in enumerate(texts) if not text), None)
    if empty is not None:
        raise Refusal(400, f"text {empty} is empty.", "input")
    dimensions = body.output_dimension if body.dimensions is None else body.dimensions
    # Voyage cuts what is too long unless told otherwise, OpenAI never does
    asked_to_cut = body.truncate if body.truncate is not None else body.truncation
    cut = asked_to_cut if asked_to_cut is not None else body.input_type is not None
    found = await dense(model, texts, _as_queries(body), dimensions, cut)
    if body.encoding_format not in (None, "float", "base64"):
        raise Refusal(400, f"encoding_format is float or base64, not {body.encoding_format!r:.40}.", "encoding_format")
    # Jina's embedding_type is a form, or base64 of floats
    as_base64 = "base64" in (body.encoding_format, body.embedding_type)
    form = body.output_dtype or body.embedding_type or "float"
    vectors = unit_rows(found.vectors) if body.normalized else found.vectors
    forms = in_form(vectors, "float" if form == "base64" else form, as_base64)
    data = [{"object": "embedding", "index": i, "embedding": one} for i, one in enumerate(forms)]
    usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return answer({"object": "list", "data": data, "model": model.name, "usage": usage}, found.headers)


@router.get("/v1/models")
async def models(served: Served) -> Response:
    """The models that are served."""
    return answer({"object": "list", "data": [_card(name) for name in served.models]})


@router.get("/v1/models/{name:path}")
async def model(name: str, served: Served) -> Response:
    """One of them."""
    return answer(_card(served.model(name).name))


def _card(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "codomain"}


def _texts(given: str | list[str] | list[int] | list[list[int]], token_ids: TokenIds) -> list[str]:
    if isinstance(given, str) or (given and isinstance(given[0], str)):
        return as_list(given)
    if not given:
        return []
    lists = [given] if isinstance(given[0], int) else given
    return token_ids.texts(lists)  # type: ignore[arg-type]


def _as_queries(body: Embeddings) -> bool:
    said = body.input_type or body.task or ""
    if said in _QUERY or asks_for_queries(body.model):
        return True
    if body.input_type and said not in _DOCUMENT:
        raise Refusal(400, f"input_type is query or document, not {said!r:.40}.", "input_type")
    return False
