"""A rotation learned for `recurrent_binary`: it begins at the random one, and codes learn to be as alike as their vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax, normalize

from codomain.arrays import Floats, as_float32, unit_rows
from codomain.errors import InputError
from codomain.stage import check_int
from codomain.transform.recurrent import RecurrentBinary
from codomain.transform.training.loop import Loop, Update, seeded

_BATCH = 512
_TEMPERATURE = 0.05
_STEPS_LR = 0.1
"""The rate of the steps, as a share of that of the rotation: they are few, and the best for a Gaussian to begin with."""


class _Grid(nn.Module):
    """Codes of a rotation R exp(A - A^T) and of steps s: A is 0 at first, so that nothing is changed."""

    def __init__(self, rotation: Floats, steps: Floats, bits: int) -> None:
        super().__init__()
        self.start = torch.from_numpy(rotation)
        self.turn = nn.Parameter(torch.zeros(len(rotation), len(rotation)))
        self.steps = nn.Parameter(torch.log(torch.from_numpy(steps)))
        self.most = 2.0 ** (bits - 1)

    def rotation(self) -> Tensor:
        """R exp(A - A^T), a rotation (d, d)."""
        turned: Tensor = self.start @ torch.linalg.matrix_exp(self.turn - self.turn.T)
        return turned

    def forward(self, x: Tensor) -> Tensor:
        """What the codes of rows (n, d) stand for, rotated; the gradient passes where a value is within the grid."""
        s = torch.exp(self.steps)
        y = x @ self.rotation() / s
        level = torch.clamp(torch.floor(y), -self.most, self.most - 1) + 0.5
        within = torch.clamp(y, -self.most, self.most)
        codes: Tensor = s * (within + (level - within).detach())
        return codes


def train_rotation(X: Floats, bits: int = 2, epochs: int = 5, lr: float = 1e-3, seed: int = 0) -> RecurrentBinary:
    """A `RecurrentBinary` for vectors (n, d) whose rotation and steps are learned, stored and searched as any other.

    Training begins at the fitted grid. The similarities of codes within a batch are distilled from those of the vectors:
    L = mean_i KL(softmax_j(x_i . x_j / t) || softmax_j(c_i . c_j / t)) over j != i, c of length one, t = 0.05.
    "Binary Embedding-based Retrieval at Tencent" (2023) learns from pairs and from random weights; this needs no pairs.

    Raises InputError for fewer than three vectors.

    >>> X = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
    >>> train_rotation(X, epochs=1).transform(X).shape
    (60, 4)
    """
    X = unit_rows(as_float32(X))
    check_int("epochs", epochs)
    if len(X) < 3:
        raise InputError(f"training needs three vectors at least, not {len(X)}.")
    found = RecurrentBinary(bits, seed=seed).fit(X)
    rows = torch.from_numpy(X)
    with seeded(seed):
        grid = _Grid(found.rotation_, found.step_, bits)

        def batches(epoch: int) -> Sequence[Tensor]:
            return torch.randperm(len(rows)).chunk(max(1, len(rows) // _BATCH))

        def loss(batch: Tensor) -> Tensor:
            x = rows[batch]
            return _distilled(x, normalize(grid(x), dim=1))

        groups = [{"params": [grid.turn], "lr": lr}, {"params": [grid.steps], "lr": lr * _STEPS_LR}]
        Loop(grid, [Update(loss, torch.optim.Adam(groups))], batches, epochs, lambda step, done: 1 - done).run()
    with torch.no_grad():
        found.rotation_ = np.ascontiguousarray(grid.rotation().numpy())
        found.step_ = torch.exp(grid.steps).numpy().copy()
    return found


def _distilled(x: Tensor, codes: Tensor) -> Tensor:
    """The divergence of the codes' similarities from those of the vectors, each row's over all others."""
    own = torch.eye(len(x), dtype=torch.bool)
    wanted, has = ((rows @ rows.T / _TEMPERATURE).masked_fill(own, -1e4) for rows in (x, codes))
    return kl_div(log_softmax(has, dim=1), log_softmax(wanted, dim=1), reduction="batchmean", log_target=True)
