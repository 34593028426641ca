"""Collections as tools of the Model Context Protocol: `search` and `fetch` as ChatGPT's connectors ask them, richer ones beside.

An id of `search` and `fetch` is COLLECTION/ID, whatever else is served, so that it stays valid. Tools that write are there only
where the server is writable. Both eras of the protocol are spoken, over HTTP at /mcp and over standard input and output.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Any, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel

from codomain.errors import CodomainError
from codomain.serve.catalog import Catalog, ServedCollection
from codomain.serve.collections import as_json
from codomain.serve.documents import counted, own_ids
from codomain.serve.errors import Refusal
from codomain.serve.keys import Key
from codomain.store import Collection

T = TypeVar("T")
Tool = Callable[..., Any]

_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ADDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_DELETES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)

K = 10
"""Documents that `search` returns."""
MOST = 100
"""Documents that one call returns at most."""


class Found(BaseModel):
    """Hits of a search: id, score, title, text of the best passage, metadata, source."""

    hits: list[dict[str, Any]]


class Listed(BaseModel):
    """Documents: id, text, title, metadata, source."""

    documents: list[dict[str, Any]]


class Named(BaseModel):
    """Collections: name, number of documents."""

    collections: list[dict[str, Any]]


class Values(BaseModel):
    """The values of a field with the number of documents that have each."""

    values: list[dict[str, Any]]


class Count(BaseModel):
    """How many documents were added, updated, deleted."""

    counts: dict[str, int]


def make_server(catalog: Catalog, caller: Key, writable: bool) -> MCPServer:
    """The tools of a catalog. Over HTTP the caller is the one whose key came with the request, else it is `caller`."""
    server = MCPServer(
        "codomain",
        version=version("codomain"),
        instructions="Search the user's own documents. Give ids of documents as sources of what you say.",
        log_level="ERROR",
    )
    tools = _Tools(catalog, caller)
    plain: list[Tool] = [tools.search, tools.fetch]
    richer: list[Tool] = [
        tools.list_collections,
        tools.search_documents,
        tools.similar_documents,
        tools.list_documents,
        tools.count_values,
    ]
    for tool in plain + richer:
        server.add_tool(tool, structured_output=tool in richer, annotations=_READS)
    if writable:
        server.add_tool(tools.add_documents, annotations=_ADDS)
        server.add_tool(tools.delete_documents, annotations=_DELETES)
    return server


class _Tools:
    """The tools; each docstring is what a language model reads."""

    def __init__(self, catalog: Catalog, caller: Key) -> None:
        self._catalog, self._caller = catalog, caller

    async def search(self, query: str, ctx: Context[Any, Any]) -> str:
        """Find documents by meaning and by words. Returns their ids, titles and addresses; `fetch` gives a document."""
        key = self._key(ctx)
        results: list[tuple[float, dict[str, Any]]] = []
        for name, one in self._seen(key).items():
            hits = await _sentence(one.read(_hits(one, key, query=query, k=K)))
            results += [
                # scores of different collections say little beside each other; their places do
                (
                    place,
                    {
                        "id": f"{name}/{hit['id']}",
                        "title": hit["title"] or _beginning(hit["text"]),
                        "url": _url(name, hit["id"], hit["metadata"], hit["source"]),
                    },
                )
                for place, hit in enumerate(hits)
            ]
        results.sort(key=lambda one: one[0])
        return json.dumps({"results": [one for _, one in results[:K]]}, ensure_ascii=False)

    async def fetch(self, id: str, ctx: Context[Any, Any]) -> str:
        """A document by an id that `search` returned: its whole text, title, address and metadata."""
        key = self._key(ctx)
        name, _, own = id.partition("/")
        one = self._one(key, name)
        listed = await _sentence(one.read(_documents(one, key, {"_id": own}, limit=1)))
        if not listed:
            raise ToolError(f"there is no document {id!r:.80}.")
        found = listed[0]
        return json.dumps(
            {
                "id": id,
                "title": found["title"] or _beginning(found["text"]),
                "text": found["text"],
                "url": _url(name, own, found["metadata"], found["source"]),
                "metadata": found["metadata"],
            },
            ensure_ascii=False,
            default=str,
        )

    async def list_collections(self, ctx: Context[Any, Any]) -> Named:
        """The collections that can be searched, with the number of their documents."""
        key = self._key(ctx)
        found = []
        for name, one in self._seen(key).items():
            count = await _sentence(one.read(lambda c: c.count(namespace=key.namespace)))
            found.append({"name": name, "documents": count})
        return Named(collections=found)

    async def search_documents(
        self,
        collection: str,
        query: str,
        ctx: Context[Any, Any],
        k: int = 10,
        where: str | None = None,
        offset: int = 0,
    ) -> Found:
        """Search one collection. `where` filters by metadata, e.g. "year > 2020 and tags contains 'x'"."""
        key = self._key(ctx)
        one = self._one(key, collection)
        work = _hits(one, key, query=query, k=_bounded(k), where=where, offset=offset)
        return Found(hits=await _sentence(one.read(work)))

    async def similar_documents(self, collection: str, id: str, ctx: Context[Any, Any], k: int = 10) -> Found:
        """Documents that are like a document of the same collection."""
        key = self._key(ctx)
        one = self._one(key, collection)
        return Found(hits=await _sentence(one.read(_hits(one, key, like=id, k=_bounded(k)))))

    async def list_documents(
        self,
        collection: str,
        ctx: Context[Any, Any],
        where: str | None = None,
        sort: str | None = None,
        offset: int = 0,
        limit: int = 20,
    ) -> Listed:
        """Documents of a collection, or those that a filter matches, in the order of a field ("-year": from the highest)."""
        key = self._key(ctx)
        one = self._one(key, collection)
        work = _documents(one, key, where, sort=sort, offset=offset, limit=_bounded(limit))
        found = await _sentence(one.read(work))
        return Listed(documents=json.loads(json.dumps(found, default=str)))

    async def count_values(
        self, collection: str, field: str, ctx: Context[Any, Any], where: str | None = None, limit: int = 50
    ) -> Values:
        """The values of a field of the metadata, with the number of documents that have each."""
        key = self._key(ctx)
        one = self._one(key, collection)
        found = await _sentence(one.read(counted(one, key.namespace, field, where)))
        return Values(values=[{"value": value, "count": count} for value, count in found[: _bounded(limit)]])

    async def add_documents(self, collection: str, documents: list[dict[str, Any]], ctx: Context[Any, Any]) -> Count:
        """Add documents (text, and optionally id, title, metadata), or replace those whose id is there."""
        key = self._writing(ctx)
        one, inside = self._one(key, collection), key.namespace
        report = await _sentence(one.write(lambda c: c.add(own_ids(one.view(c, inside), documents), namespace=inside)))
        return Count(counts={"added": report.added, "updated": report.updated, "unchanged": report.unchanged})

    async def delete_documents(self, collection: str, ids: list[str], ctx: Context[Any, Any]) -> Count:
        """Delete documents by their ids."""
        key = self._writing(ctx)
        one, inside = self._one(key, collection), key.namespace
        deleted = await _sentence(one.write(lambda c: c.delete(one.view(c, inside).meant(ids), namespace=inside)))
        return Count(counts={"deleted": deleted})

    def _key(self, ctx: Context[Any, Any]) -> Key:
        request = getattr(ctx.request_context, "request", None)
        found: Key = self._caller if request is None else request.state.key
        return found

    def _writing(self, ctx: Context[Any, Any]) -> Key:
        key = self._key(ctx)
        if not key.write:
            raise ToolError("this caller may read only.")
        return key

    def _seen(self, key: Key) -> dict[str, ServedCollection]:
        return {name: one for name, one in self._catalog.collections.items() if key.sees(name)}

    def _one(self, key: Key, name: str) -> ServedCollection:
        found = self._seen(key).get(name)
        if found is None:
            raise ToolError(f"there is no collection {name!r:.80}: there are {', '.join(self._seen(key)) or 'none'}.")
        return found


def _hits(one: ServedCollection, key: Key, where: str | None = None, **asked: Any) -> Callable[[Collection], list[Any]]:
    """A search of what a key sees, with ids as they are told."""

    def work(c: Collection) -> list[Any]:
        view = one.view(c, key.namespace)
        if "like" in asked:
            asked["like"] = view.id(asked["like"])
        return [as_json(hit, view.places) for hit in view.collection.search(where=view.where(where), **asked)]

    return work


def _documents(
    one: ServedCollection, key: Key, where: Any, **asked: Any
) -> Callable[[Collection], list[dict[str, Any]]]:
    def work(c: Collection) -> list[dict[str, Any]]:
        view = one.view(c, key.namespace)
        return [view.places.document(found) for found in view.collection.documents(view.where(where), **asked)]

    return work


async def _sentence(work: Awaitable[T]) -> T:
    """What a user can mend is told to the model."""
    try:
        return await work
    except (CodomainError, Refusal) as error:
        raise ToolError(getattr(error, "sentence", str(error))) from None


def _bounded(k: int) -> int:
    if not 1 <= k <= MOST:
        raise ToolError(f"from 1 to {MOST} documents can be asked for, not {k}.")
    return k


def _beginning(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= 80 else f"{first[:79]}…"


def _url(collection: str, id: str, metadata: dict[str, Any], source: str | None) -> str:
    """Where a document is: the address in its field `url`, that of the page that it comes from, or one that names it."""
    for address in (metadata.get("url"), source):
        if isinstance(address, str) and address.startswith(("http://", "https://")):
            return address
    return f"codomain://{collection}/{id}"


async def run_stdio(
    names: list[str], writable: bool, trust_models: bool = False, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve over standard input and output until the client goes."""
    catalog = Catalog(names, trust_models=trust_models)
    try:
        ready()
        await make_server(catalog, Key("stdio", write=writable), writable).run_stdio_async()
    finally:
        catalog.close()
