"""When the training of a low-rank adapter ends, which epoch and which alpha it keeps, and when it changes nothing: against loops."""

import numpy as np
import pytest

from codomain.transform.adapt.low_rank import LowRankAdapter

pytestmark = pytest.mark.needs_learn

RNG = np.random.default_rng(0)
D = RNG.standard_normal((60, 8)).astype(np.float32)
D /= np.linalg.norm(D, axis=1, keepdims=True)
# queries see a document through a mirror, and noise
Q = D[np.arange(90) % 60] * np.float32([-1, -1, 1, 1, 1, 1, 1, 1]) + 0.2 * RNG.standard_normal((90, 8)).astype(
    np.float32
)
Q /= np.linalg.norm(Q, axis=1, keepdims=True)
RIGHT = np.arange(90) % 60
SETTINGS = LowRankAdapter(rank=3, epochs=12, lr=0.02, dropout=0.3, negatives=2, batch_size=100)


def moved(X, weights, alpha=1.0):
    """norm(x + alpha (B A x + b)), one vector at a time; no weights: as it is."""
    down, up, bias = weights
    if not len(bias):
        return X
    rows = [x + alpha * (up @ (down @ x) + bias) for x in X.astype(np.float64)]
    return np.array([row / np.linalg.norm(row) for row in rows])


def reciprocal(query, documents, right):
    scores = [float(np.dot(query, d)) for d in documents]
    return 1 / (1 + sum(score > scores[right] for score in scores))


def mrr_by_alpha(query, document, rows):
    """The reciprocal rank of each of some pairs under every alpha."""
    found = []
    for alpha in (0.0, 0.25, 0.5, 0.75, 1.0):
        documents = moved(D, document, alpha) if alpha else D
        queries = moved(Q[rows], query, alpha) if alpha else Q[rows]
        found.append([reciprocal(q, documents, RIGHT[row]) for q, row in zip(queries, rows, strict=True)])
    return np.array(found)


def pairs():
    from codomain.transform.training.adapter import _Pairs, _positives

    return _Pairs(Q, D, RIGHT, _positives(Q, RIGHT))


@pytest.mark.parametrize(
    ("values", "epochs", "best"),
    [
        # five epochs without a better one end it; an equal one is no better
        ([0.1, 0.3, 0.3, 0.2, 0.25, 0.3, 0.1, 0.9], 7, 2),
        ([0.5, 0.4, 0.4, 0.4, 0.4, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.9], 11, 6),
        ([0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.9], 6, 1),
        (np.linspace(0.1, 0.9, 12).tolist(), 12, 12),  # always better: to the last epoch
    ],
)
@pytest.mark.parametrize("side", ["query", "both"])
def test_training_ends_five_epochs_after_the_best_and_keeps_that_one(monkeypatch, values, epochs, best, side):
    from codomain.transform.training import adapter as module

    seen = []

    def scripted(queries, documents, right):
        seen.append((queries.numpy().copy(), documents.numpy().copy(), right))
        return np.array([values[len(seen) - 1]])

    monkeypatch.setattr(module, "_reciprocal_ranks", scripted)
    settings = LowRankAdapter(**SETTINGS.get_params() | {"side": side})
    stop = np.arange(70, 90)
    query, document = module._learnt(settings, pairs(), np.arange(20), stop, np.random.default_rng(0))
    assert len(seen) == epochs
    # judged without dropout, by the pairs to stop on, and what is returned is what was judged best
    assert all(np.array_equal(right, RIGHT[stop]) for *_, right in seen)
    assert np.allclose(seen[best - 1][0], moved(Q[stop], query), atol=1e-5)
    assert np.allclose(seen[best - 1][1], moved(D, document), atol=1e-5)
    assert not np.allclose(seen[best - 1][0], seen[best - 2 if best > 1 else best][0], atol=1e-5)
    if side == "query":
        assert np.array_equal(seen[0][1], D)


def test_what_stops_the_training_is_the_mean_reciprocal_rank_of_the_pairs_to_stop_on(monkeypatch):
    from codomain.transform.training import adapter as module

    told = []

    class Watched(module.Loop):
        def run(self):
            self.validate = lambda ask=self.validate: told.append(ask()) or told[-1]
            assert self.patience == 5 and self.epochs == 12
            return super().run()

    monkeypatch.setattr(module, "Loop", Watched)
    stop = np.arange(70, 90)
    query, document = module._learnt(SETTINGS, pairs(), np.arange(20), stop, np.random.default_rng(0))
    assert max(told) == pytest.approx(mrr_by_alpha(query, document, stop)[-1].mean(), abs=1e-6)


