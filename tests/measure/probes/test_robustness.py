"""Edits do what they say, and flips are counted on texts that no classifier has seen."""

import math

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.probes.perturbations import (
    DEFAULT,
    Perturbation,
    case,
    mask,
    negate,
    number,
    order,
    synonyms,
    typo,
)
from codomain.measure.probes.robustness import flip_rate

TEXT = "The 12 ships were not lost in 1805, and nobody could find a better harbour"


class Letters:
    """Counts of lower-case letters: blind to capitals, to order and to space."""

    dim = 26
    fingerprint = "letters"

    def encode_documents(self, texts, progress=None):
        return np.array([[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], np.float32)

    encode_queries = encode_documents


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(5))
def test_each_edit_changes_what_it_names(seed):
    assert sorted(typo(TEXT, rng(seed), 3)) == sorted(TEXT) and typo(TEXT, rng(seed)) != TEXT
    changed = [a != b for a, b in zip(TEXT.split(), typo(TEXT, rng(seed), 2).split(), strict=True)]
    assert sum(changed) <= 2
    new = number(TEXT, rng(seed), 2)
    assert (
        new != TEXT
        and len(new) == len(TEXT)
        and [c for c in new if not c.isdigit()] == [c for c in TEXT if not c.isdigit()]
    )
    assert sorted(order(TEXT, rng(seed)).split()) == sorted(TEXT.split())
    assert len(mask(TEXT, rng(seed), 3).split()) == len(TEXT.split()) - 3
    assert negate(TEXT, rng(seed)) in (TEXT.replace("were not", "were"), TEXT.replace("could", "could not"))
    assert case(TEXT, rng(seed)) == TEXT.upper()


def test_edits_of_next_to_nothing():
    for perturbation in DEFAULT:
        for text in ("", " ", "a", "ab", "aaaa", "7"):
            assert isinstance(perturbation.edit(text, rng(), 2), str)
    assert synonyms({"ship": "boat"})("no vessel", rng(), 1) == "no vessel"


def texts():
    return [f"{'zebra quagga' if i % 2 else 'moon noon mono'} {'abcdefgh'[i % 8] * (1 + i // 8)}" for i in range(60)]


def test_an_encoder_that_is_blind_to_an_edit_never_flips():
    flips = {flip.perturbation: flip for flip in flip_rate(Letters(), texts())}
    for name in ("case", "order", "typo", "whitespace"):
        assert flips[name].rate == 0 and flips[name].cosine == pytest.approx(1) and flips[name].overlap == 1
    assert flips["number"].changed == 0 and math.isnan(flips["number"].rate)
    assert flips["mask"].rate > 0 and flips["mask"].overlap < 1
    assert flips["mask"].low < flips["mask"].rate < flips["mask"].high


@pytest.mark.parametrize("decision", ["centroid", "logistic"])
@pytest.mark.parametrize("space", [None, 2])
def test_a_classifier_flips_when_what_it_reads_changes(decision, space):
    y = ["b" if i % 2 else "a" for i in range(60)]
    turn = Perturbation("turn", lambda text, rng, s: text.replace("zebra quagga", "moon noon mono"), "changed")
    flips = flip_rate(Letters(), texts(), y, [turn, *DEFAULT[:2]], decision, space)
    assert flips[0].changed == 30 and flips[0].rate > 0.9
    assert flips[1].rate == flips[2].rate == 0 and math.isnan(flips[1].overlap)


def test_predictions_are_out_of_sample():
    """Random labels: a classifier that had seen a text would say its label, one that has not says it half of the time."""
    from codomain.measure.probes.robustness import _Classifier

    X = rng().standard_normal((200, 150)).astype("f4")
    y = rng(1).integers(0, 2, 200)
    assert (_Classifier(X, y, "logistic", None, 0).before == y).mean() < 0.65


def test_more_edits_flip_more():
    from codomain.encode import StaticEncoder
    from codomain.measure import load

    some = [*load("debian").documents.values()][:150]
    typos = [p for p in DEFAULT if p.name == "typo"]
    few, many = flip_rate(StaticEncoder(), some, perturbations=typos, strengths=(1, 15))
    assert few.rate < many.rate and few.cosine > many.cosine and few.overlap > many.overlap


def test_bad_input():
    for call, says in (
        (lambda: flip_rate(Letters(), ["a", "b"]), "it needs 3 texts"),
        (lambda: flip_rate(Letters(), texts(), decision="centroid"), "a label for each"),
        (lambda: flip_rate(Letters(), texts(), ["a"], decision="logistic"), "a label for each"),
        (lambda: flip_rate(Letters(), texts(), decision="vote"), "the decision is"),
    ):
        with pytest.raises(InputError, match=says):
            call()


@pytest.mark.parametrize(("decision", "least"), [("neighbors", 3), ("centroid", 10)])
def test_the_fewest_texts_that_are_enough(decision, least):
    some = [f"the {word} text of {word}s" for word in "abcdefghij"][:least]
    y = [i % 2 for i in range(least)]
    options = {} if decision == "neighbors" else {"y": y}
    assert flip_rate(Letters(), some, decision=decision, **options)
    with pytest.raises(InputError, match=f"it needs {least} texts"):
        flip_rate(Letters(), some[:-1], decision=decision, **({"y": y[:-1]} if options else {}))
