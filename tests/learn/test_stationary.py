"""The simplex is regular, its head frozen, the loss what a loop gives."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from codomain.learn.objectives.stationary import (  # noqa: E402
    SimplexHead,
    StationaryLoss,
    higher_order_compatibility,
    simplex,
    with_features,
)

pytestmark = pytest.mark.needs_learn


@pytest.mark.parametrize("K", [2, 3, 10, 257])
def test_corners_are_unit_and_equally_far_apart(K):
    W = simplex(K)
    expected = np.full((K, K), -1 / (K - 1))
    np.fill_diagonal(expected, 1)
    assert W.shape == (K, K - 1) and W.dtype == np.float32
    assert np.allclose(W @ W.T, expected, atol=1e-5) and np.allclose(W.sum(axis=0), 0, atol=1e-4)


@pytest.mark.parametrize("K", [0, 1, -2, 2.5])
def test_a_simplex_has_two_corners_at_least(K):
    with pytest.raises(ValueError, match="K"):
        simplex(K)


def test_only_the_features_learn():
    torch.manual_seed(0)
    head = SimplexHead(6, 4)
    assert {name for name, _ in head.named_parameters()} == {"features.weight", "features.bias"}
    assert "corners" in head.state_dict()
    optimizer = torch.optim.SGD(head.parameters(), 0.5)
    x, y = torch.randn(30, 4), torch.arange(30) % 3
    for _ in range(3):
        optimizer.zero_grad()
        StationaryLoss(6).loss([head.features(x)], y).backward()
        optimizer.step()
    assert np.array_equal(head.corners, simplex(6))
    assert torch.allclose(head(x), head.features(x) @ torch.from_numpy(simplex(6)).T)


def slowly(logits, labels, z, old, mu, lam):
    unit = [[v / np.linalg.norm(v) for v in X] for X in (z, old)]
    n, ce, hoc = len(labels), 0.0, 0.0
    for i in range(n):
        ce -= (logits[i][labels[i]] - np.log(np.exp(logits[i]).sum())) / n
        others = [j for j in range(n) if j == i or labels[j] != labels[i]]
        scores = [mu * unit[0][i] @ unit[1][j] for j in others]
        hoc -= (mu * unit[0][i] @ unit[1][i] - np.log(np.exp(scores).sum())) / n
    return lam * ce + (1 - lam) * hoc


@pytest.mark.parametrize(("mu", "lam"), [(10, 0.1), (3, 0.5), (1, 0)])
@pytest.mark.parametrize("classes", [[0, 1, 2, 0, 0, 1], [0] * 6, [0, 1, 2, 3, 4, 5]])
def test_the_loss_is_what_a_loop_gives(mu, lam, classes):
    rng = np.random.default_rng(0)
    z, old = (rng.standard_normal((6, 6)) for _ in "ab")
    labels = with_features(torch.tensor(classes), torch.from_numpy(old))
    loss = StationaryLoss(7, mu, lam).double().loss([torch.from_numpy(z)], labels)
    assert np.isclose(float(loss), slowly(z @ simplex(7).T, classes, z, old, mu, lam))


def test_without_an_old_model_it_is_the_cross_entropy():
    z, classes = torch.randn(6, 6), torch.arange(6)
    expected = torch.nn.functional.cross_entropy(z @ torch.from_numpy(simplex(7)).T, classes)
    assert torch.isclose(StationaryLoss(7).loss([z], classes), expected)


def test_a_single_sample_and_a_zero_feature_have_finite_gradients():
    z = torch.zeros(3, 5, requires_grad=True)
    higher_order_compatibility(z, torch.randn(3, 5), torch.tensor([0, 0, 1])).backward()
    assert torch.isfinite(z.grad).all()
    one = higher_order_compatibility(torch.randn(1, 5), torch.randn(1, 5), torch.tensor([3]))
    assert float(one) == 0


@pytest.mark.parametrize("arguments", [{"lam": 2}, {"mu": -1}, {"K": 1}])
def test_wrong_arguments_are_named(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        StationaryLoss(**{"K": 7, **arguments})
