"""The mixture of chunk and document vector, against the sentence that defines it written as a loop."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.read import situate


def slow(chunks, owner, alpha):
    unit = [c / np.linalg.norm(c) for c in chunks]
    out = []
    for vector, mine in zip(unit, owner, strict=True):
        mean = np.mean([u for u, other in zip(unit, owner, strict=True) if other == mine], axis=0)
        mixed = (1 - alpha) * vector + alpha * mean / np.linalg.norm(mean)
        out.append(mixed / np.linalg.norm(mixed))
    return np.array(out)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.7, 1.0])
def test_it_is_the_loop_it_says_it_is(alpha):
    rng = np.random.default_rng(0)
    chunks = rng.normal(size=(60, 8)) + 0.5
    owner = rng.integers(0, 12, 60)
    np.testing.assert_allclose(situate(chunks, owner, alpha), slow(chunks, owner, alpha), atol=1e-5)


def test_a_document_of_one_chunk_keeps_its_direction():
    vector = np.array([[3.0, 4.0]])
    np.testing.assert_allclose(situate(vector, ["only"]), vector / 5, atol=1e-6)


def test_nothing_stays_nothing():
    assert situate(np.zeros((0, 4)), []).shape == (0, 4)
    assert not situate(np.zeros((2, 4)), [0, 0]).any()


@pytest.mark.parametrize(("owner", "alpha"), [([0], 0.5), ([0, 0], 1.5)])
def test_wrong_arguments_are_one_sentence(owner, alpha):
    with pytest.raises(InputError):
        situate(np.ones((2, 3)), owner, alpha)
