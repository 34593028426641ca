"""The OpenAPI description: what FastAPI finds, with the refusals of each route in the shape of its dialect."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from codomain.serve.errors import Refusal, shape_of

_ALL = {
    400: "what was asked for cannot be read, or cannot be done",
    401: "no key, or one that the server does not know",
    403: "the key may not do this, or a page of a foreign origin asks",
    408: "the body was not there in time",
    413: "the body, or a text, is too large",
    415: "the body has another Content-Type than application/json",
    421: "the server is not known by this Host",
    429: "the caller asks too often, or too much waits: Retry-After says when to ask again",
    503: "the server is busy, or a collection cannot be read or written at the moment",
}
_ENCODES = {
    404: "there is no such model",
    501: "no model can do this",
    502: "the server behind the encoder has no answer",
}
_STORES = {
    404: "there is no such collection or document",
    501: "a package is missing",
    502: _ENCODES[502],
    504: "it took too long",
}
_OPEN = {"/health"}


def describe(api: FastAPI) -> None:
    """Make the application's description name refusals."""
    found = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            _name_refusals(found())
        assert api.openapi_schema is not None
        return api.openapi_schema

    api.openapi = openapi  # type: ignore[method-assign]


def _name_refusals(description: dict[str, Any]) -> None:
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    description["components"]["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    }
    description["security"] = [{"bearer": []}, {"key": []}, {}]
    for path, methods in description["paths"].items():
        shape = shape_of(path)
        name = f"Refusal of {shape.__name__}"
        schemas.setdefault(name, _schema(shape(Refusal(400, "a sentence."))))
        content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
        own = {} if path in _OPEN else _STORES if path.startswith(("/collections", "/search")) else _ENCODES
        if shape.__name__ == "tei":
            own = own | {422: "a field is missing, or has another type"}
        for method, operation in methods.items():
            responses = operation["responses"]
            responses.pop("422", None)  # FastAPI's own shape, which nothing here has
            without_body = method in ("get", "delete")
            for status, said in sorted((_ALL | own).items()):
                if status not in ((408, 413, 415) if without_body else ()):
                    responses[str(status)] = {"description": said, "content": content}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _schema(example: Any) -> dict[str, Any]:
    """The schema of a refusal: texts, null, and objects of them."""
    if isinstance(example, dict):
        properties = {name: _schema(value) for name, value in example.items()}
        return {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": ["string", "null"]} if example is None else {"type": "string"}
