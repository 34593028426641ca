"""Fewer dimensions by a small network that has learnt to restore the vectors: fitted by PyTorch, applied by numpy."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from codomain.arrays import Floats
from codomain.errors import MissingExtra
from codomain.registry import stage
from codomain.stage import check_int
from codomain.transform.reduce import Reducer

_BATCH = 256
_RATE = 1e-3
_PATIENCE = 5
"""Epochs without a smaller error on the held-out rows after which fitting ends."""
_HELD_OUT = 0.1
_FEW = 50
"""Rows below which none are held out."""
_SAMPLE = 50_000


@stage("autoencoder", takes=["dense"], gives="dense")
class Autoencoder(Reducer):
    """The `dim` numbers in the middle of a network d - hidden - dim - hidden - d that was trained to restore its input.

    As in the experiments of "Optimization of embeddings storage for RAG systems using quantization and dimensionality
    reduction techniques" (2025): ReLU, mean squared error, Adam. A tenth of the sample decides when to stop.
    Fitting needs the extra `learn` (MissingExtra without it); what was fitted needs numpy alone.
    """

    _fitted = ("mean_", "scale_", "hidden_weights_", "hidden_biases_", "code_weights_", "code_biases_")

    def __init__(self, dim: int | Literal["auto"], hidden: int = 512, epochs: int = 50, seed: int = 0) -> None:
        self.dim = dim
        self.hidden = hidden
        self.epochs = epochs
        self.seed = seed

    def output_dim(self, dim: int | None) -> int | None:
        """`self.dim`; raises ValueError for input that has fewer."""
        check_int("hidden", self.hidden)
        check_int("epochs", self.epochs)
        check_int("seed", self.seed, 0)
        return super().output_dim(dim)

    def _decided(self) -> int:
        return len(self.code_biases_)

    def _fit(self, X: Floats) -> None:
        kept = self._kept(X)
        rng = np.random.default_rng(self.seed)
        if len(X) > _SAMPLE:
            X = X[np.sort(rng.choice(len(X), _SAMPLE, replace=False))]
        mean = X.mean(axis=0, dtype=np.float64)
        scale = float(np.sqrt(np.mean((X - mean) ** 2)))
        self.mean_, self.scale_ = mean.astype(np.float32), scale if scale > 0 else 1.0
        rows = rng.permutation(len(X))
        held = int(_HELD_OUT * len(X)) if len(X) >= _FEW else 0
        centered = ((X - self.mean_) / np.float32(self.scale_))[rows]
        trained = _trained(
            centered[held:], centered[:held] if held else centered, self.hidden, kept, self.epochs, self.seed
        )
        self.hidden_weights_, self.hidden_biases_, self.code_weights_, self.code_biases_ = trained

    def _apply(self, X: Floats) -> Floats:
        centered = (X - self.mean_) / np.float32(self.scale_)
        # z = W_2 relu(W_1 x + b_1) + b_2
        inner = np.maximum(centered @ self.hidden_weights_.T + self.hidden_biases_, 0)
        return np.asarray(inner @ self.code_weights_.T + self.code_biases_, np.float32)


def _trained(X: Floats, held: Floats, hidden: int, kept: int, epochs: int, seed: int) -> list[np.ndarray[Any, Any]]:
    """Weights and biases of the first half of the network that restored the held-out rows best."""
    try:
        import torch
    except ImportError:
        raise MissingExtra("fitting autoencoder()", "learn") from None
    from torch import nn

    from codomain.transform.training.loop import Loop, Update, seeded

    dim, rows, unseen = X.shape[1], torch.from_numpy(X), torch.from_numpy(held)
    with seeded(seed):
        network = nn.Sequential(
            nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, kept),
            nn.Linear(kept, hidden), nn.ReLU(), nn.Linear(hidden, dim),
        )  # fmt: skip

        def error(X: Any) -> Any:
            return nn.functional.mse_loss(network(X), X)

        Loop(
            network,
            [Update(lambda batch: error(rows[batch]), torch.optim.Adam(network.parameters(), _RATE))],
            lambda epoch: torch.randperm(len(rows)).split(_BATCH),  # type: ignore[no-untyped-call]
            epochs,
            validate=lambda: -float(error(unseen)),
            patience=_PATIENCE,
        ).run()
    return _weights(network)


def _weights(network: Any) -> list[np.ndarray[Any, Any]]:
    return [array.detach().numpy().copy() for part in (network[0], network[2]) for array in (part.weight, part.bias)]
