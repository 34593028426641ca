"""A claim is held to its bar, and nothing that was not measured holds or fails."""

import math

import pytest

from proofs.lib.claims import Claim, above, at_least, at_most, below, shown, unique


@pytest.mark.parametrize(
    ("make", "just_holds", "just_fails"),
    [(at_least, 0.5, 0.49), (at_most, 0.5, 0.51), (above, 0.51, 0.5), (below, 0.49, 0.5)],
)
def test_a_claim_holds_on_one_side_of_its_bar(make, just_holds, just_fails):
    assert make("c", just_holds, 0.5).holds
    assert not make("c", just_fails, 0.5).holds


@pytest.mark.parametrize("make", [at_least, at_most, above, below])
def test_what_is_not_a_number_was_not_measured(make):
    with pytest.raises(ValueError, match="nothing was measured for: recall"):
        make("recall", math.nan, 0.5)
    with pytest.raises(ValueError, match="nothing was measured"):
        shown("recall", True, math.nan)


def test_a_claim_tells_its_value_and_its_bar():
    assert str(at_least("recall", 0.98123, 0.98)) == "recall (0.9812, at least 0.98)"
    assert str(shown("the same answers", True)) == "the same answers"
    assert at_most("bytes", 3, 4).data() == {"claim": "bytes", "holds": True, "value": 3.0, "bar": "at most 4"}


def test_a_proof_has_claims_and_each_has_words_of_its_own():
    with pytest.raises(ValueError, match="words of its own"):
        unique([])
    with pytest.raises(ValueError, match="words of its own"):
        unique([shown("twice", True), shown("twice", False)])
    assert unique([shown("once", True)]) == [Claim("once", True, "", "")]
