"""Translated benchmarks: what each check sees, the cut of the cosine, and that judgments stay whole."""

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure import Dataset
from codomain.measure.build.machine_translated import (
    _cosines,
    check_translations,
    equal_error,
    in_language,
    length,
    numbers,
    protected,
    translate_collection,
    untranslated,
)

WORDS = {
    "the": "de",
    "dog": "hond",
    "cat": "kat",
    "sees": "ziet",
    "three": "drie",
    "houses": "huizen",
    "river": "rivier",
}


def dutch(texts):
    return [" ".join(WORDS.get(word, word) for word in text.split()) for text in texts]


class Bilingual:
    """Words of either language as the same dimensions."""

    def encode_documents(self, texts):
        back = {v: k for k, v in WORDS.items()}
        names = list(WORDS)
        vectors = np.zeros((len(texts), len(names)), np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                if back.get(word, word) in names:
                    vectors[row, names.index(back.get(word, word))] += 1
        return vectors


def test_checks_see_what_they_are_for():
    assert numbers("at 5:30 for $1,200", "um 5.30 für 1 200 $") is None and numbers("5 men", "vijf mannen") == "numbers"
    assert protected("go to https://a.org/x", "ga naar https://a.org/y") == "links or code"
    assert length("a long sentence about dogs", "kort") == "length" and length("", "") is None
    assert (
        untranslated("Berlin", "Berlin") is None and untranslated("a man is playing", "a man is playing.") is not None
    )
    assert in_language(lambda text: "en", "nl")("", "the dog") == "language"


def test_the_cut_is_where_errors_are_equal_even_among_wrong_pairs():
    rng = np.random.default_rng(0)
    true, shifted = rng.normal(0.8, 0.08, 4_000), rng.normal(0.3, 0.15, 4_000)
    middle = 0.8 - 0.08 * 0.5 / 0.23  # as many deviations from both
    assert equal_error(true, shifted) == pytest.approx(middle, abs=0.01)
    mixed = np.concatenate([true[:3_400], rng.normal(0.3, 0.15, 600)])
    assert equal_error(mixed, shifted) == pytest.approx(middle, abs=0.02)
    naive = max(t for t in np.sort(mixed) if (mixed < t).mean() <= (shifted >= t).mean())
    assert abs(naive - middle) > 0.04  # what it would be without looking for wrong pairs


def sentences(n=60):
    rng = np.random.default_rng(1)
    return [" ".join(rng.choice(list(WORDS), 5)) for _ in range(n)]


def test_swapped_translations_lose_their_meaning():
    texts = sentences()
    wrong = dutch(texts)
    wrong[3], wrong[4], wrong[5] = wrong[20], texts[4], ""
    report = check_translations(texts, wrong, Bilingual(), labels=["a", "b"] * 30)
    assert [report.reasons[i] for i in (3, 4, 5)] == ["meaning", "untranslated", "empty"]
    assert sum(why is None for why in report.reasons) >= 54 and report.by_reason["empty"] == 1
    assert {*report.kept_by_label} == {"a", "b"} and {*report.kept_by_length} <= {"long", "short"}
    asked = []
    check_translations(texts, wrong, Bilingual(), judge=lambda a, b: asked.append(a) or 5)
    assert len(asked) == sum(why is None for why in report.reasons)
    assert check_translations(texts, dutch(texts), judge=lambda a, b: 1).by_reason == {"judge": 60}


def test_judgments_of_what_is_dropped_go_too():
    data = Dataset(
        "d",
        documents={"1": "the dog", "2": "the cat", "3": "the river"},
        queries={"a": "dog", "b": "cat", "c": "river"},
        qrels={"a": {"1": 1, "2": 0}, "b": {"2": 1}, "c": {"3": 1, "1": 1}},
    )
    lost = {"the cat", "river"}
    found, report = translate_collection(data, lambda ts: ["" if t in lost else dutch([t])[0] for t in ts], checks=())
    assert found.documents == {"1": "de hond", "3": "de rivier"} and found.queries == {"a": "hond"}
    assert found.qrels == {"a": {"1": 1}} and report.by_reason == {"empty": 2}


def test_pairs_and_labels_are_translated_too():
    pairs = Dataset("p", "similarity", pairs=[("the dog", "the cat", 3.0), ("the river", "three houses", 0.0)])
    found, _ = translate_collection(
        pairs, lambda ts: ["" if t == "three houses" else dutch([t])[0] for t in ts], checks=()
    )
    assert found.pairs == [("de hond", "de kat", 3.0)]
    labeled = Dataset("l", "classification", documents={"0": "the dog", "1": "x"}, labels={"0": "pet", "1": "none"})
    found, report = translate_collection(labeled, lambda ts: [t if t != "x" else "" for t in dutch(ts)], checks=())
    assert found.labels == {"0": "pet"} and report.kept_by_label == {"none": 0.0, "pet": 1.0}


def test_what_cannot_be_translated_is_a_sentence():
    data = Dataset("l", "classification", documents={"0": "the dog"}, labels={"0": "pet"})
    with pytest.raises(InputError, match="gave 0 texts for 1"):
        translate_collection(data, lambda ts: [])
    with pytest.raises(InputError, match="nothing is left"):
        translate_collection(data, lambda ts: [""])
    with pytest.raises(InputError, match="twenty"):
        check_translations(["a"], ["b"], Bilingual(), checks=())
    with pytest.raises(InputError, match="every source"):
        check_translations(["a"], [])


def test_cosines_are_of_pairs_and_of_neighbors_that_are_different():
    texts = ["the dog", "the dog", "three houses", "the river", "the dog"]
    vectors = Bilingual().encode_documents(texts)
    right, wrong = _cosines(Bilingual(), texts, [*reversed(dutch(texts))])
    backwards = vectors[::-1]

    def cosine(a, b):
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert right == pytest.approx([cosine(vectors[i], backwards[i]) for i in range(5)])
    neighbors = [(1, 2), (2, 3), (3, 4)]  # the first and the second, and the last and the first, are one text
    assert wrong == pytest.approx([cosine(vectors[i], backwards[j]) for i, j in neighbors])
