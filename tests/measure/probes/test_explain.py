"""Vectors in words: log-odds by hand, explanations of planted topics, concepts, and a callable that is really asked."""

import math

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError
from codomain.measure.probes.explain import concept_vector, explain, log_odds, semantic_consistency

TOPICS = {"fox": "snow forest fur", "market": "shares prices bank", "opera": "singer stage voice"}


def planted(each: int = 30) -> tuple[list[str], np.ndarray]:
    """Texts of three topics among common words, vectors near an axis each."""
    rng = np.random.default_rng(0)
    texts, rows = [], []
    for axis, (name, words) in enumerate(TOPICS.items()):
        for _ in range(each):
            texts.append(" ".join(["the", "and", name, *rng.choice(words.split(), 2), "the"]))
            rows.append(np.eye(8)[axis] + rng.normal(0, 0.1, 8))
    return texts, np.array(rows, np.float32)


def test_log_odds_are_those_of_the_paper() -> None:
    # counts of "fox": 3 of 6 words here, 1 of 5 there; the prior is the corpus of 11 words itself
    here, there = ["fox fox red", "fox the dog"], ["the cat fox", "the cat"]
    a, y, z, n, m = 11 * 4 / 11, 3, 1, 6, 5
    delta = math.log((y + a) / (n + 11 - y - a)) - math.log((z + a) / (m + 11 - z - a))
    assert dict(log_odds(here, there))["fox"] == pytest.approx(delta / math.sqrt(1 / (y + a) + 1 / (z + a)))


def test_words_of_one_text_only_and_common_words_do_not_explain() -> None:
    texts, X = planted()
    texts[0] += " unrepeatable"
    terms = [term for term, _ in explain(X[0], texts, X, k=20, terms=4).terms]
    assert set(terms) == {"fox", "snow", "forest", "fur"}


def test_a_cluster_is_explained_by_its_rows_and_a_difference_by_its_reference() -> None:
    texts, X = planted()
    assert explain(X.mean(axis=0), texts, X, rows=np.arange(60, 90), terms=1).terms[0][0] == "opera"
    between = explain(np.eye(8)[1], texts, X, k=20, reference=np.eye(8)[2], terms=1)
    assert between.terms[0][0] == "market" and all("market" in text for text in between.examples)


def test_consistency_is_above_the_baseline_of_random_documents() -> None:
    static = cd.pipeline("static()").stages[0]
    texts, _ = planted()
    X = static.encode_documents(texts)
    found = explain(X[:30].mean(axis=0), texts, X, encoder=static)
    assert found.consistency is not None and found.baseline is not None and found.consistency > found.baseline + 0.2


def test_a_language_model_is_asked_with_the_examples() -> None:
    texts, X = planted()
    asked: list[str] = []

    def llm(question: str) -> str:
        asked.append(question)
        return "wild animals"

    found = explain(X[0], texts, X, llm=llm, k=5, reference=X[40])
    assert found.text == "wild animals" and str(found).startswith("wild animals (fox")
    assert all(f"- {text}" in asked[0] for text in found.examples) and "Unlike these" in asked[0]


def test_a_concept_is_the_direction_between_its_examples() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 10)).astype(np.float32)
    X[:200, 3] += 2.5
    found = concept_vector(range(200), range(200, 400), X)
    assert found.auc > 0.9 and np.argmax(np.abs(found.direction)) == 3 and found.direction[3] > 0.8
    assert np.linalg.norm(found.direction) == pytest.approx(1, abs=1e-5)


def test_a_concept_that_is_not_there_has_no_auc() -> None:
    X = np.random.default_rng(0).normal(size=(400, 10)).astype(np.float32)
    assert concept_vector(range(200), range(200, 400), X).auc == pytest.approx(0.5, abs=0.08)


def test_texts_in_another_order_are_not_consistent() -> None:
    static = cd.pipeline("static()").stages[0]
    texts = [f"{name} {words}" for name, words in TOPICS.items()]
    X = static.encode_documents(texts)
    own, permuted = semantic_consistency(X, texts, static)
    cosines = X @ X.T
    assert own == pytest.approx(1, abs=1e-4) and permuted == pytest.approx((cosines.sum() - 3) / 6, abs=1e-4)
    wrong, _ = semantic_consistency(X, texts[1:] + texts[:1], static)
    assert wrong < 0.5


def test_odd_texts_and_bad_input() -> None:
    X = np.zeros((2, 3), np.float32)
    assert explain(X[0], ["", ""], X).terms == []
    assert explain(X[0], ["", ""], X, encoder=cd.pipeline("static()").stages[0]).consistency is None
    with pytest.raises(InputError, match="needs a vector"):
        explain(X[0], ["a"], X)
    with pytest.raises(InputError, match="3 dimensions"):
        explain(X, ["a", "b"], X)
    with pytest.raises(InputError, match="five examples"):
        concept_vector([0], [1], X)
    with pytest.raises(InputError, match="a text each"):
        semantic_consistency(X, ["a"], None)


def test_a_word_that_only_one_side_has_is_weighed_by_the_prior_alone() -> None:
    mine, others = ["fox den", "fox hole"], ["hen house", "hen nest", "hen egg"]
    counts, total = {"fox": 2, "den": 1, "hole": 1, "hen": 3, "house": 1, "nest": 1, "egg": 1}, 10
    prior = min(1000.0, total)
    a = prior * counts["fox"] / total
    n, m = 4, 6
    delta = math.log((2 + a) / (n + prior - 2 - a)) - math.log((0 + a) / (m + prior - 0 - a))
    ((word, z),) = log_odds(mine, others)
    assert word == "fox" and z == pytest.approx(delta / math.sqrt(1 / (2 + a) + 1 / (0 + a)))


def test_a_large_corpus_is_a_prior_of_a_thousand_words() -> None:
    corpus = ["fox hen"] * 1_500
    ((_, z),) = log_odds(["fox den", "fox hole"], ["hen house", "hen nest"], corpus)
    a = 1000 * 1_500 / 3_000
    delta = math.log((2 + a) / (4 + 1000 - 2 - a)) - math.log(a / (4 + 1000 - a))
    assert z == pytest.approx(delta / math.sqrt(1 / (2 + a) + 1 / a))


def test_words_that_explain_as_much_are_sorted() -> None:
    found = log_odds(["zebra apple", "zebra apple"], ["a house"])
    assert [word for word, _ in found] == ["apple", "zebra"] and found[0][1] == found[1][1]
