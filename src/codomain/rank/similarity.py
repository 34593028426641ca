"""The similarity of texts to a query by an encoder: what ranks the documents of another retriever."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Ragged, unit_rows
from codomain.pipeline import Pipeline, pipeline
from codomain.stage import Stage


def similarities(query: Any, documents: Any) -> NDArray[np.float64]:
    """Float64 (n,): how similar each document is to the query, both as one encoder gives them (the query as one row).

    Dense vectors are compared by their cosine, learned sparse ones by their inner product, and vectors of tokens by the mean
    over the query's tokens of the best cosine with one of the document's (MaxSim by tokens; Khattab and Zaharia, 2020, eq. 3).

    >>> similarities(np.float32([[1, 0]]), np.float32([[3, 4], [0, 2]])).round(3).tolist()
    [0.6, 0.0]
    """
    if isinstance(documents, Ragged):
        best = unit_rows(query.values) @ unit_rows(documents.values).T  # (query tokens, all tokens)
        ends = pairwise(documents.offsets.tolist())
        return np.array([best[:, i:j].max(axis=1).mean() if j > i else 0.0 for i, j in ends], np.float64)
    if not isinstance(documents, np.ndarray):  # sparse
        return np.asarray((documents @ query.T).todense(), np.float64).ravel()
    return np.asarray(unit_rows(documents).astype(np.float64) @ unit_rows(query)[0].astype(np.float64))


def rank_texts(
    encoder: str | Stage | Pipeline, query: str, texts: Sequence[str], top: int | None = None
) -> list[tuple[int, float]]:
    """Places of the texts with their similarity to the query, the best first; equal ones keep their order.

    >>> [place for place, _ in rank_texts("static()", "fox", ["a blue whale", "a red fox"])]
    [1, 0]
    """
    if not texts:
        return []
    made = pipeline(encoder)
    scores = similarities(made.encode([query], queries=True), made.encode(list(texts)))
    return [(i, float(scores[i])) for i in np.argsort(-scores, kind="stable")[:top].tolist()]
