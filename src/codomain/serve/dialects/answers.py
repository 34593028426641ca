"""JSON out, with arrays of numpy as they are; and how a body is checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from codomain.serve.catalog import QUERY, Catalog


def answer(value: Any, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON."""
    try:
        body = orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:  # a text with half a surrogate pair, which only an escape can hold
        body = json.dumps(value, default=lambda array: array.tolist()).encode()
    return Response(body, media_type="application/json", headers=dict(headers or {}))


class Body(BaseModel):
    """A body of a foreign dialect: what a client sends beside the known fields is for other servers, and left alone."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class StrictBody(Body):
    """A body of a dialect whose servers refuse a field that they do not know."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class OwnBody(BaseModel):
    """A body of codomain's own routes: a field that there is not is a mistake."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


async def _catalog(request: Request) -> Catalog:  # one that is not async would be run in a thread
    found: Catalog = request.app.state.catalog
    return found.seen_by(request.state.key)


Served = Annotated[Catalog, Depends(_catalog)]


def asks_for_queries(model: str) -> bool:
    """Whether a model is asked for queries by its name, NAME:query, in a dialect that has no field for that."""
    return model.endswith(QUERY)


def as_list(given: str | list[str]) -> list[str]:
    """One text or several."""
    return [given] if isinstance(given, str) else given
