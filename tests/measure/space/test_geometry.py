"""Dimension and isotropy against clouds whose values are known in closed form."""

import math

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.space.geometry import (
    effective_rank,
    intrinsic_dimension,
    isoscore,
    local_dimension,
    mean_cosine,
    partition_isotropy,
    turning_point,
)


def rotated(points: np.ndarray, dim: int, seed: int = 0) -> np.ndarray:
    """The points in a random subspace of more dimensions."""
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))[0]
    return points @ basis[: points.shape[1]]


@pytest.mark.parametrize("method", ["twonn", "mle"])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_dimension_of_a_uniform_subspace_is_its_own(method, k):
    X = rotated(np.random.default_rng(k).random((4000, k)), 20)
    assert intrinsic_dimension(X, method) == pytest.approx(k, rel=0.1)
    assert intrinsic_dimension(100 * X + 300, method) == pytest.approx(intrinsic_dimension(X, method), rel=0.02)


@pytest.mark.parametrize("method", ["twonn", "mle"])
def test_a_curved_surface_has_two_dimensions(method):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((4000, 3))
    assert intrinsic_dimension(points / np.linalg.norm(points, axis=1, keepdims=True), method) == pytest.approx(
        2, rel=0.1
    )
    turn = 1.5 * np.pi * (1 + 2 * rng.random(4000))
    roll = np.stack([turn * np.cos(turn), 21 * rng.random(4000), turn * np.sin(turn)], axis=1)
    assert intrinsic_dimension(roll, method) == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize("method", ["twonn", "mle"])
def test_duplicates_do_not_count(method):
    X = np.random.default_rng(0).random((500, 3))
    once = intrinsic_dimension(X.astype("f4"), method)
    assert intrinsic_dimension(np.concatenate([X, X, X[:100]]), method) == pytest.approx(once, rel=1e-6)
    assert math.isnan(intrinsic_dimension(np.ones((50, 3)), method))
    assert intrinsic_dimension(np.eye(30), method) == math.inf


@pytest.mark.parametrize(("k", "d"), [(1, 10), (3, 10), (7, 8), (10, 10)])
def test_isoscore_of_equal_variance_in_k_of_d_directions(k, d):
    cross = np.concatenate([np.eye(k), -np.eye(k)])  # the covariance is exactly that of the identity on k directions
    assert isoscore(rotated(cross, d) + 5) == pytest.approx((k - 1) / (d - 1), abs=1e-5)


def test_an_isotropic_gaussian_is_isotropic():
    X = np.random.default_rng(0).standard_normal((20_000, 16))
    assert isoscore(X) > 0.99
    assert mean_cosine(X) == pytest.approx(0, abs=0.002)
    assert isoscore(X * np.r_[30, np.ones(15)]) < 0.01
    assert mean_cosine(X + 100) > 0.99


def test_mean_cosine_is_that_of_all_pairs():
    X = np.random.default_rng(0).standard_normal((40, 5)) + 0.5
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    each = (units @ units.T)[np.triu_indices(40, 1)]
    assert mean_cosine(X) == pytest.approx(each.mean(), abs=1e-6)
    assert mean_cosine(np.concatenate([X, np.zeros((5, 5))])) == pytest.approx(each.mean(), abs=1e-6)


def test_what_cannot_be_told_does_no_harm():
    assert isoscore(np.ones((5, 3))) == 0 and isoscore(np.float32([[1], [2]])) == 1
    assert math.isnan(mean_cosine(np.zeros((5, 3)))) and math.isnan(mean_cosine(np.ones((1, 3))))
    for measure in (isoscore, mean_cosine):
        with pytest.raises(InputError, match="nothing to measure"):
            measure(np.zeros((0, 3)))
        with pytest.raises(InputError, match="NaN"):
            measure(np.full((2, 3), np.nan))
    with pytest.raises(InputError, match="no method 'pca'"):
        intrinsic_dimension(np.eye(3), "pca")


# --- isotropy, effective rank and local dimension ---------------------------------------------------------------


def test_isoscore_without_its_bias_does_not_depend_on_the_number_of_rows():
    rng = np.random.default_rng(0)
    spectrum = np.r_[4 * np.ones(8), np.ones(40)] ** 0.5
    variances = spectrum**2
    truth = (variances.sum() ** 2 / (variances**2).sum() - 1) / (len(variances) - 1)  # from the spectrum alone
    few = [isoscore(rng.standard_normal((60, 48)) * spectrum, debiased=True) for _ in range(40)]
    raw = [isoscore(rng.standard_normal((60, 48)) * spectrum) for _ in range(40)]
    assert np.mean(few) == pytest.approx(truth, abs=0.02)
    assert np.mean(raw) < truth - 0.2
    many = rng.standard_normal((50_000, 48)) * spectrum
    assert isoscore(many) == pytest.approx(truth, abs=0.01)
    assert isoscore(many, debiased=True) == pytest.approx(truth, abs=0.01)


