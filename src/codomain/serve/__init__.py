"""`codomain serve`: encoders and collections over HTTP, in the dialects that clients of other servers speak.

catalog.py        what is served: encoders and collections by name
batching.py       texts of concurrent requests, encoded together
embedding.py      what every dialect asks of an encoder: vectors, shortened, counted, in a compact form
reranking.py      texts scored for a query by an encoder's similarity
collections.py    search and documents of collections
bodies.py         what requests about collections hold
errors.py         a refusal, and the shape that each dialect gives it
keys.py           who may do what: keys, scopes, rates
guard.py          in front of every route: hosts, origins, keys, sizes, times, the audit log
metrics.py        counts and times for Prometheus
mcp.py            collections as tools of the Model Context Protocol
token_ids.py      texts that come as numbers of a vocabulary
app.py            the routes together, as an ASGI application
run.py            a server process: addresses, signals, draining
page/             the page at /
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
