"""Recurrent binary codes from a trained network, as in the paper: fitted by PyTorch, applied by numpy.

`recurrent_binary()` reads the same values off a grid without training; proofs/transform/recurrent_training.py compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from codomain.arrays import Floats, as_float32
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.stage import check_int
from codomain.transform.training.loop import Loop, Update, seeded

_BATCH = 512
_RATE = 0.08
_MOMENTUM = 0.9
_DECAY = 1e-3
_TEMPERATURE = 0.05
_HARDEST = 5
"""Negatives of the batch that the loss looks at, the most similar ones."""
_NOISE = 1.0
"""Length of the noise that makes the second of a pair, for vectors of length one; the paper has real pairs.

Of .2, .5 (with a tenth dropped) and 1, the best on held-out documents.
"""

Layers = tuple[Floats, Floats, Floats, Floats]


@dataclass(frozen=True)
class RecurrentNetwork:
    """b_0 = sgn(W x); b_u = b_(u-1) + 2^-u sgn(E_u(x - D_u(b_(u-1)) / |D_u(b_(u-1))|)), bits + 1 values a dimension apart by two.

    "Binary Embedding-based Retrieval at Tencent" (2023). `layers` are W, then D_u and E_u for each further bit, each two
    weights and biases. Queries and documents are encoded alike: scores are inner products of codes, so that `flat` over
    `encode(X)` with `codec` is searched by `transform(Q)`.
    """

    layers: tuple[Layers, ...]

    @property
    def bits(self) -> int:
        """Bits a dimension."""
        return (len(self.layers) + 1) // 2

    @property
    def codec(self) -> Codec:
        """Bit planes of the codes: each stands for its value times 2^-1, so that neighbouring levels are one apart."""
        dim = len(self.layers[0][3])
        return Codec(f"planes{self.bits}", dim, scale=np.ones(dim, np.float32))  # type: ignore[arg-type]

    def transform(self, X: Floats) -> Floats:
        """Vectors (n, d) to what their codes stand for, (n, m); raises InputError for NaN or another dimension."""
        first, *rest = self.layers
        x = _unit(as_float32(X, dim=first[0].shape[1]))
        b = _sign(_applied(first, x))
        for u, (decoder, encoder) in enumerate(zip(rest[::2], rest[1::2], strict=True), 1):
            b += 2.0**-u * _sign(_applied(encoder, x - _unit(_applied(decoder, b))))
        return np.asarray(b * 2 ** (self.bits - 2), np.float32)

    def encode(self, X: Floats) -> np.ndarray:
        """Vectors (n, d) to the codes (n, width) to store."""
        return self.codec.encode(self.transform(X))


def _applied(layers: Layers, x: Floats) -> Floats:
    inner, inner_bias, outer, outer_bias = layers
    return np.asarray(np.maximum(x @ inner.T + inner_bias, 0) @ outer.T + outer_bias)


def _sign(x: Floats) -> Floats:
    return np.where(x >= 0, 1, -1).astype(np.float32)


def _unit(x: Floats) -> Floats:
    lengths = np.linalg.norm(x, axis=1, keepdims=True)
    return np.asarray(np.divide(x, lengths, out=np.zeros_like(x), where=lengths > 0))


class _Sign(torch.autograd.Function):
    """The sign, whose gradient is passed straight through where |x| <= 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.where(x.abs() <= 1, gradient, 0.0)


class _Network(nn.Module):
    def __init__(self, dim: int, out: int, bits: int, hidden: int) -> None:
        super().__init__()

        def mlp(a: int, b: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(a, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, b))

        self.first = mlp(dim, out)
        self.decoders = nn.ModuleList(mlp(out, dim) for _ in range(bits - 1))
        self.encoders = nn.ModuleList(mlp(dim, out) for _ in range(bits - 1))

    def forward(self, x: Tensor) -> Tensor:
        sign: Any = _Sign.apply
        b: Tensor = sign(self.first(x))
        for u, (decoder, encoder) in enumerate(zip(self.decoders, self.encoders, strict=True), 1):
            b = b + 2.0**-u * sign(encoder(x - normalize(decoder(b), dim=1)))
        return b

    def layers(self) -> tuple[Layers, ...]:
        parts: list[Any] = [self.first]
        for decoder, encoder in zip(self.decoders, self.encoders, strict=True):
            parts += [decoder, encoder]
        return tuple(_folded(part) for part in parts)


