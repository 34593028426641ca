"""Intrinsic dimensionality, recall cards, and auto(): target in, parameters out, verified."""

import numpy as np
import pytest

from codomain.arrays import Hits
from codomain.errors import InputError, PipelineError
from codomain.index.auto import Auto
from codomain.index.diagnostics import lid, lid_of, order_sensitivity, recall, recall_card
from codomain.index.flat import Flat
from codomain.index.hnsw import HNSW


@pytest.mark.parametrize("true", [1, 2, 4])
def test_lid_of_a_sphere_is_its_dimension(true):
    """The surface of a ball in true + 1 dimensions, which has no edge, turned into thirty dimensions."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((8_000, true + 1))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points = points @ np.linalg.qr(rng.standard_normal((30, true + 1)))[0].T
    assert lid(points.astype(np.float32), k=60).mean() == pytest.approx(true, rel=0.12)


def test_lid_by_its_definition():
    distances = np.float32([[0, 1, 2, 4]])
    assert lid_of(distances)[0] == pytest.approx(-1 / np.mean(np.log([1 / 4, 2 / 4])), rel=1e-6)
    assert len(lid_of(np.zeros((3, 5), np.float32))) == 0  # nothing but duplicates
    np.testing.assert_allclose(lid_of(distances * np.float32(1e-6)), lid_of(distances), rtol=1e-5)  # whatever the unit


def test_duplicates_do_not_lower_it():
    rng = np.random.default_rng(0)
    points = rng.random((3_000, 3)).astype(np.float32)
    doubled = np.concatenate([points, points])
    assert lid(doubled, k=80).mean() == pytest.approx(lid(points, k=40).mean(), rel=0.1)


def test_recall_counts_ties_and_misses():
    exact = Hits(np.array([[0, 1], [2, -1]]), np.float32([[1.0, 0.5], [0.3, -np.inf]]))
    found = Hits(np.array([[0, 7], [-1, -1]]), np.float32([[1.0, 0.5], [-np.inf, -np.inf]]))
    got = recall(lambda q: found, np.zeros((2, 1), np.float32), exact)
    assert got.mean == 0.5 and got.low <= 0.5 <= got.high  # (2 of 2, one of them a tie) and (0 of 1)


def test_harder_data_lowers_recall_and_effort_raises_it():
    rng = np.random.default_rng(0)

    def data(dimensions):
        basis = np.linalg.qr(rng.standard_normal((96, dimensions)))[0]
        points = rng.standard_normal((4_100, dimensions)) @ basis.T
        points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
        return points[:4_000], points[4_000:]

    found = {}
    for dimensions in (4, 64):
        vectors, queries = data(dimensions)
        graph = HNSW(m=8, ef_construction=32).build(vectors)
        graph._trivial = 0

        def at(effort, graph=graph):
            graph.ef_search = effort
            return graph

        found[dimensions] = recall_card(at, vectors, queries, (10, 200))
    assert found[4][10].mean > found[64][10].mean + 0.1
    assert found[64][200].mean > found[64][10].mean + 0.1


def test_orders_are_compared_on_the_same_queries():
    vectors = np.random.default_rng(0).standard_normal((500, 16)).astype(np.float32)
    orders = {"as it is": np.arange(500), "reversed": np.arange(500)[::-1]}
    found = order_sensitivity(lambda rows: Flat().build(rows), vectors, vectors[:20], orders)
    assert {name: r.mean for name, r in found.items()} == {"as it is": 1.0, "reversed": 1.0}


def test_too_few_rows_are_told():
    with pytest.raises(InputError, match="at least 3"):
        lid(np.zeros((2, 4), np.float32))


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr("codomain.index.auto.COMPONENTS", 100_000)
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((60, 48))
    points = centers[rng.integers(60, size=12_100)] + 0.6 * rng.standard_normal((12_100, 48))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def test_auto_reaches_its_target_on_queries_it_never_saw(large, tmp_path):
    vectors, queries = large[:12_000], large[12_000:]
    index = Auto(target=0.97).build(vectors)
    assert index.chosen.name == "filtered" and index.chosen.verified.high >= 0.97
    exact = Flat().build(vectors).search(queries, 10)
    assert recall(lambda q: index.search(q, 10), queries, exact).high >= 0.97
    index.save(tmp_path)
    again = Auto(target=0.97).load(tmp_path)
    assert again.chosen.verified == index.chosen.verified
    assert (again.search(queries, 10).rows == index.search(queries, 10).rows).all()


def test_auto_builds_again_with_more_neighbors_where_the_target_is_missed(large, monkeypatch):
    from codomain.index.diagnostics import Recall
    from codomain.index.filtered.filtered import Filtered

    monkeypatch.setattr(Filtered, "_measure", lambda self: {})
    monkeypatch.setattr(Filtered, "_verify", lambda self: Recall(0.9, 0.89, 0.91 if self.m < 40 else 0.99, 1.0))
    assert Auto().build(large[:10_500]).chosen.m >= 40


def test_wrong_targets_are_told():
    with pytest.raises(PipelineError, match="target"):
        Auto(target=0.1)
