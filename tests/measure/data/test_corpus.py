"""What is searched and asked: what cannot be measured is counted, and all of it survives its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from codomain.errors import InputError
from codomain.measure.data.corpus import Corpus, Questions, read, under_filters, usable, write


def test_queries_that_cannot_be_measured_are_counted() -> None:
    corpus = Corpus(["a", "b"], [0, 1], ["x", "y"])
    texts = {"1": "one", "2": "two", "3": "three", "4": " ", "6": "six"}
    qrels = {"1": {"x": 1, "gone": 2}, "2": {"y": 0}, "3": {"gone": 1}, "4": {"x": 1}, "5": {"x": 1}}
    found = usable(texts, qrels, corpus)
    assert found.texts == {"1": "one"} and found.qrels == {"1": {"x": 1}}
    assert found.left_out == {
        "judgments of documents that are not there": 2,
        "queries without a relevant document": 2,
        "empty queries": 1,
        "judged queries without a text": 1,
        "queries without judgments": 1,
    }
    with pytest.raises(InputError, match="no query can be measured: 1 queries without"):
        usable({"1": "one"}, {}, corpus)


def test_corpus_and_questions_travel_as_a_file(tmp_path: Path) -> None:
    corpus, questions = Corpus(["a\u2028b", "ü"], [0, 0], ["x"], 0.4), Questions({"1": "what?"}, {"1": {"x": 2}})
    write(tmp_path / "q.json", corpus, questions)
    again, asked_again = read(tmp_path / "q.json")
    assert again == corpus and asked_again == questions
    assert again.fingerprint == corpus.fingerprint != Corpus(["a", "b"], [0, 0], ["x"]).fingerprint


def test_judgments_that_a_filter_leaves_out_are_counted() -> None:
    corpus = Corpus([*"abc"], [0, 1, 2], [*"xyz"], allowed={"one": [0, 1], "none": []})
    qrels = {"1": {"x": 1, "z": 1}, "2": {"z": 1, "y": 0}, "3": {"x": 1, "y": 1}, "4": {"x": 2, "y": 1, "z": 1}}
    questions = Questions(dict.fromkeys(qrels, "what?"), qrels, left_out={"empty queries": 3})
    found = under_filters(questions, {"1": "one", "2": "one", "3": "none"}, corpus)
    assert found.qrels == {"1": {"x": 1}, "4": qrels["4"]} and [*found.texts] == ["1", "4"]
    assert found.where == {"1": "one"}
    assert found.left_out == {
        "empty queries": 3,
        "judgments of documents that the filter of their query leaves out": 1 + 1 + 2,
        "queries whose filter leaves out every relevant document": 2,
    }
