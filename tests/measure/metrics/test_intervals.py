"""Intervals of means: against their definitions written as loops, against scipy, and whether they hold the truth as often as they say."""

import numpy as np
import pytest
from scipy import stats

from codomain.errors import InputError
from codomain.measure import interval
from codomain.measure.metrics.intervals import difference_interval


def named(values):
    return {f"q{i}": float(v) for i, v in enumerate(values)}


@pytest.mark.parametrize(("right", "n"), [(10, 10), (0, 5), (1, 1), (3, 20), (140, 150)])
def test_of_shares_it_is_clopper_and_pearsons(right, n):
    low, high = interval(named([1.0] * right + [0.0] * (n - right)), draws=100_000)
    theirs = stats.binomtest(right, n).proportion_ci(method="exact")
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.004)
    assert 0 <= low <= right / n <= high <= 1


def test_of_metrics_it_is_the_bound_by_uniform_order_statistics():
    """Learned-Miller and Thomas: 1 - sum of U_(i) (x_(i+1) - x_(i)), x_(n+1) = 1, at its quantile; below, the same of 1 - x."""
    values = np.sort(np.random.default_rng(3).beta(0.4, 0.8, 12))

    def upper(x):
        rng = np.random.default_rng(5)
        sorted_x = np.append(np.sort(x), 1.0)
        bounds = []
        for _ in range(20_000):
            u = np.sort(rng.random(len(x)))
            bounds.append(1 - sum(u[i] * (sorted_x[i + 1] - sorted_x[i]) for i in range(len(x))))
        return np.quantile(bounds, 0.975)

    found = interval(named(values), draws=40_000)
    assert found == pytest.approx((1 - upper(1 - values), upper(values)), abs=0.005)


@pytest.mark.parametrize("n", [10, 40])
def test_of_values_without_a_range_it_is_the_symmetric_studentized_bootstrap(n):
    values = np.random.default_rng(n).lognormal(0, 1, n) * 10
    rng = np.random.default_rng(1)
    far = []
    for _ in range(20_000):
        drawn = values[rng.integers(0, n, n)]
        far.append(abs(drawn.mean() - values.mean()) / stats.sem(drawn))
    half = np.quantile(far, 0.95) * stats.sem(values)
    assert half > stats.t.ppf(0.975, n - 1) * stats.sem(values)
    found = interval(named(values), draws=40_000)
    assert found == pytest.approx((values.mean() - half, values.mean() + half), abs=0.04 * half)


def test_it_is_never_narrower_than_students():
    values = np.random.default_rng(0).uniform(-1, 1, 60)
    low, high = interval(named(values))
    theirs = stats.t.interval(0.95, 59, values.mean(), stats.sem(values))
    assert low <= theirs[0] + 1e-12 and theirs[1] - 1e-12 <= high


def test_from_a_hundred_values_on_it_is_scipys_percentile_bootstrap():
    values = 5 * np.random.default_rng(1).beta(0.5, 0.5, 120)
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=0).confidence_interval
    assert interval(named(values), draws=20_000) == pytest.approx((theirs.low, theirs.high), abs=0.03)
    for n, symmetric in ((99, True), (100, False)):
        low, high = interval(named(values[:n]))
        assert (high + low == pytest.approx(2 * values[:n].mean(), abs=1e-9)) == symmetric


def test_where_the_bootstrap_has_no_quantile_it_is_students():
    values = [0.0] * 9 + [2.0]  # a third of the resamples are all zero: their t is infinite
    found = interval(named(values))
    assert found == pytest.approx(stats.t.interval(0.95, 9, np.mean(values), stats.sem(values)))


def test_two_values_have_students_interval():
    assert interval({"a": 1.5, "b": 3.5}) == pytest.approx(stats.t.interval(0.95, 1, 2.5, 1.0))


def test_values_without_range_or_spread_have_no_interval():
    assert interval(named([7.25] * 7)) == (7.25, 7.25)
    assert interval({"a": -0.5}) == (-0.5, -0.5)
    assert difference_interval(named([0.1, 0.2 - 0.1, 0.1])) == pytest.approx((0.1, 0.1))


