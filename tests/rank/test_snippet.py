"""Snippets: the stretch shown is the best one, and the marks point at the words of the query."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from codomain.analyzer import Analyzer
from codomain.index.bm25 import BM25
from codomain.rank.snippet import snippet

ANALYZE = BM25().analyze
WORDS = st.sampled_from(
    ["whale", "Whales", "fox", "foxes,", "the", "bread.", "naïve", "東京", "a" * 30, "x", "\n", "\t "]
)
TEXTS = st.lists(WORDS, max_size=60).map(" ".join) | st.text(max_size=300)


def marked(shown, marks):
    return [shown[start:end] for start, end in marks]


def stretch(shown, text):
    """What is shown without the dots that stand for what is left out."""
    if shown.startswith("... ") and not text.startswith("... "):
        shown = shown[4:]
    return shown[:-4] if shown.endswith(" ...") and not text.endswith(" ...") else shown


def asked_for(query):
    return {form for asked in Analyzer().query(query) for form in asked.forms}


def most_different(text, query, width):
    """By trying every start: the most different query words that any stretch of `width` characters holds."""
    wanted = asked_for(query)
    found = [(start, end, term) for term, start, end in ANALYZE(text) if term in wanted]
    inside = [{t for a, b, t in found if a >= start and b <= start + width} for start in range(len(text))]
    return max(map(len, inside), default=0)


def test_marks_point_at_the_words_whatever_their_case_and_ending():
    shown, marks = snippet("Foxes are red. Whales, and a WHALE, are blue; fox-hunting.", "a whale fox")
    assert marked(shown, marks) == ["Foxes", "Whales", "WHALE", "fox"]


def test_a_short_text_is_shown_whole():
    assert snippet("Two  words\nhere", "none")[0] == "Two words here"


def test_the_stretch_with_most_different_words_wins_over_the_one_with_most_words():
    text = "whale " * 20 + "filler " * 60 + "a whale and a fox " + "filler " * 60 + "whale " * 30
    shown, marks = snippet(text, "fox whale", width=100)
    assert set(marked(shown, marks)) == {"whale", "fox"}
    assert shown.startswith("... ") and shown.endswith(" ...")


def test_words_at_both_ends_of_the_stretch_are_both_shown():
    text = "filler " * 40 + "whale " + "z" * 80 + " fox, " + "filler " * 40
    for width in (90, 91):  # 90 is the length of the stretch itself
        shown, marks = snippet(text, "fox whale", width=width)
        assert marked(shown, marks) == ["whale", "fox"]


def test_without_a_match_the_beginning_is_shown():
    shown, marks = snippet("one two three " * 50, "whale", width=40)
    assert shown.startswith("one two three") and shown.endswith(" ...") and not marks


def test_at_most_a_quarter_of_the_width_comes_before_the_words():
    text = "aaaa " * 100 + "whale" + " bbbb" * 100
    assert snippet(text, "whale", width=108)[0].startswith("... " + "aaaa " * 5 + "whale ")
    assert snippet(text, "whale", width=100)[0].startswith("... " + "aaaa " * 4 + "whale ")


def test_words_near_the_beginning_are_shown_from_the_beginning_on():
    assert snippet("one two whale" + " bbbb" * 100, "whale", width=80)[0].startswith("one two whale bbbb")


def test_words_near_the_end_are_shown_with_as_much_before_them_as_the_width_takes():
    shown, _ = snippet("aaaa " * 100 + "a whale", "whale", width=100)
    assert shown.startswith("... aaaa") and shown.endswith("aaaa a whale") and len(shown) > 90


def test_the_last_word_of_the_text_is_shown_where_the_width_reaches_it():
    assert snippet("aaaa " * 100 + "whale bbbb", "whale", width=100)[0].endswith(" aaaa whale bbbb")


def test_a_word_that_ends_with_the_width_is_shown_and_one_that_ends_after_it_is_not():
    assert snippet("aaaa " * 50, "whale", width=24)[0] == "aaaa aaaa aaaa aaaa aaaa ..."
    assert snippet("aaaa " * 50, "whale", width=23)[0] == "aaaa aaaa aaaa aaaa ..."


def test_a_long_word_is_cut_rather_than_half_of_the_width_left_empty():
    assert snippet("ab " * 14 + "z" * 500, "whale", width=100)[0] == "ab " * 14 + "z" * 58 + " ..."
    assert snippet("ab " * 20 + "z" * 500, "whale", width=100)[0] == ("ab " * 20).strip() + " ..."


def test_of_stretches_with_equally_many_words_the_first_is_shown():
    text = " filler".join(["whale", " filler" * 60 + " fox", " filler" * 60 + " bread", ""])
    shown, marks = snippet(text, "bread fox whale", width=100)
    assert marked(shown, marks) == ["whale"]


def test_one_character_that_is_left_out_is_marked_as_left_out():
    shown, marks = snippet("東" * 11 + "京" + "東" * 200, "京", width=40)
    assert shown == "... " + "東" * 10 + "京" + "東" * 29 + " ..." and marked(shown, marks) == ["京"]


@given(st.lists(st.sampled_from(["whale", "fox", "bread", "filler", "a"]), max_size=80), st.integers(40, 120))
def test_where_words_are_short_only_whole_ones_are_shown(words, width):
    shown, _ = snippet(" ".join(words), "fox whale", width)
    assert {*stretch(shown, " ".join(words)).split()} <= {*words}


def test_empty_text_and_empty_query():
    assert snippet("", "whale") == ("", [])
    assert snippet("a whale", "") == ("a whale", [])
    assert snippet("a whale", "the of")[1] == []


def test_a_word_longer_than_the_width_is_cut_and_one_without_spaces_fills_it():
    shown, marks = snippet("w" * 500, "w" * 500, width=60)
    assert shown == "w" * 60 + " ..." and not marks
    shown, marks = snippet("東" * 100 + "京" + "東" * 100, "京", width=40)
    assert marked(shown, marks) == ["京"] and len(shown) == 40 + 8


def test_marks_count_characters_not_bytes():
    shown, marks = snippet("Ünïcödé – ein “naïver” Wal 🐋 whale", "whale naïver")
    assert marked(shown, marks) == ["naïver", "whale"]


@given(TEXTS, TEXTS, st.integers(12, 120))
@example("whale \n \t x " * 20, "x", 12)
def test_whatever_the_text_marks_are_query_words_and_the_stretch_is_from_the_text(text, query, width):
    shown, marks = snippet(text, query, width)
    wanted = asked_for(query)
    end_before = 0
    for start, end in marks:
        assert end_before <= start < end <= len(shown)
        assert wanted & {term for term, _, _ in ANALYZE(shown[start:end])}  # "¼" is a word with two terms
        end_before = end
    assert stretch(shown, text).strip() in re.sub(r"\s+", " ", text)
    assert len(shown) <= max(width, 0) + 8


@given(TEXTS, TEXTS, st.integers(12, 120))
def test_no_other_stretch_has_more_different_words_of_the_query(text, query, width):
    shown, marks = snippet(text, query, width)
    different = {term for start, end in marks for term, _, _ in ANALYZE(shown[start:end])}
    assert len(different) >= most_different(text, query, min(width, max(len(text), 1)))


@pytest.mark.parametrize(
    ("text", "query", "words"),
    [
        ("東京都は日本。大阪府と東京都。", "東京都 大阪府", ["東京都", "大阪府", "東京都"]),
        ("彼は東京都民で、東京都民で、大阪府民だ。", "東京都民 大阪府民", ["東京都民", "東京都民", "大阪府民"]),
        ("東京大阪は遠い。", "東京 大阪", ["東京", "大阪"]),  # they touch, and do not overlap
    ],
)
def test_pairs_of_letters_that_overlap_are_one_mark(text: str, query: str, words: list[str]) -> None:
    shown, marks = snippet(text, query)
    assert shown == text and [shown[start:end] for start, end in marks] == words
