"""How a siamese head is trained: the squared error of the cosine on scores, early stopping, and whether it gains at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.functional import normalize

from codomain.arrays import Floats
from codomain.transform.training.loop import Loop, Update, seeded

if TYPE_CHECKING:
    from codomain.transform.adapt.siamese import SiameseHead

_VALIDATION = 0.15
_PATIENCE = 8
_FOLDS = 5
_DRAWS = 500

Weights = tuple[Floats, Floats, Floats]
Head = tuple[float, Weights]
"""What pairs held out gained in Spearman's correlation, 0 where that is not above chance; W1, b and W2."""


class Residual(nn.Module):
    """x + W2 relu(W1 x + b), scaled to length one, and the line from cosines to scores."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.down = nn.Linear(dim, width)
        self.up = nn.Linear(width, dim, bias=False)
        self.line = nn.Parameter(torch.tensor([4.0, -2.0]))
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Unit vectors (n, d) to unit vectors (n, d)."""
        return normalize(x + self.up(torch.relu(self.down(x))), dim=-1)

    def cosines(self, a: Tensor, b: Tensor) -> Tensor:
        """The cosine (n,) of each pair."""
        found: Tensor = (self(a) * self(b)).sum(dim=1)
        return found

    def weights(self) -> Weights:
        """W1, b and W2 as arrays."""
        return tuple(t.detach().numpy().copy() for t in (self.down.weight, self.down.bias, self.up.weight))  # type: ignore[return-value]


def train(head: SiameseHead, A: Floats, B: Floats, scores: np.ndarray) -> Head:
    """Unit vectors of both sides (n, d) and the scores (n,) of the pairs."""
    rng = np.random.default_rng(head.seed)
    left = np.unique(A, axis=0, return_inverse=True)[1].reshape(-1)
    everyone = np.arange(len(A))
    before, after = np.einsum("nd,nd->n", A, B), np.zeros(len(A))
    for fold in np.array_split(rng.permutation(left.max() + 1), _FOLDS):
        held = np.isin(left, fold)
        model = _learned(head, A, B, scores, *_split(everyone[~held], left, rng), rng)
        with torch.no_grad():
            # each fold's head has its own scale of cosines: ranks within the fold are comparable, cosines are not
            after[held] = _ranks(model.cosines(torch.from_numpy(A[held]), torch.from_numpy(B[held])).numpy())
        before[held] = _ranks(before[held])
    gain, low = _gain(before, after, scores, rng)
    model = _learned(head, A, B, scores, *_split(everyone, left, rng), rng)
    return (gain if low > 0 else 0.0), model.weights()


def _learned(
    head: SiameseHead,
    A: Floats,
    B: Floats,
    scores: np.ndarray,
    learn: np.ndarray,
    stop: np.ndarray,
    rng: np.random.Generator,
) -> Residual:
    """The head after the epoch that was best on the pairs `stop`."""
    a, b = torch.from_numpy(A), torch.from_numpy(B)
    y = torch.from_numpy(((scores - scores[learn].mean()) / max(float(scores[learn].std()), 1e-12)).astype(np.float32))
    with seeded(head.seed):
        model = Residual(A.shape[1], head.width)
        optimizer = torch.optim.AdamW(model.parameters(), lr=head.lr, weight_decay=head.weight_decay)

        def batches(epoch: int) -> list[np.ndarray]:
            return np.array_split(rng.permutation(learn), max(1, round(len(learn) / head.batch_size)))

        def loss(rows: np.ndarray) -> Tensor:
            slope, shift = model.line
            error: Tensor = slope * model.cosines(a[rows], b[rows]) + shift - y[rows]
            return (error**2).mean()

        def agreement() -> float:
            return _spearman(_ranks(model.cosines(a[stop], b[stop]).numpy()), _ranks(scores[stop]))

        Loop(model, [Update(loss, optimizer)], batches, head.epochs, validate=agreement, patience=_PATIENCE).run()
    return model


def _split(pairs: np.ndarray, left: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Of these pairs those to learn from and those to validate on, without a left vector on both sides."""
    texts = rng.permutation(np.unique(left[pairs]))
    held = np.isin(left[pairs], texts[: max(2, round(_VALIDATION * len(texts)))])
    return pairs[~held], pairs[held]


def _gain(before: np.ndarray, after: np.ndarray, scores: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """The change of Spearman's correlation over all pairs, and the lower end of its 95 % bootstrap interval."""
    y = _ranks(scores)
    drawn = [_spearman(after[i], y[i]) - _spearman(before[i], y[i]) for i in rng.integers(0, len(y), (_DRAWS, len(y)))]
    return _spearman(after, y) - _spearman(before, y), float(np.quantile(drawn, 0.025))


def _ranks(values: np.ndarray) -> np.ndarray:
    """From 0 to 1, ties shared."""
    return np.asarray((rankdata(values) - 0.5) / len(values))


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation of ranks; 0 where one side does not vary."""
    x, y = x - x.mean(), y - y.mean()
    length = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y / length) if length > 0 else 0.0
