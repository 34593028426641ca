"""What part of a token's vector is its position, and what part its text? A two-way analysis of variance of hidden states.

"Uncovering hidden geometry in Transformers via disentangling position and context" (2023).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.errors import InputError, MissingExtra

States = NDArray[np.floating]

_TEXTS_AT_ONCE = 16


class Shares(NamedTuple):
    """Shares of the variance about the mean; they add up to 1."""

    position: float
    context: float
    residual: float


@dataclass(frozen=True)
class Parts:
    """h[c, t] = mean + position[t] + context[c] + residual[c, t], with zero means along c and t."""

    mean: NDArray[np.float64]
    position: NDArray[np.float64]
    context: NDArray[np.float64]
    residual: NDArray[np.float64]

    def shares(self) -> Shares:
        """How much of the variance each part has; NaN where nothing varies."""
        c, t = self.residual.shape[:2]
        parts = [
            c * np.square(self.position).sum(),
            t * np.square(self.context).sum(),
            np.square(self.residual).sum(),
        ]
        whole = sum(parts)
        return Shares(*(float(part / whole) if whole > 0 else math.nan for part in parts))

    def stable_rank(self) -> float:
        """|position|_F^2 / |position|_2^2: how many directions the positions fill; 0 where they do not vary."""
        sizes = np.linalg.svd(self.position, compute_uv=False)
        return float(np.square(sizes).sum() / sizes[0] ** 2) if sizes[0] > 0 else 0.0

    def smoothness(self, frequencies: int = 10) -> float:
        """The share of the position part in its lowest cosine frequencies (DCT): near 1 where neighbours are alike."""
        try:
            from scipy.fft import dct
        except ImportError:
            raise MissingExtra("the share of low frequencies", "measure") from None

        energy = np.square(dct(self.position, axis=0, norm="ortho")).sum(axis=1)
        return float(energy[:frequencies].sum() / energy.sum()) if energy.sum() > 0 else math.nan

    def coherence(self) -> tuple[float, float]:
        """Mean and largest |cos| between a position and a context: 0 where the two use different directions."""
        P, C = (_directions(one) for one in (self.position, self.context))
        cosines = np.abs(P @ C.T)
        return (float(cosines.mean()), float(cosines.max())) if cosines.size else (math.nan, math.nan)


def decompose(H: States) -> Parts:
    """The parts of hidden states (texts, positions, d).

    >>> h = np.arange(3)[:, None, None] + 10 * np.arange(4)[None, :, None] * np.ones(2)
    >>> [round(share, 2) for share in decompose(h).shares()]
    [0.99, 0.01, 0.0]

    Raises InputError for another shape, fewer than two texts or positions, NaN or infinity.
    """
    H = np.asarray(H, np.float64)
    if H.ndim != 3 or min(H.shape[:2]) < 2 or not H.shape[2]:
        raise InputError(f"hidden states are of (texts, positions, d), two of each at least, not {H.shape}.")
    if not np.isfinite(H).all():
        raise InputError("the hidden states hold NaN or infinity.")
    mean = H.mean(axis=(0, 1))
    position = H.mean(axis=0) - mean  # pos_t = mean_c h - mu
    context = H.mean(axis=1) - mean  # ctx_c = mean_t h - mu
    return Parts(mean, position, context, H - mean - position - context[:, None])


def hidden_states(encoder: Any, texts: Sequence[str], length: int = 64) -> tuple[NDArray[np.float32], list[int]]:
    """All layers' states (layers + 1, c, length, d) of the texts that have that many tokens, and which texts those are.

    `encoder` is st(...) or minilm(). Texts are cut, never padded, as the parts add up for equal lengths only; the special
    tokens around them, the first of which gathers attention, are left out. Raises InputError for an encoder without a
    transformer and where fewer than two texts are long enough.
    """
    model = encoder.network
    network = getattr(model[0], "auto_model", None) if model is not None and len(model) else None
    if network is None:
        raise InputError(f"{encoder} is no transformer: it has no hidden states.")
    import torch

    assert model is not None
    tokenizer = model.tokenizer
    ids = tokenizer([*texts], add_special_tokens=False, verbose=False)["input_ids"]
    kept = [i for i, own in enumerate(ids) if len(own) >= length]
    if len(kept) < 2:
        raise InputError(f"{len(kept)} of {len(texts)} texts have {length} tokens: two at least are needed.")
    around = tokenizer.num_special_tokens_to_add(False)
    first = tokenizer(texts[kept[0]], return_special_tokens_mask=True)["special_tokens_mask"].index(0)
    found = []
    with torch.inference_mode():
        for start in range(0, len(kept), _TEXTS_AT_ONCE):
            some = [texts[i] for i in kept[start : start + _TEXTS_AT_ONCE]]
            batch = tokenizer(some, truncation=True, max_length=length + around, return_tensors="pt").to(network.device)
            states = torch.stack(network(**batch, output_hidden_states=True).hidden_states)
            found.append(states[:, :, first : first + length].float().cpu().numpy())
    return np.concatenate(found, axis=1), kept


def _directions(X: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.linalg.norm(X, axis=1)
    return np.asarray(X[lengths > 0] / lengths[lengths > 0, None])
