"""Text to sparse vectors without learning: hashed character n-grams (`ngrams`), hashed word counts (`words`).

Both look every word up in a table of its buckets and their weights, so a word is hashed once however often it occurs;
a text is the sum of the rows of its words.
"""

from __future__ import annotations

import hashlib
import unicodedata
import zlib
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Literal

import numpy as np

from codomain.analyzer import VERSION, Analyzer
from codomain.analyzer.earlier import FirstAnalyzer
from codomain.analyzer.forms import folded, normal
from codomain.analyzer.words import is_run, letters, pieces
from codomain.analyzer.words import words as split_words
from codomain.encode.text.encoder import ReadsText
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import check_float, check_int

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_TOKENS = 1 << 17
"""Words, of eight letters at most, of the texts that are summed at a time: bounds the memory of the sort."""
_REMEMBERED = 1 << 24
"""Entries after which the table starts again: a stream of ever new words does not fill the memory."""
_LOCK = Lock()
"""Held while words are looked up: a table is shared by all threads that encode."""
_MOST_DIMENSIONS = 1 << 31
_TERM = "\0"
"""What begins a piece that is a term as it stands."""
_SINCE_2 = ("stop_words", "marks")
"""Arguments that encoders whose texts had no form yet did not have."""


class _Table(dict[str, int]):
    """Words to row numbers of a ragged table of buckets and weights; a row is made when its word is first met."""

    def __init__(self, encoder: HashedText) -> None:
        self._encoder = encoder
        self._buckets, self._weights, self._ends = array("i"), array("f"), array("q", [0])

    def __missing__(self, word: str) -> int:
        for bucket, weight in self._encoder.buckets(word):
            self._buckets.append(bucket)
            self._weights.append(weight)
        self._ends.append(len(self._buckets))
        self[word] = found = len(self._ends) - 2
        return found

    @property
    def entries(self) -> int:
        """Entries of all rows and the rows themselves."""
        return len(self._buckets) + len(self)

    def rows(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows of some words one after the other: buckets, weights, and the entries of each word."""
        ends = np.frombuffer(self._ends, np.int64)
        lengths = ends[numbers + 1] - ends[numbers]
        places = np.repeat(ends[numbers] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        buckets = np.frombuffer(self._buckets, np.int32) if self._buckets else np.zeros(0, np.int32)
        weights = np.frombuffer(self._weights, np.float32) if self._weights else np.zeros(0, np.float32)
        return buckets[places], weights[places], lengths


class HashedText(ReadsText):
    """What `char_ngrams()` and `bag_of_words()` share: texts (n,) to `csr_array` float32 (n, dim)."""

    dim: int

    def buckets(self, word: str) -> Iterator[tuple[int, float]]:
        """The buckets that a word adds to, with its weights; a bucket may come twice."""
        raise NotImplementedError

    def _pieces(self, text: str, query: bool = False) -> list[str]:
        raise NotImplementedError

    def _values(self, sums: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
        """The entries of n vectors from the sums of their weights, each with its row."""
        return sums

    def output_dim(self, dim: int | None) -> int | None:
        """Always `dim`."""
        return self.dim

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the arguments: nothing else decides a vector."""
        arguments = self.get_params()
        if self.text_version == 1:
            arguments = {name: value for name, value in arguments.items() if name not in _SINCE_2}
        made_of = f"{self.formerly or self.name} 1 {sorted(arguments.items())}"
        if self.text_version > 1:
            made_of = f"{self._stamped(made_of)} analyzer={VERSION}"
        return hashlib.sha256(made_of.encode()).hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> csr_array:
        """Sparse vectors (n, dim), indices sorted; `progress` after each chunk."""
        return self._encode(texts, False, progress)

    def encode_queries(self, texts: Sequence[str], progress: Progress | None = None) -> csr_array:
        """The same vectors as those of documents; of scripts without spaces only pairs of letters are asked for."""
        return self._encode(texts, True, progress)

    def _encode(self, texts: Sequence[str], query: bool, progress: Progress | None) -> csr_array:
        from scipy.sparse import csr_array

        indices, values, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.float32)], [np.zeros(1, np.int64)]
        advance = counter(progress, "encoding", len(texts))
        for chunk in self._chunks(texts, query):
            buckets, sums, rows = self._sums(chunk)
            indices.append(buckets)
            values.append(self._values(sums, rows, len(chunk)).astype(np.float32))
            lengths.append(np.bincount(rows, minlength=len(chunk)))
            advance(len(chunk))
        indptr = np.cumsum(np.concatenate(lengths))
        if indptr[-1] < _MOST_DIMENSIONS:
            indptr = indptr.astype(np.int32)
        vectors = csr_array((np.concatenate(values), np.concatenate(indices), indptr), shape=(len(texts), self.dim))
        vectors.has_canonical_format = True
        return vectors

    def _chunks(self, texts: Sequence[str], query: bool) -> Iterator[list[list[str]]]:
        chunk: list[list[str]] = []
        tokens = 0
        for text in texts:
            chunk.append(self._pieces(text, query))
            tokens += max(len(chunk[-1]), len(text) // 8)
            if tokens >= _TOKENS or len(chunk) == 8192:
                yield chunk
                chunk, tokens = [], 0
        if chunk:
            yield chunk

    def _sums(self, chunk: list[list[str]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Buckets, sums of weights and rows of the texts' vectors, by row and bucket."""
        sizes = [len(words) for words in chunk]
        with _LOCK:
            table: _Table | None = self.__dict__.get("_table")
            if table is None or table.entries > _REMEMBERED:
                table = self.__dict__["_table"] = _Table(self)
            look_up = table.__getitem__
            numbers = np.fromiter((look_up(word) for words in chunk for word in words), np.int64, sum(sizes))
            buckets, weights, lengths = table.rows(numbers)
        # one sort puts what goes to the same bucket of the same text side by side
        keys = np.repeat(np.repeat(np.arange(len(chunk)), sizes), lengths) << 32
        keys |= buckets
        order = np.argsort(keys)
        keys = keys[order]
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        sums = np.add.reduceat(weights[order], starts, dtype=np.float64) if len(starts) else np.zeros(0)
        found = keys[starts]
        return (found & 0xFFFFFFFF).astype(np.int32), sums, found >> 32


@stage("char_ngrams", modalities=["text"], gives="sparse", papers=(107,), formerly="ngrams")
class CharNGramEncoder(HashedText):
    """Character n-grams of boundary-marked words, hashed and damped: lexical vectors that forgive endings and typos.

    "Beyond the Geometric Curse: High-Dimensional N-Gram Hashing for Dense Retrieval" (2025). Each word is written ^word$;
    each of its n-grams adds the weight of its length to the bucket CRC-32(gram) mod `dim`; sums are damped by log(1 + v)
    (`saturate=None`: not) and rows have length one. Words are in the form of `bm25()`: NFKC, case folded, without
    invisible characters; a word with accents adds its grams with and without them. They are hashed as UTF-8.
    `split="words"` cuts at white space; "stream" takes a text as one run, for scripts without spaces (then
    `ngrams=(1, 2, 3)` is sensible). Nothing is learnt: on paraphrases it loses to any dense encoder, beside one it adds
    names and rare words. The query side's idf is the index's: `char_ngrams() >> sparse(weighting="idf")`.

    >>> vectors = CharNGramEncoder().encode_documents(["a red fox", "foxes", "whale"])
    >>> (vectors @ vectors.T).toarray().round(2)[0]
    array([1.  , 0.14, 0.  ], dtype=float32)
    """

    def __init__(
        self,
        dim: int = 32768,
        ngrams: Sequence[int] = (3, 4, 5),
        weights: Sequence[float] = (1, 5, 10),
        saturate: Literal["log1p"] | None = "log1p",
        strip_punctuation: bool = True,
        split: Literal["words", "stream"] = "words",
    ) -> None:
        self.dim = check_int("dim", dim, 1, _MOST_DIMENSIONS - 1)
        if not isinstance(ngrams, (tuple, list)) or not isinstance(weights, (tuple, list)):
            raise ValueError(f"needs lists of ngrams and weights, not {ngrams!r} and {weights!r}")
        self.ngrams = tuple(check_int("each of ngrams", n, 1, 64) for n in ngrams)
        self.weights = tuple(check_float("each of weights", weight) for weight in weights)
        if len(self.weights) != len(self.ngrams) or len({*self.ngrams}) != len(self.ngrams) or not self.ngrams:
            raise ValueError(f"needs one weight for each different length in ngrams, not {weights!r} for {ngrams!r}")
        if saturate not in ("log1p", None):
            raise ValueError(f"needs saturate to be 'log1p' or None, not {saturate!r}")
        if split not in ("words", "stream"):
            raise ValueError(f"needs split to be 'words' or 'stream', not {split!r}")
        if not isinstance(strip_punctuation, bool):
            raise ValueError(f"needs strip_punctuation to be True or False, not {strip_punctuation!r}")
        self.saturate, self.strip_punctuation, self.split = saturate, strip_punctuation, split

    def buckets(self, word: str) -> Iterator[tuple[int, float]]:
        """The bucket and weight of each n-gram of a word, or of a whole text where it is one stream."""
        if self.text_version == 1:
            yield from self._grams(unicodedata.normalize("NFC", word.lower()))
            return
        word = normal(word)
        yield from self._grams(word)
        if not word.isascii() and (plain := folded(word)) != word:
            yield from self._grams(plain)

    def _grams(self, word: str) -> Iterator[tuple[int, float]]:
        if self.strip_punctuation and not word.isalnum():
            word = _stripped(word) if self.split == "words" else _without_punctuation(word)
        if not word:
            return
        if self.split == "words":
            word = f"^{word}$"
        crc, dim = zlib.crc32, self.dim
        for n, weight in zip(self.ngrams, self.weights, strict=True):
            for start in range(len(word) - n + 1):
                # h(g) = CRC32(g) mod D
                yield crc(word[start : start + n].encode("utf-8", "replace")) % dim, weight

    def _pieces(self, text: str, query: bool = False) -> list[str]:
        return text.split() if self.split == "words" else [" ".join(text.split())]

    def _values(self, sums: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
        values = np.log1p(sums) if self.saturate else sums
        norms = np.sqrt(np.bincount(rows, values * values, minlength=n))
        return np.asarray(np.divide(values, norms[rows], out=np.zeros_like(values), where=norms[rows] > 0))


@stage("bag_of_words", modalities=["text"], gives="sparse", formerly="words")
class BagOfWordsEncoder(HashedText):
    """How often each word occurs, words hashed to `dim` buckets: what `sparse(weighting="bm25")` needs for BM25.

    Words are those of `bm25()`: in one Unicode form, without the stop words of the language, stemmed (`stemmer` is a
    Snowball language, or None; `stop_words` and `marks` as there). A word's bucket is CRC-32 of its UTF-8 form mod `dim`;
    words that share a bucket are one to the index.

    >>> BagOfWordsEncoder(dim=1000).encode_documents(["two cats and a cat"]).data
    array([1., 2.], dtype=float32)
    """

    def __init__(
        self,
        stemmer: str | None = "english",
        dim: int = 1 << 20,
        stop_words: str | Sequence[str] | None = "language",
        marks: Literal["fold", "keep"] = "fold",
    ) -> None:
        self.stemmer, self.dim = stemmer, check_int("dim", dim, 1, _MOST_DIMENSIONS - 1)
        self.stop_words, self.marks = stop_words, marks
        self._analyzer = Analyzer(stemmer, stop_words, marks)

    def buckets(self, word: str) -> Iterator[tuple[int, float]]:
        """The bucket of each term of a word; none for a stop word."""
        if self.text_version == 1:
            term = self._first.term(word)
            found = [] if term is None else [term]
        else:
            found = [word[1:]] if word.startswith(_TERM) else self._analyzer.of_word(word)
        for term in found:
            yield zlib.crc32(term.encode("utf-8", "replace")) % self.dim, 1.0

    @cached_property
    def _first(self) -> FirstAnalyzer:
        return FirstAnalyzer(self.stemmer)

    def _pieces(self, text: str, query: bool = False) -> list[str]:
        if self.text_version == 1:
            return self._first.words(text)
        found = split_words(text)
        if text.isascii() or not any(map(is_run, found)):
            return found
        # hardly any run comes twice: its letters and pairs are looked up one by one
        return [
            piece
            for word in found
            for piece in ([_TERM + p for p in pieces(letters(normal(word)), query)] if is_run(word) else (word,))
        ]


def _stripped(word: str) -> str:
    """A word without punctuation and symbols at its ends; combining marks, which end words of many scripts, stay."""
    start, end = 0, len(word)
    while start < end and _is_punctuation(word[start]):
        start += 1
    while end > start and _is_punctuation(word[end - 1]):
        end -= 1
    return word[start:end]


def _without_punctuation(text: str) -> str:
    return " ".join("".join(" " if _is_punctuation(c) else c for c in text).split())


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PSZC"
