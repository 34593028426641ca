"""The losses of the adversarial translator against loops of numpy, their gradients against differences, the training against its steps by hand."""

import numpy as np
import pytest

from codomain.transform.align.adversarial import AdversarialTranslator

pytestmark = pytest.mark.needs_learn

RNG = np.random.default_rng(0)
N, DIMS, WIDTH = 5, (3, 4), 6
INSIDE, OUTSIDE = [RNG.standard_normal((d, WIDTH)) for d in DIMS], [RNG.standard_normal((WIDTH, d)) for d in DIMS]
JUDGES = [(RNG.standard_normal(d), RNG.standard_normal()) for d in (*DIMS, WIDTH)]
REAL = [RNG.standard_normal((N, d)) for d in DIMS]
REAL = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in REAL]


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def judgment(i, rows):
    """What judge i says of each row: a line, and a square so that its gradient depends on the place."""
    w, b = JUDGES[i]
    return np.array([w @ row + b * (row @ row) for row in rows])


def moved_by(inside, outside):
    """Latents of both spaces, and what each space gets from the other."""
    z = [REAL[s] @ inside[s] for s in (0, 1)]
    return z, [unit(z[1] @ outside[0]), unit(z[0] @ outside[1])]


def translators_loss(inside, outside):
    """The sum of the six losses, one pair at a time."""
    z, moved = moved_by(inside, outside)
    total = np.mean([(v - 1) ** 2 for v in judgment(2, z[0])]) + np.mean([v**2 for v in judgment(2, z[1])])
    for s, t in ((0, 1), (1, 0)):
        x, own = REAL[s], unit(z[s] @ outside[s])
        back = unit(moved[t] @ inside[t] @ outside[s])
        total += np.mean([1 - x[i] @ own[i] for i in range(N)])  # reconstruction
        total += 10 * np.mean([1 - x[i] @ back[i] for i in range(N)])  # cycle
        pairs = [(i, j) for i in range(N) for j in range(N)]
        total += np.mean([abs(x[i] @ x[j] - moved[t][i] @ moved[t][j]) for i, j in pairs])  # whom a vector is near
        total += 10 * np.mean([abs(x[i] @ x[j] - back[i] @ back[j]) for i, j in pairs])
        total += 10 * np.mean([abs(x[i] @ x[j] - x[i] @ back[j]) for i, j in pairs])
        total += np.mean([(v - 1) ** 2 for v in judgment(t, moved[t])])  # taken for real
    return total


def judges_loss():
    """Real is 1, translated 0; the latents of the second space are 1."""
    z, moved = moved_by(INSIDE, OUTSIDE)
    total = 0.0
    for i, true, false in ((0, REAL[0], moved[0]), (1, REAL[1], moved[1]), (2, z[1], z[0])):
        total += np.mean([(v - 1) ** 2 for v in judgment(i, true)]) + np.mean([v**2 for v in judgment(i, false)])
    return total


@pytest.fixture
def game():
    """A linear translator and judges of squares, in float64, with the weights above."""
    import torch
    from torch import nn

    from codomain.transform.training.adversarial import _Game

    def parameter(array):
        return nn.Parameter(torch.from_numpy(np.array(array)))

    class Linear(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = nn.ParameterList(map(parameter, INSIDE))
            self.outside = nn.ParameterList(map(parameter, OUTSIDE))

        def latent(self, x, source):
            return x @ self.inside[source]

        def out(self, z, target):
            return nn.functional.normalize(z @ self.outside[target], dim=-1)

    class Judge(nn.Module):
        def __init__(self, w, b):
            super().__init__()
            self.w, self.b = parameter(w), parameter(b)

        def forward(self, x):
            return (x @ self.w + self.b * (x * x).sum(dim=-1))[:, None]

    return _Game(Linear(), nn.ModuleList(Judge(*judge) for judge in JUDGES))


def batch():
    import torch

    return tuple(map(torch.from_numpy, REAL))


def test_the_translators_loss_is_the_six_of_the_paper_pair_by_pair(game):
    game.judged(batch())
    assert game.translated(batch()).item() == pytest.approx(translators_loss(INSIDE, OUTSIDE), rel=1e-6)


def test_the_judges_loss_is_least_squares_of_what_is_real_and_what_was_moved(game):
    assert game.judged(batch()).item() == pytest.approx(judges_loss(), rel=1e-6)


@pytest.mark.parametrize("part", ["inside", "outside"])
def test_the_gradient_of_the_translators_loss_is_that_of_differences(game, part):
    game.judged(batch())
    game.translated(batch()).backward()
    for s in (0, 1):
        gradient = getattr(game.net, part)[s].grad.numpy()
        for at in ((0, 0), (1, 2), (2, 1)):
            ends = []
            for step in (1e-6, -1e-6):
                arrays = {"inside": [a.copy() for a in INSIDE], "outside": [a.copy() for a in OUTSIDE]}
                arrays[part][s][at] += step
                ends.append(translators_loss(**arrays))
            assert gradient[at] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-6)


def test_the_judges_loss_moves_the_judges_alone(game):
    game.judged(batch()).backward()
    assert all(p.grad is None or not p.grad.any() for p in game.net.parameters())
    # L = (w.x - 1)^2 ... so that dL/dw = 2 (v - 1) x of the real ones + 2 v x of the moved ones, meant
    z, moved = moved_by(INSIDE, OUTSIDE)
    for i, true, false in ((0, REAL[0], moved[0]), (1, REAL[1], moved[1]), (2, z[1], z[0])):
        expected = 2 * ((judgment(i, true) - 1) @ true + judgment(i, false) @ false) / N
        assert np.allclose(game.judges[i].w.grad.numpy(), expected)