@pytest.mark.parametrize("k", [1, 3, 7])
def test_effective_rank_of_equal_variance_in_k_directions(k):
    cross = np.concatenate([np.eye(k), -np.eye(k)])
    assert effective_rank(rotated(cross, 10) + 5) == pytest.approx(k, abs=1e-4)
    assert effective_rank(np.ones((4, 3))) == 0


def test_partition_isotropy_is_that_of_its_definition():
    X = np.random.default_rng(0).standard_normal((60, 4)) + 0.7
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    directions = np.linalg.svd(U)[2]
    Z = [sum(math.exp(sign * float(c @ u)) for u in U) for c in directions for sign in (1, -1)]
    assert partition_isotropy(X) == pytest.approx(min(Z) / max(Z), rel=1e-5)
    assert partition_isotropy(100 * X) == pytest.approx(partition_isotropy(X), rel=1e-5)
    assert partition_isotropy(X - X.mean(axis=0)) > 2 * partition_isotropy(X)
    assert math.isnan(partition_isotropy(np.zeros((3, 2))))


def slow_local_twonn(X, row, neighbors):
    """TwoNN's fitted line on one neighbourhood, loop by loop."""
    near = sorted(range(len(X)), key=lambda j: math.dist(X[row], X[j]))[: neighbors + 1]
    ratios = []
    for i in near:
        r = sorted(math.dist(X[i], X[j]) for j in near if j != i)
        ratios.append(math.log(r[1] / r[0]))
    ratios.sort()
    kept = int(len(ratios) * 0.9)
    y = [-math.log(1 - (i + 1) / len(ratios)) for i in range(kept)]
    return sum(a * b for a, b in zip(ratios, y, strict=False)) / sum(a * a for a in ratios[:kept])


def test_local_dimension_is_twonn_on_each_neighborhood():
    X = np.unique(np.random.default_rng(0).random((60, 3)).astype(np.float32), axis=0)
    slow = [slow_local_twonn(X.astype(float), row, 20) for row in range(len(X))]
    assert local_dimension(X, neighbors=20) == pytest.approx(slow, rel=1e-3)


@pytest.mark.parametrize("method", ["twonn", "mle"])
def test_local_dimension_tells_a_line_from_a_cube_in_one_cloud(method):
    rng = np.random.default_rng(0)
    line = rng.random((800, 1)) * np.eye(1, 12) + 5
    cube = rng.random((800, 4)) @ np.eye(4, 12)
    of_line, of_cube = (local_dimension(one, method, 50, 300).mean() for one in (line, cube))
    assert of_line == pytest.approx(1, rel=0.15) and of_cube == pytest.approx(4, rel=0.2)
    both = local_dimension(np.concatenate([line, cube]), method, 50)
    assert both.mean() == pytest.approx((of_line + of_cube) / 2, rel=0.15)


def test_local_dimension_of_what_tells_nothing():
    with pytest.raises(InputError, match="3 different"):
        local_dimension(np.ones((50, 3)))
    with pytest.raises(InputError, match="no method"):
        local_dimension(np.eye(5), "pca")
    once = np.random.default_rng(0).random((100, 3)).astype("f4")
    assert np.sort(local_dimension(np.concatenate([once, once]))) == pytest.approx(np.sort(local_dimension(once)))


def test_debiased_isoscore_is_the_participation_ratio_by_an_unbiased_square():
    """|S|^2 without its bias for Gaussian rows, Srivastava's estimate, written out."""
    n, d = 12, 5
    X = np.random.default_rng(3).standard_normal((n, d)) * [3, 2, 1, 1, 0.5]
    S = np.cov(X.T)
    square = (n - 1) ** 2 / ((n - 2) * (n + 1)) * (np.trace(S @ S) - np.trace(S) ** 2 / (n - 1))
    ratio = np.trace(S) ** 2 / square
    assert isoscore(X.astype("f4"), debiased=True) == pytest.approx((ratio - 1) / (d - 1), rel=1e-4)


def first_turn(values, rise):
    """The definition, by all triples: a fall from somewhere before, the least since, and the first value that rose from it."""
    for j in range(len(values)):
        fallen = [i for i in range(1, j) if values[i] < (1 - rise) * max(values[:i])]
        if fallen and values[j] > (1 + rise) * min(values[i] for i in fallen):
            return min(fallen, key=lambda i: values[i])
    return None


def test_the_turn_is_the_first_least_value_with_a_fall_before_and_a_rise_after():
    rng = np.random.default_rng(0)
    found = []
    for _ in range(500):
        values = (5 + np.cumsum(rng.normal(0, 0.3, 12))).clip(0.5).tolist()
        found.append(turning_point(values, 0.1))
        assert found[-1] == first_turn(values, 0.1)
    assert None in found and len({*found}) > 4
    assert turning_point([]) is None and turning_point([5, float("nan"), 3, 4]) == 2
    with pytest.raises(InputError, match="a share above 0"):
        turning_point([1], 0)
