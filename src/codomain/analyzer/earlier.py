"""The words and terms of the first version, for vectors that were stored with it: what is stored is asked as it was made."""

from __future__ import annotations

import re
from typing import Any

from codomain.analyzer.stop_words import STOP_WORDS

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


class FirstAnalyzer:
    """Words in lower case, without English stop words, stemmed; no Unicode form, a combining mark ends a word.

    >>> FirstAnalyzer("english").term("Cats")
    'cat'
    """

    def __init__(self, stemmer: str | None) -> None:
        self._stem: Any = None
        if stemmer is not None:
            import Stemmer

            self._stem = Stemmer.Stemmer(stemmer).stemWord

    def words(self, text: str) -> list[str]:
        """The words of a text as they are written."""
        return _WORD.findall(text)

    def term(self, word: str) -> str | None:
        """The term of one word; None for a stop word."""
        word = word.lower()
        if word in STOP_WORDS:
            return None
        return self._stem(word) if self._stem else word
