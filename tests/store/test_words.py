"""The query syntax: what must be there is there in every answer, by a slow reading of the documents; errors are sentences."""

from __future__ import annotations

import random
import re
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import codomain as cd
from codomain.analyzer.syntax import parse
from codomain.errors import CodomainError, InputError
from codomain.store.filters.words import QueryWarning

PIPES = ["bm25()", "fuse(hashed(64) >> flat(), bm25(stemmer=None))", "hashed(64) >> flat()"]
WORDS = ["red", "fox", "house", "river", "boat", "moon", "the", "over"]


def document(i: int) -> dict:
    rng = random.Random(i)
    text = " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 60)))
    return {"id": str(i), "text": text, "title": " ".join(rng.sample(WORDS, 2)).title()}


DOCUMENTS = {str(i): document(i) for i in range(120)}


@pytest.fixture(scope="module", params=PIPES)
def collection(request, tmp_path_factory):
    made = cd.create(tmp_path_factory.mktemp("words") / "c", request.param, chunk_size=8, overlap=2)
    made.add(DOCUMENTS.values())
    return made


def answers(collection, query, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", QueryWarning)
        return {hit.id for hit in collection.search(query, 200, syntax="query", **options)}


def having(*patterns, without=()):
    """By reading title and text of every document, with word borders."""
    found = set()
    for id, one in DOCUMENTS.items():
        whole = f"{one['title']} . {one['text']}".lower()
        if all(re.search(p, whole) for p in patterns) and not any(re.search(p, whole) for p in without):
            found.add(id)
    return found


def titled(word):
    return {id for id, one in DOCUMENTS.items() if re.search(rf"\b{word}\b", one["title"].lower())}


def test_what_must_be_there_is_in_every_answer_and_no_document_that_has_it_is_missed(collection):
    assert answers(collection, "+red +fox") == having(r"\bred\b", r"\bfox\b")
    assert answers(collection, '"red fox"') == having(r"\bred fox\b")
    assert answers(collection, '+river "boat moon boat"') == having(r"\briver\b", r"\bboat moon boat\b")
    assert answers(collection, "title:fox") == titled("fox")
    assert answers(collection, 'title:"red fox"') == {i for i, d in DOCUMENTS.items() if d["title"] == "Red Fox"}
    assert answers(collection, "+fo* +mo*") == having(r"\bfo", r"\bmo")


def test_what_must_not_be_there_is_in_no_answer_of_any_branch(collection):
    for query, without in [("red -fox", r"\bfox\b"), ('red -"red fox"', r"\bred fox\b"), ("red -ri*", r"\bri")]:
        found = answers(collection, query)
        assert found and not found & having(without)
        if "hashed" in str(collection.pipeline):  # which ranks every document
            assert found == having(without=[without])
    assert answers(collection, "red -title:fox") & titled("fox") == set()


def test_a_phrase_of_stop_words_is_looked_for_as_well(collection):
    assert answers(collection, '"over the"') <= having(r"\bover the\b")
    if "hashed" in str(collection.pipeline):
        assert answers(collection, '"over the"') == having(r"\bover the\b")


def test_filters_and_limits_hold_as_well(tmp_path):
    collection = cd.create(tmp_path / "c", "bm25()")
    collection.add([{"id": str(i), "text": "red fox", "metadata": {"n": i}} for i in range(9)])
    assert answers(collection, "+fox", where="n > 5") == {"6", "7", "8"}
    assert len(collection.search_many(["+fox", "red -fox", "fox"], 2, syntax="query")[0]) == 2
    assert [len(one) for one in collection.search_many(["+fox", "red -fox", "fox"], 20, syntax="query")] == [9, 0, 9]


def test_encoders_are_given_the_plain_words(tmp_path, monkeypatch):
    from tests.conftest import Hashed

    asked = []
    collection = cd.create(tmp_path / "c", "fuse(hashed() >> flat(), bm25())")
    collection.add(["red fox", "blue whale"])
    real = Hashed.encode_queries
    monkeypatch.setattr(
        Hashed, "encode_queries", lambda self, texts, progress=None: (asked.append([*texts]), real(self, texts))[1]
    )
    collection.search('+red -blue "quick fox" jump* title:rome', syntax="query")
    collection.search('+red -blue "quick fox" jump*')
    assert asked == [["red quick fox jump rome"], ['+red -blue "quick fox" jump*']]
    assert all(type(text) is str for texts in asked for text in texts)


def test_plain_text_is_plain_by_default(tmp_path):
    collection = cd.create(tmp_path / "c", "bm25()")
    collection.add([{"id": "a", "text": "red fox"}, {"id": "b", "text": "blue whale"}])
    assert {hit.id for hit in collection.search('"fox red" -blue + *')} == {"a", "b"}


def test_words_may_begin_so(tmp_path):
    collection = cd.create(tmp_path / "c", "bm25()")
    collection.add(
        [
            {"id": "a", "text": "retrieval of things"},
            {"id": "b", "text": "retrievers run"},
            {"id": "c", "text": "Résumé"},
        ]
    )
    assert answers(collection, "retriev*") == {"a", "b"} == answers(collection, "+retriev*")
    assert answers(collection, "+retrieva*") == {"a"} and answers(collection, "resu*") == {"c"}
    assert answers(collection, "+retrieverx*") == set()


def edits(word):
    """All that is one typing error away, by trying every letter."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    found = set()
    for i in range(len(word) + 1):
        found |= {word[:i] + c + word[i:] for c in letters}
        if i < len(word):
            found |= {word[:i] + word[i + 1 :]} | {word[:i] + c + word[i + 1 :] for c in letters}
        if i < len(word) - 1:
            found.add(word[:i] + word[i + 1] + word[i] + word[i + 2 :])
    return found


@pytest.mark.parametrize("typed", ["whlae", "whalle", "whle", "wtale", "hwale", "wale"])
def test_one_typing_error_is_forgiven_on_request(tmp_path, typed):
    collection = cd.create(tmp_path / "c", "bm25(stemmer=None)")
    vocabulary = ["whale", "while", "wheel", "shale", "wales", "kale", "хвост"]
    collection.add([{"id": word, "text": f"{word} sea"} for word in vocabulary])
    assert collection.search(typed) == []
    found = {hit.id for hit in collection.search(typed, typos=True)}
    assert found == {word for word in vocabulary if word in edits(typed)} and "whale" in found
    assert {hit.id for hit in collection.search(f"+sea {typed}", typos=True, syntax="query")} == {*vocabulary}
    # a word that is there, and a short one, stand for themselves
    assert [hit.id for hit in collection.search("whale", typos=True)] == ["whale"]
    assert collection.search("sae", typos=True) == []


def test_a_query_of_stop_words_is_answered_by_the_other_branches_or_says_so(tmp_path):
    words = cd.create(tmp_path / "w", "bm25()")
    words.add(["the red fox"])
    with pytest.warns(QueryWarning, match=r"^the query 'the of' holds only stop words, which bm25\(\) leaves out"):
        assert words.search("the of") == []
    both = cd.create(tmp_path / "b", "fuse(hashed() >> flat(), bm25())")
    both.add(["the red fox"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(both.search("the of")) == 1 and words.search("whale") == []


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ('"red', "is never closed"), ("+", "stands without a word"), ("red -", "stands without a word"),
        ("fo*x", "at the end of a word"), ("*", "at the end of a word"), ("-fox", "a word that is asked for"),
        ("foo:bar", "there is no field 'foo'"), ("title:", "stands without a word"), ('a"b"', "a space is missing"),
        ('"b"a', "a space is missing"), ("...", "holds no word"), ('""', "holds no word"), ("   ", "is empty"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence(tmp_path, query, why):
    collection = cd.create(tmp_path / "c", "bm25()")
    with pytest.raises(InputError) as error:
        collection.search(query, syntax="query")
    assert why in str(error.value) and str(error.value).endswith(".") and "\n" not in str(error.value)
    with pytest.raises(InputError, match="the syntax of a query"):
        collection.search("red", syntax="lucene")


@given(st.text(st.sampled_from('ab +-"*:title \u201c\u3000東é\n'), max_size=30))
@settings(max_examples=400)
def test_any_text_is_a_query_or_one_sentence(text):
    try:
        parsed = parse(text)
    except CodomainError as error:
        assert str(error).startswith("cannot read the query")
        return
    for clause in parsed.clauses:
        assert (
            clause.text
            and clause.text in text.replace("\u201c", '"')
            and (clause.phrase or not clause.text.endswith("*"))
        )
    assert parsed.plain.strip()


def test_an_index_of_its_own_follows_the_documents(tmp_path):
    collection = cd.create(tmp_path / "c", "hashed(64) >> flat()")
    collection.add([{"id": "a", "text": "red fox"}])
    assert answers(collection, "+fox") == {"a"}
    collection.add([{"id": "b", "text": "a fox"}, {"id": "c", "text": "an owl"}])
    assert answers(collection, "+fox") == {"a", "b"}
    collection.delete(["a"])
    assert answers(collection, "+fox") == {"b"}
    collection.compact()
    assert answers(collection, "+owl") == {"c"}


def test_what_is_kept_of_the_words_follows_every_change(tmp_path):
    """Texts are read until it pays to keep where their words stand; answers are the same before and after."""
    with cd.create(tmp_path / "c", "bm25()") as collection:
        collection.add(
            [{"id": f"{i}", "title": "Red house", "text": f"a red fox {i} over the river"} for i in range(6)]
        )

        def found(query, namespace=None):
            return {hit.id for hit in collection.search(query, 50, syntax="query", namespace=namespace)}

        for _ in range(4):
            assert found('"red fox"') == found("title:house") == {f"{i}" for i in range(6)}
            assert found('"over the"') == {f"{i}" for i in range(6)} and found('"fox red"') == set()
        assert collection.state.known_words[1].sequences is not None
        collection.delete("0")
        collection.update("1", title="Blue house")
        collection.update("2", text="a fox that is red")
        collection.add([{"id": "new", "title": "House", "text": "the red fox"}], namespace="other")
        with cd.open(tmp_path / "c") as again:
            again.add([{"id": "6", "title": "Red", "text": "one more red fox"}])
        for _ in range(4):
            assert found('"red fox"') == {"1", "3", "4", "5", "6"} and found("title:red") == {"2", "3", "4", "5", "6"}
            assert found('"red fox"', "other") == {"new"} and found("title:house", "other") == {"new"}
            assert found('"fox that is"') == {"2"}
