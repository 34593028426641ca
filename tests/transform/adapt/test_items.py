"""Items that learn from use: one update as the paper's formula, the journal, propensities, items that come and go."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.transform.adapt.items import OnlineItems

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 12)).astype(np.float32)


def used(**arguments):
    """Items after 31 events, one removed and two added on the way."""
    rng, items = np.random.default_rng(1), OnlineItems(**arguments).fit(X)
    for t in range(30):
        items.feedback(rng.standard_normal(12), [t % 60, (t + 1) % 60], t % 60, bool(t % 2))
    items.remove([3])
    items.add(X[:2])
    items.feedback(X[5], [60], 60, True, 0.5)
    return items


@pytest.mark.parametrize("success", [True, False])
@pytest.mark.parametrize("propensity", [None, 0.2, 0.001])
def test_one_feedback_is_the_papers_gradient(success, propensity):
    lr, kappa, clip = 0.05, 3.0, 20.0
    items = OnlineItems(lr=lr, kappa=kappa, clip=clip, anchor=0, neighbors=100).fit(X)
    q, chosen = X[7] / 4, 9
    scores = np.exp([kappa * float(q @ x) for x in X])
    p = scores / scores.sum()
    weight = min(1 / (p[chosen] if propensity is None else propensity), clip)
    expected = np.array([x - lr * (p[i] - (i == chosen) * success * weight) * q for i, x in enumerate(X)])
    items.feedback(q, [chosen, 3], chosen, success, propensity)
    assert np.allclose(items.theta, expected, atol=1e-5)


def test_the_update_is_unbiased_for_the_cross_entropy_gradient():
    """Over draws of i_t from p, the mean of g is (p_i - 1{i is right}) q."""
    q, right, lr = X[7] / 4, 9, 1e-3
    small = X[:12]
    scores = np.exp(small @ q)
    p = scores / scores.sum()
    mean = np.zeros_like(small)
    for chosen in range(12):
        items = OnlineItems(lr=lr, kappa=1, clip=1e9, anchor=0).fit(small)
        items.feedback(q, [chosen], chosen, chosen == right, float(p[chosen]))
        mean += p[chosen] * (items.theta - small) / -lr
    assert np.allclose(mean, (p - (np.arange(12) == right))[:, None] * q, atol=2e-3)


def test_only_the_neighborhood_and_the_chosen_item_move():
    items = OnlineItems(neighbors=5).fit(X)
    q = X[0]
    far = int((X @ q).argmin())
    items.feedback(q, [far], far, True)
    near = set(np.argsort(-(X @ q))[:5].tolist())
    moved = set(items.changes()[0].tolist())
    assert far in moved and moved <= near | {far}
    assert np.array_equal(np.flatnonzero(items.distances()), sorted(moved))


def test_the_anchor_pulls_back():
    free, held = (OnlineItems(anchor=a, lr=0.05).fit(X) for a in (0, 5.0))
    for items in (free, held):
        for _ in range(50):
            items.feedback(X[0], [1], 1, True)
    assert held.distances()[1] < free.distances()[1]


@pytest.mark.parametrize("neighbors", [5, 64])
def test_the_journal_repeats_and_takes_back(neighbors):
    items = used(neighbors=neighbors)
    assert items.events == 31
    assert np.array_equal(items.replay(), items.theta)
    assert np.array_equal(items.replay(0), items.start)
    half = OnlineItems(neighbors=neighbors).fit(X)
    rng = np.random.default_rng(1)
    for t in range(12):
        half.feedback(rng.standard_normal(12), [t % 60, (t + 1) % 60], t % 60, bool(t % 2))
    items.rollback(12)
    assert np.allclose(items.theta[:60], half.theta) and items.events == 12 and len(items) == 61
    assert np.array_equal(items.replay(), items.theta)
    items.rollback(0)
    assert np.array_equal(items.theta, items.start) and items.changes()[0].size == 0
    with pytest.raises(InputError, match="journal has 0"):
        items.replay(1)


def test_saved_items_go_on_where_they_were(tmp_path):
    items = used()
    np.savez(tmp_path / "items.npz", **items.state())
    with np.load(tmp_path / "items.npz", allow_pickle=False) as state:
        back = OnlineItems().fit(X[:1]).restore(dict(state))
    assert np.array_equal(back.theta, items.theta) and len(back) == 61 and back.events == 31
    assert np.array_equal(back.replay(), items.theta)
    for one in (items, back):
        one.feedback(X[8], [8], 8, False)
    assert np.array_equal(back.theta, items.theta)
    state = items.state()
    del state["chosen"]
    with pytest.raises(InputError, match="lacks chosen"):
        OnlineItems().restore(state)
    fresh = OnlineItems().fit(X)
    assert np.array_equal(OnlineItems().restore(fresh.state()).theta, X)


def test_removed_items_are_neither_served_nor_moved():
    items = OnlineItems().fit(X)
    items.remove([3])
    before = items.theta[3].copy()
    for _ in range(5):
        items.feedback(X[3], [4], 4, True)
    assert np.array_equal(items.theta[3], before)
    served = items.serve(X[3], 60).rows
    assert 3 not in served and len(served) == 59
    with pytest.raises(InputError, match="no item 3"):
        items.feedback(X[3], [3], 3, True)
    items.remove(range(60))
    assert len(items) == 0 and items.serve(X[0]).rows.size == 0


def test_greedy_serving_is_the_largest_inner_products():
    served = OnlineItems(neighbors=4).fit(X).serve(X[0], 10)
    assert np.array_equal(served.rows, np.argsort(-(X @ X[0]))[:10])
    assert served.propensities.tolist() == [1] + [0] * 9


def test_propensities_are_the_frequencies_of_serving():
    items = OnlineItems(explore=0.5, kappa=2).fit(X[:6] / 3)
    q = X[40] / 3
    firsts, told = np.zeros(6), np.zeros(6)
    for _ in range(4000):
        served = items.serve(q, 6)
        firsts[served.rows[0]] += 1 / 4000
        told[served.rows] = served.propensities
    assert np.isclose(told.sum(), 1, atol=1e-5)
    assert np.abs(firsts - told).max() < 0.03


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: OnlineItems(kappa="much"), "kappa"),
        (lambda: OnlineItems(explore=2), "explore"),
        (lambda: OnlineItems().serve(X[0]), "no items yet"),
        (lambda: OnlineItems().fit(X * np.nan), "NaN"),
        (lambda: OnlineItems().fit(X).feedback(X[0], [1], 2, True), "not among the items shown"),
        (lambda: OnlineItems().fit(X).feedback(X[0], [99], 99, True), "no item 99"),
        (lambda: OnlineItems().fit(X).feedback(X[0], [1], 1, True, 0), "propensity"),
        (lambda: OnlineItems().fit(X).feedback(X[0][:5], [1], 1, True), "dimensions"),
        (lambda: OnlineItems().fit(X).remove([60]), "cannot be removed"),
    ],
)
def test_wrong_use_is_told_by_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence):
        call()


def test_a_repelled_failure_is_a_success_the_other_way_until_it_is_as_good_as_chance():
    kwargs = {"lr": 0.05, "kappa": 5.0, "anchor": 0, "neighbors": 100}
    q = X[7] / np.linalg.norm(X[7])
    scores = np.exp([5.0 * float(q @ x) for x in X])
    p = scores / scores.sum()
    best, worst = int(p.argmax()), int(p.argmin())
    for chosen, pushed in ((best, 0.4 * min(1 / p[best], 20)), (worst, 0)):
        items = OnlineItems(repel=0.4, **kwargs).fit(X)
        items.feedback(q, [chosen], chosen, False)
        expected = np.array([x - 0.05 * (p[i] + (i == chosen) * pushed) * q for i, x in enumerate(X)])
        assert np.allclose(items.theta, expected, atol=1e-5)
    items = OnlineItems(repel=0.4, **kwargs).fit(X)
    for _ in range(500):
        items.feedback(q, [best], best, False)
    assert items.distances()[best] < 20  # it does not run away
