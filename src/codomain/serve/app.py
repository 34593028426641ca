"""The routes together, as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Route

from codomain.errors import CodomainError
from codomain.serve import collections, documents, page
from codomain.serve.about.metrics import Metrics
from codomain.serve.about.openapi import describe
from codomain.serve.catalog import Catalog
from codomain.serve.dialects import cohere, jina, ollama, openai, tei, voyage
from codomain.serve.dialects.answers import answer
from codomain.serve.encoding.token_ids import TokenIds
from codomain.serve.errors import Refusal, of_validation, refusal_of, shape_of
from codomain.serve.guard import Guard, Limits
from codomain.serve.keys import Key, Keys
from codomain.serve.mcp_route import ToolsRoute
from codomain.text import brief


def make_app(
    catalog: Catalog, keys: Keys | None = None, limits: Limits | None = None, token_ids: TokenIds | None = None
) -> Guard:
    """The application that serves a catalog; the catalog is closed when the application ends.

    >>> app = make_app(Catalog(["static()"]))
    >>> sorted(path for path in app.api.openapi()["paths"] if path.startswith("/v2"))
    ['/v2/embed', '/v2/rerank']
    >>> app.api.state.catalog.close()
    """

    keys = keys or Keys()
    limits = limits or Limits()
    tools = ToolsRoute(catalog, keys, limits)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
            await tools.close()
        finally:
            catalog.close()

    api = FastAPI(
        title="codomain",
        version=version("codomain"),
        description="Encoders and collections, in the dialects of OpenAI, Cohere, Jina, TEI, Ollama and Voyage.",
        docs_url=None,  # it would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    api.state.catalog = catalog
    api.state.token_ids = token_ids or TokenIds()
    metrics = Metrics(catalog)
    for module in (openai, cohere, jina, tei, ollama, voyage, page):
        api.include_router(module.router)
    for own in (collections, documents):
        api.include_router(own.router, dependencies=[Depends(_known_parameters)])

    @api.get("/health", tags=["server"])
    async def health() -> Response:
        """Whether the server lives."""
        return answer({"status": "ok"})

    @api.get("/metrics", tags=["server"])
    async def metrics_(request: Request) -> Response:
        """Counts and times for Prometheus: of the whole server, so that a key of some collections does not see them."""
        key: Key = request.state.key
        if key.collections is not None or key.namespace is not None:
            raise Refusal(403, "the metrics are of the whole server, and this key sees a part of it.")
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    api.router.routes.append(Route("/mcp", tools))
    describe(api)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _not_routed)
    api.add_exception_handler(Refusal, _refused)
    api.add_exception_handler(CodomainError, _refused)
    api.add_exception_handler(Exception, _failed)
    return Guard(api, keys, limits, metrics)


async def _known_parameters(request: Request) -> None:
    """Refuse a parameter that a route does not have: most often a name is misspelled."""
    known = {field.alias for field in request.scope["route"].dependant.query_params}
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        raise Refusal(
            400,
            f"there is no parameter {brief(unknown)} here: there are {', '.join(sorted(known)) or 'none'}.",
            unknown,
        )


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    refusal = of_validation(error.errors())
    kind = request.headers.get("content-type", "")
    if request.method != "GET" and not kind.startswith("application/json"):
        said = f"not {kind!r:.60}" if kind else "and has none"
        return _response(request, Refusal(415, f"the body must have the Content-Type application/json, {said}."))
    if shape_of(request.url.path).__name__ == "tei":
        refusal = Refusal(422, refusal.sentence, refusal.param)
    return _response(request, refusal)


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = {
        400: "the body cannot be read: it is nested too deeply.",
        404: f"there is no {request.url.path!r:.80} here.",
        405: f"{request.url.path} does not take {request.method}.",
    }
    cause = error.__cause__  # what was raised while the body came in
    refusal = (
        cause if isinstance(cause, Refusal) else Refusal(error.status_code, said.get(error.status_code, error.detail))
    )
    response = _response(request, refusal)
    response.headers.update(error.headers or {})
    return response


async def _failed(request: Request, error: Exception) -> Response:
    # the guard logs what it was: it is raised again after this answer
    return _response(
        request, Refusal(500, "the server failed at this request; its log says why.", code="internal_error")
    )


async def _refused(request: Request, error: Exception) -> Response:
    refusal = refusal_of(error)
    assert refusal is not None
    return _response(request, refusal)


def _response(request: Request, refusal: Refusal) -> Response:
    content: dict[str, Any] = shape_of(request.url.path)(refusal)
    return JSONResponse(content, refusal.status, headers=refusal.headers)
