"""Intervals and p-values against scipy's and against what they promise."""

import numpy as np
import pytest
from scipy import stats

from codomain.errors import InputError
from codomain.measure import compare, interval
from codomain.measure.significance import permutation_p


def named(values):
    return {f"q{i}": float(v) for i, v in enumerate(values)}


def test_the_interval_is_scipys_percentile_bootstrap():
    values = np.random.default_rng(1).beta(0.5, 0.5, 120)
    low, high = interval(named(values))
    theirs = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=0).confidence_interval
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.006)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(200):
        low, high = interval(named(rng.normal(0.3, 1, 60)), draws=500)
        inside += low <= 0.3 <= high
    assert 0.89 <= inside / 200 <= 0.99


@pytest.mark.parametrize("n", [8, 60])
def test_the_p_value_is_scipys(n):
    rng = np.random.default_rng(n)
    a, b = rng.random(n), rng.random(n) + 0.12
    theirs = stats.permutation_test(
        (a, b), lambda x, y, axis: np.mean(y - x, axis=axis), permutation_type="samples", n_resamples=20_000, rng=0
    )
    assert compare(named(a), named(b)).p == pytest.approx(theirs.pvalue, abs=0.015)


def test_exact_and_drawn_p_values_agree():
    differences = np.random.default_rng(3).normal(0.4, 1, 13)
    exact = permutation_p(differences)
    signs = 1 - 2.0 * np.random.default_rng(4).integers(0, 2, (100_000, 13))
    assert exact == pytest.approx((abs(signs @ differences) >= abs(differences.sum())).mean(), abs=0.005)


def test_a_comparison_counts_and_is_reproducible():
    a, b = named([0.1, 0.5, 0.5] * 10), named([0.2, 0.4, 0.5] * 10)
    found = compare(a, b)
    assert (found.wins, found.losses, found.queries) == (10, 10, 30)
    assert found == compare(a, b) and found.difference == pytest.approx(0)
    assert compare(b, a).p == found.p


def test_no_difference_is_no_evidence():
    same = named(np.linspace(0, 1, 40))
    assert compare(same, same).p == 1.0


def test_other_queries_cannot_be_paired():
    with pytest.raises(InputError, match="same queries"):
        compare({"a": 1.0}, {"b": 1.0})
    with pytest.raises(InputError, match="at least one"):
        interval({})
