"""Does what is decided from a vector flip when its text is edited a little?

After "Embeddings to Diagnosis: Latent Fragility under Agentic Perturbations in Clinical LLMs" (2025). An edit that keeps the
meaning should flip nothing, one that changes it should flip something: one number cannot say both.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, Rows, unit_rows
from codomain.contracts import Encoder
from codomain.errors import InputError, MissingExtra
from codomain.index.flat import Flat
from codomain.measure.metrics.intervals import wilson
from codomain.measure.probes.perturbations import DEFAULT, Perturbation

Decision = Literal["neighbors", "centroid", "logistic"]

_FOLDS = 5
_NEAR = 10
_TIE = 1e-5


class Flip(NamedTuple):
    """How often a perturbation flipped the decision, with its 95 % interval, among the texts that it changed.

    `cosine` is the mean between a text and its edit; `overlap` the mean share of the ten nearest that stay (NaN for a
    classifier).
    """

    perturbation: str
    meaning: str
    strength: int
    changed: int
    rate: float
    low: float
    high: float
    cosine: float
    overlap: float


def flip_rate(
    encoder: Encoder,
    texts: Sequence[str],
    y: Sequence[Any] | None = None,
    perturbations: Sequence[Perturbation] = DEFAULT,
    decision: Decision = "neighbors",
    space: int | None = None,
    strengths: Sequence[int] = (1,),
    seed: int = 0,
) -> list[Flip]:
    """Edit each text and see whether what is decided from its vector changes.

    "neighbors": the nearest other text, with the share of the ten nearest that stay. "centroid" and "logistic" predict the
    label y by the nearest class mean or by logistic regression, in `space` principal components if given; they are fitted on
    four fifths of the texts and asked about the rest, never about a text that they have seen.

    >>> from codomain.encode import StaticEncoder
    >>> texts = ["a red fox", "a red fox cub", "tax law", "a tax law reform"]
    >>> [flip] = flip_rate(StaticEncoder(), texts, perturbations=[p for p in DEFAULT if p.name == "case"])
    >>> flip.changed, flip.rate, round(flip.cosine, 2)
    (4, 0.0, 1.0)

    Raises InputError for too few texts, a missing label or an unknown decision, MissingExtra without scikit-learn for
    "logistic".
    """
    if decision not in ("neighbors", "centroid", "logistic"):
        raise InputError(f"the decision is 'neighbors', 'centroid' or 'logistic', not {decision!r}.")
    texts = [*texts]
    least = 3 if decision == "neighbors" else 2 * _FOLDS
    if len(texts) < least:
        raise InputError(f"it needs {least} texts, and there are {len(texts)}.")
    X = unit_rows(encoder.encode_documents(texts))
    judge: _Neighbors | _Classifier
    judge = _Neighbors(X) if decision == "neighbors" else _Classifier(X, _labels(y, texts), decision, space, seed)
    return [
        _flipped(encoder, texts, X, judge, perturbation, strength, seed)
        for perturbation in perturbations
        for strength in strengths
    ]


def _flipped(
    encoder: Encoder,
    texts: list[str],
    X: Floats,
    judge: _Neighbors | _Classifier,
    perturbation: Perturbation,
    strength: int,
    seed: int,
) -> Flip:
    rng = np.random.default_rng(seed)
    edited = [perturbation.edit(text, rng, strength) for text in texts]
    rows = np.array([i for i, (old, new) in enumerate(zip(texts, edited, strict=True)) if old != new], np.int64)
    if not len(rows):
        return Flip(perturbation.name, perturbation.meaning, strength, 0, *[float("nan")] * 5)
    Z = unit_rows(encoder.encode_documents([edited[i] for i in rows]))
    flips, overlap = judge.flips(rows, Z)
    low, high = wilson(int(flips.sum()), len(rows))
    cosine = float(np.einsum("nd,nd->n", X[rows], Z).mean())
    return Flip(
        perturbation.name,
        perturbation.meaning,
        strength,
        len(rows),
        float(flips.mean()),
        low,
        high,
        cosine,
        overlap,
    )


class _Neighbors:
    """The decision is the nearest other text."""

    def __init__(self, X: Floats) -> None:
        self.X = X
        self.index = Flat().build(X)
        self.depth = min(_NEAR, len(X) - 1)
        self.before = self._others(np.arange(len(X)), X)

    def _others(self, rows: Rows, Z: Floats) -> Rows:
        """The nearest rows (r, depth) without each text's own."""
        hits = self.index.search(Z, self.depth + 1).rows
        other = hits != rows[:, None]
        other[other.all(axis=1), -1] = False
        return np.asarray(hits[other].reshape(len(rows), -1))

    def flips(self, rows: Rows, Z: Floats) -> tuple[NDArray[np.bool_], float]:
        before, after = self.before[rows], self._others(rows, Z)
        shared = (before[:, :, None] == after[:, None, :]).any(axis=2).mean()
        # one of several equals in place of another is no flip
        new, old = (np.einsum("nd,nd->n", Z, self.X[own[:, 0]]) for own in (after, before))
        return new > old + _TIE, float(shared)


class _Classifier:
    """The decision is the class that a classifier says which has not seen the text."""

    def __init__(self, X: Floats, y: NDArray[Any], decision: str, space: int | None, seed: int) -> None:
        self.fold = np.random.default_rng(seed).permutation(len(X)) % _FOLDS
        self.models = [_Model(X[self.fold != f], y[self.fold != f], decision, space) for f in range(_FOLDS)]
        self.before = self._predicted(np.arange(len(X)), X)

    def _predicted(self, rows: Rows, Z: Floats) -> NDArray[Any]:
        found = np.empty(len(rows), np.int64)
        for f, model in enumerate(self.models):
            own = self.fold[rows] == f
            if own.any():
                found[own] = model.predict(Z[own])
        return found

    def flips(self, rows: Rows, Z: Floats) -> tuple[NDArray[np.bool_], float]:
        return self.before[rows] != self._predicted(rows, Z), float("nan")


class _Model:
    """Nearest class mean or logistic regression, in the principal components of its own training texts."""

    def __init__(self, X: Floats, y: NDArray[Any], decision: str, space: int | None) -> None:
        self.mean = X.mean(axis=0)
        self.axes = np.eye(X.shape[1], dtype=np.float32)
        if space is not None:
            self.axes = np.linalg.svd(X - self.mean, full_matrices=False)[2][:space].T
        points = (X - self.mean) @ self.axes
        self.classes = np.unique(y)
        self.regression: Any = None
        if decision == "logistic":
            if find_spec("sklearn") is None:
                raise MissingExtra("logistic regression", "measure")
            from sklearn.linear_model import LogisticRegression

            if len(self.classes) > 1:
                self.regression = LogisticRegression(max_iter=1_000).fit(points, y)
        self.means = np.stack([points[y == label].mean(axis=0) for label in self.classes])

    def predict(self, Z: Floats) -> NDArray[Any]:
        points = (Z - self.mean) @ self.axes
        if self.regression is not None:
            return np.asarray(self.regression.predict(points))
        apart = np.square(self.means).sum(axis=1) / 2 - points @ self.means.T
        return np.asarray(self.classes[apart.argmin(axis=1)])


def _labels(y: Sequence[Any] | None, texts: list[str]) -> NDArray[np.int64]:
    if y is None or len(y) != len(texts):
        raise InputError(
            f"a classifier needs a label for each of {len(texts)} texts, not {0 if y is None else len(y)}."
        )
    return np.asarray(np.unique(np.asarray(y), return_inverse=True)[1], np.int64)
