"""Collections and searches of them: codomain's own routes."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from codomain.serve.about.places import Places, View, told
from codomain.serve.bodies import Search, Searches
from codomain.serve.catalog import Catalog, ServedCollection
from codomain.serve.dialects.answers import Served, answer
from codomain.serve.errors import Refusal
from codomain.serve.keys import Key, charge
from codomain.store import Collection, Hit

router = APIRouter(tags=["collections"])


async def _key(request: Request) -> Key:
    found: Key = request.state.key
    return found


Caller = Annotated[Key, Depends(_key)]
Namespace = Annotated[str | None, Query(description="Another namespace than the default one.")]
Where = Annotated[str | None, Query(description='A filter, e.g. "year > 2020".')]


def seen(catalog: Catalog, key: Key, name: str) -> ServedCollection:
    """A collection that the caller sees; one that it does not see is not there."""
    if not key.sees(name):
        raise Refusal(404, f"there is no collection {name!r:.80} here.", code="collection_not_found")
    return catalog.collection(name)


def written(catalog: Catalog, key: Key, name: str) -> ServedCollection:
    """A collection that the caller sees and may write."""
    found = seen(catalog, key, name)
    if not key.write:
        raise Refusal(403, "this caller may read only: start the server with --writable, or use a key that may write.")
    return found


@router.get("/collections")
async def collections(served: Served, key: Caller) -> Response:
    """The collections that the caller sees, with their documents and pipelines, and whether it may write."""
    found = []
    for name, one in served.collections.items():
        if key.sees(name):
            inside = key.inside(None)
            count = await one.read(partial(Collection.count, namespace=inside))
            found.append({"name": name, "documents": count, "pipeline": told(str(one.first.pipeline))})
    return answer({"collections": found, "writable": key.write})


@router.get("/collections/{name}")
async def collection(name: str, served: Served, key: Caller) -> Response:
    """What a collection holds; for a key with a namespace its own documents alone are counted."""
    one = seen(served, key, name)
    if key.namespace is not None:
        count = await one.read(lambda c: c.count(namespace=key.namespace))
        return answer({"name": name, "documents": count, "pipeline": told(str(one.first.pipeline))})
    facts = await one.read(lambda c: c.info())
    # where the files are is no business of a client
    known = {fact: value for fact, value in facts.items() if fact not in ("path", "namespaces", "history", "servers")}
    return answer({"name": name, **_told(json.loads(json.dumps(known, default=str)))})


def _told(facts: Any) -> Any:
    """Facts whose texts, and names of expressions, have no paths and addresses."""
    if isinstance(facts, dict):
        return {told(name): _told(value) for name, value in facts.items()}
    if isinstance(facts, list):
        return [_told(value) for value in facts]
    return told(facts) if isinstance(facts, str) else facts


@router.post("/collections/{name}/search")
async def search(name: str, body: Search, served: Served, key: Caller) -> Response:
    """The best documents for a query, for several, for a vector or for documents."""
    return answer(await _search(seen(served, key, name), body, key))


@router.post("/search")
async def searches(body: Searches, served: Served, key: Caller) -> Response:
    """Several searches, of several collections, at once."""
    charge(len(body.searches) - 1)
    asked = [(seen(served, key, one.collection), one) for one in body.searches]
    found = await asyncio.gather(*(_search(collection, one, key) for collection, one in asked))
    return answer({"answers": [{"collection": c.name, **one} for (c, _), one in zip(asked, found, strict=True)]})


async def _search(collection: ServedCollection, body: Search, key: Key) -> dict[str, Any]:
    given = [name for name in ("query", "queries", "vector", "like") if getattr(body, name) is not None]
    if not given or (len(given) > 1 and set(given) != {"query", "vector"}):
        raise Refusal(
            400, f"a search needs one of query, queries, vector and like, not {' and '.join(given) or 'none'}."
        )
    names = ("k", "offset", "sort", "min_score", "min_similarity", "max_per_source", "context")
    options: dict[str, Any] = {name: getattr(body, name) for name in (*names, "feedback", "syntax", "typos")}
    inside = key.inside(body.namespace)
    charge(len(body.queries or [""]) - 1)

    def run(c: Collection) -> dict[str, Any]:
        from codomain.trace import collect

        view = collection.view(c, inside)
        where = view.where(body.where)
        with collect() as report:
            if body.queries is not None:
                many = view.collection.search_many(body.queries, where=where, **options)
                found: dict[str, Any] = {
                    "answers": [[as_json(h, view.places, body.explain) for h in hs] for hs in many]
                }
            else:
                vector = None if body.vector is None else [float(x) for x in body.vector]
                like = _like(body.like, view)
                hits = view.collection.search(body.query, vector=vector, like=like, where=where, **options)
                found = {"hits": [as_json(hit, view.places, body.explain) for hit in hits]}
        if body.explain and key.namespace is None:  # its counts are of all namespaces
            found["explain"] = [told(line) for line in report.lines()]
        return found

    return await collection.read(run)


def _like(like: str | list[str] | dict[str, float] | None, view: View) -> Any:
    if like is None:
        return None
    if isinstance(like, str):
        return view.id(like)
    meant = view.meant(list(like))
    return dict(zip(meant, like.values(), strict=True)) if isinstance(like, dict) else meant


def as_json(hit: Hit, places: Places, explain: bool = False) -> dict[str, Any]:
    """A hit as the routes return it."""
    found: dict[str, Any] = {
        "id": places.id(hit.id, hit.source),
        "score": hit.score,
        "similarity": hit.similarity,
        "title": hit.title,
        "text": hit.text,
        "metadata": hit.metadata,
        "source": places.source(hit.source),
        "start": hit.start,
        "end": hit.end,
        "headings": list(hit.headings),
    }
    if hit.context:
        found["context"] = hit.context
    if explain:
        found["branches"] = {told(name): {"rank": rank, "score": score} for name, (rank, score) in hit.branches.items()}
    return found
