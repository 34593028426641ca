"""Queries taken out of documents: they are gone from them, and are as long as they should be."""

from __future__ import annotations

import numpy as np
import pytest

from codomain.errors import InputError
from codomain.measure.build.synthetic_queries import _run, synthetic
from codomain.measure.data.corpus import Corpus


def test_what_became_a_query_is_gone_from_every_chunk() -> None:
    taken = "The amber lantern hangs above the harbour gate."
    filler = "Words follow one another here without any full stop so that they are no sentence of their own at all " * 2
    corpus = Corpus([f"{filler}. {taken} {filler}", f"{taken} {filler}"], [0, 0], ["a"])
    cut, questions = synthetic(corpus, seed=0)
    assert questions.texts == {"a": taken} and questions.qrels == {"a": {"a": 1}}
    assert not any("amber" in passage for passage in cut.passages)
    assert all("Words follow" in passage for passage in cut.passages)


def test_a_text_without_full_stops_is_asked_for_by_some_of_its_words() -> None:
    words = [f"word{i}" for i in range(40)]
    cut, questions = synthetic(Corpus([" \n".join(words)], [0], ["a"]))
    taken = questions.texts["a"].split()
    start = words.index(taken[0])
    assert taken == words[start : start + 10]
    assert cut.passages[0].split() == words[:start] + words[start + 10 :]


def test_queries_can_be_written_by_a_callable_and_leave_the_corpus_whole() -> None:
    corpus = Corpus(["a red fox", "a blue whale"], [0, 1], ["a", "b"])
    same, questions = synthetic(corpus, generate=lambda text: [f"where is {text}?"])
    assert same.passages == corpus.passages
    assert sorted(questions.texts.values()) == ["where is a blue whale?", "where is a red fox?"]
    with pytest.raises(InputError, match="no document has a sentence"):
        synthetic(corpus)


def test_a_run_of_words_may_stand_anywhere_and_is_whole() -> None:
    words = [f"word{i}" for i in range(40)]
    starts = set()
    for seed in range(300):
        taken = _run(" ".join(words), np.random.default_rng(seed)).split()
        starts.add(words.index(taken[0]))
        assert taken == words[words.index(taken[0]) :][:10]
    assert starts == {*range(31)}
    assert _run(" ".join(words[:15]), np.random.default_rng(0)) == ""
