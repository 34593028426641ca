"""Phrases by the places of their words, against a reading of every text."""

import random

import pytest

from codomain.analyzer import Analyzer
from codomain.index.lexical.sequences import Sequences

WORDS = [
    "red",
    "Reds",
    "fox",
    "foxes",
    "the",
    "of",
    "Café",
    "cafe",
    "cafés",
    "naïve",
    "x86_64",
    "don't",
    "東京タワー",
    "京",
    "e-mail",
    "Ω",
]


def texts(count: int, seed: int) -> list[tuple[int, str, str]]:
    rng = random.Random(seed)
    made = []
    for number in sorted(rng.sample(range(10 * count), count)):
        plain = rng.random() < 0.5
        words = [word for word in WORDS if word.isascii()] if plain else WORDS
        text = [rng.choice(words) for _ in range(rng.randint(0, 30))]
        made.append((number, " ".join(rng.choices(words, k=rng.randint(0, 3))), rng.choice([" ", ", "]).join(text)))
    return made


def slow(analyzer: Analyzer, documents, phrase: str, title: bool) -> list[int]:
    wanted = [{*forms} for forms in analyzer.sequence(phrase)]
    found = []
    for number, name, text in documents:
        for part in (name,) if title else (name, text):
            have = analyzer.sequence(part)
            starts = range(len(have) - len(wanted) + 1)
            if any(all(wanted[i] & {*have[start + i]} for i in range(len(wanted))) for start in starts):
                found.append(number)
                break
    return found


@pytest.mark.parametrize(
    "analyzer", [Analyzer(), Analyzer(None), Analyzer("french", marks="keep")], ids=["en", "none", "fr"]
)
def test_the_documents_are_those_whose_texts_hold_the_words_in_a_row(analyzer):
    documents = texts(120, 1)
    sequences = Sequences(analyzer, iter(documents))
    rng = random.Random(2)
    phrases = [" ".join(rng.choices(WORDS, k=rng.randint(1, 3))) for _ in range(60)]
    for phrase in [*phrases, "absent", "red absent", "the of", "fox fox fox", "京タ"]:
        for title in (False, True):
            assert sequences.documents(phrase, title).tolist() == slow(analyzer, documents, phrase, title), phrase


def test_no_phrase_goes_from_one_text_to_the_next():
    sequences = Sequences(Analyzer(), [(1, "red", "fox"), (2, "", "moon"), (3, "boat", "")])
    for phrase in ("red fox", "fox moon", "moon boat"):
        assert sequences.documents(phrase).tolist() == []
    assert sequences.documents("fox").tolist() == [1] and sequences.documents("fox", title=True).tolist() == []


def test_nothing_to_look_through():
    sequences = Sequences(Analyzer(), [])
    assert sequences.documents("red").tolist() == [] and sequences.documents("red fox").tolist() == []
    assert Sequences(Analyzer(), [(4, "", "")]).documents("red").tolist() == []
