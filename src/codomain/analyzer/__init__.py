"""Text to terms for lexical search, one way for all of it; its version is part of what lexical indexes are known by.

terms.py          `Analyzer`: the terms of documents and queries; `Vocabulary`: terms as numbers
forms.py          one form for every way to write a word: Unicode, case, invisible characters, accents
words.py          where words are, and how scripts without spaces are cut
characters.py     classes of characters
syntax.py         the query syntax: phrases, +must, -not, begin*, title:word
tokens.py         how many tokens a text has, without a tokenizer
language.py       which language texts are in
earlier.py        the first version, for vectors that were stored with it
stop_words.py     stop words by language; stop_words.txt holds them
"""

from __future__ import annotations

from codomain.analyzer.stop_words import STOP_WORDS
from codomain.analyzer.terms import VERSION, Analyzer, QueryTerm, Vocabulary
from codomain.analyzer.words import words

__all__ = ["STOP_WORDS", "VERSION", "Analyzer", "QueryTerm", "Vocabulary", "words"]
