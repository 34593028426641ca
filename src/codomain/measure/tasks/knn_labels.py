"""Labels by retrieved neighbours: the majority among the nearest labelled vectors, also across languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, unit_rows
from codomain.errors import InputError
from codomain.index.flat import Flat


class KNNLabels:
    """The label that most of the k nearest labelled vectors have, by cosine, exact.

    `weights="similarity"` counts each neighbour by its cosine (never below 0) instead of by one. Equal votes go to the
    label whose neighbours are nearer in sum. `fit` in one language and `predict` in another is the cross-lingual test of
    "MINERS: Multilingual Language Models as Semantic Retrievers" (2024).

    >>> near = KNNLabels(k=1).fit(np.float32([[1, 0], [0, 1]]), ["east", "north"])
    >>> near.predict(np.float32([[2, 1], [1, 3]])).tolist()
    ['east', 'north']

    Raises InputError for vectors and labels that do not fit together.
    """

    def __init__(self, k: int = 5, weights: Literal["uniform", "similarity"] = "uniform") -> None:
        if k < 1 or weights not in ("uniform", "similarity"):
            raise InputError(f'k is at least 1 and weights "uniform" or "similarity", not {k!r} and {weights!r}.')
        self.k = k
        self.weights = weights

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name, as scikit-learn expects them."""
        return {"k": self.k, "weights": self.weights}

    def set_params(self, **params: Any) -> Self:
        """Change arguments, checked as by the constructor."""
        self.__init__(**{**self.get_params(), **params})  # type: ignore[misc]
        return self

    def fit(self, X: Floats, y: Sequence[str]) -> Self:
        """Labelled vectors (n, d) and their labels (n,)."""
        if len(X) != len(y) or not len(X):
            raise InputError(f"labelled vectors need a label each: there are {len(X)} vectors and {len(y)} labels.")
        self.classes_, self._codes = np.unique(np.asarray(y), return_inverse=True)
        self._index = Flat().build(unit_rows(X))
        self._dim = np.shape(X)[1]
        return self

    def predict_proba(self, X: Floats) -> Floats:
        """The share (n, classes) of the votes that each label has."""
        votes = self._votes(X)[0]
        return np.asarray(votes / np.maximum(votes.sum(axis=1, keepdims=True), 1e-12), np.float32)

    def predict(self, X: Floats) -> NDArray[np.str_]:
        """The label (n,) of each vector (n, d)."""
        votes, nearness = self._votes(X)
        best = np.isclose(votes, votes.max(axis=1, keepdims=True))
        return np.asarray(self.classes_[np.where(best, nearness, -np.inf).argmax(axis=1)])

    def _votes(self, X: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not hasattr(self, "classes_"):
            raise InputError("there are no labelled vectors yet: call fit first.")
        if np.ndim(X) != 2 or np.shape(X)[1] != self._dim:
            raise InputError(f"vectors are (n, {self._dim}), as those with labels, not {np.shape(X)}.")
        hits = self._index.search(unit_rows(X), min(self.k, len(self._codes)))
        cosines = np.asarray(hits.scores, np.float64)
        weight = np.ones_like(cosines) if self.weights == "uniform" else np.maximum(cosines, 0)
        queries = np.repeat(np.arange(len(cosines)), cosines.shape[1])
        votes, nearness = np.zeros((2, len(cosines), len(self.classes_)))
        np.add.at(votes, (queries, self._codes[hits.rows].ravel()), weight.ravel())
        # 1 + cosine: a label that got votes is never behind one that got none
        np.add.at(nearness, (queries, self._codes[hits.rows].ravel()), (1 + cosines).ravel())
        return votes, nearness
