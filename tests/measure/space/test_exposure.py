"""What an outsider could translate is measured against what is known to be true."""

import numpy as np
import pytest

from codomain.arrays import unit_rows
from codomain.errors import InputError
from codomain.measure.space.exposure import _ranks, alignability


def world(n=900, dim=16):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((30, dim))[rng.integers(30, size=n)] + 0.3 * rng.standard_normal((n, dim))
    return points, np.linalg.qr(rng.standard_normal((dim, dim)))[0]


def test_a_rotated_copy_is_read_by_an_outsider():
    points, R = world()
    index = points[450:] @ R
    found = alignability(index, points[:450], truth=(points[450:650], np.arange(200)))
    assert found.accepted
    assert found.top1 >= 0.9
    assert found.interval[0] <= found.top1 <= found.interval[1]
    assert 1 <= found.mean_rank < 2
    assert "top-1" in str(found)


def test_noise_is_not_and_without_truth_nothing_is_claimed():
    rng = np.random.default_rng(0)
    index, probe = rng.standard_normal((300, 32)), rng.standard_normal((300, 32))
    found = alignability(index, probe, truth=(probe[:100], np.arange(100)))
    assert not found.accepted
    assert found.top1 < 0.1
    assert found.mean_rank > 75


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        (5, "truth is a pair"),
        ((np.ones((2, 16)), [0]), "one row number"),
        ((np.ones((1, 16)), [450]), "row 450, but the index has 450"),
    ],
)
def test_a_wrong_truth_is_one_sentence(truth, sentence):
    points, _ = world()
    with pytest.raises(InputError, match=sentence):
        alignability(points[450:], points[:450], truth=truth)


def test_ranks_are_by_cosine_whatever_the_lengths():
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(40, 6)) * rng.choice([0.05, 0.5, 3.0], (40, 1))).astype(np.float32)
    vectors[7] = 0
    rows = rng.integers(0, 40, 15)
    guessed = unit_rows(rng.normal(size=(15, 6)).astype(np.float32))
    for guess, row, rank in zip(guessed, rows, _ranks(guessed, vectors, rows), strict=True):
        cosines = [float(guess @ v / (np.linalg.norm(v) or 1)) for v in vectors]
        assert rank == 1 + sum(c > cosines[row] + 1e-6 for c in cosines)
