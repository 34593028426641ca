"""The choice among many from few queries: held to slow versions, and to experiments whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from tests.tuning.test_effects import SPACE

from codomain.tuning.choice.selection import choose
from codomain.tuning.choice.shrinkage import cautious, expected_regret, shrunken
from codomain.tuning.search_space import AXES, parts
from codomain.tuning.trials.outcome import Outcome

LABELS = [parts(expression) for expression in SPACE]


def slowly(values: np.ndarray) -> np.ndarray:
    """Least squares by a solver for each query, the leftover kept by the share that its variance exceeds noise."""
    m, n = values.shape
    columns = [[own[axis] == v for own in LABELS] for axis in AXES for v in sorted({own[axis] for own in LABELS})]
    design = np.array(columns, float).T
    around = values - values.mean(axis=0)
    fit = np.stack([design @ np.linalg.lstsq(design, around[:, q], rcond=None)[0] for q in range(n)], axis=1)
    rest = around - fit
    left = sum(rest[i].mean() ** 2 for i in range(m))
    noise = sum(rest[i].var(ddof=1) / n for i in range(m))
    return fit + max(0.0, 1 - noise / left) * rest


def test_values_are_drawn_as_far_as_the_leftover_is_noise() -> None:
    rng = np.random.default_rng(0)
    for spread in (0.0, 0.1, 1.0):
        values = rng.random((len(SPACE), 25)) + spread * rng.random((len(SPACE), 1))
        assert shrunken(values, LABELS) == pytest.approx(slowly(values))


def test_what_is_drawn_together_is_nearer_to_the_truth() -> None:
    better = 0
    for seed in range(50):
        rng = np.random.default_rng(seed)
        truth = np.array([0.05 * ("minilm" in e) - 0.03 * ("binary" in e) for e in SPACE])
        values = truth[:, None] + rng.normal(0, 0.2, (len(SPACE), 20))
        raw, drawn = values.mean(axis=1), shrunken(values, LABELS).mean(axis=1)
        better += truth[drawn.argmax()] >= truth[raw.argmax()]
        assert np.std(drawn - truth + truth.mean()) < np.std(raw - truth)
    assert better >= 45


def test_caution_takes_a_standard_error_off_the_lead() -> None:
    values = np.array([[0.0, 0.0, 0.0, 0.0], [0.1, 0.3, 0.1, 0.3], [0.2, 0.2, 0.2, 0.2]])
    error = np.std(values[1], ddof=1) / 2
    assert cautious(values, 0, 1.0) == pytest.approx([0.0, 0.2 - error, 0.2])
    assert cautious(values, 0, 2.0)[1] == pytest.approx(0.2 - 2 * error)


def test_the_start_is_left_for_what_is_better_by_more_than_a_standard_error_only() -> None:
    rng = np.random.default_rng(3)
    base = rng.random(20)
    start, other = "fuse(static() >> flat(), bm25())", "fuse(static() >> int8() >> flat(), bm25())"

    def chosen(gain: float) -> str:
        difference = rng.normal(0, 1, 20)
        difference = (difference - difference.mean()) / difference.std(ddof=1) * np.sqrt(20) * 0.01  # error: 0.01
        trials = [
            Outcome(e, by_query={str(i): float(v) for i, v in enumerate(values)}, ms=[1.0] * 20)
            for e, values in ((start, base), (other, base + difference + gain))
        ]
        choice = choose(trials, margin=0.0, start=start)
        assert choice is not None
        return choice.best.expression

    assert chosen(0.009) == start and chosen(0.011) == other


def test_expected_regret_is_that_of_resampled_queries() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal([[0.0], [0.01], [0.02]], 0.1, (3, 50))
    again = np.random.default_rng(7)
    slow = []
    for _ in range(4000):
        means = values[:, again.integers(0, 50, 50)].mean(axis=1)
        slow.append(means.max() - means[1])
    assert expected_regret(values, 1) == pytest.approx(np.mean(slow), rel=0.15)
    assert expected_regret(values[:1], 0) == 0.0
