"""Small data of every kind and modality, the same in every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from codomain.arrays import Floats, Packed, Ragged, Rows
from codomain.codecs.codec import Codec
from codomain.items import Item, Media
from codomain.kinds import Modality
from codomain.registry import stage_class
from codomain.stage import Stage

DIM = 32
WORDS = ["river", "stone", "cloud", "bread", "engine", "violin", "harbor", "signal", "winter", "copper", "ladder", "meadow", "lantern", "orchard", "pebble", "thunder", "velvet", "compass", "feather", "granite", "island", "jacket", "kettle", "marble"]  # fmt: skip


def texts(n: int, seed: int = 0) -> list[str]:
    """Texts of eight of two dozen words."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, 8)) for _ in range(n)]


def dense(n: int, seed: int = 0, dim: int = DIM) -> Floats:
    """Points around centers (n, dim), as embeddings are; uniform noise would be a case that no index is made for."""
    centers = np.random.default_rng(99).standard_normal((20, dim))
    rng = np.random.default_rng(seed)
    return np.asarray(centers[rng.integers(20, size=n)] + 0.4 * rng.standard_normal((n, dim)), np.float32)


def ragged(n: int, seed: int = 0) -> Ragged:
    """Two to six vectors an item, of unit length."""
    lengths = np.random.default_rng(seed).integers(2, 7, n)
    values = dense(int(lengths.sum()), seed)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def sparse(n: int, seed: int = 0) -> Any:
    """Eight counts of 200 dimensions an item, as a csr_array."""
    from scipy.sparse import csr_array

    rng = np.random.default_rng(seed)
    columns = np.concatenate([np.sort(rng.choice(200, 8, replace=False)) for _ in range(n)] or [np.zeros(0, int)])
    values = rng.integers(1, 4, 8 * n).astype(np.float32)
    return csr_array((values, columns, np.arange(0, 8 * n + 1, 8)), shape=(n, 200))


def items(modalities: Sequence[Modality], n: int, seed: int = 0) -> list[Any]:
    """What an encoder of some modalities is given: texts, arrays, or items of both."""
    made = texts(n, seed)
    if tuple(modalities) == ("text",):
        return [*made]
    rng = np.random.default_rng(seed)
    media = [m for m in modalities if m != "text"]
    arrays = [_array(media[0], rng) for _ in range(n)]
    if len(modalities) == 1:
        return [*arrays]
    return [Item(text, (Media(media[0], array),)) for text, array in zip(made, arrays, strict=True)]


def _array(modality: Modality, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    if modality == "image":
        return rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    if modality == "audio":
        return rng.standard_normal(16_000).astype(np.float32)
    if modality == "vector":
        return rng.standard_normal(DIM).astype(np.float32)
    return rng.integers(0, 1_000, 8)


class Stored:
    """Vectors in a form that an index takes: its codec, the codes, and what they stand for."""

    def __init__(self, stage: Stage, n: int = 400) -> None:
        taken = [*stage.takes]
        self.kind = next(kind for kind in ("dense", "multi", "sparse", "packed", "codes") if kind in taken)
        self.codec: Codec | None = None
        self._quantizer: Any = None
        if self.kind == "packed":
            self._quantizer = cast(Any, stage_class("binary")()).fit(dense(n))
        elif self.kind == "codes":
            self._quantizer = cast(Any, stage_class("int8")()).fit(dense(n))
        if self._quantizer is not None:
            self.codec = self._quantizer.codec

    def codes(self, vectors: Any) -> Any:
        """Vectors as the index is given them."""
        if self._quantizer is None:
            return vectors
        codes = self._quantizer.encode(vectors)
        return Packed(codes, DIM) if self.kind == "packed" else codes

    def vectors(self, n: int, seed: int = 0) -> Any:
        """Vectors before the codec."""
        return {"multi": ragged, "sparse": sparse}.get(self.kind, dense)(n, seed)

    def queries(self, vectors: Any) -> Any:
        """Queries on their way to the index."""
        return vectors if self._quantizer is None else self._quantizer.transform_queries(vectors)

    def read(self, vectors: Any) -> Any:
        """What the stored rows stand for."""
        return vectors if self._quantizer is None else self._quantizer.transform(vectors)


def take(vectors: Any, rows: Rows) -> Any:
    """Rows of vectors of any kind."""
    return vectors.take(rows) if isinstance(vectors, Ragged) else vectors[rows]


def join(first: Any, second: Any) -> Any:
    """Vectors of any kind, one after the other."""
    if isinstance(first, Ragged):
        return Ragged.join([first, second])
    if isinstance(first, np.ndarray):
        return np.concatenate([first, second])
    from scipy.sparse import csr_array, vstack

    return csr_array(vstack([first, second]))


class Owner:
    """What an index may ask of whoever has the rows."""

    def __init__(self, vectors: Any) -> None:
        self.held = vectors

    def texts(self, rows: Rows) -> list[str]:
        """A text for each row."""
        return [f"row {row}" for row in rows]

    def items(self, rows: Rows) -> list[str | Item]:
        """The same."""
        return [*self.texts(rows)]

    def vectors(self, rows: Rows) -> Any:
        """The vectors of rows."""
        return take(self.held, rows)

    encode = vectors