def test_differences_that_are_all_alike_say_by_their_number_how_far_the_mean_may_be():
    low, high = difference_interval(named([0.0] * 10), bounds=(-1, 1), draws=100_000)
    # all but a share p of the differences are 0; at p = 1 - .025^(1/10) ten of them in a row have a chance of .025
    assert (low, high) == pytest.approx((-(1 - 0.025**0.1), 1 - 0.025**0.1), abs=0.004)
    low, high = difference_interval(named([0.1, 0.3 - 0.2, 0.1]), bounds=(-1, 1), draws=100_000)
    assert high == pytest.approx(0.1 + 0.9 * (1 - 0.025 ** (1 / 3)), abs=0.006) and low < 0


def test_differences_do_not_leave_their_range():
    values = named([-1.0, 1.0, 0.9, -0.95, 1.0])
    low, high = difference_interval(values)
    assert low < -0.5 and high > 1
    assert difference_interval(values, bounds=(-1, 1)) == (max(low, -1), 1)


def test_copies_in_a_cluster_tell_nothing_new():
    rng = np.random.default_rng(2)
    for values in (rng.beta(1, 2, 12), rng.normal(0, 3, 12)):
        copies = named(np.repeat(values, 4))
        groups = {query: str(int(query[1:]) // 4) for query in copies}
        assert interval(copies, groups=groups) == pytest.approx(interval(named(values)))
        assert np.ptp(interval(copies)) < np.ptp(interval(copies, groups=groups))


def test_clusters_of_several_sizes_are_weighed_by_their_items():
    values = named([0.0] * 30 + [1.0, 1.0, 0.0, 1.0, 1.0] + [0.5] * 5)
    groups = dict.fromkeys(list(values)[:30], "big")
    low, high = interval(values, groups=groups)
    assert low < np.mean([*values.values()]) < high
    assert high > interval(values)[1]  # what is said thirty times was seen once


def test_other_levels():
    values = named(np.random.default_rng(4).beta(1, 1, 30))
    widths = [np.ptp(interval(values, level=level)) for level in (0.5, 0.8, 0.95, 0.99)]
    assert widths == sorted(widths) and widths[0] < widths[3] / 2


@pytest.mark.parametrize("values", [{}, {"a": float("nan")}, {"a": 0.5, "b": float("inf")}])
def test_what_has_no_interval_is_one_sentence(values):
    with pytest.raises(InputError, match="an interval needs"):
        interval(values)
    with pytest.raises(InputError, match="an interval needs"):
        difference_interval(values)


SKEWED = {
    "nearly all right": lambda rng, n: np.where(rng.random(n) < 0.9, 1.0, rng.random(n)),
    "nearly all wrong": lambda rng, n: np.where(rng.random(n) < 0.85, 0.0, rng.random(n) ** 2),
    "reciprocal ranks": lambda rng, n: 1 / rng.choice([1, 2, 3, 10, 50], n, p=[0.3, 0.1, 0.1, 0.2, 0.3]),
}


@pytest.mark.parametrize("n", [10, 20, 50])
@pytest.mark.parametrize("name", SKEWED)
def test_the_interval_of_few_skewed_values_holds_the_truth(name, n):
    truth = SKEWED[name](np.random.default_rng(0), 2_000_000).mean()
    rng = np.random.default_rng(n)
    trials, inside = 200, 0
    for trial in range(trials):
        low, high = interval(named(SKEWED[name](rng, n)), draws=400, seed=trial)
        inside += low <= truth <= high
    # no rate this low comes in one of a thousand times from a level of 95 %
    assert inside >= stats.binom.ppf(0.001, trials, 0.95)


@pytest.mark.parametrize("n", [10, 20, 50])
def test_the_interval_of_few_differences_holds_the_truth(n):
    rng = np.random.default_rng(n)
    trials, inside = 200, 0
    for trial in range(trials):
        values = np.where(rng.random(n) < 0.4, 0.0, rng.uniform(-0.6, 1, n))
        low, high = difference_interval(named(values), draws=400, seed=trial, bounds=(-1, 1))
        inside += low <= 0.12 <= high
    assert inside >= stats.binom.ppf(0.001, trials, 0.95)
