"""Documents of collections: lists, facets, additions, changes, deletions, feedback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from codomain.serve.about.places import View
from codomain.serve.bodies import Change, Deletion, Documents, Feedback
from codomain.serve.catalog import ServedCollection
from codomain.serve.collections import Caller, Namespace, Where, seen, written
from codomain.serve.dialects.answers import Served, answer
from codomain.serve.errors import Refusal, openai, refusal_of
from codomain.serve.keys import charge
from codomain.store import Collection
from codomain.store.writing import UNCHANGED
from codomain.store.writing.ingest import AddReport

router = APIRouter(tags=["collections"])

MOST_LISTED = 10_000
"""Documents of one answer."""


@router.post("/collections/{name}/documents")
async def add(name: str, body: Documents, request: Request, served: Served, key: Caller) -> Response:
    """Add documents, or update those whose id is there. With `Accept: text/event-stream` progress is sent while it lasts."""
    one = written(served, key, name)
    inside = key.inside(body.namespace)
    items = [d if isinstance(d, str) else d.model_dump(exclude_none=True) for d in body.documents]
    charge(len(items) - 1)
    if "text/event-stream" in request.headers.get("accept", ""):
        return StreamingResponse(_events(one, items, inside), media_type="text/event-stream")
    return answer(_report(await one.write(lambda c: c.add(own_ids(one.view(c, inside), items), namespace=inside))))


def own_ids(view: View, items: list[Any]) -> list[Any]:
    """Documents to add, by the ids that are stored of those that are there."""
    given = [item["id"] for item in items if isinstance(item, dict) and item.get("id") is not None]
    meant = dict(zip(given, view.meant(given), strict=True))
    return [
        item | {"id": meant[item["id"]]} if isinstance(item, dict) and item.get("id") in meant else item
        for item in items
    ]


def _report(report: AddReport) -> dict[str, Any]:
    names = ("added", "updated", "unchanged", "chunks", "not_encoded")
    return {name: getattr(report, name) for name in names}


async def _events(one: ServedCollection, items: list[Any], inside: str | None) -> AsyncIterator[bytes]:
    """Progress as server-sent events, then the report; what the client misses is written all the same."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[str, Any]]()

    def progress(step: str, done: int, total: int | None) -> None:
        loop.call_soon_threadsafe(queue.put_nowait, ("progress", {"step": step, "done": done, "total": total}))

    async def work() -> None:
        try:
            report = await one.write(lambda c: c.add(own_ids(one.view(c, inside), items), progress, namespace=inside))
            queue.put_nowait(("done", _report(report)))
        except Exception as error:
            refusal = refusal_of(error)
            if refusal is None:
                queue.put_nowait(
                    ("error", openai(Refusal(500, "the server failed at this request; its log says why.")))
                )
                raise
            queue.put_nowait(("error", openai(refusal)))

    task = asyncio.create_task(work())
    while True:
        event, data = await queue.get()
        yield f"event: {event}\ndata: {json.dumps(data)}\n\n".encode()
        if event != "progress":
            break
    await task


@router.get("/collections/{name}/documents")
async def documents(
    name: str,
    served: Served,
    key: Caller,
    where: Where = None,
    sort: str | None = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    namespace: Namespace = None,
) -> Response:
    """Documents in the order of adding or of a field, or those that a filter matches."""
    inside = key.inside(namespace)
    one = seen(served, key, name)

    def listed(c: Collection) -> list[dict[str, Any]]:
        view = one.view(c, inside)
        found = view.collection.documents(view.where(where), sort=sort, offset=offset, limit=limit)
        return [view.places.document(document) for document in found]

    return answer({"documents": await one.read(listed)})


@router.get("/collections/{name}/count")
async def count(name: str, served: Served, key: Caller, where: Where = None, namespace: Namespace = None) -> Response:
    """How many documents there are, or how many a filter matches."""
    inside = key.inside(namespace)
    one = seen(served, key, name)
    return answer({"count": await one.read(lambda c: c.count(one.view(c, inside).where(where), namespace=inside))})


@router.get("/collections/{name}/facets")
async def facets(
    name: str,
    served: Served,
    key: Caller,
    field: str,
    where: Where = None,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    namespace: Namespace = None,
) -> Response:
    """The values of a field with the number of documents that have each."""
    inside = key.inside(namespace)
    one = seen(served, key, name)
    found = await one.read(counted(one, inside, field, where))
    return answer({"values": [{"value": v, "count": n} for v, n in found[:limit]], "all": len(found)})


def counted(
    one: ServedCollection, inside: str | None, field: str, where: str | None
) -> Callable[[Collection], list[tuple[Any, int]]]:
    """The values of a field with their documents, sources as they are told."""

    def count_(c: Collection) -> list[tuple[Any, int]]:
        view = one.view(c, inside)
        found = view.collection.facets(field, view.where(where))
        return [(view.places.source(value), n) for value, n in found] if field in ("_id", "_source") else found

    return count_


