"""Where words stand in documents, in memory: phrases, and words of the title, without a look at the texts."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from codomain.analyzer import Analyzer
from codomain.analyzer.words import words
from codomain.arrays import Rows

_GAP = -1
"""Stands between two texts: no phrase goes from one to the next."""


class Sequences:
    """Titles and texts of documents as numbers of words, and of each word the places where it stands.

    Words with the same forms have one number; stop words have numbers, too. Eight bytes a word.

    >>> found = Sequences(Analyzer(), [(7, "Red foxes", "The quick red fox"), (9, "", "a fox is red")])
    >>> found.documents("red fox"), found.documents("red fox", title=True), found.documents("is")
    (array([7]), array([7]), array([9]))
    """

    def __init__(self, analyzer: Analyzer, documents: Iterable[tuple[int, str, str]]) -> None:
        self._analyzer = analyzer
        self._by_form: dict[str, list[int]] = {}
        self._numbers: dict[tuple[str, ...], int] = {}
        flat, starts, owners, titles = array("i"), array("q"), array("q"), array("b")
        words_of: dict[str, int] = _Words(self)
        for number, title, text in documents:
            for part, is_title in ((title, True), (text, False)):
                starts.append(len(flat))
                owners.append(number)
                titles.append(is_title)
                if part.isascii():
                    flat.extend(map(words_of.__getitem__, words(part)))
                else:
                    flat.extend(map(self._number, analyzer.sequence(part)))
                flat.append(_GAP)
        self._starts, self._owners = np.array(starts, np.int64), np.array(owners, np.int64)
        self._titles = np.array(titles, bool)
        # places in the order of the numbers of their words, those of one word ascending
        numbers = np.array(flat, np.int32)
        self._places = np.argsort(numbers, kind="stable").astype(np.int32 if len(numbers) < 1 << 31 else np.int64)
        self._begins = np.concatenate([[0], np.cumsum(np.bincount(numbers + 1, minlength=len(self._numbers) + 1))])

    def documents(self, phrase: str, title: bool = False) -> Rows:
        """The numbers of the documents, ascending, in which the words of a text follow each other; in the title alone."""
        asked = [
            sorted({*chain.from_iterable(self._by_form.get(form, ()) for form in forms)})
            for forms in self._analyzer.sequence(phrase)
        ]
        # where a phrase would begin, by each of its words
        begins = [self._of(numbers) - i for i, numbers in enumerate(asked)]
        if not begins:
            return np.zeros(0, np.int64)
        begins.sort(key=len)
        found = begins[0]
        for other in begins[1:]:
            if not len(other):
                return np.zeros(0, np.int64)
            found = found[other[np.minimum(np.searchsorted(other, found), len(other) - 1)] == found]
        texts = np.searchsorted(self._starts, found, side="right") - 1
        return np.unique(self._owners[texts[self._titles[texts]] if title else texts])

    @property
    def nbytes(self) -> int:
        """Bytes of the places and what says whose they are."""
        return sum(held.nbytes for held in (self._places, self._begins, self._starts, self._owners, self._titles))

    def _number(self, forms: tuple[str, ...]) -> int:
        """The number of a word by its forms."""
        number = self._numbers.get(forms)
        if number is None:
            number = self._numbers[forms] = len(self._numbers)
            for form in forms:
                self._by_form.setdefault(form, []).append(number)
        return number

    def _of(self, numbers: list[int]) -> NDArray[np.int64]:
        """The places of some words, ascending."""
        spans = [self._places[self._begins[number + 1] : self._begins[number + 2]] for number in numbers]
        if not spans:
            return np.zeros(0, np.int64)
        return np.asarray(spans[0] if len(spans) == 1 else np.sort(np.concatenate(spans)), np.int64)


class _Words(dict[str, int]):
    """Words of plain ASCII to their numbers."""

    def __init__(self, sequences: Sequences) -> None:
        self._sequences = sequences

    def __missing__(self, word: str) -> int:
        (forms,) = self._sequences._analyzer.sequence(word)
        number = self[word] = self._sequences._number(forms)
        return number
