"""Words to terms: normal form, accents folded, without stop words, stemmed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from codomain.analyzer.forms import folded, normal
from codomain.analyzer.stop_words import stop_words
from codomain.analyzer.words import is_run, letter_places, letters, pieces, places, words

VERSION = 2
"""Counted up with every change of what is indexed: an index of another version is made again."""

Marks = Literal["fold", "keep"]

EXACT = 0.25
"""What a word counts, beside its form without accents, for a document that has it with the same accents."""


class QueryTerm(NamedTuple):
    """A word of a query: the best of `forms` counts, and `exact` adds a little where the accents agree, too."""

    forms: tuple[str, ...]
    exact: str | None = None


class Analyzer:
    """Words of a text as the terms that are indexed.

    `stemmer` is a Snowball language, or None to keep words whole. `stop` are the words that are no terms: a language's
    list, a list of words, None for none; by default those of the stemmer's language. With `marks="fold"` a word with
    accents is found with and without them, see `codomain.analyzer.forms.folded`; with "keep" as it is written only.

    >>> Analyzer().terms("The cats' 3 licences for x86_64")
    ['cat', '3', 'licenc', 'x86', '64']
    >>> Analyzer("french").terms("Les cafés de Nîmes")
    ['caf', 'cafés', 'nim', 'nîm']
    >>> Analyzer().spans("Renewing it")
    [('renew', 0, 8)]

    Raises ValueError, worded as what a stage needs, for an unknown language.
    """

    def __init__(
        self,
        stemmer: str | None = "english",
        stop: str | Sequence[str] | None = "language",
        marks: Marks = "fold",
    ) -> None:
        self._stem: Any = None
        if marks not in ("fold", "keep"):
            raise ValueError(f"needs marks to be 'fold' or 'keep', not {marks!r}")
        self.marks = marks
        if stemmer is not None:
            import Stemmer

            if stemmer not in Stemmer.algorithms():
                raise ValueError(f"needs a stemmer among {', '.join(Stemmer.algorithms())}, not {stemmer!r}")
            self._stem = Stemmer.Stemmer(stemmer).stemWord
        self.stop = _stop_words(stop, stemmer)

    def terms(self, text: str) -> list[str]:
        """The terms of a text, in order, with repetitions, as a document is indexed by them."""
        return [term for word in words(text) for term in self.of_word(word)]

    def query(self, text: str) -> list[QueryTerm]:
        """The words of a query, in order, with repetitions."""
        return [found for word in words(text) for found in self.query_word(word)]

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """Each term with where its word starts and ends in the text: what a snippet highlights."""
        found: list[tuple[str, int, int]] = []
        for word, start, end in places(text):
            if is_run(word):
                found += ((term, start + a, start + b) for term, a, b in _spans_of_run(word))
            else:
                found += ((term, start, end) for term in self.of_word(word))
        return found

    def of_word(self, word: str) -> list[str]:
        """The terms of one word of `words`: none for a stop word, several for a word with accents or a run of letters."""
        if word.isascii():
            term = self._plain(word.lower())
            return [] if term is None else [term]
        found: list[str] = []
        for part in words(normal(word)):
            if is_run(part):
                found += pieces(letters(part))
            elif part not in self.stop:
                forms, exact = self._forms(part)
                found += [*forms, *([exact] if exact is not None else ())]
        return found

    def query_word(self, word: str) -> list[QueryTerm]:
        """What one word of a query asks for."""
        if word.isascii():
            term = self._plain(word.lower())
            return [] if term is None else [QueryTerm((term,), None)]
        found: list[QueryTerm] = []
        for part in words(normal(word)):
            if is_run(part):
                found += [QueryTerm((piece,)) for piece in pieces(letters(part), query=True)]
            elif part not in self.stop:
                found.append(QueryTerm(*self._forms(part)))
        return found

    def sequence(self, text: str) -> list[tuple[str, ...]]:
        """The forms of each word or letter of a text, stop words too, in order: what phrases are compared in.

        >>> Analyzer().sequence("To be a café")
        [('to',), ('be',), ('a',), ('cafe',)]
        """
        found: list[tuple[str, ...]] = []
        for word in words(text):
            for part in (word.lower(),) if word.isascii() else words(normal(word)):
                found += [(letter,) for letter in letters(part)] if is_run(part) else [self._forms(part)[0]]
        return found

    def _plain(self, word: str) -> str | None:
        if word in self.stop:
            return None
        return self._stem(word) if self._stem else word

    def _forms(self, word: str) -> tuple[tuple[str, ...], str | None]:
        """The forms of a word in normal form that stand for each other, and the one with its accents."""
        stem = self._stem(word) if self._stem else word
        if word.isascii() or self.marks == "keep":
            return (stem,), None
        plain = folded(word)
        if plain == word:
            return (stem,), None
        # endings are told by their accents in some languages; who leaves the accents out is to find the word all the same
        other = self._stem(plain) if self._stem else plain
        first = folded(stem)
        exact = stem if stem not in (first, other) else word
        return (first, other) if first != other else (first,), exact


def _spans_of_run(run: str) -> list[tuple[str, int, int]]:
    """The pieces of a run with where they are in it; in all of it where its normal form has other letters."""
    units, spans = letters(normal(run)), letter_places(run)
    if len(units) != len(spans):
        return [(term, 0, len(run)) for term in pieces(units)]
    pairs = [(a, b) for (a, _), (_, b) in pairwise(spans)]
    return [(term, a, b) for term, (a, b) in zip(pieces(units), spans + pairs, strict=True)]


def _stop_words(stop: str | Sequence[str] | None, stemmer: str | None) -> frozenset[str]:
    if stop is None:
        return frozenset()
    if isinstance(stop, str):
        return stop_words(stemmer if stop == "language" else stop)
    return frozenset(normal(word) for word in stop)


class Vocabulary(dict[str, int]):
    """Words to term numbers, grown by looking up: a word is analyzed once, -1 stands for a stop word."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._numbers: dict[str, int] = {}
        self._several: dict[str, list[int]] = {}

    def __missing__(self, word: str) -> int:
        """The number of a word of plain ASCII, which has one term at most."""
        number = next(iter(self._of_word(word)), -1)
        self[word] = number
        return number

    def numbers(self, texts: Iterator[str]) -> Iterator[list[int]]:
        """The term numbers of each text."""
        for text in texts:
            found = words(text)
            yield list(map(self.__getitem__, found)) if text.isascii() else self._of_all(found)

    def _of_all(self, found: Sequence[str]) -> list[int]:
        """The term numbers of words in any script and case."""
        numbers: list[int] = []
        for word in found:
            number = self.get(word)
            if number is not None:
                numbers.append(number)
            else:
                numbers += self._of_any(word)
        return numbers

    def _of_any(self, word: str) -> list[int]:
        if word.isascii():
            self[word] = self[word.lower()]
            return [self[word]]
        if is_run(word):  # hardly any run comes twice
            return self._of_word(word)
        if word not in self._several:
            self._several[word] = self._of_word(word)
            if len(self._several[word]) == 1:
                (self[word],) = self._several.pop(word)
                return [self[word]]
        return self._several[word]

    def _of_word(self, word: str) -> list[int]:
        return [self._numbers.setdefault(term, len(self._numbers)) for term in self._analyzer.of_word(word)]

    @property
    def terms(self) -> list[str]:
        """Terms by number."""
        return list(self._numbers)
