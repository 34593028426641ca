"""Text to terms for lexical search: Unicode words and numbers, lower-cased, without English stop words, stemmed."""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
"""A run of letters and digits; Chinese and Japanese, written without spaces, give one word per character."""

_ASCII = str.maketrans({chr(i): chr(i).lower() if chr(i).isalnum() else " " for i in range(128)})
"""The same words for plain ASCII, by `translate` and `split`: four times as fast as the regular expression."""

_STOP_WORDS = """
a an and are as at be but by for from had has have he her his i if in into is it its not of on or our she so such than
that the their them then there these they this those to was we were what when where which who why will with would you
your s t
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


class Analyzer:
    """Words of a text as the terms that are indexed; `stemmer` is a Snowball language, or None to keep words whole.

    >>> Analyzer().terms("The cats' 3 licences for x86_64")
    ['cat', '3', 'licenc', 'x86', '64']
    >>> Analyzer().spans("Renewing it")
    [('renew', 0, 8)]
    """

    def __init__(self, stemmer: str | None = "english") -> None:
        self._stem = None
        if stemmer is not None:
            import Stemmer

            if stemmer not in Stemmer.algorithms():
                raise ValueError(f"needs a stemmer among {', '.join(Stemmer.algorithms())}, not {stemmer!r}")
            self._stem = Stemmer.Stemmer(stemmer).stemWord

    def terms(self, text: str) -> list[str]:
        """The terms of a text, in order, with repetitions."""
        return [term for word in words(text) if (term := self.term(word)) is not None]

    def spans(self, text: str) -> list[tuple[str, int, int]]:
        """Each term with where its word starts and ends in the text: what a snippet highlights."""
        found = ((self.term(m.group()), m.start(), m.end()) for m in _WORD.finditer(text))
        return [(term, start, end) for term, start, end in found if term is not None]

    def term(self, word: str) -> str | None:
        """The term of one word; None for a stop word."""
        word = word.lower()
        if word in STOP_WORDS:
            return None
        return self._stem(word) if self._stem else word


def words(text: str) -> list[str]:
    """The words of a text before stop words and stems; their case is as it comes.

    >>> words("state-of-the-art 東京")
    ['state', 'of', 'the', 'art', '東', '京']
    """
    return text.translate(_ASCII).split() if text.isascii() else _WORD.findall(text)


class Vocabulary(dict[str, int]):
    """Words to term numbers, grown by looking up: a word is analysed once, -1 stands for a stop word."""

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._numbers: dict[str, int] = {}

    def __missing__(self, word: str) -> int:
        term = self._analyzer.term(word)
        number = -1 if term is None else self._numbers.setdefault(term, len(self._numbers))
        self[word] = number
        return number

    def numbers(self, texts: Iterator[str]) -> Iterator[list[int]]:
        """The term numbers of each text."""
        for text in texts:
            yield list(map(self.__getitem__, words(text)))

    @property
    def terms(self) -> list[str]:
        """Terms by number."""
        return list(self._numbers)
