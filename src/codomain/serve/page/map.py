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
_AGAIN = 5
"""Seconds after which to ask for a map that is still being drawn."""

Version = tuple[int, int, int]
Drawn = tuple[Version, bytes]


class Maps:
    """The maps that were asked for last, with the version of the collection that they show; one is drawn at a time.

    Drawing goes on where a caller has waited as long as a search may take: the next one finds what was drawn.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Drawn] = OrderedDict()
        self._under_way: dict[tuple[str, str], asyncio.Task[Drawn]] = {}
        self._drawing = asyncio.Lock()  # it takes a processor for seconds

    async def of(self, collection: ServedCollection, namespace: str | None) -> bytes:
        """The map of a collection, or of one of its namespaces, as the page reads it."""
        try:
            async with asyncio.timeout(collection.seconds) as limit:
                return await self._current(collection, namespace)
        except TimeoutError:
            if not limit.expired():
                raise
            said = f"the map of {collection.name} is still being drawn: ask again."
            raise Refusal(503, said, code="drawing", retry_after=_AGAIN) from None

    async def _current(self, collection: ServedCollection, namespace: str | None) -> bytes:
        asked = (collection.name, namespace or "")
        for _ in range(2):  # one that was under way may show less than there is now; the one after it does not
            version = await collection.read(lambda c: _version(c, namespace), limited=False)  # by `of`
            found, under_way = self._kept.get(asked), self._under_way.get(asked)
            if found is not None and found[0] == version:
                self._kept.move_to_end(asked)
                break
            found = await asyncio.shield(under_way or self._begin(asked, collection, namespace))
            if under_way is None or found[0] == version:
                break
        assert found is not None
        return found[1]

    def _begin(
        self, asked: tuple[str, str], collection: ServedCollection, namespace: str | None
    ) -> asyncio.Task[Drawn]:
        title = f"{collection.name} / {namespace}" if namespace else collection.name

        async def draw() -> Drawn:
            async with self._drawing:
                work = lambda c: (_version(c, namespace), _drawn(collection, c, namespace, title))  # noqa: E731
                found = self._kept[asked] = await collection.read(work, limited=False)
            self._kept.move_to_end(asked)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return found

        def ended(task: asyncio.Task[Drawn]) -> None:
            del self._under_way[asked]
            if not task.cancelled():
                task.exception()  # where nobody waits any more, it has been looked at

        begun = self._under_way[asked] = asyncio.create_task(draw())
        begun.add_done_callback(ended)
        return begun


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
