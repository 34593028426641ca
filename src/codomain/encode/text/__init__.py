"""Texts to vectors.

static.py       mean of token rows; ships with codomain, needs neither download nor torch
tokens.py       the tokens of texts with their places
wordpiece.py    the tokenizer of static tables, one dictionary look-up a word
tensors.py      safetensors files as memory maps
transformer.py  `st(name)` for any sentence-transformers model, `minilm()` for all-MiniLM-L6-v2
minilm_weights.py  where its weights are: the hub's cache, a package, the hub
lexical.py      hashed character n-grams and hashed word counts: sparse, nothing learnt
splade.py       `splade(name)`: any sparse encoder of sentence-transformers
late.py         `late(name)`: one vector a token
models.py       models of sentence-transformers, loaded once in a process
backends.py     what runs a model: PyTorch in float32 or bfloat16, or onnxruntime, by measured speed
batched.py      how many texts a model is given at once
window.py       how many tokens an encoder reads, and a warning where it is given more
encoder.py      what encoders share: how texts are read, an argument `dim` that may be left open
data/static/    the bundled table, its tokenizer and where it comes from
"""
