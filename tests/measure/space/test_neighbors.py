"""Neighbours, hubs and duplicates against brute force, scipy and scikit-learn."""

import numpy as np
import pytest
from scipy.stats import skew

from codomain.arrays import unit_rows
from codomain.errors import InputError
from codomain.measure.space.neighbors import exact_duplicates, hubness, nearest


def test_the_nearest_others_are_those_of_scikit_learn():
    from sklearn.neighbors import NearestNeighbors

    X = np.random.default_rng(0).standard_normal((300, 6)).astype("f4")
    distances, rows = NearestNeighbors(n_neighbors=8, metric="cosine").fit(X).kneighbors()  # without itself
    hits = nearest(X, 8)
    assert (hits.rows == rows).mean() > 0.999
    assert hits.scores == pytest.approx(1 - distances, abs=1e-5)
    some = np.array([5, 250, 7])
    assert np.array_equal(nearest(X, 8, some).rows, hits.rows[some])


def test_among_duplicates_every_row_has_others():
    X = np.concatenate([np.ones((30, 4)), np.zeros((3, 4)), np.eye(4)]).astype("f4")
    hits = nearest(X, 5)
    assert hits.rows.shape == (37, 5) and (hits.rows != np.arange(37)[:, None]).all()
    assert hits.scores[:30] == pytest.approx(1)
    for k in (0, 37):
        with pytest.raises(InputError, match="nearest others"):
            nearest(X, k)


def test_hubness_is_the_skewness_of_the_counts():
    rows = np.random.default_rng(0).integers(0, 50, (200, 3)) // 2
    found = hubness(rows, 50)
    counts = np.array([(rows == i).sum() for i in range(50)])
    assert found.skewness == pytest.approx(skew(counts))
    assert found.largest == counts.max() and found.antihubs == (counts == 0).mean()
    assert hubness(np.array([[1], [0]]), 2) == (0, 1, 0)


def test_a_common_direction_makes_hubs_in_many_dimensions():
    X = np.random.default_rng(0).standard_normal((1500, 100)).astype("f4")
    even, offset = (hubness(nearest(cloud, 10).rows, 1500) for cloud in (X, X + 1))
    assert offset.skewness > even.skewness + 1 and offset.antihubs > even.antihubs


def test_duplicates_of_texts_and_units():
    assert exact_duplicates([]) == 0
    assert exact_duplicates(["ß x", "SS  X", "y", "y", "y"]) == 3
    assert np.allclose(np.linalg.norm(unit_rows(np.array([[1e-20, 0], [3, 4]])), axis=1), 1)
