"""Choose among the hits so that near-copies do not crowd out the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codomain.arrays import Floats, Hits
from codomain.contracts import Documents
from codomain.registry import stage
from codomain.stage import Stage, check_float, check_int


@stage("diversify", takes=("hits",), gives="hits")
class Diversify(Stage):
    """Maximal marginal relevance: each next hit is relevant and unlike those already chosen.

    Carbonell and Goldstein, The Use of MMR, Diversity-Based Reranking for Reordering Documents, 1998. With `balance` 1
    the order stays as it is; with 0 only unlikeness counts. Relevance is the hit's score scaled to 0..1 over the
    candidates, similarity the cosine of the document vectors. The scores given back are those the hits came with.

    >>> str(Diversify(0.5))
    'diversify(0.5)'

    Raises PipelineError when `balance` is outside 0..1.
    """

    def __init__(self, balance: float = 0.7, *, candidates: int = 50) -> None:
        self.balance = check_float("balance", balance, 0, 1)
        self.candidates = check_int("candidates", candidates)

    def check(self, before: Sequence[Stage]) -> None:
        """What it compares are vectors: raises ValueError where no branch has an encoder."""
        if before and before[0].is_source and not any(map(_has_vectors, before)):
            raise ValueError("needs vectors of the documents, and no encoder comes before it")

    def depth(self, k: int) -> int:
        """How many hits it chooses from to give k."""
        return max(k, self.candidates)

    def rank(self, queries: Sequence[str], hits: Hits, documents: Documents, k: int) -> Hits:
        """The k hits (q, k) chosen greedily from the candidates, in the order of choice."""
        chosen = Hits.empty(len(hits.rows), k)
        for query, (rows, scores) in enumerate(zip(hits.rows, hits.scores, strict=True)):
            rows, scores = rows[rows >= 0], scores[rows >= 0]
            if len(rows):
                order = self._choose(scores, documents.vectors(rows), min(k, len(rows)))
                chosen.rows[query, : len(order)] = rows[order]
                chosen.scores[query, : len(order)] = scores[order]
        return chosen

    def _choose(self, scores: Floats, vectors: Floats, k: int) -> list[int]:
        relevance = (scores - scores.min()) / (np.ptp(scores) or 1.0)
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        nearest = np.zeros(len(scores))  # similarity to the closest hit chosen so far
        order: list[int] = []
        for _ in range(k):
            # MMR = balance * relevance - (1 - balance) * max over chosen of cosine
            gain = self.balance * relevance - (1 - self.balance) * nearest
            gain[order] = -np.inf
            best = int(np.argmax(gain))
            similarity = np.vecdot(unit, unit[best])  # row by row: to equal documents it is equal
            nearest = similarity if not order else np.maximum(nearest, similarity)
            order.append(best)
        return order


def _has_vectors(stage: Stage) -> bool:
    return stage.gives != "hits" or any(_has_vectors(inner) for branch in stage.branches for inner in branch)
