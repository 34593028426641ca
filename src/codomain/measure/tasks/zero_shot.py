"""Classes that only have names: each one's vector moves from its keywords into the cloud of documents, no labels needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, as_float32, unit_rows
from codomain.errors import InputError, MissingExtra

_SHARE = 0.02
_NOISE = 0.99
_BEST = 300
"""One of so many documents has to be about a class, or the corpus has nothing of it; of many classes, half an even share."""
_PAIRS = 20_000
_FEW = 100
_NEIGHBORS = 20
"""Of the local outlier factor: scikit-learn's default."""


class LabelCentroidClassifier:
    """Documents by the nearest of vectors that begin as the mean of a class's keywords and end among the documents.

    `labels` maps each class to its keywords, or lists classes whose name is their keyword. A class's vector is the mean of
    the documents nearest to its keywords: `n_docs` of them, a count, or a share of the documents; "auto" is 2 %, and at
    most half of what each class would have if all were of one size; 0 keeps the keywords. With `outliers="lof"` the odd
    ones among them are left out (local outlier factor). Every one of the `iterations` after the first takes the mean of
    the documents that are nearest to the class now: spherical k-means that starts from names.

    Vectors are centred at the documents' mean first (`center`), or a class that lies near it would draw everything. A class
    whose best documents, one of 300, are no nearer on average than the share `noise` of random pairs of documents is dropped,
    as the corpus has nothing of it: predictions never name it. `noise=None` keeps all, and is for documents that are all
    alike, which no name comes as near as they are to each other; of fewer than 100 documents nothing is dropped.

    It is transductive: what it says of a document depends on the documents that it was fitted on.
    "Evaluating Unsupervised Text Classification: Zero-shot and Similarity-based Approaches" (2022).

    `fit`, `predict`, `predict_proba` and `decision_function` take texts, or their vectors (n, d) by the same encoder;
    without an encoder, `labels` maps classes to the vectors (m, d) of their keywords. Learnt: `classes_`, `keywords_` and
    `centroids_` (classes, d), `dropped_`, `mean_`, `candidates_` (the rows behind each centroid).

    >>> import codomain as cd
    >>> texts = ["the team won the match", "a goal in extra time", "shares fell on the exchange", "the bank raised its rate"]
    >>> sorter = LabelCentroidClassifier(cd.pipeline("static()").stages[0], ["sports", "business"], n_docs=1, noise=None)
    >>> sorter.fit(texts).predict(texts).tolist()
    ['sports', 'sports', 'business', 'business']

    Raises InputError for labels or vectors that cannot be used, MissingExtra for outliers="lof" without scikit-learn.
    """

    def __init__(
        self,
        encoder: Any = None,
        labels: Mapping[str, Any] | Sequence[str] = (),
        n_docs: int | float | Literal["auto"] = "auto",
        outliers: Literal["lof"] | None = None,
        temperature: float = 0.05,
        iterations: int = 1,
        center: bool = True,
        noise: float | None = _NOISE,
    ) -> None:
        self.encoder = encoder
        self.labels = labels
        self.n_docs = n_docs
        self.outliers = outliers
        self.temperature = temperature
        self.iterations = iterations
        self.center = center
        self.noise = noise

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name, as scikit-learn expects them."""
        names = ("encoder", "labels", "n_docs", "outliers", "temperature", "iterations", "center", "noise")
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params: Any) -> Self:
        """Change arguments; raises InputError for one that there is not."""
        for name, value in params.items():
            if name not in self.get_params():
                raise InputError(f"LabelCentroidClassifier has no argument {name}.")
            setattr(self, name, value)
        return self

    def fit(self, X: Sequence[str] | Floats, y: Any = None) -> Self:
        """Move the classes into these documents, texts or vectors (n, d); `y` is not looked at."""
        self._check()
        keywords = _keywords(self.labels)
        documents = self._vectors(X)
        if not len(documents):
            raise InputError("there are no documents to classify.")
        self.mean_ = documents.mean(axis=0) if self.center else np.zeros(documents.shape[1], np.float32)
        named = [self._keyword_vectors(words, documents.shape[1]) for words in keywords.values()]
        U = unit_rows(documents - self.mean_)
        K = unit_rows(np.stack([unit_rows(unit_rows(words) - self.mean_).mean(axis=0) for words in named]))
        cosines = U @ K.T
        kept = self._kept(U, cosines)
        self.classes_ = np.array([name for name, keep in zip(keywords, kept, strict=True) if keep])
        self.dropped_ = [name for name, keep in zip(keywords, kept, strict=True) if not keep]
        self.keywords_, cosines = K[kept], cosines[:, kept]
        self.candidates_ = self._candidates(U, cosines)
        self.centroids_ = self.keywords_.copy()
        for c, rows in enumerate(self.candidates_):
            self._move(c, U[rows])
        for _ in range(self.iterations - 1):
            nearest = (U @ self.centroids_.T).argmax(axis=1)
            for c in range(len(self.classes_)):
                self._move(c, U[nearest == c])
        return self

    def decision_function(self, X: Sequence[str] | Floats) -> Floats:
        """Cosines (n, classes) of documents with the classes."""
        if not hasattr(self, "centroids_"):
            raise InputError("the classifier is not fitted: call fit with the documents first.")
        documents = self._vectors(X)
        if documents.shape[1] != len(self.mean_):
            raise InputError(f"it was fitted on {len(self.mean_)} dimensions, not {documents.shape[1]}.")
        return np.asarray(unit_rows(documents - self.mean_) @ self.centroids_.T, np.float32)

    def predict(self, X: Sequence[str] | Floats) -> NDArray[np.str_]:
        """The class (n,) of each document."""
        best = self.decision_function(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: Sequence[str] | Floats) -> Floats:
        """Confidences (n, classes): softmax(cosine / temperature); they rank documents, they are not calibrated."""
        logits = self.decision_function(X) / self.temperature
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)

    def _check(self) -> None:
        share = self.n_docs
        if share != "auto" and not (isinstance(share, int | float) and not isinstance(share, bool) and share >= 0):
            raise InputError(f'n_docs is a count, a share below 1 or "auto", not {share!r}.')
        if self.outliers not in (None, "lof"):
            raise InputError(f'outliers is "lof" or None, not {self.outliers!r}.')
        if not self.temperature > 0 or self.iterations < 1:
            raise InputError("temperature must be above 0 and iterations at least 1.")
        if self.noise is not None and not 0 <= self.noise <= 1:
            raise InputError(f"noise is a share from 0 to 1, or None, not {self.noise!r}.")

    def _vectors(self, X: Sequence[str] | Floats, queries: bool = False) -> Floats:
        if not isinstance(X, np.ndarray) and len(X) and isinstance(X[0], str):
            if self.encoder is None:
                raise InputError("texts need an encoder: LabelCentroidClassifier(encoder, labels).")
            X = self.encoder.encode_queries(list(X)) if queries else self.encoder.encode_documents(list(X))
        vectors = np.asarray(X, np.float32) if len(X) else np.zeros((0, 1), np.float32)
        if vectors.ndim != 2:
            raise InputError(f"documents are texts or vectors (n, d), not an array of shape {vectors.shape}.")
        return unit_rows(as_float32(vectors))

    def _keyword_vectors(self, words: Any, dim: int) -> Floats:
        vectors = self._vectors(words, queries=True)
        if vectors.shape[1] != dim:
            raise InputError(f"keywords have {vectors.shape[1]} dimensions and documents {dim}: use one encoder.")
        return vectors

    def _kept(self, U: Floats, cosines: Floats) -> NDArray[np.bool_]:
        n, classes = cosines.shape
        if self.noise is None or n < _FEW:
            return np.ones(classes, bool)
        best = np.sort(cosines, axis=0)[-math.ceil(n / max(_BEST, 2 * classes)) :].mean(axis=0)
        a, b = np.random.default_rng(0).integers(0, n, (2, _PAIRS))
        random = np.einsum("ij,ij->i", U[a[a != b]], U[b[a != b]])
        # the nearest class stays in any case: something has to be predicted
        return np.asarray(best >= min(float(np.quantile(random, self.noise)), float(best.max())))

    def _candidates(self, U: Floats, cosines: Floats) -> list[NDArray[np.intp]]:
        n, classes = cosines.shape
        share: float = min(_SHARE, 0.5 / classes) if self.n_docs == "auto" else float(self.n_docs)
        count = min(n, max(1, math.ceil(share * n)) if 0 < share < 1 else int(share))
        # the documents are ordered first and cut then: every one can be a candidate
        nearest = np.argsort(-cosines, axis=0, kind="stable")[:count].T
        return [_inliers(U[rows], rows) if self.outliers == "lof" else rows for rows in nearest]

    def _move(self, c: int, members: Floats) -> None:
        mean = members.mean(axis=0) if len(members) else np.zeros(0, np.float32)
        if np.linalg.norm(mean) > 1e-6:
            self.centroids_[c] = mean / np.linalg.norm(mean)


def _keywords(labels: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    if not isinstance(labels, Mapping):
        if isinstance(labels, str) or any(not isinstance(name, str) for name in labels):
            raise InputError("labels are a list of names, or a dict from name to keywords.")
        if len(set(labels)) < len(labels):
            raise InputError("a label is there twice.")
        return {name: [name] for name in _some(labels)}
    for name, words in labels.items():
        if isinstance(words, str) or not len(words):
            raise InputError(f'the label "{name}" needs a list of at least one keyword.')
    return dict(_some(labels))


def _some(labels: Any) -> Any:
    if not len(labels):
        raise InputError("there are no labels: a classifier needs at least one.")
    return labels


def _inliers(vectors: Floats, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """The rows that the local outlier factor does not call outliers; all of fewer than four."""
    if len(rows) < 4:
        return rows
    try:
        from sklearn.neighbors import LocalOutlierFactor
    except ImportError:
        raise MissingExtra('outliers="lof"', "measure") from None
    factor = LocalOutlierFactor(n_neighbors=min(_NEIGHBORS, len(rows) - 1), metric="cosine")
    inside = factor.fit_predict(vectors) == 1
    return rows[inside] if inside.any() else rows
