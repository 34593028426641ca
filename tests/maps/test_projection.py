"""Places on a plane: beside slow versions of the forces, and beside what trustworthiness says."""

from __future__ import annotations

import numpy as np
import pytest

from codomain.arrays import unit_rows
from codomain.errors import InputError
from codomain.maps import layout, neighbors
from codomain.maps.neighbors import nearest_others
from codomain.maps.projection import project
from codomain.maps.repulsion import RepulsionField


@pytest.fixture(scope="module")
def groups() -> np.ndarray:
    """360 vectors around 12 directions."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(12, 32))[np.arange(360) % 12] + 0.35 * rng.normal(size=(360, 32))).astype(np.float32)


def slow_repulsion(places: np.ndarray) -> np.ndarray:
    apart = places[:, None] - places[None]
    q = 1 / (1 + (apart**2).sum(axis=2))
    return (apart * (q * q)[..., None]).sum(axis=1) / (q.sum() - len(places))


@pytest.mark.parametrize("spread", [0.02, 1.0, 6.0])
def test_repulsion_by_convolution_is_that_of_all_pairs(spread):
    places = (np.random.default_rng(1).normal(size=(500, 2)) * spread).astype(np.float32)
    field = RepulsionField()
    field.update(places)
    found, expected = field.at(places), slow_repulsion(places.astype(np.float64))
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99
    assert np.abs(found - expected).mean() < 0.12 * np.abs(expected).mean()


def test_points_outside_the_field_are_pushed_as_at_its_border():
    field = RepulsionField()
    field.update(np.float32([[0, 0], [1, 1]]))
    assert np.isfinite(field.at(np.float32([[1e6, -1e6]]))).all()


def test_an_edge_attracts_by_one_over_one_plus_the_squared_distance():
    places = np.float32([[0, 0], [3, 4], [1, 1]])
    near = np.int32([[1, 2], [0, 2], [0, 1]])
    slow = [[1 / (1 + float(((places[i] - places[j]) ** 2).sum())) for j in row] for i, row in enumerate(near)]
    assert np.allclose(layout._affinity(places, near), slow)


def test_nearest_others_are_those_of_a_full_sort(groups):
    units = unit_rows(groups)
    similar = units @ units.T
    np.fill_diagonal(similar, -2)
    found = nearest_others(units, 5)
    assert not (found == np.arange(360)[:, None]).any()
    assert np.allclose(np.take_along_axis(similar, found.astype(int), 1), -np.sort(-similar, axis=1)[:, :5], atol=1e-6)


def test_inverted_lists_find_most_of_them(groups, monkeypatch):
    units = unit_rows(groups)
    exact = nearest_others(units, 10)
    monkeypatch.setattr(neighbors, "_EXACT", 100)
    found = nearest_others(units, 10)
    assert np.mean([len({*a} & {*b}) / 10 for a, b in zip(exact, found, strict=True)]) > 0.9
    assert (found >= 0).all()


def test_neighbors_stay_neighbors(groups):
    manifold = pytest.importorskip("sklearn.manifold")
    found = project(groups)
    assert found.rows.tolist() == list(range(360)) and found.copies == 0
    assert manifold.trustworthiness(unit_rows(groups), found.places, n_neighbors=10) > 0.9
    # each group lies together: the nearest on the map is of the same group
    apart = ((found.places[:, None] - found.places[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    assert (apart.argmin(axis=1) % 12 == np.arange(360) % 12).mean() > 0.99


def test_the_same_vectors_give_the_same_places(groups):
    assert np.array_equal(project(groups[:60]).places, project(groups[:60]).places)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 25])
def test_a_few_vectors_have_places(groups, n):
    found = project(groups[:n].reshape(n, 32))
    assert found.places.shape == (n, 2) and np.isfinite(found.places).all()
    assert len(np.unique(found.places, axis=0)) == n
    assert found.neighbors.shape[0] == n and ((found.neighbors >= 0) & (found.neighbors < max(n, 1))).all()


def test_copies_lie_beside_their_original_and_are_counted(groups):
    found = project(np.concatenate([groups[:100], groups[:40], groups[:40]]))
    assert found.copies == 80
    beside = np.linalg.norm(found.places[100:140] - found.places[:40], axis=1)
    usual = np.linalg.norm(found.places[:100] - found.places[:100].mean(axis=0), axis=1).mean()
    assert 0 < beside.max() < 0.05 * usual
    assert len(np.unique(found.places, axis=0)) == 180


def test_vectors_that_are_zero_have_no_place(groups):
    vectors = groups[:30].copy()
    vectors[[4, 9]] = 0
    found = project(vectors)
    assert found.rows.tolist() == [i for i in range(30) if i not in (4, 9)]
    assert found.neighbors.max() < 28


def test_all_vectors_the_same_are_one_place(groups):
    found = project(np.repeat(groups[:1], 50, axis=0))
    assert found.copies == 49 and np.isfinite(found.places).all()


def test_vectors_that_are_no_numbers_are_refused():
    with pytest.raises(InputError):
        project(np.float32([[np.nan, 1]]))
