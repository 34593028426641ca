"""Corrected p-values held to their definition, one sign flip after the other, and to experiments whose truth is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from codomain.measure.metrics.significance import permutation_p
from codomain.measure.metrics.simultaneous import max_t


def by_definition(differences: np.ndarray) -> list[float]:
    """Westfall and Young's step-down: every sign flip, t statistics, successive maxima over the weaker comparisons."""
    n, c = differences.shape

    def statistic(some: np.ndarray) -> np.ndarray:
        return np.abs(some.mean(axis=0)) / (some.std(axis=0, ddof=1) / np.sqrt(n))

    seen = statistic(differences)
    order = sorted(range(c), key=lambda j: -seen[j])
    counts = np.zeros(c)
    flips = [*itertools.product((1, -1), repeat=n)]
    for flip in flips:
        flipped = statistic(differences * np.array(flip)[:, None])
        for place, j in enumerate(order):
            counts[j] += max(flipped[k] for k in order[place:]) >= seen[j] * (1 - 1e-9)
    p, largest = np.empty(c), 0.0
    for j in order:
        largest = max(largest, counts[j] / len(flips))
        p[j] = largest
    return [float(one) for one in p]


@pytest.mark.parametrize("seed", range(4))
def test_p_values_are_those_of_the_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    differences = rng.normal([0.0, 0.3, 0.8, 1.2], 1.0, (7, 4))
    assert max_t(differences).tolist() == pytest.approx(by_definition(differences))


def test_one_comparison_alone_has_the_p_value_of_the_permutation_test() -> None:
    for n in (9, 40):
        differences = np.random.default_rng(n).normal(0.3, 1, n)
        assert max_t(differences[:, None])[0] == pytest.approx(permutation_p(differences), abs=0.02)


def test_equal_pipelines_are_told_apart_in_no_more_than_one_of_twenty_experiments() -> None:
    told = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        values = rng.exponential(1, (25, 12))  # skewed, and all comparisons share the first
        told += max_t(values[:, 1:] - values[:, :1], draws=400, seed=seed).min() < 0.05
    assert told <= stats.binom.ppf(0.999, 300, 0.05)


def test_comparisons_that_go_together_cost_less_than_with_holm() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(0.5, 1, 30)
    alike = base[:, None] + rng.normal(0, 0.01, (30, 20))
    alone = permutation_p(base)
    assert max_t(alike).max() < 3 * alone < 20 * alone


def test_a_column_of_zeros_is_no_difference() -> None:
    assert max_t(np.zeros((20, 3))).tolist() == [1.0, 1.0, 1.0]
    assert max_t(np.array([[0.0, 1.0]] * 20))[0] == 1.0
