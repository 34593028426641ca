"""The static student: a table of token rows, whose weighted sum is a text's vector."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag, normalize

from codomain.learn.distil import Bags


class TokenTable(nn.Module):
    """Bags of tokens to unit vectors (n, d), by rows (V, d) that are trained.

    >>> table = TokenTable(np.eye(3, dtype=np.float32))
    >>> table(Bags(np.array([0, 2], np.int32), np.array([3, 4], np.float32), np.array([0, 2])))
    tensor([[0.6000, 0.0000, 0.8000]], grad_fn=<DivBackward0>)
    """

    def __init__(self, rows: np.ndarray) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.from_numpy(rows))

    def forward(self, texts: Bags) -> Tensor:
        """The normalized weighted sum of each text's rows."""
        ids, starts = torch.from_numpy(texts.ids.astype(np.int64)), torch.from_numpy(texts.offsets[:-1])
        weights = torch.from_numpy(texts.weights)
        return normalize(embedding_bag(ids, self.rows, starts, mode="sum", per_sample_weights=weights), dim=1)
