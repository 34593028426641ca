"""Servers of encoders, rerankers and language models, spoken to over HTTP: one client for all rooms.

service.py      which server is meant, and whose key it gets
client.py       requests until they are answered: retries, Retry-After, keys, a sentence for each refusal
connections.py  connections that stay open, over http.client; proxies, time and size limits
address.py      base addresses and proxies
dialects/       how requests are written and answers read
embedder.py     texts to vectors in bulk: batches, several at once, nothing paid twice
forms.py        rows of each kind as bytes and as what encoders return
reranker.py     scores of documents for a query
generator.py    prompts to texts
judge.py        grades by a language model
cache.py        answers on disk
usage.py        texts, tokens, dollars
errors.py       what can go wrong
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {
    "Client": "codomain.endpoints.client",
    "DIALECTS": "codomain.endpoints.dialects",
    "Dialect": "codomain.endpoints.dialects.dialect",
    "EndpointError": "codomain.endpoints.errors",
    "Generator": "codomain.endpoints.generator",
    "Judge": "codomain.endpoints.judge",
    "Refused": "codomain.endpoints.errors",
    "Reranker": "codomain.endpoints.reranker",
    "TooLarge": "codomain.endpoints.errors",
    "Unreachable": "codomain.endpoints.errors",
    "Usage": "codomain.endpoints.usage",
    "collect": "codomain.endpoints.usage",
}
__all__ = [
    "DIALECTS", "Client", "Dialect", "EndpointError", "Generator", "Judge", "Refused", "Reranker", "TooLarge", "Unreachable",
    "Usage", "collect",
]  # fmt: skip

__getattr__, __dir__ = exports(__name__, _HOMES)
