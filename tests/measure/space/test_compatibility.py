"""Compatibility of model versions, against scikit-learn's nearest neighbour and the definition."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from codomain.errors import InputError
from codomain.measure.space.compatibility import average_compatibility, compatibility_matrix

RNG = np.random.default_rng(0)
LABELS, ASKED = RNG.integers(4, size=50), RNG.integers(4, size=30)
GALLERIES = [RNG.standard_normal((50, 6)) + LABELS[:, None] * (t + 1) * np.eye(6)[0] for t in range(3)]
QUERIES = [RNG.standard_normal((30, 6)) + ASKED[:, None] * (t + 1) * np.eye(6)[0] for t in range(3)]


def test_each_cell_is_scikit_learns_accuracy():
    C = compatibility_matrix(QUERIES, ASKED, GALLERIES, LABELS)
    for t in range(3):
        for k in range(3):
            if k > t:
                assert np.isnan(C[t, k])
                continue
            peer = KNeighborsClassifier(1, metric="cosine").fit(GALLERIES[k], LABELS)
            assert C[t, k] == pytest.approx(peer.score(QUERIES[t], ASKED))


def test_the_share_of_better_pairs_and_the_mean():
    C = np.array([[0.5, np.nan, np.nan], [0.6, 0.7, np.nan], [0.4, 0.7, 0.9]])
    ac, aa = average_compatibility(C)
    assert ac == pytest.approx(1 / 3)  # (1, 0) is better, (2, 0) is worse, (2, 1) only equal
    assert aa == pytest.approx((0.5 + 0.6 + 0.7 + 0.4 + 0.7 + 0.9) / 6)


def test_a_zero_query_is_wrong():
    C = compatibility_matrix([np.zeros((2, 3))], np.zeros(2, int), [np.eye(3)], np.zeros(3, int))
    assert C[0, 0] == 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: compatibility_matrix(QUERIES[:1], ASKED, GALLERIES, LABELS), "not 1 and 3"),
        (lambda: compatibility_matrix([], ASKED, [], LABELS), "not 0 and 0"),
        (lambda: compatibility_matrix(QUERIES, ASKED[:3], GALLERIES, LABELS), "30 rows for 3 labels"),
        (
            lambda: compatibility_matrix(QUERIES[:1], ASKED, [GALLERIES[0][:, :4]], LABELS),
            "6 dimensions, gallery 0 has 4",
        ),
        (lambda: compatibility_matrix([QUERIES[0] * np.nan], ASKED, GALLERIES[:1], LABELS), "NaN"),
        (lambda: average_compatibility(np.eye(1)), "two versions"),
        (lambda: average_compatibility(np.zeros((2, 3))), "square"),
    ],
)
def test_what_does_not_fit_is_told(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()
