"""What vectors are good for besides retrieval: similarity, pairs, the same in another language, classes, clusters.

Every task gives a value for each item, so that all can be compared with intervals and tests. "MTEB: Massive Text Embedding
Benchmark" (2022) has the same kinds; its classification draws 8 to 16 texts a class, which is noisier than halves.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, unit_rows
from codomain.errors import InputError, MissingExtra
from codomain.measure.metrics.corpus_level import Ranked, Repeated
from codomain.measure.metrics.significance import Values, sharing
from codomain.measure.threads import threads

_PROBE_C = 0.01
"""Strength of the probe's penalty, for vectors whose coordinates have a mean square of one; the same for all encoders."""


def cosine_of_pairs(left: Floats, right: Floats) -> Values:
    """Cosines (n,) of row with row of (n, d) and (n, d).

    >>> cosine_of_pairs(np.float32([[1, 0]]), np.float32([[3, 3]])).round(3)
    array([0.707])
    """
    return np.asarray((unit_rows(left) * unit_rows(right)).sum(axis=1), np.float64)


def ranked(kind: str, scores: Values, pairs: Sequence[tuple[str, str, float]]) -> Ranked:
    """Scores (n,) of pairs (left, right, truth) as "Spearman" or "AP"; pairs that share a sentence are one cluster."""
    groups = sharing({str(i): (left, right) for i, (left, right, _) in enumerate(pairs)})
    truth = np.array([one for *_, one in pairs], np.float64)
    if kind == "AP" and not {*np.unique(truth)} <= {0.0, 1.0}:
        raise InputError("pair classification needs labels 0 and 1.")
    numbers = np.unique([*groups.values()], return_inverse=True)[1]
    return Ranked("AP" if kind == "AP" else "Spearman", np.asarray(scores, np.float64), truth, numbers)


def linear_probe(X: Floats, labels: Sequence[str], repeats: int = 5, seed: int = 0) -> Repeated:
    """Whether logistic regression on vectors (n, d) of the other half tells each item's label: 1 or 0, by repeat (r, n).

    Stratified halves, drawn `repeats` times, each half predicted by the other; the halves depend on the labels and the seed
    alone, so they are the same for all encoders. Vectors are centred and scaled as a whole by the training half.

    >>> X = np.float32([[1, 0], [0, 1]] * 10)
    >>> linear_probe(X, ["east", "north"] * 10).value
    1.0

    Raises InputError for fewer than two labels or two items of one, and MissingExtra without scikit-learn.
    """
    y = _codes(X, labels)
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold
    except ImportError:
        raise MissingExtra("a linear probe", "measure") from None
    if np.bincount(y).min() < 2:
        alone = labels[int(np.flatnonzero(np.bincount(y)[y] < 2)[0])]
        raise InputError(
            f'the label "{alone}" has a single text, which cannot be learnt from one half and asked of the other: '
            "leave it out, or take a larger sample."
        )
    X = np.asarray(X, np.float64)
    right = np.zeros((repeats, len(X)))
    for repeat in range(repeats):
        halves = StratifiedKFold(2, shuffle=True, random_state=seed + repeat)
        for train, test in halves.split(X, y):
            mean = X[train].mean(axis=0)
            scale = float(np.sqrt(((X[train] - mean) ** 2).mean())) or 1.0
            with threads(1), warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                probe = LogisticRegression(C=_PROBE_C, max_iter=300).fit((X[train] - mean) / scale, y[train])
            right[repeat, test] = probe.predict((X[test] - mean) / scale) == y[test]
    return Repeated(right)


def clusters(X: Floats, labels: Sequence[str], repeats: int = 10, seed: int = 0) -> Repeated:
    """How well k-means finds the labels of vectors (n, d), by seed and item (r, n); the mean is the V-measure.

    As many clusters as labels, directions only. V = 2 I(C; K) / (H(C) + H(K)), and the mutual information is a mean over
    items: item i counts 2 log(p(c_i, k_i) / p(c_i) p(k_i)) / (H(C) + H(K)).
    "V-Measure: A Conditional Entropy-Based External Cluster Evaluation Measure" (2007).

    Raises InputError for fewer than two labels, and MissingExtra without scikit-learn.
    """
    y = _codes(X, labels)
    try:
        from sklearn.cluster import KMeans
    except ImportError:
        raise MissingExtra("clustering", "measure") from None
    directions = unit_rows(X)
    values = []
    for repeat in range(repeats):
        with threads(1):
            found = KMeans(int(y.max()) + 1, n_init=1, random_state=seed + repeat).fit_predict(directions)
        values.append(pointwise_v(y, found))
    return Repeated(np.array(values))


def pointwise_v(y: NDArray[np.intp], found: NDArray[np.integer]) -> Values:
    """Each item's share (n,) in the V-measure of clusters `found` (n,) against labels y (n,).

    >>> pointwise_v(np.array([0, 0, 1, 1]), np.array([5, 5, 3, 3]))
    array([1., 1., 1., 1.])
    """
    k = np.unique(found, return_inverse=True)[1]
    n = len(y)
    p_y, p_k = np.bincount(y)[y] / n, np.bincount(k)[k] / n
    both = np.unique(y * (k.max() + 1) + k, return_inverse=True)[1]
    p_both = np.bincount(both)[both] / n
    entropy = -np.log(p_y).mean() - np.log(p_k).mean()
    return np.asarray(2 * np.log(p_both / (p_y * p_k)) / entropy) if entropy > 0 else np.ones(n)


def _codes(X: Floats, labels: Sequence[str]) -> NDArray[np.intp]:
    names, y = np.unique(np.asarray(labels), return_inverse=True)
    if len(X) != len(labels) or len(names) < 2:
        raise InputError(f"labelled vectors need a label each and two labels, not {len(names)} for {len(X)} vectors.")
    return y
