"""Scores of documents for a query, by a server that reranks: Cohere, Voyage, Jina and the common form, text-embeddings-inference."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from codomain.arrays import Floats
from codomain.endpoints.cache import Cache, key_of
from codomain.endpoints.client import Client
from codomain.endpoints.dialects.dialect import Dialect, Malformed, whole
from codomain.endpoints.errors import EndpointError, TooLarge
from codomain.endpoints.service import service
from codomain.endpoints.usage import Usage, count


class Reranker:
    """A model that reads a query together with each document; `price` is in dollars for a million tokens, where the server tells them.

    >>> Reranker("rerank-v3.5", "cohere").model
    'rerank-v3.5'

    Scores are cached on disk by query and document: what was paid for is not asked again.
    """

    def __init__(
        self,
        model: str,
        dialect: str | Dialect = "jina",
        base_url: str | None = None,
        api_key_env: str | None = None,
        price: float | None = None,
        timeout: float = 60.0,
        cache: bool = True,
        client: Client | None = None,
    ) -> None:
        self.model = model
        self.price = price
        if client is None:
            spoken, address, key_env = service(dialect, base_url, api_key_env)
            client = Client(spoken, address, key_env, timeout)
        self.client = client
        self._limit = 1000
        self._cache = Cache(client.address.place, client.dialect.name, model, "rerank") if cache else None

    def scores(self, query: str, documents: Sequence[str]) -> Floats:
        """A score (n,) of each document, higher for what answers the query better; raises EndpointError."""
        pairs = [key_of(json.dumps([query, document])) for document in documents]
        kept = {} if self._cache is None else self._cache.get(pairs)
        found = {key: float(np.frombuffer(value, "<f4")[0]) for key, value in kept.items() if len(value) == 4}
        missing = {key: document for key, document in zip(pairs, documents, strict=True) if key not in found}
        if found:
            count(self.model, Usage(cached=len(found)))
        waiting = [*missing]
        while waiting:
            some = waiting[: self._limit]
            try:
                scores = self._asked(query, [missing[key] for key in some])
            except TooLarge:
                if len(some) == 1:
                    raise
                self._limit = len(some) // 2
                continue
            waiting = waiting[len(some) :]
            fresh = dict(zip(some, scores.tolist(), strict=True))
            found |= fresh
            if self._cache is not None:
                self._cache.put({key: np.float32(score).tobytes() for key, score in fresh.items()})
        return np.array([found[key] for key in pairs], np.float32)

    def _asked(self, query: str, documents: list[str]) -> Floats:
        client = self.client
        try:
            answer = client.post(*client.dialect.rerank(self.model, query, documents))
            scores = client.dialect.reranked(answer.body, len(documents))
        except Malformed as error:
            raise EndpointError(f"{client.server} {str(error).rstrip('.')}.") from None
        count(self.model, self._usage(answer.body, len(documents), answer.retries))
        return scores

    def _usage(self, body: Any, documents: int, retries: int) -> Usage:
        tokens = whole(body, "usage", "total_tokens") if isinstance(body, dict) else None
        used = Usage(requests=1, retries=retries, texts=documents, tokens=tokens or 0)
        used.untold = documents if tokens is None else 0
        if self.price is None:
            used.unpriced = used.tokens
        else:
            used.usd = used.tokens * self.price / 1e6
        return used
