"""Voyage's route of contextualized chunks: POST /v1/contextualizedembeddings. Its plain embeddings are OpenAI's route."""

from __future__ import annotations

import numpy as np
from fastapi import APIRouter, Response

from codomain.read.situated import situate
from codomain.serve.dialects.answers import Served, StrictBody, answer
from codomain.serve.encoding.embedding import dense, in_form
from codomain.serve.errors import Refusal

router = APIRouter(tags=["Voyage"])


class Contextualized(StrictBody):
    """Voyage's fields: documents as lists of chunks; queries as lists of one."""

    inputs: list[list[str]]
    model: str = ""
    input_type: str | None = None
    output_dtype: str | None = None
    encoding_format: str | None = None
    output_dimension: int | None = None


@router.post("/v1/contextualizedembeddings")
async def contextualized(body: Contextualized, served: Served) -> Response:
    """Vectors of chunks, each drawn towards the mean of its document's."""
    if body.input_type not in (None, "query", "document"):
        raise Refusal(400, f"input_type is query or document, not {body.input_type!r:.40}.", "input_type")
    if not body.inputs or not all(body.inputs):
        raise Refusal(400, "inputs is empty, or holds a document without chunks.", "inputs")
    model = served.model(body.model)
    chunks = [chunk for document in body.inputs for chunk in document]
    found = await dense(model, chunks, body.input_type == "query", body.output_dimension)
    vectors = found.vectors
    if body.input_type != "query":
        vectors = situate(vectors, np.repeat(np.arange(len(body.inputs)), [len(one) for one in body.inputs]))
    data, start = [], 0
    for i, document in enumerate(body.inputs):
        forms = in_form(
            vectors[start : start + len(document)], body.output_dtype or "float", body.encoding_format == "base64"
        )
        data.append(
            {
                "object": "list",
                "data": [{"object": "embedding", "index": j, "embedding": one} for j, one in enumerate(forms)],
                "index": i,
            }
        )
        start += len(document)
    usage = {"total_tokens": found.tokens}
    return answer({"object": "list", "data": data, "model": model.name, "usage": usage}, found.headers)