def test_the_first_step_lowers_the_loss_by_the_rate_given(monkeypatch):
    """AdamW's first step moves a weight by the rate, whatever its gradient: b of queries starts at zero."""
    from codomain.transform.training import adapter as module

    monkeypatch.setattr(module, "_reciprocal_ranks", lambda *_: np.array([1.0]))
    once = LowRankAdapter(rank=3, epochs=1, lr=0.02, dropout=0.0, negatives=2, batch_size=1000)
    query, document = module._learnt(once, pairs(), np.arange(20), np.arange(70, 90), np.random.default_rng(0))
    for down, up, bias in (query, document):
        assert np.allclose(np.abs(bias), 0.02, rtol=1e-3) and np.allclose(np.abs(up), 0.02, rtol=2e-2)
        assert down.shape == (3, 8) and up.shape == (8, 3)


@pytest.mark.parametrize(("strength", "kept"), [(0.0, False), (1.0, True)])
def test_alpha_and_gain_are_those_of_pairs_that_were_not_learned_from(monkeypatch, strength, kept):
    """Adapters made up from what they were given to learn from, and the whole judgment again by loops."""
    from codomain.transform.training import adapter as module

    pull = np.linalg.lstsq(Q, D[RIGHT] - Q, rcond=None)[0].T.astype(np.float32)
    calls = []

    def made_up(settings, given, learn, stop, rng):
        noise = np.random.default_rng(len(calls)).standard_normal((8, 8)).astype(np.float32)
        weights = np.eye(8, dtype=np.float32), strength * pull + 0.05 * noise, np.zeros(8, np.float32)
        calls.append((learn, stop, weights))
        return weights, (np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0))

    monkeypatch.setattr(module, "_learnt", made_up)
    found = module.train(SETTINGS, Q, D, RIGHT)
    assert len(calls) == 6
    gain, judged = np.zeros(90), np.zeros(90, int)
    none = np.zeros((0, 0)), np.zeros((0, 0)), np.zeros(0)
    for learn, stop, weights in calls[:5]:
        held = np.setdiff1d(np.arange(90), np.concatenate([learn, stop]))
        assert not np.intersect1d(learn, stop).size and not np.intersect1d(RIGHT[held], RIGHT[[*learn, *stop]]).size
        assert not np.intersect1d(RIGHT[stop], RIGHT[learn]).size
        assert len(np.unique(RIGHT[held])) == 12 and len(np.unique(RIGHT[stop])) == 7  # a fifth; 15 % of 48
        alpha = int(mrr_by_alpha(weights, none, stop).mean(axis=1).argmax())
        by_alpha = mrr_by_alpha(weights, none, held)
        gain[held], judged[held] = by_alpha[alpha] - by_alpha[0], judged[held] + 1
    assert (judged == 1).all()
    learn, stop, weights = calls[5]
    assert sorted([*learn, *stop]) == [*range(90)] and len(np.unique(RIGHT[stop])) == 9
    above = gain.mean() > 1.96 * gain.std(ddof=1) / np.sqrt(90)
    assert above == kept
    if kept:
        means = mrr_by_alpha(weights, none, stop).mean(axis=1)
        assert found.alpha == (0.0, 0.25, 0.5, 0.75, 1.0)[int(means.argmax())] > 0
        assert found.gain == pytest.approx(gain.mean(), abs=1e-6)
    else:
        assert found.alpha == found.gain == 0
    assert np.array_equal(found.query[1], weights[1])


@pytest.mark.parametrize(("n", "size", "expected"), [(100, 16, 6), (10, 16, 1), (24, 16, 2), (3, 2, 2), (25, 10, 2)])
def test_batches_are_of_nearly_equal_size_and_hold_every_pair_once(n, size, expected):
    from codomain.transform.training.adapter import _batches

    found = _batches(n, size, np.random.default_rng(0))
    assert len(found) == expected and sorted(np.concatenate(found).tolist()) == [*range(n)]
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_a_rank_counts_documents_that_score_higher_and_not_equal_ones():
    import torch

    from codomain.transform.training.adapter import _reciprocal_ranks

    documents = torch.tensor([[1.0, 0], [0, 1.0], [1.0, 0], [2.0, 0]])
    queries = torch.tensor([[1.0, 0], [0, 1.0], [1.0, 1.0]]).repeat(400, 1)
    right = np.tile([0, 1, 3], 400)
    assert _reciprocal_ranks(queries, documents, right).reshape(400, 3).tolist() == [[1 / 2, 1, 1]] * 400
