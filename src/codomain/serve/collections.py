"""Search and documents of collections: codomain's own routes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from codomain.serve.bodies import Change, Deletion, Documents, Feedback, Search, Searches
from codomain.serve.catalog import Catalog, ServedCollection
from codomain.serve.dialects.answers import Served, answer
from codomain.serve.errors import Refusal, openai, refusal_of
from codomain.serve.keys import Key
from codomain.store import Collection, Hit
from codomain.store.writing.ingest import AddReport
from codomain.store.writing.update import UNCHANGED

router = APIRouter(tags=["collections"])

MOST_LISTED = 10_000
"""Documents of one answer."""


async def _key(request: Request) -> Key:
    found: Key = request.state.key
    return found


Caller = Annotated[Key, Depends(_key)]
Namespace = Annotated[str | None, Query(description="Another namespace than the default one.")]
Where = Annotated[str | None, Query(description='A filter, e.g. "year > 2020".')]


def _seen(catalog: Catalog, key: Key, name: str) -> ServedCollection:
    """A collection that the caller sees; one that it does not see is not there."""
    if not key.sees(name):
        raise Refusal(404, f"there is no collection {name!r:.80} here.", code="collection_not_found")
    return catalog.collection(name)


def _written(catalog: Catalog, key: Key, name: str) -> ServedCollection:
    found = _seen(catalog, key, name)
    if not key.write:
        raise Refusal(403, "this caller may read only: start the server with --writable, or use a key that may write.")
    return found


@router.get("/collections")
async def collections(served: Served, key: Caller) -> Response:
    """The collections that the caller sees, with their documents and pipelines."""
    found = []
    for name, one in served.collections.items():
        if key.sees(name):
            inside = key.inside(None)
            count = await one.read(partial(Collection.count, namespace=inside))
            found.append({"name": name, "documents": count, "pipeline": str(one.first.pipeline)})
    return answer({"collections": found})


@router.get("/collections/{name}")
async def collection(name: str, served: Served, key: Caller) -> Response:
    """What a collection holds; for a key with a namespace its own documents alone are counted."""
    one = _seen(served, key, name)
    if key.namespace is not None:
        count = await one.read(lambda c: c.count(namespace=key.namespace))
        return answer({"name": name, "documents": count, "pipeline": str(one.first.pipeline)})
    facts = await one.read(lambda c: c.info())
    # where the files are is no business of a client
    known = {fact: value for fact, value in facts.items() if fact not in ("path", "namespaces", "history")}
    return answer({"name": name, **json.loads(json.dumps(known, default=str))})


@router.post("/collections/{name}/search")
async def search(name: str, body: Search, served: Served, key: Caller) -> Response:
    """The best documents for a query, for several, for a vector or for documents."""
    return answer(await _search(_seen(served, key, name), body, key))


@router.post("/search")
async def searches(body: Searches, served: Served, key: Caller) -> Response:
    """Several searches, of several collections, at once."""
    asked = [(_seen(served, key, one.collection), one) for one in body.searches]
    found = await asyncio.gather(*(_search(collection, one, key) for collection, one in asked))
    return answer({"answers": [{"collection": c.name, **one} for (c, _), one in zip(asked, found, strict=True)]})


async def _search(collection: ServedCollection, body: Search, key: Key) -> dict[str, Any]:
    given = [name for name in ("query", "queries", "vector", "like") if getattr(body, name) is not None]
    if not given or (len(given) > 1 and set(given) != {"query", "vector"}):
        raise Refusal(
            400, f"a search needs one of query, queries, vector and like, not {' and '.join(given) or 'none'}."
        )
    options: dict[str, Any] = {
        **body.model_dump(
            include={
                *("k", "where", "offset", "sort", "min_score", "min_similarity", "max_per_source", "context"),
                *("feedback",),
            }
        ),
        "namespace": key.inside(body.namespace),
    }
    options |= {"syntax": body.syntax, "typos": body.typos}

    def run(c: Collection) -> dict[str, Any]:
        from codomain.trace import collect

        with collect() as report:
            if body.queries is not None:
                many = c.search_many(body.queries, **options)
                found: dict[str, Any] = {"answers": [[as_json(hit, body.explain) for hit in hits] for hits in many]}
            else:
                vector = None if body.vector is None else [float(x) for x in body.vector]
                hits = c.search(body.query, vector=vector, like=body.like, **options)
                found = {"hits": [as_json(hit, body.explain) for hit in hits]}
        if body.explain and key.namespace is None:  # its counts are of all namespaces
            found["explain"] = report.lines()
        return found

    return await collection.read(run)


def as_json(hit: Hit, explain: bool = False) -> dict[str, Any]:
    """A hit as the routes return it."""
    found: dict[str, Any] = {
        "id": hit.id,
        "score": hit.score,
        "similarity": hit.similarity,
        "title": hit.title,
        "text": hit.text,
        "metadata": hit.metadata,
        "source": hit.source,
        "start": hit.start,
        "end": hit.end,
        "headings": list(hit.headings),
    }
    if hit.context:
        found["context"] = hit.context
    if explain:
        found["branches"] = {name: {"rank": rank, "score": score} for name, (rank, score) in hit.branches.items()}
    return found


@router.post("/collections/{name}/documents")
async def add(name: str, body: Documents, request: Request, served: Served, key: Caller) -> Response:
    """Add documents, or update those whose id is there. With `Accept: text/event-stream` progress is sent while it lasts."""
    one = _written(served, key, name)
    inside = key.inside(body.namespace)
    items = [d if isinstance(d, str) else d.model_dump(exclude_none=True) for d in body.documents]
    if "text/event-stream" in request.headers.get("accept", ""):
        return StreamingResponse(_events(one, items, inside), media_type="text/event-stream")
    return answer(_report(await one.write(lambda c: c.add(items, namespace=inside))))


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
            report = await one.write(lambda c: c.add(items, progress, namespace=inside))
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
    found = await _seen(served, key, name).read(
        lambda c: list(c.documents(where, sort=sort, offset=offset, limit=limit, namespace=inside))
    )
    return answer({"documents": found})


@router.get("/collections/{name}/count")
async def count(name: str, served: Served, key: Caller, where: Where = None, namespace: Namespace = None) -> Response:
    """How many documents there are, or how many a filter matches."""
    inside = key.inside(namespace)
    return answer({"count": await _seen(served, key, name).read(lambda c: c.count(where, namespace=inside))})


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
    found = await _seen(served, key, name).read(lambda c: c.facets(field, where, namespace=inside))
    return answer({"values": [{"value": v, "count": n} for v, n in found[:limit]], "all": len(found)})


@router.get("/collections/{name}/fields")
async def fields(name: str, served: Served, key: Caller, namespace: Namespace = None) -> Response:
    """The names of the fields of the documents' metadata."""
    inside = key.inside(namespace)

    def names(c: Collection) -> list[str]:
        one = c if inside is None else c.namespace(inside)
        with one.held() as backend:
            return backend.fields.names()

    return answer({"fields": await _seen(served, key, name).read(names)})


