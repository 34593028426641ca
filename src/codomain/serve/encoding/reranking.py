"""Texts scored for a query by an encoder's similarity: what a reranking route gives until a reranker is served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codomain.rank.similarity import similarities
from codomain.serve.catalog import Model
from codomain.serve.encoding.embedding import encode
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
    scores = similarities(asked.vectors, documents.vectors)
    order = np.argsort(-scores, kind="stable")[:top].tolist()
    return Ranked(scores, order, asked.tokens + documents.tokens)
