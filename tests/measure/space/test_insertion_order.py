"""Orders in which rows reach a graph, and what a graph finds of easy and of hard queries."""

import numpy as np
import pytest

from codomain.measure.space.insertion_order import decile_recall, graph, local_dimensions, orders


def test_orders_are_permutations_and_sort_by_local_dimension():
    rng = np.random.default_rng(0)
    low, high = rng.random((300, 1)) * np.eye(1, 16) + 2, rng.random((300, 8)) @ np.eye(8, 16)
    X = np.concatenate([high, low]).astype("f4")
    found = orders(X)
    assert all(np.array_equal(np.sort(order), np.arange(600)) for order in found.values())
    assert (found["lid_ascending"][:200] >= 300).mean() > 0.95  # the line first
    assert np.array_equal(found["lid_descending"], found["lid_ascending"][::-1])
    by_label = orders(X, np.arange(600) % 3)["category"]
    assert (np.diff(by_label % 3) >= 0).all()
    assert np.nanmedian(local_dimensions(X, low.astype("f4"), 50)) == pytest.approx(1, rel=0.2)


def test_recall_falls_with_the_local_dimension_of_the_query():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.standard_normal((2000, 2)) @ np.eye(2, 48), rng.standard_normal((2000, 48))]).astype("f4")
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    Q = X[::20] + 0.01 * rng.standard_normal((200, 48)).astype("f4")
    easy, hard = decile_recall(graph(X, m=4, ef_construction=32, ef_search=16), X, Q)
    assert hard < easy - 0.03


def test_without_labels_rows_come_cluster_by_cluster():
    rng = np.random.default_rng(1)
    blobs = np.eye(4, 16)[np.arange(400) % 4] * 20 + rng.standard_normal((400, 16))
    order = orders(blobs.astype("f4"))["category"]
    assert np.array_equal(np.sort(order), np.arange(400))
    # k-means with 20 clusters splits blobs and joins none: a blob comes in at most 20 runs, not in 100
    runs = 1 + int((np.diff(order % 4) != 0).sum())
    assert runs <= 20
