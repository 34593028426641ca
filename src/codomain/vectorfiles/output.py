"""Vectors with ids to the files that other programs read: .npy, .parquet, JSON lines. A file appears whole or not at all."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from codomain.arrays import Ragged
from codomain.errors import InputError, MissingExtra

Batches = Iterable[tuple[Sequence[str], Any]]
"""Ids (n,) and vectors: float32 (n, d), a csr_array or Ragged."""


def write_vectors(path: Path, batches: Batches, base64: bool = False) -> int:
    """Write vectors in the form that the suffix names; how many.

    .npy holds float32 (n, d) without ids, .parquet the columns id and vector, .jsonl {"id": ..., "vector": ...}: a list of
    numbers, or the float32 numbers, little-endian, as base64.

    Raises InputError for another suffix and for vectors that the form does not hold, MissingExtra for Parquet without pyarrow.
    """
    writers = {".npy": _npy, ".parquet": _parquet, ".jsonl": _jsonl}
    if path.suffix not in writers:
        raise InputError(f"{path} must end in .npy, .parquet or .jsonl.")
    with _whole(path) as temporary:
        return (
            _jsonl(temporary, batches, base64) if path.suffix == ".jsonl" else writers[path.suffix](temporary, batches)
        )


def write_lines(file: IO[str], batches: Batches, base64: bool = False) -> int:
    """Write one JSON object a vector; how many."""
    count = 0
    for ids, vectors in batches:
        for id, vector in zip(ids, _plain(vectors, base64), strict=True):
            file.write(json.dumps({"id": id, "vector": vector}, ensure_ascii=False) + "\n")
            count += 1
    return count


def _plain(vectors: Any, base64: bool) -> Iterator[Any]:
    """Each vector as JSON holds it: sparse ones as indices and values, many vectors an item as a list of lists."""
    if isinstance(vectors, Ragged):
        yield from (vectors[row].tolist() for row in range(len(vectors)))
    elif hasattr(vectors, "indptr"):
        for start, stop in zip(vectors.indptr[:-1], vectors.indptr[1:], strict=True):
            yield {"indices": vectors.indices[start:stop].tolist(), "values": vectors.data[start:stop].tolist()}
    elif base64:
        yield from (b64encode(row.astype("<f4").tobytes()).decode() for row in vectors)
    else:
        yield from vectors.tolist()


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _jsonl(path: Path, batches: Batches, base64: bool = False) -> int:
    with path.open("w", encoding="utf-8") as file:
        return write_lines(file, batches, base64)


def _dense(vectors: Any, form: str) -> np.ndarray[Any, Any]:
    if isinstance(vectors, Ragged) or hasattr(vectors, "indptr"):
        raise InputError(f"{form} files hold one dense vector an item: write .jsonl.")
    return np.asarray(vectors, np.float32)


def _npy(path: Path, batches: Batches) -> int:
    """Rows one after the other, then the header, whose length does not depend on their number."""
    count, dim = 0, 0
    with path.open("wb") as file:
        file.write(_header(0, 0))
        for _, vectors in batches:
            rows = _dense(vectors, ".npy")
            count, dim = count + len(rows), rows.shape[1]
            file.write(np.ascontiguousarray(rows, "<f4").tobytes())
        file.seek(0)
        file.write(_header(count, dim))
    return count


def _header(count: int, dim: int) -> bytes:
    """The header of version 1.0 of the format, 128 bytes."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({count}, {dim}), }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + text.ljust(117).encode() + b"\n"


def _parquet(path: Path, batches: Batches) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("writing Parquet", "parquet") from None
    schema = pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32()))])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for ids, vectors in batches:
            rows = _dense(vectors, ".parquet")
            column = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), rows.shape[1]).cast(
                pa.list_(pa.float32())
            )
            writer.write_table(pa.table({"id": pa.array(list(ids), pa.string()), "vector": column}, schema=schema))
            count += len(rows)
    return count
