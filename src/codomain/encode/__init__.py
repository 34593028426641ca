"""Data to vectors.

text/      texts: a bundled table of token rows, models of sentence-transformers, hashed words and n-grams
words/     texts by vectors of their words
given.py   vectors of one's own
frozen.py  an encoder as it was when its vectors were stored
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {
    "GivenVectors": "codomain.encode.given",
    "StaticEncoder": "codomain.encode.text.static",
    "VectorFileEncoder": "codomain.encode.words.vectorfile",
    "TransformerEncoder": "codomain.encode.text.transformer",
    "MiniLMEncoder": "codomain.encode.text.transformer",
    "LateEncoder": "codomain.encode.text.late",
    "CharNGramEncoder": "codomain.encode.text.lexical",
    "BagOfWordsEncoder": "codomain.encode.text.lexical",
    "SpladeEncoder": "codomain.encode.text.splade",
}
__all__ = [
    "BagOfWordsEncoder",
    "CharNGramEncoder",
    "GivenVectors",
    "LateEncoder",
    "MiniLMEncoder",
    "SpladeEncoder",
    "StaticEncoder",
    "TransformerEncoder",
    "VectorFileEncoder",
]

__getattr__, __dir__ = exports(__name__, _HOMES)
