"""A gallery that outlives the model which filled it: fixed classifiers against learnt ones.

Paper 50: "Stationary Representations: Optimally Approximating Compatibility and Implications for Improved Model Replacements"
(2024).

Data: the 1,797 handwritten digits of scikit-learn, 60 % to train, 20 % the gallery, 20 % the queries. A small network learns the
digits 0-4, then a fresh one 0-9; the new one's queries are looked up in the gallery that the old one filled, all ten
digits, by their nearest neighbour. Baseline: the same networks with a learnt classifier of the same width, cross-entropy
alone. "simplex" has frozen corners and cross-entropy alone, "simplex + HOC" also contrast with the old features, "learnt + HOC" says
what of it the corners do.

    python proofs/learn/stationary.py
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from proofs.lib.prove import needs, prove

needs()

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from codomain.learn.objectives.stationary import SimplexHead, StationaryLoss, with_features
from codomain.measure.space.compatibility import average_compatibility, compatibility_matrix
from codomain.transform.training.loop import Loop, Update
from proofs.lib.claims import Claim, at_least, at_most

K, SEEDS, EPOCHS = 32, (0, 1, 2), 60
VARIANTS = ("learnt", "learnt + HOC", "simplex", "simplex + HOC")


class LearntClassifier(StationaryLoss):
    """What the loss on a simplex is, but the classifier learns too."""

    def __init__(self) -> None:
        super().__init__(K)
        self.classifier = nn.Linear(K - 1, K)

    def logits(self, z: Tensor) -> Tensor:
        """Features to logits."""
        return self.classifier(z)


def trained(variant: str, X: Tensor, y: Tensor, old: Callable[[Tensor], Tensor] | None) -> Callable[[Tensor], Tensor]:
    """The features of a fresh network; `old` are those of the one before."""
    backbone = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU())
    model = nn.Sequential(backbone, SimplexHead(K, 64).features)
    objective = StationaryLoss(K) if variant.startswith("simplex") else LearntClassifier()
    labels = y if old is None or not variant.endswith("HOC") else with_features(y, old(X))
    optimizer = torch.optim.AdamW([*model.parameters(), *objective.parameters()], 2e-3)

    def loss(rows: Tensor) -> Tensor:
        return objective.compute_loss_from_embeddings([model(X[rows])], labels[rows])

    Loop(model, [Update(loss, optimizer)], lambda epoch: torch.randperm(len(X)).split(64), EPOCHS).run()

    @torch.no_grad()
    def features(images: Tensor) -> Tensor:
        return model(images)

    return features


def compatibility(variant: str, seed: int) -> np.ndarray:
    """C (2, 2) of the old and the new model."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(X))
    train, gallery, queries = np.split(order, [int(0.6 * len(X)), int(0.8 * len(X))])
    images = torch.from_numpy((X / 16).astype(np.float32))
    labels = torch.from_numpy(y)
    torch.manual_seed(seed)
    few = train[y[train] < 5]
    old = trained(variant, images[few], labels[few], None)
    new = trained(variant, images[train], labels[train], old)
    asked, stored = ([model(images[rows]).numpy() for model in (old, new)] for rows in (queries, gallery))
    return compatibility_matrix(asked, y[queries], stored, y[gallery])


def main() -> list[Claim]:
    torch.set_num_threads(1)
    print(f"1-NN accuracy, mean of {len(SEEDS)} seeds; C(query model, gallery model)")
    print(f"{'':16}{'C(old, old)':>13}{'C(new, old)':>13}{'C(new, new)':>13}{'AC':>6}   C(new, old) of each seed")
    found = {}
    for variant in VARIANTS:
        C = np.array([compatibility(variant, seed) for seed in SEEDS])
        ac = np.array([average_compatibility(c)[0] for c in C])
        found[variant] = C[:, 1, 0], ac
        print(
            f"{variant:16}{C[:, 0, 0].mean():>13.3f}{C[:, 1, 0].mean():>13.3f}{C[:, 1, 1].mean():>13.3f}{ac.mean():>6.2f}  ",
            *(f"{x:.3f}" for x in C[:, 1, 0]),
        )
    (base, base_ac), (ours, ours_ac) = found["learnt"], found["simplex + HOC"]
    return [
        at_least(
            "simplex + HOC gains over a learnt classifier on the old gallery, worst seed", (ours - base).min(), 0.2
        ),
        at_least("AC with simplex + HOC, worst seed", ours_ac.min(), 1),
        at_most("AC with a learnt classifier, best seed", base_ac.max(), 0),
    ]


if __name__ == "__main__":
    prove(main)
