"""How the adversarial translator is trained: adapters of two spaces around one backbone, against discriminators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from codomain.arrays import Floats
from codomain.transform.training.loop import Loop, Update, seeded

if TYPE_CHECKING:
    from codomain.transform.align.adversarial import AdversarialTranslator

_IN, _SHARED, _JUDGES = 3, 4, 5
"""Depths of an adapter, of the backbone and of a discriminator."""
_BETAS = (0.5, 0.999)
_CYCLE = 10.0


class Block(nn.Module):
    """x + dropout(SiLU(W norm(x) + b))."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(n, width) to (n, width)."""
        return x + self.layers(x)  # type: ignore[no-any-return]


def mlp(d_in: int, width: int, d_out: int, depth: int, dropout: float) -> nn.Sequential:
    """`depth` layers, all but the first and the last residual."""
    middle = [Block(width, dropout) for _ in range(depth - 2)]
    return nn.Sequential(nn.Linear(d_in, width), nn.SiLU(), *middle, nn.Linear(width, d_out))


class Translator(nn.Module):
    """F_st = Out_t o T o In_s for the spaces s, t in {0, 1}: unit vectors (n, d_s) to unit vectors (n, d_t)."""

    def __init__(self, dims: tuple[int, int], width: int, dropout: float) -> None:
        super().__init__()
        self.inside = nn.ModuleList(mlp(d, width, width, _IN, dropout) for d in dims)
        self.shared = nn.Sequential(*(Block(width, dropout) for _ in range(_SHARED)))
        self.outside = nn.ModuleList(mlp(width, width, d, _IN, dropout) for d in dims)

    def latent(self, x: Tensor, source: int) -> Tensor:
        """Unit vectors of a space to the latent space of both (n, width)."""
        return self.shared(self.inside[source](x))  # type: ignore[no-any-return]

    def out(self, z: Tensor, target: int) -> Tensor:
        """Latent vectors (n, width) to unit vectors of a space."""
        return normalize(self.outside[target](z), dim=-1)


def train(settings: AdversarialTranslator, X: Floats, Y: Floats) -> Floats:
    """The weights, as one vector, of a translator between unit vectors X (n, d) and Y (m, d')."""
    sides = torch.from_numpy(X), torch.from_numpy(Y)
    dims = X.shape[1], Y.shape[1]
    with seeded(settings.seed):
        game = _Game(
            Translator(dims, settings.width, settings.dropout),
            nn.ModuleList(mlp(d, settings.width, 1, _JUDGES, 0.0) for d in (*dims, settings.width)),
        )
        updates = [
            Update(game.judged, torch.optim.Adam(game.judges.parameters(), settings.judge_lr, betas=_BETAS)),
            Update(game.translated, torch.optim.Adam(game.net.parameters(), settings.lr, betas=_BETAS)),
        ]
        pairs = zip(*(_batches(side, settings.batch_size) for side in sides), strict=True)
        # the sides differ in length, so there are no epochs: a step each
        Loop(game, updates, lambda step: [next(pairs)], settings.steps).run()
    return np.asarray(parameters_to_vector(game.net.parameters()).detach().numpy(), np.float32)


class _Game(nn.Module):
    """The translator and its discriminators; `judged` moves a batch, `translated` goes on with what it moved."""

    def __init__(self, net: Translator, judges: nn.ModuleList) -> None:
        super().__init__()
        self.net, self.judges = net, judges

    def judged(self, real: tuple[Tensor, ...]) -> Tensor:
        """The loss of the discriminators."""
        self._z = [self.net.latent(real[s], s) for s in (0, 1)]
        self._moved = [self.net.out(self._z[1], 0), self.net.out(self._z[0], 1)]  # moved[t] is in the space t
        return _judged(self.judges, real, self._moved, self._z)

    def translated(self, real: tuple[Tensor, ...]) -> Tensor:
        """The loss of the translator, against discriminators that have just learned."""
        return _translated(self.net, self.judges, real, self._moved, self._z)


def translate(weights: Floats, dims: tuple[int, int], width: int, X: Floats) -> Floats:
    """Unit vectors of the first space to unit vectors of the second."""
    with torch.random.fork_rng():
        net = Translator(dims, width, 0.0)
    vector_to_parameters(torch.from_numpy(weights), net.parameters())
    net.eval()
    with torch.no_grad():
        return np.asarray(net.out(net.latent(torch.from_numpy(X), 0), 1).numpy())


def _batches(side: Tensor, size: int) -> Iterator[Tensor]:
    size = min(size, len(side))
    while True:
        order = torch.randperm(len(side))
        for start in range(0, len(side) - size + 1, size):
            yield side[order[start : start + size]]


def _judged(judges: nn.ModuleList, real: tuple[Tensor, ...], moved: list[Tensor], z: list[Tensor]) -> Tensor:
    """Least squares: 1 for what is real, 0 for what was translated; of latents, 1 for those of the second space."""
    total = torch.zeros(())
    for judge, true, false in zip(judges, (*real, z[1].detach()), (*moved, z[0]), strict=True):
        total = total + ((judge(true) - 1) ** 2).mean() + (judge(false.detach()) ** 2).mean()
    return total


def _translated(
    net: Translator, judges: nn.ModuleList, real: tuple[Tensor, ...], moved: list[Tensor], z: list[Tensor]
) -> Tensor:
    """L = rec + vsp + 10 cycle + 10 cycle vsp + gen + latent gen."""
    total = ((judges[2](z[0]) - 1) ** 2).mean() + (judges[2](z[1]) ** 2).mean()
    for s, t in ((0, 1), (1, 0)):
        x = real[s]
        own, back = net.out(z[s], s), net.out(net.latent(moved[t], t), s)
        gram = x @ x.T
        total = total + (1 - (x * own).sum(dim=-1)).mean() + _CYCLE * (1 - (x * back).sum(dim=-1)).mean()
        # vector space preservation: whom a vector is near, before and after
        total = total + (gram - moved[t] @ moved[t].T).abs().mean()
        total = total + _CYCLE * ((gram - back @ back.T).abs().mean() + (gram - x @ back.T).abs().mean())
        total = total + ((judges[t](moved[t]) - 1) ** 2).mean()
    return total  # type: ignore[no-any-return]
