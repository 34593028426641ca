"""Labels of neighbours against scikit-learn's classifier."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.tasks.knn_labels import KNNLabels


@pytest.mark.parametrize("k", [1, 5])
def test_labels_are_those_of_scikit_learn(k: int) -> None:
    from sklearn.neighbors import KNeighborsClassifier

    rng = np.random.default_rng(0)
    X, Q = rng.normal(size=(200, 12)).astype(np.float32), rng.normal(size=(60, 12)).astype(np.float32)
    y = np.where(X[:, 0] > 0, "left", "right")  # of two labels and odd k there are no ties
    peer = KNeighborsClassifier(k, metric="cosine").fit(X, y)
    ours = KNNLabels(k).fit(X, list(y))
    assert np.array_equal(ours.predict(Q), peer.predict(Q))
    assert np.allclose(ours.predict_proba(Q), peer.predict_proba(Q), atol=1e-6)


def test_a_tie_goes_to_the_nearer_neighbors() -> None:
    X = np.float32([[1, 0], [0, 1]])
    assert KNNLabels(2).fit(X, ["a", "b"]).predict(np.float32([[2, 1], [1, 2]])).tolist() == ["a", "b"]


def test_similar_neighbors_can_outvote_many() -> None:
    X = np.float32([[1, 0.01], [0.1, 1], [0.1, -1]])
    query = np.float32([[1, 0]])
    assert KNNLabels(3).fit(X, ["a", "b", "b"]).predict(query) == ["b"]
    assert KNNLabels(3, "similarity").fit(X, ["a", "b", "b"]).predict(query) == ["a"]


def test_more_neighbors_than_labels_are_all_of_them() -> None:
    assert KNNLabels(50).fit(np.eye(3, dtype=np.float32), ["a", "a", "b"]).predict(np.eye(3)[2:])[0] == "a"


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match="label each"):
        KNNLabels().fit(np.eye(3, dtype=np.float32), ["a"])
    with pytest.raises(InputError, match="fit first"):
        KNNLabels().predict(np.eye(3, dtype=np.float32))
    with pytest.raises(InputError, match="k is at least 1"):
        KNNLabels(0)
    with pytest.raises(InputError, match="vectors are"):
        KNNLabels().fit(np.eye(3, dtype=np.float32), list("abc")).predict(np.eye(2, dtype=np.float32))
