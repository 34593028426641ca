"""A teacher's vectors of the same items."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from codomain.errors import InputError
from codomain.learn.contracts import Objective
from codomain.registry import register


@register("objective", "embedding_distillation")
class EmbeddingDistillation(Objective):
    """The squared distance to the teacher's vector, ||y - y_hat||^2, averaged over rows and columns.

    Labels are teacher vectors (n, d), the same for every column, or (n, columns, d). The student lands in the teacher's own
    space: it has to have the teacher's dimensions, and unit vectors where the teacher has.
    d times EmbedDistillLoss("mse") of sentence-transformers.
    LEAF: Knowledge Distillation of Text Embedding Models with Teacher-Aligned Representations (2025).

    >>> EmbeddingDistillation().compute_loss_from_embeddings([torch.zeros(3, 2)], torch.ones(3, 2))
    tensor(2.)
    """

    columns = (1, None)
    labels = "teacher_embeddings"
    needs_labels = True

    def loss(self, embeddings: Sequence[Tensor], labels: Tensor | None) -> Tensor:
        """Columns (n, d) and the teacher's vectors; raises InputError for vectors of another shape."""
        assert labels is not None
        targets = [labels] * len(embeddings) if labels.ndim == 2 else list(labels.unbind(1))
        if [y.shape for y in embeddings] != [y_hat.shape for y_hat in targets]:
            raise InputError(
                f"the teacher's vectors have shape {tuple(labels.shape)}, the student's {tuple(embeddings[0].shape)} "
                f"in {len(embeddings)} columns."
            )
        # L = || y - y_hat ||^2   (LEAF, eq. 1)
        parts = [((y - y_hat) ** 2).sum(1).mean() for y, y_hat in zip(embeddings, targets, strict=True)]
        return parts[0] if len(parts) == 1 else torch.stack(parts).mean()
