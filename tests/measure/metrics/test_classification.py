"""Scores of labels against scikit-learn; their intervals against the binomial."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.metrics.classification import accuracy, f1_difference, macro_f1


def test_scores_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    rng = np.random.default_rng(0)
    truth = rng.choice(["a", "b", "c"], 200, p=[0.6, 0.3, 0.1])
    found = np.where(rng.random(200) < 0.7, truth, rng.choice(["a", "b", "d"], 200))
    assert macro_f1(truth, found).value == pytest.approx(f1_score(truth, found, average="macro", zero_division=0))
    assert accuracy(truth, found).value == pytest.approx(accuracy_score(truth, found))


def test_the_interval_of_accuracy_is_near_that_of_a_binomial() -> None:
    from scipy.stats import binomtest

    found = ["a"] * 320 + ["b"] * 80
    score, exact = accuracy(["a"] * 400, found), binomtest(320, 400).proportion_ci(method="wilson")
    assert score.low == pytest.approx(exact.low, abs=0.01) and score.high == pytest.approx(exact.high, abs=0.01)


def test_the_difference_of_f1_is_that_of_the_two() -> None:
    rng = np.random.default_rng(1)
    truth = rng.choice(["a", "b"], 300)
    worse, better = (np.where(rng.random(300) < share, truth, "a") for share in (0.5, 0.9))
    difference = f1_difference(truth, worse, better)
    assert difference.value == pytest.approx(macro_f1(truth, better).value - macro_f1(truth, worse).value)
    assert difference.low > 0


def test_equal_labels_differ_by_nothing() -> None:
    assert f1_difference(["a", "b"] * 9, ["a"] * 18, ["a"] * 18) == (0, 0, 0)


@pytest.mark.parametrize("found", [[], ["a", "b"]])
def test_labels_that_do_not_fit_are_refused(found: list[str]) -> None:
    with pytest.raises(InputError, match="one by one"):
        accuracy(["a"] if found else [], found)


def test_twelve_of_twelve_are_no_certainty() -> None:
    from scipy.stats import binomtest

    score, exact = accuracy(["a"] * 12, ["a"] * 12), binomtest(12, 12).proportion_ci(method="exact")
    assert score.value == score.high == 1 and score.low == pytest.approx(exact.low, abs=0.02)
