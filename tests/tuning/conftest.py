"""An encoder that takes its time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import numpy as np

from codomain.progress import Progress
from codomain.registry import stage
from codomain.stage import Stage


@stage("hashed_slowly", modalities=["text"], gives="dense")
class HashedSlowly(Stage):
    """Ten texts a second."""

    dim = 8

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(b"slowly").hexdigest()

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        time.sleep(len(texts) / 10)
        return np.ones((len(texts), self.dim), np.float32)

    encode_queries = encode_documents
