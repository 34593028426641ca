"""Data to vectors: the bundled static table, hashed words and n-grams, and models of sentence-transformers.

static.py       mean of token rows; ships with codomain, needs neither download nor torch
vectorfile.py   `vectorfile(path)`: mean of the word vectors of any vector file
wordpiece.py    the tokenizer of static tables, one dictionary look-up a word
tensors.py      safetensors files as memory maps
transformer.py  `st(name)` for any sentence-transformers model, `minilm()` for the one that a package carries
lexical.py      hashed character n-grams (`ngrams`) and hashed word counts (`words`): sparse, nothing learnt
splade.py       `splade(name)`: any sparse encoder of sentence-transformers
late.py         `late(name)`: one vector a token, of any of these models or of one trained for late interaction
data/static/    the bundled table, its tokenizer and where it comes from
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
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
    "LateEncoder",
    "MiniLMEncoder",
    "SpladeEncoder",
    "StaticEncoder",
    "TransformerEncoder",
    "VectorFileEncoder",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'codomain.encode' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
