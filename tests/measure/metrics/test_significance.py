"""Intervals and p-values against scipy's and against what they promise."""

import numpy as np
import pytest
from scipy import stats

from codomain.errors import InputError
from codomain.measure import compare, interval
from codomain.measure.metrics.significance import compare_all, permutation_p, sharing


def named(values):
    return {f"q{i}": float(v) for i, v in enumerate(values)}


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
    found = compare(same, same)
    assert found.p == 1.0 and found.low < 0 < found.high  # forty ties do not show that the next is one


def test_differences_of_values_without_a_range_are_not_cut():
    seconds, more = named([3.0, 2.0, 9.0, 4.0]), named([5.5, 2.5, 13.0, 9.0])
    assert compare(seconds, more).high > 5
    assert compare(named([0.0] * 4), named([1.0, 0.9, 0.1, 1.0])).high == 1
    same = compare(seconds, seconds)
    assert (same.low, same.high) == (0, 0)


def test_other_queries_cannot_be_paired():
    with pytest.raises(InputError, match="same queries"):
        compare({"a": 1.0}, {"b": 1.0})
    with pytest.raises(InputError, match="at least one"):
        interval({})


def clustered(rng, clusters=40, size=5):
    """Values that are nearly the same within a cluster: 200 queries that tell as much as 40."""
    centers = rng.normal(0, 1, clusters)
    values = named(np.repeat(centers, size) + rng.normal(0, 0.1, clusters * size))
    return values, {query: str(int(query[1:]) // size) for query in values}


def test_the_clustered_interval_holds_the_truth_where_the_plain_one_does_not():
    rng = np.random.default_rng(5)
    plain = grouped = 0
    for _ in range(150):
        values, groups = clustered(rng)
        low, high = interval(values, draws=400)
        plain += low <= 0 <= high
        low, high = interval(values, draws=400, groups=groups)
        grouped += low <= 0 <= high
    assert plain / 150 < 0.75 and 0.88 <= grouped / 150 <= 0.99


def test_the_clustered_test_rejects_a_true_null_at_its_level():
    rng = np.random.default_rng(6)
    plain = grouped = 0
    for trial in range(300):
        values, groups = clustered(rng)
        zero = dict.fromkeys(values, 0.0)
        plain += compare(zero, values, draws=400, seed=trial).p < 0.05
        grouped += compare(zero, values, draws=400, seed=trial, groups=groups).p < 0.05
    low, high = stats.binom.interval(0.999, 300, 0.05)
    assert low <= grouped <= high and plain > 60


def test_clusters_of_one_are_no_clusters():
    values = named(np.random.default_rng(8).normal(0.1, 1, 30))
    zero = dict.fromkeys(values, 0.0)
    assert compare(zero, values, groups={q: q for q in values}) == compare(zero, values, groups={})
    assert compare(zero, values, groups={}).difference == pytest.approx(compare(zero, values).difference)
    expected = 2.8 * stats.sem(list(values.values()))
    assert compare(zero, values).min_detectable == pytest.approx(expected)


def test_several_comparisons_are_corrected_for_being_several():
    rng = np.random.default_rng(9)
    base = named(rng.random(60))
    others = {f"s{i}": {q: v + rng.normal(0.05 * i, 0.2) for q, v in base.items()} for i in range(4)}
    found = compare_all(base, others)
    ps = np.array([one.p for one in found.values()])
    order = np.argsort(ps)
    by_hand = np.minimum(1, np.maximum.accumulate(ps[order] * np.arange(len(ps), 0, -1)))  # Holm 1979
    assert [found[f"s{i}"].corrected_p for i in order] == pytest.approx(by_hand)
    assert all(one.wins + one.losses + one.ties == 60 for one in found.values())


def test_the_family_wise_error_of_many_null_comparisons_is_held():
    rng = np.random.default_rng(10)
    wrong = 0
    for trial in range(120):
        base = named(rng.random(20))
        others = {f"s{i}": named(np.array(list(base.values())) + rng.normal(0, 0.1, 20)) for i in range(6)}
        wrong += any(one.corrected_p < 0.05 for one in compare_all(base, others, draws=400, seed=trial).values())
    assert wrong <= stats.binom.ppf(0.999, 120, 0.05)


def test_queries_are_grouped_by_what_they_share():
    groups = sharing({"a": ["d1", "d2"], "b": ["d3"], "c": ["d2", "d4"], "d": ["d4"], "e": []})
    assert groups["a"] == groups["c"] == groups["d"]
    assert len({groups["a"], groups["b"], groups["e"]}) == 3


def test_flips_are_drawn_by_seed_zero_unless_it_is_said_otherwise():
    rng = np.random.default_rng(0)
    first = {str(i): float(v) for i, v in enumerate(rng.random(30))}
    second = {q: v + float(rng.normal(0.02, 0.1)) for q, v in first.items()}
    found = {seed: compare(first, second, draws=300, seed=seed) for seed in range(3)}
    assert compare(first, second, draws=300) == found[0]
    assert len({one.p for one in found.values()}) == len({one.low for one in found.values()}) == 3
