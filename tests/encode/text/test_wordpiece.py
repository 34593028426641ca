"""The word cache gives exactly what the tokenizers library gives."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from codomain.encode.text.static import BUNDLED
from codomain.encode.text.wordpiece import WordPiece

PATH = BUNDLED / "tokenizer.json"
fast = WordPiece(PATH)
reference = Tokenizer.from_file(str(PATH))
reference.no_padding()
reference.no_truncation()
reference.encode_special_tokens = True

odd = [
    "",
    "   \t\n ",
    "How do I renew my licence?",
    "don't stop-me, e.g. x_y/z (1999) a+b=c",
    "Müller naïve café ﬁne Straße İstanbul",
    "你好 world 日本語 한국어",
    "a\x0bb\x00c\x7fd",
    "x" * 101 + " y " + "z" * 99,
    "[CLS] is [UNK] ##ing [MASK]",
    "soft\u00adhyphen zero\u200bwidth \ufffd",
    "emoji 🙂 and e\u0301",
]


def expected(text: str) -> list[int]:
    ids = reference.encode(text, add_special_tokens=False).ids
    return [i for i in ids if i != fast.unknown]


def split(ids: np.ndarray, lengths: np.ndarray) -> list[list[int]]:
    return [part.tolist() for part in np.split(ids, np.cumsum(lengths)[:-1])]


def test_the_bundled_tokenizer_takes_the_fast_way():
    assert fast.vocab is not None


def test_odd_texts_side_by_side_are_cut_as_the_reference_cuts_them():
    assert split(*fast.ids(odd)) == [expected(text) for text in odd]


@settings(max_examples=200)
@given(st.lists(st.text(max_size=40) | st.text(alphabet="abcdez -'.#[]\t\x01é", max_size=40), min_size=1, max_size=6))
def test_any_texts_are_cut_as_the_reference_cuts_them(texts):
    assert split(*fast.ids(texts)) == [expected(text) for text in texts]


def test_words_come_out_of_the_cache_as_they_went_in():
    texts = ["hyperaerodynamicist reticulocytosis", "reticulocytosis"]
    assert split(*fast.ids(texts)) == split(*fast.ids(texts))


def test_another_kind_of_tokenizer_is_left_to_the_library(tmp_path):
    spec = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "Cat": 1, "mat": 2}, "unk_token": "[UNK]"},
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    piece = WordPiece(tmp_path / "tokenizer.json")
    assert piece.vocab is None
    assert split(*piece.ids(["Cat dog mat", "dog"])) == [[1, 2], []]


@pytest.mark.parametrize("text", ["hello world", "naïve"])
def test_no_texts_and_one_text(text):
    assert fast.ids([])[0].size == 0
    assert split(*fast.ids([text])) == [expected(text)]


def test_threads_that_come_at_once_cut_words_as_one_does() -> None:
    words = [f"un{a}{b}ability" for a in ("zq", "xk", "vj", "wq") for b in range(400)]
    alone = WordPiece(PATH).ids(words)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(3):
            shared, ready = WordPiece(PATH), threading.Barrier(4)

            def cut(shared: WordPiece = shared, ready: threading.Barrier = ready) -> tuple[np.ndarray, np.ndarray]:
                ready.wait()
                return shared.ids(words)

            with ThreadPoolExecutor(4) as pool:
                for found in [pool.submit(cut) for _ in range(4)]:
                    np.testing.assert_array_equal(found.result()[0], alone[0])
                    np.testing.assert_array_equal(found.result()[1], alone[1])
    finally:
        sys.setswitchinterval(before)
