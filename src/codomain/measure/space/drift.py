"""Has the data moved? Depth of vectors within a corpus, and tests whether two corpora are alike.

"Statistical Depth for Ranking and Characterizing Transformer-Based Text Embeddings" (2023). Cosine depth is an affine
function of the projection on the corpus's mean direction and sees shifts along that one alone: a classifier or the maximum
mean discrepancy are the second opinion.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, as_float32, unit_rows
from codomain.errors import InputError, MissingExtra

Distance = Literal["cosine", "chord"]
Alternative = Literal["two-sided", "outlying"]
Values = NDArray[np.float64]

_BLOCK = 1_000
_FOLDS = 5
_KERNEL = 2_000
"""Rows of each side in the kernel matrix of the discrepancy."""


class Drift(NamedTuple):
    """What a test found: a statistic with its 95 % interval (NaN for none), and the p-value of "both are alike"."""

    value: float
    low: float
    high: float
    p: float


def depth(F: Floats, G: Floats | None = None, distance: Distance = "cosine") -> Values:
    """How central the rows of G (m, d), or of F itself (n, d), are in the corpus F: D(x) = 2 - mean_h delta(x, h).

    delta is the cosine distance 1 - cos, or the chord sqrt(2 (1 - cos)). A row of F is not compared with itself.

    >>> depth(np.float32([[1, 0], [1, 0], [0, 1]])).round(2)
    array([1.5, 1.5, 1. ])

    Raises InputError for an unknown distance, fewer than two rows of F or dimensions that differ.
    """
    inside = unit_rows(F)
    outside = inside if G is None else unit_rows(as_float32(G, dim=inside.shape[1], what="the other corpus"))
    if len(inside) < 2:
        raise InputError(f"a depth needs two rows of the corpus at least, not {len(inside)}.")
    own = G is None
    number = len(inside) - own
    if distance == "cosine":
        # mean_h (1 - x.h) = 1 - x.mean(F): no matrix of distances
        cosines = outside.astype(np.float64) @ inside.sum(axis=0, dtype=np.float64)
        if own:
            cosines -= np.einsum("nd,nd->n", outside, outside)
        return np.asarray(1 + cosines / number)
    if distance != "chord":
        raise InputError(f"the distance is 'cosine' or 'chord', not {distance!r}.")
    found = np.empty(len(outside))
    for start in range(0, len(outside), _BLOCK):
        cosines = outside[start : start + _BLOCK] @ inside.T
        chords = np.sqrt(2 * (1 - cosines).clip(0))
        if own:
            chords[np.arange(len(chords)), np.arange(start, start + len(chords))] = 0
        found[start : start + _BLOCK] = 2 - chords.sum(axis=1) / number
    return found


def depth_test(F: Floats, G: Floats, alternative: Alternative = "two-sided", distance: Distance = "cosine") -> Drift:
    """Whether G (m, d) lies as deep in F (n, d) as F does: Q = P(D(x) <= D(y)) for x of F and y of G, by rank sums.

    Q is .5 where both lie alike, towards 0 where G is outlying, towards 1 where it crowds in the middle. The paper's test is
    "outlying", one-sided: it takes a G that has collapsed to the centre for no change, so both sides are the default.
    p shrinks with the number of rows; Q does not.

    >>> rng = np.random.default_rng(0)
    >>> cloud, far = rng.standard_normal((2, 200, 8)) + [[[1.0]], [[-1.0]]]
    >>> depth_test(cloud, far).value < 0.1
    True
    """
    try:
        from scipy.stats import mannwhitneyu
    except ImportError:
        raise MissingExtra("a test of drift", "measure") from None

    if alternative not in ("two-sided", "outlying"):
        raise InputError(f"the alternative is 'two-sided' or 'outlying', not {alternative!r}.")
    x, y = depth(F, distance=distance), depth(F, G, distance)
    if not len(y):
        raise InputError("the other corpus has no rows.")
    side = "two-sided" if alternative == "two-sided" else "less"
    p = float(mannwhitneyu(y, x, alternative=side, method="asymptotic").pvalue)
    return Drift(*probability_above(y, x), p)


def probability_above(y: Values, x: Values) -> tuple[float, float, float]:
    """P(x <= y), ties counted half, with its 95 % interval by the variance of the placements (DeLong et al., 1988).

    >>> [round(value, 2) for value in probability_above(np.array([1.0, 2, 3]), np.array([0.0, 2.5]))]
    [0.67, 0.0, 1.0]
    """
    of_y, of_x = _placements(y, x), 1 - _placements(x, y)
    q = float(of_y.mean())
    variance = sum(float(own.var(ddof=1)) / len(own) for own in (of_y, of_x) if len(own) > 1)
    half = 1.959964 * math.sqrt(variance)
    return q, max(0.0, q - half), min(1.0, q + half)


def _placements(y: Values, x: Values) -> Values:
    """For each of y the share of x below it."""
    ordered = np.sort(x)
    below = np.searchsorted(ordered, y, "left") + np.searchsorted(ordered, y, "right")
    return np.asarray(below / (2 * len(x)))


def classifier_test(F: Floats, G: Floats, seed: int = 0) -> Drift:
    """Whether a linear classifier tells the rows of G (m, d) from those of F (n, d): its cross-validated AUC.

    .5 where it cannot, 1 where it always can: logistic regression, so a change of spread about the same mean is not seen.
    "Revisiting Classifier Two-Sample Tests" (2017). Raises MissingExtra without scikit-learn.

    >>> rng = np.random.default_rng(0)
    >>> classifier_test(rng.standard_normal((300, 4)), rng.standard_normal((300, 4)) + 1).value > 0.8
    True
    """
    if find_spec("sklearn") is None:
        raise MissingExtra("the classifier test", "measure")
    try:
        from scipy.stats import mannwhitneyu
    except ImportError:
        raise MissingExtra("a test of drift", "measure") from None
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X, y = _both(F, G)
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    scores = cross_val_predict(classifier, X, y, cv=folds, method="decision_function")
    p = float(mannwhitneyu(scores[y == 1], scores[y == 0], alternative="greater", method="asymptotic").pvalue)
    return Drift(*probability_above(scores[y == 1], scores[y == 0]), p)


def discrepancy_test(F: Floats, G: Floats, draws: int = 200, seed: int = 0) -> Drift:
    """Whether F (n, d) and G (m, d) are of one distribution: the squared maximum mean discrepancy and its permutation p.

    "A Kernel Two-Sample Test" (2012), unbiased, with a Gaussian kernel as wide as the median distance; of at most 2,000 rows
    a side.

    >>> rng = np.random.default_rng(0)
    >>> discrepancy_test(rng.standard_normal((80, 4)), rng.standard_normal((80, 4)) + 1).p < 0.01
    True
    """
    rng = np.random.default_rng(seed)
    X, y = _both(*(one[rng.permutation(len(one))[:_KERNEL]] for one in (as_float32(F), as_float32(G))))
    squares = np.square(X).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * X @ X.T, 0)
    width = float(np.median(apart[np.triu_indices(len(X), 1)]))
    K = np.exp(-apart / max(width, 1e-30))
    np.fill_diagonal(K, 0)
    value = _mmd(K, y)
    as_far = sum(_mmd(K, rng.permutation(y)) >= value for _ in range(draws))
    return Drift(value, math.nan, math.nan, (as_far + 1) / (draws + 1))


def _mmd(K: Values, y: NDArray[np.integer]) -> float:
    """MMD^2 = mean k(x, x') + mean k(z, z') - 2 mean k(x, z), over different rows."""
    one = (y == 1).astype(np.float64)
    other = 1 - one
    m, n = one.sum(), other.sum()
    by_one = K @ one
    within, between = one @ by_one, other @ by_one
    rest = K.sum() - within - 2 * between
    return float(within / (m * (m - 1)) + rest / (n * (n - 1)) - 2 * between / (m * n))


def drift_test(
    F: Floats, G: Floats, method: Literal["depth", "classifier", "discrepancy"] = "depth", seed: int = 0
) -> Drift:
    """One of the three tests by name; raises InputError for another name.

    >>> rng = np.random.default_rng(0)
    >>> 0 <= drift_test(rng.standard_normal((50, 4)), rng.standard_normal((50, 4)), "discrepancy").p <= 1
    True
    """
    if method == "depth":
        return depth_test(F, G)
    if method not in ("classifier", "discrepancy"):
        raise InputError(f"there is no method {method!r}: take 'depth', 'classifier' or 'discrepancy'.")
    return classifier_test(F, G, seed) if method == "classifier" else discrepancy_test(F, G, seed=seed)


def select_central(X: Floats, y: Any, per_class: int) -> NDArray[np.int64]:
    """Rows of (n, d) that lie deepest in their class, `per_class` of each of the labels y (n,), deepest first.

    >>> select_central(np.float32([[1, 0], [1, 0.1], [-1, 1], [0, 1]]), ["a", "a", "a", "b"], 1).tolist()
    [1, 3]

    Raises InputError where there is not a label for each row.
    """
    X, y = as_float32(X), np.asarray(y)
    if len(y) != len(X):
        raise InputError(f"{len(X)} vectors need as many labels, not {len(y)}.")
    chosen = []
    for label in np.unique(y):
        own = np.flatnonzero(y == label)
        order = np.argsort(-depth(X[own]), kind="stable") if len(own) > 1 else [0]
        chosen.append(own[order][:per_class])
    return np.concatenate(chosen) if chosen else np.empty(0, np.int64)


def _both(F: Floats, G: Floats) -> tuple[Values, NDArray[np.int64]]:
    """The unit rows of both, and which are of G."""
    F, G = unit_rows(F), unit_rows(as_float32(G, dim=as_float32(F).shape[1], what="the other corpus"))
    if min(len(F), len(G)) < 2 * _FOLDS:
        raise InputError(f"{len(F)} and {len(G)} rows are too few to compare: {2 * _FOLDS} of each at least.")
    return np.concatenate([F, G]).astype(np.float64), np.repeat([0, 1], [len(F), len(G)])
