"""Hashed n-grams and words against slow versions written from their definitions."""

import math
import re
import unicodedata
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import vstack

import codomain as cd
from codomain.analyzer import Analyzer
from codomain.encode.text import lexical
from codomain.encode.text.lexical import BagOfWordsEncoder, CharNGramEncoder
from codomain.errors import PipelineError

TEXTS = [
    "The red fox, the FOX!",
    "",
    "  ...  ",
    "naïve co\u0301te 東京タワー",
    "a 1st",
    "\ud800 lone",
    "हिन्दी की",
    "«Straße» 'isn't'",
]


def slow_ngrams(text: str, dim: int, ngrams, weights, saturate: bool, strip: bool) -> dict[int, float]:
    """One text, gram by gram: each word in its compatibility form, and once more without accents where it has some."""
    sums: Counter = Counter()
    words = [unicodedata.normalize("NFKC", word).casefold() for word in text.split()]
    plain = [re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", word)) for word in words]
    plain = [unicodedata.normalize("NFC", word) for word in plain]
    for word in [*words, *(other for word, other in zip(words, plain, strict=True) if other != word)]:
        while strip and word and unicodedata.category(word[0])[0] in "PSZC":
            word = word[1:]
        while strip and word and unicodedata.category(word[-1])[0] in "PSZC":
            word = word[:-1]
        if word:
            marked = "^" + word + "$"
            for n, weight in zip(ngrams, weights, strict=True):
                for i in range(len(marked) - n + 1):
                    sums[zlib.crc32(marked[i : i + n].encode("utf-8", "replace")) % dim] += weight
    values = {bucket: math.log1p(v) if saturate else v for bucket, v in sums.items()}
    length = math.sqrt(sum(v * v for v in values.values())) or 1.0
    return {bucket: v / length for bucket, v in values.items()}


@pytest.mark.parametrize("dim", [64, 32768])
@pytest.mark.parametrize("saturate", ["log1p", None])
@pytest.mark.parametrize("strip", [True, False])
def test_ngrams_are_those_of_the_definition(dim, saturate, strip):
    encoder = CharNGramEncoder(dim, (2, 4), (0.5, 3), saturate, strip)
    found = encoder.encode_documents(TEXTS)
    assert found.shape == (len(TEXTS), dim) and found.dtype == np.float32 and found.has_sorted_indices
    for row, text in enumerate(TEXTS):
        wanted = slow_ngrams(text, dim, (2, 4), (0.5, 3), saturate is not None, strip)
        span = slice(found.indptr[row], found.indptr[row + 1])
        assert dict(zip(found.indices[span].tolist(), found.data[span].tolist(), strict=True)) == pytest.approx(wanted)


@given(st.lists(st.text(max_size=40), max_size=6))
@settings(max_examples=80)
def test_any_text_has_a_vector_that_does_not_depend_on_its_company(texts):
    encoder = CharNGramEncoder(512)
    together = encoder.encode_documents(texts)
    for row, text in enumerate(texts):
        alone = CharNGramEncoder(512).encode_queries([text])
        assert (alone != together[[row]]).nnz == 0
        assert np.isclose(np.sqrt((alone.data.astype(np.float64) ** 2).sum()), 1 if alone.nnz else 0)


def test_composed_and_decomposed_letters_are_the_same_text():
    encoder = CharNGramEncoder()
    one, two = (encoder.encode_documents([unicodedata.normalize(form, "Ångström café")]) for form in ("NFC", "NFD"))
    assert (one != two).nnz == 0 and one.nnz > 20


def test_a_stream_has_no_boundaries_and_finds_parts_of_unspaced_text():
    encoder = CharNGramEncoder(ngrams=(1, 2), weights=(1, 2), split="stream")
    vectors = encoder.encode_documents(["私は東京タワーに行く。", "東京タワー", "大阪城"])
    similar = (vectors @ vectors.T).toarray()
    assert similar[0, 1] > 0.5 and similar[0, 2] == 0
    grams = {zlib.crc32(gram.encode()) % 32768 for gram in ("大", "阪", "城", "大阪", "阪城")}
    assert set(vectors[[2]].indices.tolist()) == grams
    assert (encoder.encode_documents([" a \n b"]) != encoder.encode_documents(["a b"])).nnz == 0


def test_chunks_and_a_table_that_starts_anew_change_nothing(monkeypatch):
    texts = [f"word{i} of {'long ' * (i % 7)}text number{i * 37}" for i in range(300)]
    whole = CharNGramEncoder().encode_documents(texts)
    monkeypatch.setattr(lexical, "_TOKENS", 50)
    monkeypatch.setattr(lexical, "_REMEMBERED", 20)
    done = []
    parts = CharNGramEncoder().encode_documents(texts, lambda _, n, total: done.append(n))
    assert (whole != parts).nnz == 0 and done[-1] == 300 and len(done) > 20


def test_threads_share_one_encoder():
    texts = [f"word{i} number{i * 7919}" for i in range(4000)]
    alone, shared = CharNGramEncoder().encode_documents(texts), CharNGramEncoder()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda start: shared.encode_queries(texts[start : start + 20]), range(0, 4000, 20)))
    assert (vstack(found).tocsr() != alone).nnz == 0


def test_words_are_counted_as_bm25_reads_them():
    texts = [*TEXTS, "cats and a cat's licences x86_64"]
    found = BagOfWordsEncoder(dim=5000).encode_documents(texts)
    for row, text in enumerate(texts):
        wanted = Counter(zlib.crc32(term.encode("utf-8", "replace")) % 5000 for term in Analyzer().terms(text))
        span = slice(found.indptr[row], found.indptr[row + 1])
        assert dict(zip(found.indices[span].tolist(), found.data[span].tolist(), strict=True)) == wanted
    whole = BagOfWordsEncoder(stemmer=None)
    assert whole.encode_queries(["licences"]).indices.tolist() == [zlib.crc32(b"licences") % (1 << 20)]


def test_the_fingerprint_follows_every_argument():
    changes = [
        {}, {"dim": 1024}, {"ngrams": (3, 4, 6)}, {"weights": (1, 1, 1)}, {"saturate": None},
        {"strip_punctuation": False}, {"split": "stream"},
    ]  # fmt: skip
    assert len({CharNGramEncoder(**change).fingerprint for change in changes}) == len(changes)
    assert CharNGramEncoder().fingerprint == cd.pipeline("char_ngrams()").stages[0].fingerprint
    bags = [{}, {"stemmer": None}, {"stop_words": None}, {"marks": "keep"}, {"dim": 99}]
    assert len({BagOfWordsEncoder(**change).fingerprint for change in bags}) == len(bags)


def test_expressions_are_read_back_and_wrong_arguments_refused():
    text = "char_ngrams(1024, ngrams=(2, 3), weights=(1, 2.5), split='stream')"
    assert str(cd.pipeline(text)) == text
    for wrong in (
        "dim=0", "ngrams=(3,)", "ngrams=(3, 3, 4)", "ngrams=3", "weights=(1, 2, -3)", "saturate='sqrt'", "split=''",
        "strip_punctuation=1",
    ):  # fmt: skip
        with pytest.raises(PipelineError, match=r"ngrams\(\) needs"):
            cd.pipeline(f"char_ngrams({wrong})")
    with pytest.raises(PipelineError, match="stemmer"):
        cd.pipeline("bag_of_words('klingon')")
