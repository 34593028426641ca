"""Which language texts are in, by their stop words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from codomain.analyzer.forms import normal
from codomain.analyzer.stop_words import languages, stop_words
from codomain.analyzer.words import words

SAMPLE = 1_000
"""Texts that decide; later ones change nothing."""

_CHARACTERS = 2_000
_LEAST_WORDS = 12
_LEAST_SHARE = 0.2


class Evidence(Counter[str]):
    """How many words of some texts are stop words of each language; "" counts all words.

    >>> evidence = Evidence()
    >>> evidence.read(["Der Hund und die Katze sind nicht in dem Haus, aber der Vogel ist es."] * 3)
    >>> evidence.language
    'german'
    """

    def read(self, texts: Iterable[str]) -> None:
        """Count the words of more texts, of long ones those at the start."""
        for text in texts:
            found = Counter(normal(word) for word in words(text[:_CHARACTERS]))
            self[""] += found.total()
            for language in languages():
                inside = stop_words(language)
                self[language] += sum(times for word, times in found.items() if word in inside)

    @property
    def language(self) -> str | None:
        """The language with the most stop words; None where there are too few of any to tell."""
        best = max(languages(), key=lambda language: self[language])
        enough = self[""] >= _LEAST_WORDS and self[best] >= _LEAST_SHARE * self[""]
        return best if enough else None