@router.get("/collections/{name}/chunks")
async def chunks(name: str, id: str, served: Served, key: Caller, namespace: Namespace = None) -> Response:
    """The chunks of a document in their order: where each begins and ends in its text, and the headings above it."""
    inside = key.inside(namespace)

    def found(c: Collection) -> list[dict[str, Any]]:
        one = c if inside is None else c.namespace(inside)
        with one.snapshot():
            known = one.backend.documents.known([id])
            if id not in known:
                return []
            rows = one.backend.rows.of(known[id][0]).tolist()
            hits = one.backend.rows.hits(rows)
            return [
                {"start": hits[r].start, "end": hits[r].stop, "headings": list(json.loads(hits[r].headings or "[]"))}
                for r in rows
            ]

    return answer({"chunks": await _seen(served, key, name).read(found)})


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
    found = await _seen(served, key, name).read(lambda c: c.get(id, ["vector"] if vector else [], namespace=inside))
    if found is None:
        raise Refusal(404, f"there is no document {id!r:.80} in {name}.", code="document_not_found")
    return answer(found)


@router.patch("/collections/{name}/documents/{id:path}")
async def update(name: str, id: str, body: Change, served: Served, key: Caller) -> Response:
    """Change fields of a document's metadata, its text or its title."""
    one = _written(served, key, name)
    inside = key.inside(body.namespace)
    given = {n: getattr(body, n) if n in body.model_fields_set else UNCHANGED for n in ("text", "title")}
    if body.text is None and "text" in body.model_fields_set:
        raise Refusal(400, "the text of a document cannot be removed.", "text")

    def change(c: Collection) -> bool:
        if c.get(id, namespace=inside) is None:
            return False
        c.update(id, body.metadata, namespace=inside, **given)
        return True

    if not await one.write(change):
        raise Refusal(404, f"there is no document {id!r:.80} in {name}.", code="document_not_found")
    return answer({"updated": 1})


@router.delete("/collections/{name}/documents/{id:path}")
async def delete(name: str, id: str, served: Served, key: Caller, namespace: Namespace = None) -> Response:
    """Delete a document by id."""
    inside = key.inside(namespace)
    return await _deleted(_written(served, key, name), lambda c: c.delete(id, namespace=inside))


@router.post("/collections/{name}/delete")
async def delete_many(name: str, body: Deletion, served: Served, key: Caller) -> Response:
    """Delete documents by id, or those that a filter matches."""
    if (body.ids is None) == (body.where is None):
        raise Refusal(400, "give ids or where, one of them.")
    inside = key.inside(body.namespace)
    one = _written(served, key, name)
    if body.ids is not None:
        ids = body.ids
        return await _deleted(one, lambda c: c.delete(ids, namespace=inside))
    where = body.where
    assert where is not None
    return await _deleted(one, lambda c: c.delete_where(where, namespace=inside))


async def _deleted(one: ServedCollection, work: Callable[[Collection], int]) -> Response:
    return answer({"deleted": await one.write(work)})


@router.post("/collections/{name}/feedback")
async def feedback(name: str, body: Feedback, served: Served, key: Caller) -> Response:
    """Tell which documents were right or wrong for a query; returns the numbers of the entries."""
    one = _written(served, key, name)
    inside = key.inside(body.namespace)
    return answer({"entries": await one.write(lambda c: c.feedback(body.query, body.good, body.bad, namespace=inside))})
