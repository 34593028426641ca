"""A learned rotation of recurrent codes: it begins at the grid, its loss is a loop's, what it gives is a rotation and a codec."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.transform import RecurrentBinary

pytestmark = pytest.mark.needs_learn
torch = pytest.importorskip("torch", reason="needs codomain[learn]")
rotation = pytest.importorskip("codomain.transform.training.rotation", reason="needs codomain[learn]")

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((400, 5)) @ RNG.standard_normal((5, 12))).astype(np.float32)
X /= np.linalg.norm(X, axis=1, keepdims=True)


@pytest.mark.parametrize("bits", [2, 3])
def test_it_begins_at_the_values_of_the_grid(bits):
    grid = RecurrentBinary(bits).fit(X)
    with torch.no_grad():
        codes = rotation._Grid(grid.rotation_, grid.step_, bits)(torch.from_numpy(X)).numpy()
    same = np.isclose(codes @ grid.rotation_.T, grid.transform(X), atol=1e-5).all(axis=1)
    assert same.mean() > 0.99  # a value next to a border may be rounded to either side


def test_the_loss_is_the_divergence_of_similarities_row_by_row():
    C = RNG.standard_normal((9, 12))
    C /= np.linalg.norm(C, axis=1, keepdims=True)
    expected = []
    for i in range(9):
        others = [j for j in range(9) if j != i]
        p = np.exp([X[i] @ X[j] / 0.05 for j in others])
        q = np.exp([C[i] @ C[j] / 0.05 for j in others])
        p, q = p / p.sum(), q / q.sum()
        expected.append((p * np.log(p / q)).sum())
    found = rotation._distilled(torch.from_numpy(X[:9].astype(np.float64)), torch.from_numpy(C))
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-6)


def test_gradients_pass_within_the_grid_alone():
    grid = rotation._Grid(np.eye(1, dtype=np.float32), np.ones(1, np.float32), 2)
    x = torch.tensor([[-9.0], [-1.5], [0.2], [1.9], [2.5]], requires_grad=True)
    grid(x).sum().backward()
    assert grid(x).detach().ravel().tolist() == [-1.5, -1.5, 0.5, 1.5, 1.5] and x.grad.ravel().tolist() == [
        0,
        1,
        1,
        1,
        0,
    ]


def test_what_is_learned_is_a_rotation_whose_codes_are_more_alike_to_their_vectors():
    grid, learned = RecurrentBinary(2).fit(X), rotation.train_rotation(X, epochs=30, lr=0.01)
    assert np.allclose(learned.rotation_ @ learned.rotation_.T, np.eye(12), atol=1e-4) and (learned.step_ > 0).all()
    assert not np.allclose(learned.rotation_, grid.rotation_, atol=0.01)

    def distance(quantizer):
        codes = quantizer.transform(X)
        codes /= np.linalg.norm(codes, axis=1, keepdims=True)
        return np.abs(codes @ codes.T - X @ X.T).mean()

    assert distance(learned) < distance(grid)
    assert np.allclose(learned.codec.decode(learned.encode(X)), learned.transform(X))
    again = rotation.train_rotation(X, epochs=30, lr=0.01)
    assert again.fingerprint == learned.fingerprint
    with pytest.raises(InputError, match="three vectors"):
        rotation.train_rotation(X[:2])


def test_compatible_codes_find_old_ones_of_another_space():
    training = pytest.importorskip("codomain.transform.training.recurrent")
    old = RecurrentBinary(2).fit(X)
    codes = old.transform(X) @ old.rotation_
    new = X[:, ::-1].copy()
    network = training.train(new[:300], hidden=64, epochs=40, old=codes[:300])
    found = network.transform(new[300:]) @ codes[300:].T / np.linalg.norm(codes[300:], axis=1)
    place = (found > found.diagonal()[:, None]).sum(axis=1)
    assert np.median(place) < 10  # of a hundred; by chance fifty
    for wrong in (codes[:299], codes[0], codes[:300, :3]):
        with pytest.raises(InputError, match="old codes"):
            training.train(new[:300], dim=12, epochs=1, old=wrong)
