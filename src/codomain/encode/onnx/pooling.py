"""Vectors of tokens to the vector of a text, as sentence-transformers' modules Pooling and Dense do it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
"""The names that sentence-transformers gives the ways to pool, in the order in which their vectors are joined."""

_SMALLEST = 1e-9
"""What a sum of weights is at least: a text whose every token is left out gets zero."""


def pooled(tokens: np.ndarray, mask: np.ndarray, modes: Sequence[str], skip: int = 0) -> np.ndarray:
    """Float32 (n, d x modes) of token vectors (n, t, d) and their mask (n, t), padded on the right.

    The first `skip` tokens, those of a prompt, take no part.

    >>> tokens = np.array([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]], np.float32)
    >>> pooled(tokens, np.array([[1, 1, 0]]), ["mean"]).tolist()
    [[0.5, 0.5]]
    """
    kept = mask.astype(np.float32)
    kept[:, :skip] = 0
    return np.concatenate([_POOLED[mode](tokens, kept) for mode in modes], axis=1).astype(np.float32)


def _mean(tokens: np.ndarray, kept: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.matmul(kept[:, None], tokens)[:, 0] / np.maximum(kept.sum(axis=1, keepdims=True), _SMALLEST)
    return found


def _mean_sqrt(tokens: np.ndarray, kept: np.ndarray) -> np.ndarray:
    count = np.maximum(kept.sum(axis=1, keepdims=True), _SMALLEST)
    found: np.ndarray = np.matmul(kept[:, None], tokens)[:, 0] / np.sqrt(count)
    return found


def _weighted_mean(tokens: np.ndarray, kept: np.ndarray) -> np.ndarray:
    return _mean(tokens, kept * np.arange(1, kept.shape[1] + 1, dtype=np.float32))


def _max(tokens: np.ndarray, kept: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.where(kept[..., None] > 0, tokens, -np.inf).max(axis=1)
    return np.where(np.isfinite(found), found, 0)


def _first(tokens: np.ndarray, kept: np.ndarray) -> np.ndarray:
    found: np.ndarray = tokens[np.arange(len(tokens)), kept.argmax(axis=1)]
    return found


def _last(tokens: np.ndarray, kept: np.ndarray) -> np.ndarray:
    last = kept.shape[1] - 1 - kept[:, ::-1].argmax(axis=1)
    found: np.ndarray = tokens[np.arange(len(tokens)), last] * (kept.max(axis=1, keepdims=True) > 0)
    return found


_POOLED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "cls": _first, "max": _max, "mean": _mean, "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted_mean, "lasttoken": _last,
}  # fmt: skip


_ERF = np.frompyfunc(math.erf, 1, 1)


def _gelu(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = 0.5 * x * (1 + _ERF(x / np.sqrt(2)).astype(x.dtype))
    return found


ACTIVATIONS: dict[str, Callable[[np.ndarray], Any]] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, 0),
    "GELU": _gelu,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "SiLU": lambda x: x / (1 + np.exp(-x)),
}
"""Activations of torch.nn that a module Dense may have here."""


def dense(weight: np.ndarray, bias: np.ndarray | None, activation: str) -> Callable[[np.ndarray], np.ndarray]:
    """What sentence-transformers calls Dense: activation(x W^T + b)."""

    def apply(x: np.ndarray) -> np.ndarray:
        linear = x @ weight.T
        return np.asarray(ACTIVATIONS[activation](linear if bias is None else linear + bias), np.float32)

    return apply
