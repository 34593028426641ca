"""Ollama's routes: POST /api/embed, the older /api/embeddings, GET /api/tags and /api/version."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from codomain.serve.dialects.answers import Body, Served, answer, as_list, asks_for_queries
from codomain.serve.encoding.embedding import dense

router = APIRouter(tags=["Ollama"])


class Embed(Body):
    """Ollama's fields."""

    model: str
    input: str | list[str] = Field(default_factory=list)
    truncate: bool = True
    dimensions: int | None = None


class Prompt(Body):
    """Those of the older route."""

    model: str
    prompt: str = ""


@router.post("/api/embed")
async def embed(body: Embed, served: Served) -> Response:
    """Vectors of texts; none for no text, by which clients load a model."""
    began, model = time.perf_counter_ns(), _model(served, body.model)
    texts = [text for text in as_list(body.input) if text or isinstance(body.input, list)]
    found = await dense(model, texts, asks_for_queries(body.model), body.dimensions, body.truncate) if texts else None
    return answer(
        {
            "model": body.model,
            "embeddings": list(found.vectors) if found else [],
            "total_duration": time.perf_counter_ns() - began,
            "load_duration": 0,
            "prompt_eval_count": found.tokens if found else 0,
        },
        found.headers if found else None,
    )


@router.post("/api/embeddings")
async def embeddings(body: Prompt, served: Served) -> Response:
    """The vector of a prompt; an empty list for an empty one."""
    model = _model(served, body.model)
    found = await dense(model, [body.prompt], asks_for_queries(body.model)) if body.prompt else None
    return answer({"embedding": found.vectors[0] if found else []}, found.headers if found else None)


@router.get("/api/tags")
async def tags(served: Served) -> Response:
    """The models that are served."""
    return answer({"models": [_tag(name, str(model), model.fingerprint) for name, model in served.models.items()]})


@router.get("/api/version")
async def version_() -> Response:
    """The version of codomain."""
    return answer({"version": version("codomain")})


def _model(served: Any, name: str) -> Any:
    return served.model(name.removesuffix(":latest"))


def _tag(name: str, expression: str, fingerprint: str) -> dict[str, Any]:
    details = {
        "format": "codomain",
        "family": expression,
        "families": [expression],
        "parameter_size": "",
        "quantization_level": "",
    }
    return {
        "name": name,
        "model": name,
        "modified_at": "1970-01-01T00:00:00Z",
        "size": 0,
        "digest": fingerprint[:64],
        "details": details,
    }
