"""The mean of the token embeddings that MiniLM begins with: vectors that nobody trained for similarity."""

from __future__ import annotations

import numpy as np

from codomain.encode.text.transformer import minilm_folder


def mean_tokens(texts: list[str]) -> np.ndarray:
    """The mean of MiniLM's input embeddings of a text's first 128 tokens, float32 (n, 384)."""
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    path = minilm_folder("minilm()")
    weights = load_file(f"{path}/model.safetensors")
    rows = next(v for k, v in weights.items() if k.endswith("word_embeddings.weight"))
    tokenizer = Tokenizer.from_file(f"{path}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(128)
    return np.stack([rows[e.ids].mean(axis=0) for e in tokenizer.encode_batch(texts)]).astype(np.float32)
