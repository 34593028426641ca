"""Dimension and isotropy against clouds whose values are known in closed form."""

import math

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.geometry import intrinsic_dimension, isoscore, mean_cosine


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
