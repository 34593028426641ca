"""The trained form of recurrent binary codes: numpy's codes against PyTorch's network, and that training helps."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.index.flat import Flat
from codomain.index.sdc import SymmetricDistance

pytestmark = pytest.mark.needs_learn
torch = pytest.importorskip("torch", reason="needs codomain[learn]")
training = pytest.importorskip("codomain.transform.training.recurrent", reason="needs codomain[learn]")

RNG = np.random.default_rng(0)
X = (RNG.standard_normal((600, 6)) @ RNG.standard_normal((6, 24))).astype(np.float32)


@pytest.mark.parametrize("bits", [2, 3])
def test_numpy_gives_the_codes_of_the_network(bits):
    torch.manual_seed(0)
    network = training._Network(24, 16, bits, 32)
    network(torch.from_numpy(training._unit(X)))  # moves the averages of batch normalisation
    with torch.no_grad():
        b = network.eval()(torch.from_numpy(training._unit(X))).numpy()
    assert set(np.unique(np.abs(b) * 2 ** (bits - 1))) <= set(range(1, 2**bits, 2))
    applied = training.RecurrentNetwork(network.layers())
    same = applied.transform(X) == b * 2 ** (bits - 2)
    assert same.mean() > 0.999  # a sum next to zero may be rounded to either side
    assert np.array_equal(applied.codec.decode(applied.encode(X)), applied.transform(X))


def test_gradients_of_signs_pass_where_the_input_is_small():
    x = torch.tensor([-2.0, -0.5, 0.0, 1.0, 3.0], requires_grad=True)
    sign = training._Sign.apply(x)
    sign.backward(torch.arange(5.0))
    assert sign.tolist() == [-1, -1, 1, 1, 1]
    assert x.grad.tolist() == [0, 1, 2, 3, 0]


def test_the_loss_is_that_over_the_hardest_negatives():
    a, b = (torch.nn.functional.normalize(torch.randn(9, 4, generator=torch.manual_seed(i)), dim=1) for i in (0, 1))
    scores = (a @ b.T / 0.05).double().numpy()
    expected = []
    for way in (scores, scores.T):
        for i, row in enumerate(way):
            hardest = np.sort(np.delete(row, i))[-5:]
            expected.append(np.log(np.exp([row[i], *hardest] - row[i]).sum()))
    assert training._infonce(a, b).item() == pytest.approx(np.mean(expected), rel=1e-4)


def test_trained_codes_find_more_of_the_pairs_and_both_indexes_take_them():
    first, second = (X + 0.5 * RNG.standard_normal(X.shape).astype(np.float32) for _ in "ab")
    kept = []
    for epochs in (0, 60):
        network = training.train(first, second, hidden=64, epochs=epochs, seed=1)
        rows = Flat("cosine").build(network.encode(first), network.codec).search(network.transform(second), 10).rows
        kept.append((rows == np.arange(600)[:, None]).any(axis=1).mean())
    assert kept[1] > 1.2 * kept[0]
    trained = training.train(X, hidden=32, epochs=8, seed=1)
    again = training.train(X, hidden=32, epochs=8, seed=1)
    assert np.array_equal(again.encode(X), trained.encode(X))
    pytest.importorskip("numba", reason="needs codomain[engines]")
    index = SymmetricDistance(metric="cosine").build(trained.encode(X), trained.codec)
    assert (index.search(trained.transform(X[:100]), 1).scores > 0.99).all()


def test_odd_samples_are_trained_on_or_refused():
    with pytest.raises(InputError, match="two vectors at least"):
        training.train(X[:1])
    with pytest.raises(InputError, match="NaN"):
        training.train(np.full((5, 3), np.nan))
    with pytest.raises(InputError, match="give one a row"):
        training.train(X, X[:7])
    for odd in (X[:2], np.zeros((4, 24), np.float32), np.repeat(X[:1], 5, axis=0)):
        network = training.train(odd, hidden=8, epochs=2)
        assert np.isfinite(network.transform(X)).all()
    with pytest.raises(InputError, match="24 are needed"):
        network.transform(X[:, :5])
