"""A teacher's vectors of many texts, computed once: shards on disk in float16, so that long work can be stopped and resumed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from codomain.devices.batches import Batches

Progress = Callable[[int, int], None]


class TeacherCache:
    """Embeds texts with a sentence-transformers model and keeps the vectors under `folder`.

    The key of a shard is the hash of the teacher's name, the length limit and the shard's texts, so a changed list of
    texts only costs the shards that changed. float16 vectors are normalised again when they are read: their rounding
    would otherwise move the optimum of the LEAF loss.
    """

    def __init__(self, model: Any, name: str, folder: str | Path, max_tokens: int = 128, shard: int = 20_000) -> None:
        self.model, self.name, self.folder = model, name, Path(folder)
        self.max_tokens, self.shard = max_tokens, shard
        self.batches = Batches(64, f"the teacher {name}")
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, texts: Sequence[str]) -> Path:
        """Where the vectors of these texts are kept."""
        digest = hashlib.sha256(f"{self.name}\0{self.max_tokens}\0".encode() + "\0".join(texts).encode())
        return self.folder / f"{digest.hexdigest()[:24]}.npy"

    def embed(self, texts: Sequence[str], progress: Progress | None = None) -> np.ndarray:
        """Unit vectors, float32 (n, dim), in the order of the texts; `progress(done, total)` after every shard."""
        parts = []
        for start in range(0, len(texts), self.shard):
            part = texts[start : start + self.shard]
            path = self.path(part)
            if not path.exists():
                self.model.max_seq_length = self.max_tokens

                def encode(size: int, part: Sequence[str] = part) -> Any:
                    return self.model.encode(
                        list(part), batch_size=size, normalize_embeddings=True, show_progress_bar=False
                    )

                vectors = self.batches.run(encode)
                unfinished = path.with_suffix(f".{os.getpid()}.npy")
                np.save(unfinished, vectors.astype(np.float16))
                unfinished.replace(path)  # a shard is there whole or not at all
            vectors = np.load(path).astype(np.float32)
            parts.append(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
            if progress:
                progress(min(start + self.shard, len(texts)), len(texts))
        return np.concatenate(parts) if parts else np.zeros((0, self.model.get_embedding_dimension()), np.float32)
