"""`codomain serve`: encoders and collections over HTTP, in the dialects that clients of other servers speak.

catalog.py        what is served: encoders and collections by name
collections.py    collections and searches of them
documents.py      documents of collections: lists, facets, additions, changes, feedback
bodies.py         what requests about collections hold
errors.py         a refusal, and the shape that each dialect gives it
keys.py           who may do what: keys, scopes, rates
guard.py          in front of every route: hosts, origins, keys, sizes, times, the audit log
mcp.py            collections as tools of the Model Context Protocol
mcp_route.py      the same over HTTP, at /mcp
app.py            the routes together, as an ASGI application
protocol.py       HTTP/1.1 of uvicorn, with limits on slow heads and half-closed connections
run.py            a server process: addresses, signals, draining
encoding/         texts of requests to vectors and scores
about/            what a server tells of itself: names without paths, metrics, its description, spans
page/              the page at /
dialects/         OpenAI, Cohere, Jina, TEI, Ollama, Voyage
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {
    "make_app": "codomain.serve.app",
    "Catalog": "codomain.serve.catalog",
    "Keys": "codomain.serve.keys",
}

__all__ = list(_HOMES)

__getattr__, __dir__ = exports(__name__, _HOMES)
