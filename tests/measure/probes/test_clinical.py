"""The four axes of clinical perturbations against examples made by hand."""

import re

import numpy as np
import pytest

from codomain.encode import StaticEncoder
from codomain.errors import InputError
from codomain.measure.probes.clinical import (
    clinical_axes,
    mask_findings,
    negate_findings,
    replace_findings,
    vary_numbers,
)
from codomain.measure.probes.robustness import flip_rate

FINDINGS = ["fever", "chest pain", "pain", "cough"]
NOTE = "Fever of 39.5 for 3 days, chest  pain at night, no cough."


def outcomes(edit, text, strength, draws=40):
    return {edit(text, np.random.default_rng(seed), strength) for seed in range(draws)}


def test_masks_take_away_whole_findings_the_longest_first():
    masked = [
        "___ of 39.5 for 3 days, chest  pain at night, no cough.",
        "Fever of 39.5 for 3 days, ___ at night, no cough.",
        "Fever of 39.5 for 3 days, chest  pain at night, no ___.",
    ]
    assert outcomes(mask_findings(FINDINGS), NOTE, 1) == {*masked}
    assert outcomes(mask_findings(FINDINGS), NOTE, 9) == {"___ of 39.5 for 3 days, ___ at night, no ___."}
    assert outcomes(mask_findings(["ever"]), NOTE, 1) == {NOTE}


def test_negations_turn_a_finding_either_way():
    turned = {
        "no Fever of 39.5 for 3 days, chest  pain at night, no cough.",
        "Fever of 39.5 for 3 days, no chest  pain at night, no cough.",
        "Fever of 39.5 for 3 days, chest  pain at night, cough.",
    }
    assert outcomes(negate_findings(FINDINGS), NOTE, 1) == turned
    negate = negate_findings(FINDINGS)
    for before, after in (
        ("She has a fever", "She has no fever"),
        ("denies chest pain", "chest pain"),
        ("without pain", "pain"),
        ("nothing", "nothing"),
    ):
        assert outcomes(negate, before, 1) == {after}


def test_synonyms_keep_the_rest():
    edit = replace_findings({"chest pain": "angina", "cough": "tussis"})
    assert outcomes(edit, NOTE, 2) == {"Fever of 39.5 for 3 days, angina at night, no tussis."}
    assert outcomes(edit, "CHEST PAIN", 1) == {"angina"}


def test_numbers_move_by_a_fifth_a_step_and_keep_their_decimals():
    assert outcomes(vary_numbers, "39.5", 1) == {"47.4", "31.6"}
    assert outcomes(vary_numbers, "120/80", 2) == {f"{a}/{b}" for a in (168, 72) for b in (112, 48)}
    assert outcomes(vary_numbers, "2 pills", 1) == {"3 pills", "1 pills"}
    assert outcomes(vary_numbers, "0 pills", 2) == {"2 pills"}
    assert outcomes(vary_numbers, "B12 and x3", 1) == {"B12 and x3"}
    for text in outcomes(vary_numbers, NOTE, 4):
        assert re.sub(r"[\d.]+", "#", text) == re.sub(r"[\d.]+", "#", NOTE) and text != NOTE


def test_flip_rate_takes_the_axes_with_graded_strengths():
    texts = [f"{finding} for {days} days" for finding in FINDINGS for days in (2, 5, 9)]
    flips = flip_rate(StaticEncoder(), texts, None, clinical_axes(FINDINGS, {"fever": "pyrexia"}), strengths=(1, 2))
    assert [(flip.perturbation, flip.strength, flip.changed) for flip in flips] == [
        *(("mask", s, 12) for s in (1, 2)), *(("negate", s, 12) for s in (1, 2)),
        *(("synonym", s, 3) for s in (1, 2)), *(("number", s, 12) for s in (1, 2)),
    ]  # fmt: skip
    assert {flip.perturbation for flip in flips if flip.meaning == "kept"} == {"synonym"}


@pytest.mark.parametrize("make", [mask_findings, negate_findings, replace_findings])
def test_without_findings_there_is_one_sentence(make):
    with pytest.raises(InputError, match="need the findings"):
        make({} if make is replace_findings else [" "])
