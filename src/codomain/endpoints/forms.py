"""Rows of each kind: as bytes in the cache, and joined to what an encoder returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from codomain.arrays import Ragged


class Form(Protocol):
    """How the rows of a kind are kept and joined."""

    def pack(self, row: Any) -> bytes:
        """A row as bytes."""

    def unpack(self, data: bytes, dim: int | None) -> Any:
        """The row; None for bytes that are none of so many dimensions."""

    def joined(self, rows: Sequence[Any], dim: int) -> Any:
        """Rows as an encoder returns them."""

    def dim(self, rows: Sequence[Any]) -> int:
        """The dimensions that the rows share, -1 where they differ, 0 where rows do not say."""


class _Dense:
    def pack(self, row: Any) -> bytes:
        return np.ascontiguousarray(row, "<f4").tobytes()

    def unpack(self, data: bytes, dim: int | None) -> Any:
        return None if not data or len(data) % 4 or (dim and len(data) != 4 * dim) else np.frombuffer(data, "<f4")

    def joined(self, rows: Sequence[Any], dim: int) -> Any:
        return np.stack(rows).astype(np.float32, copy=False) if rows else np.empty((0, dim), np.float32)

    def dim(self, rows: Sequence[Any]) -> int:
        found = {len(row) for row in rows}
        return found.pop() if len(found) == 1 else -1


class _Multi:
    def pack(self, row: Any) -> bytes:
        return int(row.shape[1]).to_bytes(4, "little") + np.ascontiguousarray(row, "<f4").tobytes()

    def unpack(self, data: bytes, dim: int | None) -> Any:
        width = int.from_bytes(data[:4], "little")
        if not width or (len(data) - 4) % (4 * width) or (dim and width != dim):
            return None
        return np.frombuffer(data, "<f4", offset=4).reshape(-1, width)

    def joined(self, rows: Sequence[Any], dim: int) -> Any:
        offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
        values = np.concatenate(rows).astype(np.float32) if rows else np.empty((0, dim), np.float32)
        return Ragged(values, offsets)

    def dim(self, rows: Sequence[Any]) -> int:
        found = {row.shape[1] for row in rows}
        return found.pop() if len(found) == 1 else -1


class _Sparse:
    def pack(self, row: Any) -> bytes:
        columns, values = row
        return bytes(columns.astype("<u4").tobytes() + values.astype("<f4").tobytes())

    def unpack(self, data: bytes, dim: int | None) -> Any:
        if len(data) % 8:
            return None
        half = len(data) // 2
        return np.frombuffer(data[:half], "<u4").astype(np.int64), np.frombuffer(data[half:], "<f4").astype(np.float32)

    def joined(self, rows: Sequence[Any], dim: int) -> Any:
        return [*rows]  # how many columns there are is known to the encoder

    def dim(self, rows: Sequence[Any]) -> int:
        return 0


FORMS: dict[str, Form] = {"dense": _Dense(), "multi": _Multi(), "sparse": _Sparse()}
"""By kind."""
