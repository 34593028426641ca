"""Texts scored for a query by an encoder's similarity: what a reranking route gives until a reranker is served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from codomain.arrays import Ragged, unit_rows
from codomain.serve.catalog import Model
from codomain.serve.embedding import encode
from codomain.serve.errors import Refusal


@dataclass(frozen=True)
class Ranked:
    """Scores (n,) of the texts, their places from the best on, and the tokens that were read."""

    scores: Any
    order: list[int]
    tokens: int


async def rerank(model: Model, query: str, texts: Sequence[str], top: int | None = None) -> Ranked:
    """The similarity of each text to the query: cosine, or for a late encoder the mean over the query's tokens of the best one.

    Learned sparse vectors give their inner product. Equal scores keep their order.
    """
    if not query.strip():
        raise Refusal(400, "the query is empty.", "query")
    if top is not None and top < 1:
        raise Refusal(400, f"top_n must be 1 or more, not {top}.", "top_n")
    documents = await encode(model, texts, False)
    asked = await encode(model, [query], True)
    scores = _scores(asked.vectors, documents.vectors)
    order = np.argsort(-scores, kind="stable")[:top].tolist()
    return Ranked(scores, order, asked.tokens + documents.tokens)


def _scores(query: Any, documents: Any) -> Any:
    if isinstance(documents, Ragged):
        best = unit_rows(query.values) @ unit_rows(documents.values).T  # (query tokens, all tokens)
        ends = documents.offsets
        parts = [best[:, start:stop].max(axis=1).mean() if stop > start else 0.0 for start, stop in _pairs(ends)]
        return np.array(parts, np.float64)
    if sparse.issparse(documents):
        return np.asarray((documents @ query.T).todense(), np.float64).ravel()
    return unit_rows(documents).astype(np.float64) @ unit_rows(query)[0].astype(np.float64)


def _pairs(offsets: Any) -> list[tuple[int, int]]:
    return list(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True))
