"""Classifiers that never move: features of successive models stay comparable, and galleries need no re-indexing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from codomain.arrays import Floats
from codomain.learn.contracts import Objective
from codomain.registry import register
from codomain.stage import check_float, check_int


def simplex(K: int) -> Floats:
    """The K corners of a regular simplex around the origin: unit rows (K, K - 1), every two at the cosine -1 / (K - 1).

    "Stationary Representations: Optimally Approximating Compatibility and Implications for Improved Model Replacements"
    (2024). Raises ValueError for fewer than 2.

    >>> (simplex(3) @ simplex(3).T).round(3)
    array([[ 1. , -0.5, -0.5],
           [-0.5,  1. , -0.5],
           [-0.5, -0.5,  1. ]], dtype=float32)
    """
    K = check_int("K", K, 2)
    # e_1, ..., e_(K-1) and (1 - sqrt K) / (K - 1) times the vector of ones have equal distances
    corners = np.concatenate([np.eye(K - 1), np.full((1, K - 1), (1 - np.sqrt(K)) / (K - 1))])
    corners -= corners.mean(axis=0)
    return np.asarray(corners / np.linalg.norm(corners, axis=1, keepdims=True), np.float32)


class SimplexHead(nn.Module):
    """A learnt linear map to features (n, K - 1), and logits against the K frozen corners of a simplex.

    K is the number of classes that there may ever be: corners wait for classes still to come, and successive models
    with the same K are compatible. `features` are what a gallery stores.
    "Stationary Representations" (2024).

    >>> head = SimplexHead(K=10, d_in=64)
    >>> head(torch.zeros(2, 64)).shape, head.features(torch.zeros(2, 64)).shape
    (torch.Size([2, 10]), torch.Size([2, 9]))
    """

    corners: Tensor

    def __init__(self, K: int, d_in: int) -> None:
        super().__init__()
        self.K = check_int("K", K, 2)
        self.d_in = check_int("d_in", d_in)
        self.features = nn.Linear(d_in, K - 1)
        self.register_buffer("corners", torch.from_numpy(simplex(K)))

    def forward(self, x: Tensor) -> Tensor:
        """Backbone outputs (n, d_in) to logits (n, K), without bias."""
        return self.logits(self.features(x))

    def logits(self, z: Tensor) -> Tensor:
        """Features (n, K - 1) to logits W z (n, K)."""
        return z @ self.corners.T


@register("objective", "stationary")
class StationaryLoss(Objective):
    """Cross-entropy on a simplex and, after an update, contrast with the features of the model before.

    L = lam CE(W z, y) + (1 - lam) HOC(z, z_old), where HOC is InfoNCE between unit features new and old, times `mu`: the
    positive of a new feature is the old one of the same sample, old ones of its class are no negatives. The column is the
    features z (n, K - 1) of a head such as SimplexHead(K). Labels are the classes (n,), or (n, 1 + d): the classes beside the
    features of the model before (`with_features`). Without them it is the cross-entropy alone. Of several models before, use
    the last.
    "Stationary Representations" (2024).

    >>> loss, head = StationaryLoss(10), SimplexHead(10, 64)
    >>> z, classes = head.features(torch.ones(4, 64)), torch.tensor([0, 0, 1, 2])
    >>> loss.compute_loss_from_embeddings([z], classes).shape
    torch.Size([])
    >>> loss.compute_loss_from_embeddings([z], with_features(classes, z.detach())).shape
    torch.Size([])
    """

    columns = (1, 1)
    labels = "class"
    needs_labels = True
    corners: Tensor

    def __init__(self, K: int, mu: float = 10.0, lam: float = 0.1) -> None:
        super().__init__()
        self.K = check_int("K", K, 2)
        self.mu = check_float("mu", mu)
        self.lam = check_float("lam", lam, 0, 1)
        self.register_buffer("corners", torch.from_numpy(simplex(K)))

    def logits(self, z: Tensor) -> Tensor:
        """Features (n, K - 1) to logits W z (n, K)."""
        return z @ self.corners.T

    def loss(self, embeddings: Sequence[Tensor], labels: Tensor | None) -> Tensor:
        """Features, and classes with or without the features of the model before, to the mean over samples."""
        assert labels is not None
        (z,) = embeddings
        classes = (labels if labels.ndim == 1 else labels[:, 0]).long()
        loss = cross_entropy(self.logits(z), classes)
        if labels.ndim == 1:
            return loss
        return self.lam * loss + (1 - self.lam) * higher_order_compatibility(z, labels[:, 1:], classes, self.mu)


def with_features(classes: Tensor, features: Tensor) -> Tensor:
    """Classes (n,) and the features (n, d) of the model before as one tensor of labels (n, 1 + d): trainers pass one.

    >>> with_features(torch.tensor([2, 0]), torch.full((2, 2), 0.5))
    tensor([[2.0000, 0.5000, 0.5000],
            [0.0000, 0.5000, 0.5000]])
    """
    return torch.cat([classes[:, None].to(features.dtype), features], dim=1)


def higher_order_compatibility(z: Tensor, z_old: Tensor, labels: Tensor, mu: float = 10.0) -> Tensor:
    """-mean_i log(exp(mu z_i . o_i) / sum_j exp(mu z_i . o_j)), j over i and the samples of other classes; unit z and o.

    Needs no classifier: labels that all differ make it contrastive distillation from the old model.
    """
    scores = mu * normalize(z, dim=-1) @ normalize(z_old, dim=-1).T
    own = torch.arange(len(labels), device=labels.device)
    same = labels[:, None] == labels[None, :]
    same[own, own] = False
    # -inf, not 0: a zero would leave exp(0) in the sum
    return cross_entropy(scores.masked_fill(same, -torch.inf), own)