def _folded(part: Any) -> Layers:
    """Weights and biases with batch normalisation, as it is for encoding, inside the first."""
    inner, norm, _, outer = part
    gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    arrays = (
        inner.weight * gain[:, None], (inner.bias - norm.running_mean) * gain + norm.bias, outer.weight, outer.bias,
    )  # fmt: skip
    return tuple(array.detach().numpy().copy() for array in arrays)


def train(
    X: Floats,
    pairs: Floats | None = None,
    bits: int = 2,
    dim: int | None = None,
    hidden: int = 1024,
    epochs: int = 10,
    seed: int = 0,
    old: Floats | None = None,
) -> RecurrentNetwork:
    """A network for vectors (n, d) that makes codes of `bits` bits for each of `dim` dimensions, by default d.

    Two-way InfoNCE between the codes of a vector and of its pair, row for row in `pairs` (n, d), or without them of the
    same vector with noise, over the 5 hardest negatives of the batch; SGD whose rate falls to a tenth after six tenths
    of the epochs. `old` (n, dim) are codes of the same rows by an older binariser, as they stand for values: new codes then
    learn to find them too, by the same loss, so that new queries search old codes ("compatible training"); `dim` is theirs.

    Raises InputError for fewer than two vectors, pairs of another shape, or old codes of another number of rows.
    """
    X = as_float32(X)
    check_int("bits", bits, 2, 4)
    if len(X) < 2:
        raise InputError(f"training needs two vectors at least, not {len(X)}.")
    if pairs is not None and np.shape(pairs) != X.shape:
        raise InputError(f"pairs of shape {np.shape(pairs)} do not go with vectors of shape {X.shape}: give one a row.")
    if old is not None and (np.ndim(old) != 2 or len(old) != len(X) or (dim or np.shape(old)[1]) != np.shape(old)[1]):
        raise InputError(f"old codes of shape {np.shape(old)} do not go with {len(X)} vectors: give one a row.")
    if old is not None:
        old, dim = _unit(as_float32(old, what="old codes")), np.shape(old)[1]
    frozen = None if old is None else torch.from_numpy(old)
    rows, noise = torch.from_numpy(_unit(X)), _NOISE / X.shape[1] ** 0.5
    others = None if pairs is None else torch.from_numpy(as_float32(pairs, dim=X.shape[1], what="pairs"))
    falls = max(1, round(0.6 * epochs)) / max(epochs, 1)
    with seeded(seed):
        network = _Network(X.shape[1], dim or X.shape[1], bits, hidden)

        def batches(epoch: int) -> Sequence[Tensor]:
            return torch.randperm(len(rows)).chunk(max(1, len(rows) // _BATCH))

        def loss(batch: Tensor) -> Tensor:
            x = rows[batch]
            other = others[batch] if others is not None else x + torch.randn_like(x) * noise
            codes = network(torch.cat([x, normalize(other, dim=1)]))
            new, others_new = normalize(codes, dim=1).chunk(2)
            found = _infonce(new, others_new)
            return found if frozen is None else found + _infonce(new, frozen[batch])

        optimizer = torch.optim.SGD(network.parameters(), _RATE, _MOMENTUM, weight_decay=_DECAY)
        Loop(
            network, [Update(loss, optimizer)], batches, epochs, lambda step, done: 0.1 if done >= falls else 1.0
        ).run()
    return RecurrentNetwork(network.layers())


def _infonce(a: Tensor, b: Tensor) -> Tensor:
    """Both ways, over the hardest negatives."""
    scores = a @ b.T / _TEMPERATURE
    right = scores.diagonal()
    wrong = scores.masked_fill(torch.eye(len(a), dtype=torch.bool), -torch.inf)
    kept = min(_HARDEST, len(a) - 1)
    sides = [wrong.topk(kept, dim=1).values, wrong.topk(kept, dim=0).values.T]
    return (
        torch.stack([(torch.cat([right[:, None], w], dim=1).logsumexp(dim=1) - right).mean() for w in sides]).sum() / 2
    )
