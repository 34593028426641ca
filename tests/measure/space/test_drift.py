"""Depth and two-sample tests against loops, scipy, and the level that a null experiment must have."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import mannwhitneyu

from codomain.errors import InputError
from codomain.measure.space.drift import (
    classifier_test,
    depth,
    depth_test,
    discrepancy_test,
    drift_test,
    probability_above,
    select_central,
)


def cloud(n, d=8, shift=0.0, seed=0):
    return (np.random.default_rng(seed).standard_normal((n, d)) + 0.5 + shift * np.eye(d)[0]).astype("f4")


@pytest.mark.parametrize("distance", ["cosine", "chord"])
def test_depth_is_that_of_all_distances(distance):
    F, G = cloud(40), cloud(15, seed=1)
    delta = cdist(F, F, "cosine") if distance == "cosine" else np.sqrt(2 * cdist(F, F, "cosine").clip(0))
    np.fill_diagonal(delta, 0)
    assert depth(F, distance=distance) == pytest.approx(2 - delta.sum(axis=1) / 39, abs=1e-3)
    delta = cdist(G, F, "cosine")
    delta = delta if distance == "cosine" else np.sqrt(2 * delta)
    assert depth(F, G, distance) == pytest.approx(2 - delta.mean(axis=1), abs=1e-3)


def test_the_test_is_the_rank_sum_test_of_scipy():
    F, G = cloud(60), cloud(50, shift=-0.4, seed=1)
    u, p = mannwhitneyu(depth(F, G), depth(F), alternative="two-sided", method="asymptotic")
    found = depth_test(F, G)
    assert found.value == pytest.approx(u / 3000) and found.p == pytest.approx(p)
    assert found.low < found.value < found.high


def test_two_halves_of_one_corpus_are_told_apart_at_the_nominal_rate():
    rng = np.random.default_rng(0)
    rejected = held = 0
    for _ in range(300):
        X = (rng.standard_normal((200, 6)) + 0.4).astype("f4")
        found = depth_test(X[:100], X[100:])
        rejected += found.p < 0.05
        held += found.low <= 0.5 <= found.high
    assert 0.02 <= rejected / 300 <= 0.09 and held / 300 >= 0.9


def test_a_collapse_to_the_center_hides_from_the_one_sided_test_only():
    F = cloud(400)
    G = cloud(2000, seed=1)[np.argsort(-depth(F, cloud(2000, seed=1)))[:200]]
    assert depth_test(F, G, "outlying").p > 0.99
    found = depth_test(F, G)
    assert found.value > 0.9 and found.p < 1e-20
    assert classifier_test(F, G).value > 0.9


def test_a_shift_is_seen_by_all_three():
    F, near, far = cloud(150), cloud(150, seed=1), cloud(150, shift=-1.5, seed=2)
    for method in ("depth", "classifier", "discrepancy"):
        assert drift_test(F, far, method).p < 0.01, method
        assert drift_test(F, near, method).p > 0.01, method
    assert depth_test(F, far).value < 0.4
    assert depth_test(F, far, "outlying").p < depth_test(F, far).p


def test_the_discrepancy_is_that_of_its_definition():
    F, G = cloud(30), cloud(20, seed=1)
    F, G = (Z / np.linalg.norm(Z, axis=1, keepdims=True) for Z in (F.astype(float), G.astype(float)))
    both = np.concatenate([F, G])
    squared = cdist(both, both, "sqeuclidean")
    K = np.exp(-squared / np.median(squared[np.triu_indices(50, 1)]))
    a, b, c = K[:30, :30], K[30:, 30:], K[:30, 30:]
    slow = (a.sum() - 30) / (30 * 29) + (b.sum() - 20) / (20 * 19) - 2 * c.mean()
    assert discrepancy_test(F, G, draws=1).value == pytest.approx(slow, abs=1e-6)


def test_the_discrepancy_rejects_at_the_nominal_rate():
    rng = np.random.default_rng(0)
    found = [discrepancy_test(*rng.standard_normal((2, 20, 3)), draws=99, seed=i).p for i in range(150)]
    assert 0.01 <= np.mean(np.array(found) <= 0.05) <= 0.1


def test_probability_above_counts_pairs():
    rng = np.random.default_rng(0)
    y, x = rng.integers(0, 6, 30).astype(float), rng.integers(0, 5, 40).astype(float)
    slow = np.mean([[(b < a) + 0.5 * (b == a) for b in x] for a in y])
    q, low, high = probability_above(y, x)
    assert q == pytest.approx(slow) and low < q < high


def test_the_deepest_of_each_class():
    X = np.concatenate([cloud(30), cloud(20, shift=9, seed=1)])
    y = np.repeat(["a", "b"], [30, 20])
    chosen = select_central(X, y, 3)
    assert y[chosen].tolist() == ["a"] * 3 + ["b"] * 3
    assert set(chosen[:3]) == set(np.argsort(-depth(X[:30]))[:3])
    with pytest.raises(InputError, match="labels"):
        select_central(X, y[:4], 1)


def test_bad_input():
    F = cloud(20)
    for call, says in (
        (lambda: depth(F[:1]), "two rows"),
        (lambda: depth(F, distance="manhattan"), "'cosine' or 'chord'"),
        (lambda: depth(F, F[:, :3]), "dimensions"),
        (lambda: depth_test(F, F[:0]), "no rows"),
        (lambda: depth_test(F, F, "greater"), "two-sided"),
        (lambda: classifier_test(F, F[:4]), "too few"),
        (lambda: drift_test(F, F, "energy"), "no method"),
    ):
        with pytest.raises(InputError, match=says):
            call()
    assert np.isfinite(depth(np.zeros((3, 2)))).all()


def test_a_single_row_has_a_place_and_no_spread_of_its_own():
    from codomain.measure.space.drift import probability_above

    assert probability_above(np.array([1.0]), np.array([0.0, 2.0, 0.5, 3.0]))[0] == 0.5
    assert np.isfinite(probability_above(np.array([1.0]), np.array([0.0, 2.0]))).all()
    assert probability_above(np.array([1.0]), np.array([0.0])) == (1.0, 1.0, 1.0)