def test_a_translator_that_moves_nothing_wrong_costs_what_its_judges_say():
    """Two equal spaces and the identity: rec, cycle and preservation are 0; a judge that says 1/2 of all costs a quarter each."""
    import torch
    from torch import nn

    from codomain.transform.training.adversarial import _Game

    class Same(nn.Module):
        def latent(self, x, source):
            return x

        def out(self, z, target):
            return z

    class Half(nn.Module):
        def forward(self, x):
            return torch.full((len(x), 1), 0.5)

    x = torch.from_numpy(REAL[0])
    game = _Game(Same(), nn.ModuleList([Half(), Half(), Half()]))
    assert game.judged((x, x)).item() == pytest.approx(6 * 0.25)
    assert game.translated((x, x)).item() == pytest.approx(4 * 0.25)


def test_layers_are_what_their_formulas_say():
    import torch

    from codomain.transform.training.adversarial import Block, Translator, mlp

    with torch.random.fork_rng():
        torch.manual_seed(0)
        block, net, judge = Block(6, 0.0), Translator(DIMS, 6, 0.1).eval(), mlp(4, 6, 1, 5, 0.0)
    x = np.float32(RNG.standard_normal((3, 6)))

    def silu(v):
        return v / (1 + np.exp(-v))

    def blocked(part, v):
        norm, linear, *_ = part.layers
        centred = (v - v.mean(1, keepdims=True)) / np.sqrt(v.var(1, keepdims=True) + norm.eps)
        inner = centred * norm.weight.detach().numpy() + norm.bias.detach().numpy()
        return v + silu(inner @ linear.weight.detach().numpy().T + linear.bias.detach().numpy())

    def lined(linear, v):
        return v @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()

    def through(part, v):
        first, _, *middle, last = part
        v = silu(lined(first, v))
        for one in middle:
            v = blocked(one, v)
        return lined(last, v)

    with torch.no_grad():
        assert np.allclose(block(torch.from_numpy(x)).numpy(), blocked(block, x), atol=1e-5)
        assert np.allclose(judge(torch.from_numpy(x[:, :4])).numpy(), through(judge, x[:, :4]), atol=1e-5)
        for s, t in ((0, 1), (1, 0), (0, 0)):
            v = x[:, : DIMS[s]]
            found = net.out(net.latent(torch.from_numpy(v), s), t).numpy()
            z = through(net.inside[s], v)
            for one in net.shared:
                z = blocked(one, z)
            assert np.allclose(found, unit(through(net.outside[t], z)), atol=1e-5)
    assert len(net.shared) == 4 and len(judge) == 6 and [len(p) for p in net.inside] == [4, 4]  # depths 4, 5 and 3


def test_batches_take_every_row_once_an_epoch_and_never_more_than_there_are():
    import torch

    from codomain.transform.training.adversarial import _batches

    rows = torch.arange(7.0)
    drawn = _batches(rows, 3)
    for _ in range(3):
        epoch = torch.cat([next(drawn), next(drawn)]).tolist()  # the rest of one is left for another epoch
        assert len(set(epoch)) == 6
    assert sorted(next(_batches(rows, 100)).tolist()) == rows.tolist()


def test_a_training_is_its_steps_by_hand():
    """Three steps: the judges by Adam on their loss, then the translator on its own, against the judges as they are by then."""
    import torch
    from torch.nn.utils import parameters_to_vector

    from codomain.transform.training import adversarial as module

    X = np.float32(unit(RNG.standard_normal((12, 3))))
    Y = np.float32(unit(RNG.standard_normal((9, 4))))
    settings = AdversarialTranslator(width=5, steps=3, batch_size=4, lr=1e-2, judge_lr=3e-3, dropout=0.0, seed=2)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        net = module.Translator((3, 4), 5, 0.0)
        judges = torch.nn.ModuleList(module.mlp(d, 5, 1, 5, 0.0) for d in (3, 4, 5))
        state = {}

        def adam(parameters, lr, t):
            for i, p in enumerate(parameters):
                m, v = state.get((lr, i), (torch.zeros_like(p), torch.zeros_like(p)))
                m, v = 0.5 * m + 0.5 * p.grad, 0.999 * v + 0.001 * p.grad**2
                state[lr, i] = m, v
                p.data -= lr * (m / (1 - 0.5**t)) / (torch.sqrt(v / (1 - 0.999**t)) + 1e-8)
                p.grad = None

        sides = [module._batches(torch.from_numpy(side), 4) for side in (X, Y)]
        for t in (1, 2, 3):
            real = tuple(next(side) for side in sides)
            z = [net.latent(real[s], s) for s in (0, 1)]
            moved = [net.out(z[1], 0), net.out(z[0], 1)]
            loss = sum(
                ((judge(a) - 1) ** 2).mean() + (judge(b.detach()) ** 2).mean()
                for judge, a, b in zip(judges, (*real, z[1].detach()), (*moved, z[0].detach()), strict=True)
            )
            judges.zero_grad()
            loss.backward()
            adam([*judges.parameters()], 3e-3, t)
            loss = module._translated(net, judges, real, moved, z)
            net.zero_grad()
            loss.backward()
            adam([*net.parameters()], 1e-2, t)
        expected = parameters_to_vector(net.parameters()).detach().numpy()
    assert np.allclose(module.train(settings, X, Y), expected, atol=2e-5)
