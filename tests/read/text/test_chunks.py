"""Chunks: nothing is lost, offsets are exact, sizes are kept, headings are the ones a reader would name."""

import itertools
import random
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from semantic_text_splitter import MarkdownSplitter, TextSplitter
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from codomain.errors import InputError
from codomain.read import Record, chunk
from codomain.read.text.chunks import _windowed


@pytest.fixture(scope="module")
def letters() -> Tokenizer:
    """A tokenizer whose tokens can be counted by hand: every character but white space is one."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex("."), "isolated")]
    )
    return tokenizer


PROSE = st.text(st.sampled_from("abc é漢.!?#`-=\n\t \r\u00a0\U0001f600"), max_size=400)
PIECES = st.lists(
    st.sampled_from(
        ["# A\n", "## B\n", "text one. ", "word ", "\n\n", "```\n", "# no\n", "- x\n", "|a|b|\n", "T\n===\n"]
    ),
    max_size=60,
).map("".join)


def check(text: str, chunks: list) -> None:
    covered = set()
    for position, piece in enumerate(chunks):
        assert piece.text == text[piece.start : piece.end] and piece.text.strip()
        assert piece.position == position
        covered.update(range(piece.start, piece.end))
    missing = [i for i, character in enumerate(text) if not character.isspace() and i not in covered]
    assert not missing
    assert [c.start for c in chunks] == sorted(c.start for c in chunks)


@settings(max_examples=150)
@given(PROSE | PIECES, st.integers(1, 30), st.integers(0, 10), st.booleans())
def test_every_character_is_in_a_chunk_and_offsets_are_exact(text, size, overlap, markdown):
    chunks = chunk(Record("", text, markdown=markdown), size, min(overlap, size - 1))
    check(text, chunks)


@settings(max_examples=100)
@given(text=PROSE | PIECES, size=st.integers(2, 30), overlap=st.integers(0, 1), markdown=st.booleans())
def test_with_a_tokenizer_no_chunk_is_longer_than_asked(letters, text, size, overlap, markdown):
    chunks = chunk(Record("", text, markdown=markdown), size, overlap, letters)
    check(text, chunks)
    for piece in chunks:
        assert len(letters.encode(piece.text).ids) <= size


def test_long_documents_lose_nothing_at_the_borders_of_blocks():
    text = "".join(f"Sentence {i} says something.{chr(10) * (i % 3)} " for i in range(12_000))
    chunks = chunk(text, 64, 8)
    check(text, chunks)
    assert max(len(c.text) for c in chunks) <= 256


def test_neighbors_overlap_but_not_more_than_asked():
    text = " ".join(f"w{i}" for i in range(2000))
    chunks = chunk(text, 64, 16)
    shared = [a.end - b.start for a, b in itertools.pairwise(chunks)]
    assert max(shared) <= 64 and sum(s > 0 for s in shared) > 0.9 * len(shared)


def test_headings_in_code_fences_are_not_headings():
    text = "# Install\n\n" + "Intro text. " * 12 + "\n\n```sh\n# not a heading\nmake\n```\n\n" + "After words. " * 12
    chunks = chunk(Record("", text, markdown=True), 24, 0)
    assert len(chunks) > 2
    assert {tuple(c.headings) for c in chunks} == {("Install",)}


def test_a_chunk_stands_under_the_headings_above_its_first_own_line():
    body = "Some words about it. " * 8
    text = f"# Guide\n\n{body}\n\n## Linux\n\n{body}\n\n### Debian\n\n{body}\n\nMac\n---\n\n{body}\n\n# End\n\n{body}"
    chunks = chunk(Record("", text, markdown=True), 50, 10)
    paths = list(dict.fromkeys(tuple(c.headings) for c in chunks))
    assert paths == [("Guide",), ("Guide", "Linux"), ("Guide", "Linux", "Debian"), ("Guide", "Mac"), ("End",)]
    for piece in chunks:
        assert re.sub(r"\W+", " ", piece.text).strip()


def test_front_matter_is_not_a_heading():
    text = "---\ntitle: x\n---\n\nWords."
    assert chunk(Record("", text, markdown=True))[0].headings == []


def test_sixty_thousand_short_documents_pass_in_a_second():
    record = Record("", "A package that does one thing well and says so in a few plain sentences. " * 5)
    start = time.process_time()
    for _ in range(60_000):
        chunk(record)
    assert time.process_time() - start < 1.5


@pytest.mark.parametrize(
    "text", ["word " * 400_000, "x" * 1_000_000, "line of text\n" * 150_000], ids=["words", "none", "lines"]
)
def test_megabytes_are_cut_in_linear_time(text):
    start = time.process_time()
    chunks = chunk(text)
    assert time.process_time() - start < 15
    assert sum(len(c.text) for c in chunks) > 0.9 * len(text.strip())


@pytest.mark.parametrize(("size", "overlap"), [(0, 0), (10, 10), (10, -1)])
def test_impossible_sizes_are_refused(size, overlap):
    with pytest.raises(InputError, match="chunks need"):
        chunk("text", size, overlap)


class Seen:
    """A splitter that says how many characters it was given at a time."""

    def __init__(self, splitter) -> None:
        self.splitter, self.given = splitter, []

    def chunk_indices(self, text: str):
        self.given.append(len(text))
        return self.splitter.chunk_indices(text)


def words(letters: str, lengths: tuple[int, int], between: list[str]) -> str:
    drawn = random.Random(5)
    return "".join(
        "".join(drawn.choices(letters, k=drawn.randint(*lengths))) + drawn.choice(between) for _ in range(4_000)
    )


LONG_LINES = {
    "Thai": words("กขคงจชซญดตถทนบปผพมยรลวสหอาเแโไ", (3, 9), [""]),
    "Thai with spaces": words("กขคงจชซญดตถทนบปผพมยรลวสหอาเแโไ", (30, 90), [" "]),
    "Chinese": words("漢字日本語文章東京都", (3, 9), [""]),
    "Korean": words("한국어말이다가는을", (2, 5), [" "]),
    "scripts mixed": words("aあก한 \u0301", (3, 9), [""]),
    "encoded data": words("ABCDabcd0123+/=", (60, 60), [""]),
    "no full stop": words("abcdefghij", (1, 9), [" "]),
    "lines as well": words("abcdefgABC", (1, 9), [" "] * 30 + [". "])
    + words("abcdeABC", (1, 9), [" ", "\n", "\n\n"]) * 2,
    "spaces": "a" + " " * 30_000 + "b",
}


@pytest.mark.parametrize("markdown", [False, True])
@pytest.mark.parametrize("name", LONG_LINES)
def test_long_lines_are_cut_in_windows_to_the_same_chunks_in_linear_time(name: str, markdown: bool) -> None:
    text = LONG_LINES[name][:50_000]  # one block
    capacity = 250
    splitter = (MarkdownSplitter if markdown else TextSplitter)(capacity, 30)
    seen = Seen(splitter)
    cut = [*_windowed(text, seen, 8 * capacity)]
    assert cut == splitter.chunk_indices(text)
    if name != "spaces":  # which are one chunk
        assert sum(seen.given) < 2 * len(text)
    if "\n" not in text and name != "spaces":
        assert max(seen.given) == 8 * capacity


def test_chunks_longer_than_a_window_widen_it() -> None:
    text = LONG_LINES["Thai"][:20_000]
    splitter = TextSplitter(3_000, 100)
    assert [*_windowed(text, splitter, 1_000)] == splitter.chunk_indices(text)
