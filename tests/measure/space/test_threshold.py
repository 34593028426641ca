"""Thresholds against scikit-learn's curves and against trying every cut."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_auc_score

from codomain.errors import InputError
from codomain.measure.space.threshold import auc, calibrate_threshold, similarity_profile


def sample(seed=0, n=300, ties=False):
    rng = np.random.default_rng(seed)
    right = rng.random(n) < 0.4
    similarity = rng.normal(0.4 + 0.2 * right, 0.15)
    return (similarity.round(1) if ties else similarity), right


@pytest.mark.parametrize("ties", [False, True])
def test_curve_and_auc_are_those_of_scikit_learn(ties):
    similarity, right = sample(ties=ties)
    found = calibrate_threshold(similarity, right)
    precision, recall, thresholds = precision_recall_curve(right, similarity)
    assert found.curve[0] == pytest.approx(thresholds[::-1])
    assert found.curve[1] == pytest.approx(precision[:-1][::-1]) and found.curve[2] == pytest.approx(recall[:-1][::-1])
    assert found.auc == pytest.approx(roc_auc_score(right, similarity))
    f1 = [2 * p * r / (p + r) if p + r else 0 for p, r in zip(precision[:-1], recall[:-1], strict=True)]
    assert found.value in thresholds[np.isclose(f1, max(f1))]


def test_targets_of_precision_and_recall():
    similarity, right = sample()
    for level in (0.6, 0.8):
        cut = calibrate_threshold(similarity, right, ("precision", level), draws=50)
        assert cut.precision >= level and cut.precision == pytest.approx(right[similarity >= cut.value].mean())
        lower = [t for t in similarity if t < cut.value]
        assert all(right[similarity >= t].mean() < level for t in lower)
        cut = calibrate_threshold(similarity, right, ("recall", level), draws=50)
        higher = [t for t in similarity if t > cut.value]
        assert all(right[similarity >= t].sum() / right.sum() < level for t in higher)
        assert cut.recall >= level
    never = calibrate_threshold([0.9, 0.5, 0.4], [False, True, False], ("precision", 0.9), draws=20)
    assert np.isnan(never.value) and np.isnan(never.precision)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """With equal normal densities of unit spread the best precision-recall cut at recall r is a known quantile."""
    truth = 0.5 + 0.1 * -0.6744897501960817  # of right ones, N(.5, .1), three quarters lie above
    held = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        right = np.arange(200) < 100
        similarity = np.where(right, rng.normal(0.5, 0.1, 200), rng.normal(0.3, 0.1, 200))
        cut = calibrate_threshold(similarity, right, ("recall", 0.75), draws=300, seed=seed)
        held += cut.low <= truth <= cut.high
    assert held / 120 >= 0.89


def test_the_bootstrap_is_that_of_drawing_queries():
    similarity, right = sample(n=60)
    found = calibrate_threshold(similarity, right, draws=3000)
    rng = np.random.default_rng(1)
    slow = []
    for _ in range(600):
        drawn = rng.integers(0, 60, 60)
        if right[drawn].any() and not right[drawn].all():
            s, r = similarity[drawn], right[drawn]
            best = max(sorted(set(s), reverse=True), key=lambda t: 2 * r[s >= t].sum() / ((s >= t).sum() + r.sum()))
            slow.append(best)
    assert [found.low, found.high] == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.03)


@pytest.mark.parametrize(
    ("similarity", "right", "target", "says"),
    [
        ([], [], "f1", "for each query"),
        ([0.5], [True, False], "f1", "for each query"),
        ([0.5, 0.6], [True, True], "f1", "are right: a threshold needs both"),
        ([0.5, 0.6], [False, False], "f1", "are wrong"),
        ([0.5, np.nan], [True, False], "f1", "not finite"),
        ([0.5, 0.6], [True, False], "f2", "the target is"),
        ([0.5, 0.6], [True, False], ("precision", 1.2), "the target is"),
    ],
)
def test_what_cannot_be_told(similarity, right, target, says):
    with pytest.raises(InputError, match=says):
        calibrate_threshold(similarity, right, target)


def test_profile_of_queries_with_their_documents():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 16))
    Q = X[:50] + 0.3 * rng.standard_normal((50, 16))
    found = similarity_profile(Q, X, [[i] for i in range(50)])
    U, V = (Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in (Q, X))
    cosines = U @ V.T
    assert found.relevant == pytest.approx(cosines[np.arange(50), np.arange(50)], abs=1e-5)
    assert found.best == pytest.approx(cosines.max(axis=1), abs=1e-5)
    assert found.top.reshape(50, 10) == pytest.approx(-np.sort(-cosines, axis=1)[:, :10], abs=1e-5)
    assert found.right.tolist() == (cosines.argmax(axis=1) == np.arange(50)).tolist()
    assert found.auc > 0.99 and found.overlap < 0.02 and len(found.random) >= 980
    labels = np.repeat([1, 0], [50, len(found.random)])
    assert found.auc == pytest.approx(roc_auc_score(labels, np.concatenate([found.relevant, found.random])))
    unrelated = similarity_profile(rng.standard_normal((50, 16)), X, [[i] for i in range(50)])
    assert unrelated.overlap > 0.7
    for relevant, says in (([[]] * 50, "rows that answer"), ([[200]] * 50, "not among"), ([[0]], "rows that answer")):
        with pytest.raises(InputError, match=says):
            similarity_profile(Q, X, relevant)


def test_auc_counts_ties_half():
    assert auc(np.ones(3), np.ones(4)) == 0.5 and np.isnan(auc(np.empty(0), np.ones(1)))
