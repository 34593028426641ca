"""Data to vectors.

text/      texts: a bundled table of token rows, models of sentence-transformers, hashed words and n-grams
onnx/      texts, by exported models and onnxruntime
words/     texts by vectors of their words
hosted.py  texts, by a server over HTTP
called.py  texts, by a function or an object of one's own
given.py   vectors of one's own
frozen.py  an encoder as it was when its vectors were stored
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {
    "CalledEncoder": "codomain.encode.called",
    "CohereEncoder": "codomain.encode.hosted",
    "HostedEncoder": "codomain.encode.hosted",
    "OllamaEncoder": "codomain.encode.hosted",
    "OpenAIEncoder": "codomain.encode.hosted",
    "TEIEncoder": "codomain.encode.hosted",
    "TEISparseEncoder": "codomain.encode.hosted",
    "TEITokensEncoder": "codomain.encode.hosted",
    "VoyageEncoder": "codomain.encode.hosted",
    "GivenVectors": "codomain.encode.given",
    "StaticEncoder": "codomain.encode.text.static",
    "VectorFileEncoder": "codomain.encode.words.vectorfile",
    "TransformerEncoder": "codomain.encode.text.transformer",
    "MiniLMEncoder": "codomain.encode.text.transformer",
    "OnnxEncoder": "codomain.encode.onnx.encoder",
    "LateEncoder": "codomain.encode.text.late",
    "CharNGramEncoder": "codomain.encode.text.lexical",
    "BagOfWordsEncoder": "codomain.encode.text.lexical",
    "SpladeEncoder": "codomain.encode.text.splade",
}
__all__ = [
    "BagOfWordsEncoder",
    "CalledEncoder",
    "CharNGramEncoder",
    "CohereEncoder",
    "GivenVectors",
    "HostedEncoder",
    "LateEncoder",
    "MiniLMEncoder",
    "OllamaEncoder",
    "OnnxEncoder",
    "OpenAIEncoder",
    "SpladeEncoder",
    "StaticEncoder",
    "TEIEncoder",
    "TEISparseEncoder",
    "TEITokensEncoder",
    "TransformerEncoder",
    "VectorFileEncoder",
    "VoyageEncoder",
]

__getattr__, __dir__ = exports(__name__, _HOMES)
