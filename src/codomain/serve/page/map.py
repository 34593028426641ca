"""The map of a collection: the page at /static/map/map.html, and what it draws."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from codomain.maps import build_map, page
from codomain.serve.catalog import ServedCollection
from codomain.serve.collections import Caller, Namespace, seen
from codomain.serve.dialects.answers import Served
from codomain.serve.errors import Refusal
from codomain.store import Collection

router = APIRouter(tags=["collections"])

_MOST_BYTES = 6_000_000
_KEPT = 4

Version = tuple[int, int, int]
Drawn = tuple[Version, bytes]


class Maps:
    """The maps that were asked for last, with the version of the collection that they show; one is drawn at a time."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Drawn] = OrderedDict()
        self._drawing = asyncio.Lock()  # it takes a processor for seconds

    async def of(self, collection: ServedCollection, namespace: str | None) -> bytes:
        """The map of a collection, or of one of its namespaces, as the page reads it."""
        asked = (collection.name, namespace or "")
        title = f"{collection.name} / {namespace}" if namespace else collection.name
        async with self._drawing:
            version = await collection.read(lambda c: _version(c, namespace))
            found = self._kept.get(asked)
            if found is None or found[0] != version:
                drawn = await collection.read(lambda c: _drawn(collection, c, namespace, title))
                found = self._kept[asked] = version, drawn
            self._kept.move_to_end(asked)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return found[1]


def _drawn(served: ServedCollection, collection: Collection, namespace: str | None, title: str) -> bytes:
    """The map with ids as they are told of files."""
    drawn = build_map(collection, namespace=namespace, title=title)
    places = served.view(collection, namespace).places
    ids = [places.id(id, None) for id in drawn.documents.ids]
    packed: bytes = replace(drawn, documents=replace(drawn.documents, ids=ids)).pack(_MOST_BYTES)
    return packed


def _version(collection: Collection, namespace: str | None) -> Version:
    """What changes with every document that is added, changed or deleted."""
    one = collection if namespace is None else collection.namespace(namespace)
    with one.snapshot():
        backend = one.backend
        return backend.rows.next(), backend.rows.count_deleted(), backend.fields.version()


@router.get("/static/map/{name}", include_in_schema=False)
async def part(name: str) -> Response:
    """A file of the page, by its name."""
    if name == "map.html":
        return _file(page.served(), "text/html")
    if name not in page.PARTS:
        raise Refusal(404, f"there is no file {name!r:.80} here.")
    return _file(page.part(name), page.PARTS[name])


def _file(text: str, kind: str) -> Response:
    return Response(text, media_type=f"{kind}; charset=utf-8", headers={"Cache-Control": "no-cache"})


@router.get("/collections/{name}/map")
async def map_(name: str, request: Request, served: Served, key: Caller, namespace: Namespace = None) -> Response:
    """A collection's documents on a plane with labels and fields, as the page of the map reads it: compressed bytes."""
    one, inside = seen(served, key, name), key.inside(namespace)
    state = request.app.state
    if not hasattr(state, "maps"):
        state.maps = Maps()
    return Response(
        await state.maps.of(one, inside), media_type="application/octet-stream", headers={"Cache-Control": "no-store"}
    )
