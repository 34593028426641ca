"""Measures that are no mean over items, against scipy, scikit-learn and loops."""

import numpy as np
import pytest
from scipy import stats

from codomain.errors import InputError
from codomain.measure.metrics.corpus_level import Ranked, Repeated


def test_rank_correlation_with_ties_is_scipys():
    rng = np.random.default_rng(0)
    scores, truth = rng.integers(0, 9, 80).astype(float), rng.integers(0, 5, 80).astype(float)
    found = Ranked("Spearman", scores, truth, np.arange(80))
    assert found.value == pytest.approx(stats.spearmanr(scores, truth).statistic)
    low, high = found.interval()
    theirs = stats.bootstrap(
        (scores, truth), lambda a, b: stats.spearmanr(a, b).statistic, paired=True, vectorized=False, n_resamples=400,
        method="percentile", rng=0,
    ).confidence_interval  # fmt: skip
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.05)


def test_average_precision_with_ties_is_scikit_learns():
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(1)
    scores, truth = rng.integers(0, 20, 90).astype(float), (rng.random(90) < 0.3).astype(float)
    assert Ranked("AP", scores, truth, np.arange(90)).value == pytest.approx(average_precision_score(truth, scores))


def test_a_comparison_of_repeated_trials_is_the_bootstrap_of_a_loop():
    rng = np.random.default_rng(2)
    mine, other = rng.random((3, 25)), rng.random((3, 25))
    found = Repeated(mine).minus(Repeated(other))
    differences = mine - other
    drawn = []
    again = np.random.default_rng(5)
    for _ in range(4_000):
        trials, items = again.integers(0, 3, 3), again.integers(0, 25, 25)
        drawn.append(differences[np.ix_(trials, items)].mean())
    drawn = np.array(drawn)
    assert found.difference == pytest.approx(differences.mean())
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.02)
    assert found.p == pytest.approx(2 * min((drawn <= 0).mean(), (drawn >= 0).mean()), abs=0.05)
    by_item = differences.mean(axis=0)
    assert (found.wins, found.losses, found.queries) == ((by_item > 0).sum(), (by_item < 0).sum(), 25)
    assert found.min_detectable == pytest.approx(2.8 * drawn.std(), rel=0.1)


def test_the_least_p_of_a_bootstrap_is_one_in_its_draws():
    better, worse = Repeated(np.ones((2, 20))), Repeated(np.zeros((2, 20)))
    assert better.minus(worse).p == pytest.approx(2 / 2_001)
    assert better.minus(better).p == 1.0
    with pytest.raises(InputError, match="the same items"):
        better.minus(Repeated(np.ones((2, 19))))