@router.get("/collections/{name}/fields")
async def fields(name: str, served: Served, key: Caller, namespace: Namespace = None) -> Response:
    """The names of the fields of the documents' metadata."""
    inside = key.inside(namespace)

    def names(c: Collection) -> list[str]:
        one = c if inside is None else c.namespace(inside)
        with one.held() as backend:
            return backend.fields.names()

    return answer({"fields": await seen(served, key, name).read(names)})


@router.get("/collections/{name}/chunks")
async def chunks(name: str, id: str, served: Served, key: Caller, namespace: Namespace = None) -> Response:
    """The chunks of a document in their order: where each begins and ends in its text, and the headings above it."""
    inside = key.inside(namespace)

    one = seen(served, key, name)

    def found(c: Collection) -> list[dict[str, Any]] | None:
        view = one.view(c, inside)
        own = view.id(id)
        with view.collection.snapshot():
            backend = view.collection.backend
            known = backend.documents.known([own])
            if own not in known:
                return None
            rows = backend.rows.of(known[own][0]).tolist()
            hits = backend.rows.hits(rows)
            return [
                {"start": hits[r].start, "end": hits[r].stop, "headings": list(json.loads(hits[r].headings or "[]"))}
                for r in rows
            ]

    chunks_ = await one.read(found)
    if chunks_ is None:
        raise _no_document(id, name)
    return answer({"chunks": chunks_})


def _no_document(id: str, name: str) -> Refusal:
    return Refusal(404, f"there is no document {id!r:.80} in {name}.", code="document_not_found")


@router.get("/collections/{name}/document")
async def document_by_id(name: str, id: str, served: Served, key: Caller, namespace: Namespace = None) -> Response:
    """A document by its id as a parameter, which may hold any character."""
    return await document(name, id, served, key, namespace=namespace)


@router.get("/collections/{name}/documents/{id:path}")
async def document(
    name: str, id: str, served: Served, key: Caller, vector: bool = False, namespace: Namespace = None
) -> Response:
    """A document by id, with its vector where that is asked for."""
    inside = key.inside(namespace)
    one = seen(served, key, name)

    def got(c: Collection) -> dict[str, Any] | None:
        view = one.view(c, inside)
        own = view.id(id)
        found = view.collection.get(own, ["vector"] if vector else [])
        return None if found is None else {**found, "id": view.told(own)}

    found = await one.read(got)
    if found is None:
        raise _no_document(id, name)
    return answer(found)


@router.patch("/collections/{name}/documents/{id:path}")
async def update(name: str, id: str, body: Change, served: Served, key: Caller) -> Response:
    """Change fields of a document's metadata, its text or its title."""
    one = written(served, key, name)
    inside = key.inside(body.namespace)
    given = {n: getattr(body, n) if n in body.model_fields_set else UNCHANGED for n in ("text", "title")}
    if body.text is None and "text" in body.model_fields_set:
        raise Refusal(400, "the text of a document cannot be removed.", "text")

    def change(c: Collection) -> bool:
        own = one.view(c, inside).id(id)
        if c.get(own, namespace=inside) is None:
            return False
        c.update(own, body.metadata, namespace=inside, **given)
        return True

    if not await one.write(change):
        raise _no_document(id, name)
    return answer({"updated": 1})


@router.delete("/collections/{name}/documents/{id:path}")
async def delete(name: str, id: str, served: Served, key: Caller, namespace: Namespace = None) -> Response:
    """Delete a document by id."""
    inside = key.inside(namespace)
    one = written(served, key, name)
    return await _deleted(one, lambda c: c.delete(one.view(c, inside).id(id), namespace=inside))


@router.post("/collections/{name}/delete")
async def delete_many(name: str, body: Deletion, served: Served, key: Caller) -> Response:
    """Delete documents by id, or those that a filter matches."""
    if (body.ids is None) == (body.where is None):
        raise Refusal(400, "give ids or where, one of them.")
    inside = key.inside(body.namespace)
    one = written(served, key, name)
    if body.ids is not None:
        ids = body.ids
        charge(len(ids) - 1)
        return await _deleted(one, lambda c: c.delete(one.view(c, inside).meant(ids), namespace=inside))
    where = body.where
    assert where is not None
    return await _deleted(one, lambda c: c.delete_where(one.view(c, inside).where(where), namespace=inside))


async def _deleted(one: ServedCollection, work: Callable[[Collection], int]) -> Response:
    return answer({"deleted": await one.write(work)})


@router.post("/collections/{name}/feedback")
async def feedback(name: str, body: Feedback, served: Served, key: Caller) -> Response:
    """Tell which documents were right or wrong for a query; returns the numbers of the entries."""
    one = written(served, key, name)
    inside = key.inside(body.namespace)

    def told_of(c: Collection) -> list[int]:
        view = one.view(c, inside)
        return view.collection.feedback(body.query, view.meant(body.good), view.meant(body.bad))

    return answer({"entries": await one.write(told_of)})
