"""A classifier of one encoder on the vectors of another: absolute vectors against relative ones.

Paper 146: "Relative representations enable zero-shot latent space communication" (2023).

Data: the 1,797 handwritten digits of scikit-learn. Two "encoders", each PCA to 32 dimensions of its own half of the training
images, then a random rotation; a logistic head is trained in the space of the first and used in that of the second. The
anchors are 200 training images that both encode. proofs/transform/relative_retrieval.py says when not to use them.

    python proofs/transform/relative.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.transform.align.relative import Relative
from proofs.lib.claims import Claim, at_least, at_most
from proofs.lib.prove import prove

SEEDS = (0, 1, 2)
ANCHORS = 200


def encoder(sample: np.ndarray, rng: np.random.Generator):
    """PCA of a sample to 32 dimensions, rotated at random."""
    mean = sample.mean(axis=0)
    axes = np.linalg.svd(sample - mean, full_matrices=False)[2][:32]
    rotation = np.linalg.qr(rng.standard_normal((32, 32)))[0]
    return lambda X: (X - mean) @ axes.T @ rotation


def swapped(seed: int) -> tuple[float, float, float]:
    """Accuracy in the second space of a head from the first: absolute, relative; and relative in its own space."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y)
    rng = np.random.default_rng(seed)
    half = len(train) // 2
    first, second = encoder(train[:half], rng), encoder(train[half:], rng)

    def head(vectors: np.ndarray):
        return LogisticRegression(max_iter=5000).fit(vectors, y_train)

    one = Relative(ANCHORS, seed=seed).fit(first(train))
    two = Relative("all").fit(second(train)[one.rows_])
    scale = np.abs(first(train)).mean()
    absolute = head(first(train) / scale).score(second(test) / scale, y_test)
    relative = head(one.transform(first(train)))
    return (
        absolute,
        relative.score(two.transform(second(test)), y_test),
        relative.score(one.transform(first(test)), y_test),
    )


def main() -> list[Claim]:
    results = np.array([swapped(seed) for seed in SEEDS])
    for name, column in zip(("absolute", "relative", "relative, own space"), results.T, strict=True):
        print(f"{name:22}{column.mean():.3f}   " + " ".join(f"{x:.3f}" for x in column))
    return [
        at_most("a head on absolute vectors is at chance in the other space, mean accuracy", results[:, 0].mean(), 0.2),
        at_least(f"a head on relative ones, {ANCHORS} anchors, worst seed", results[:, 1].min(), 0.85),
    ]


if __name__ == "__main__":
    prove(main)
