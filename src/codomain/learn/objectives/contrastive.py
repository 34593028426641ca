"""A query's positive against all other documents of the batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize

from codomain.learn.contracts import Objective
from codomain.registry import register
from codomain.stage import check_float


@register("objective", "contrastive")
class Contrastive(Objective):
    """InfoNCE: -log of the share that the positive has of exp(scale cos) over the documents of the batch.

    Columns are query, positive and any number of negatives; negatives of other rows count as well. With labels, rows of
    one group are positives of each other, and their documents are no negatives. `symmetric` also has each positive find its
    query among the queries, and is the mean of both directions.
    As MultipleNegativesRankingLoss of sentence-transformers, and its "query_to_doc" and "doc_to_query" by direction.
    Representation Learning with Contrastive Predictive Coding (2018).

    >>> same = torch.eye(4)
    >>> Contrastive(scale=20).compute_loss_from_embeddings([same, same]) < 1e-7
    tensor(True)
    """

    columns = (2, None)
    labels = "group"

    def __init__(self, scale: float = 20.0, symmetric: bool = False) -> None:
        super().__init__()
        self.scale = check_float("scale", scale)
        self.symmetric = bool(symmetric)

    def loss(self, embeddings: Sequence[Tensor], labels: Tensor | None) -> Tensor:
        """Columns (n, d) and, if rows belong to groups, their numbers (n,), to the mean over the rows."""
        queries, documents = normalize(embeddings[0], dim=1), normalize(torch.cat(list(embeddings[1:])), dim=1)
        scores = self.scale * queries @ documents.T
        own = torch.arange(len(queries), device=scores.device)
        if labels is not None:
            # the negatives of a row stand at its number plus a multiple of n: they stay, also for its group
            same = labels[:, None] == labels[None, :]
            same[own, own] = False
            excluded = torch.zeros_like(scores, dtype=torch.bool)
            excluded[:, : len(queries)] = same
            scores = scores.masked_fill(excluded, -torch.inf)
        found = scores.logsumexp(dim=1)
        if self.symmetric:
            found = (found + scores[:, : len(queries)].logsumexp(dim=0)) / 2
        return (found - scores[own, own]).mean()
