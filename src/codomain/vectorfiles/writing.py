"""Keys and vectors to a vector file, batch by batch: 16 bytes a key and a batch in memory, 70 a key while keys sort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from codomain.arrays import Floats, as_float32
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.vectorfiles.grams import gram_hashes, key_hash, normal
from codomain.vectorfiles.storage import ArrayFile, fresh_folder, write_array, write_meta

Dtype = Literal["float32", "float16", "float8_e4m3", "float8_e5m2", "int8", "binary"]

LONGEST_INDEXED = 64
"""Letters beyond which a key has no entry among the n-grams: it is a sentence or an address, and no typing error of one."""
_BATCH = 4096
_BUCKET = 1 << 22
"""N-grams sorted at a time, some 100 MB."""
_ENOUGH = 1000
"""Rows from which the smallest and largest values seen are taken as the range of int8."""


class WriteReport(NamedTuple):
    """What a vector file got: its keys, their dimensions, and the keys left out because they had come before."""

    keys: int
    dim: int
    duplicates: int


def write(
    path: str | Path,
    keys: Sequence[str],
    vectors: Any,
    dtype: Dtype = "float32",
    *,
    ordered: bool = True,
    replace: bool = False,
) -> WriteReport:
    """Write keys and vectors (n, d) as a vector file; the first of equal keys wins.

    `ordered` says that frequent keys come first: then, of keys equally similar to an unknown one, the earlier is taken.
    Raises InputError for keys and vectors of different number, an empty key, NaN, or a path that exists.
    """
    array = as_float32(vectors)
    if len(keys) != len(array):
        raise InputError(f"{len(keys)} keys cannot name {len(array)} vectors.")
    batches = ((keys[i : i + _BATCH], array[i : i + _BATCH]) for i in range(0, len(array), _BATCH))
    return write_batches(path, batches, dtype, ordered=ordered, replace=replace)


def write_batches(
    path: str | Path,
    batches: Iterable[tuple[Sequence[str], Floats]],
    dtype: Dtype = "float32",
    *,
    ordered: bool = True,
    replace: bool = False,
) -> WriteReport:
    """The same from a stream of keys (m,) with vectors (m, d)."""
    if dtype not in get_args(Dtype):
        raise InputError(f"vector files have the types {', '.join(get_args(Dtype))}, not {dtype!r}.")
    with fresh_folder(Path(path), replace) as folder:
        spool = _Spool(folder)
        for keys, vectors in batches:
            spool.add(keys, vectors)
        return spool.finish(dtype, ordered)


class _Spool:
    """All rows as they come, at length one, until it is known which keys are double and how far the values reach."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: ArrayFile | None = None
        self._keys = ArrayFile(folder, "spooled_keys", np.uint8)
        self._lengths: list[np.ndarray] = []  # of keys, in bytes
        self._norms: list[np.ndarray] = []
        self._hashes: list[np.ndarray] = []

    def add(self, keys: Sequence[str], vectors: Floats) -> None:
        if self._rows is None:
            if vectors.shape[1] == 0:
                raise InputError("vectors without dimensions cannot be written.")
            self._dim = dim = vectors.shape[1]
            self._rows = ArrayFile(self._folder, "spooled_rows", np.float32, dim)
            self._low, self._high = np.full(dim, np.inf, np.float32), np.full(dim, -np.inf, np.float32)
            self._sum, self._squares = np.zeros(dim), np.zeros(dim)
        if vectors.shape[1] != self._dim:
            raise InputError(f"vectors have {vectors.shape[1]} dimensions where {self._dim} are needed.")
        names = [_checked(key) for key in keys]
        encoded = [name.encode("utf-8", "surrogatepass") for name in names]
        norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        rows = (vectors / np.where(norms > 0, norms, 1)[:, None]).astype(np.float32)
        self._rows.write(rows)
        self._keys.write(np.frombuffer(b"".join(encoded), np.uint8))
        self._lengths.append(np.fromiter(map(len, encoded), np.uint32, len(encoded)))
        self._norms.append(norms.astype(np.float32))
        self._hashes.append(np.fromiter(map(key_hash, names), np.uint64, len(names)))
        if len(rows):
            np.minimum(self._low, rows.min(axis=0), out=self._low)
            np.maximum(self._high, rows.max(axis=0), out=self._high)
            self._sum += rows.sum(axis=0, dtype=np.float64)
            self._squares += np.einsum("ij,ij->j", rows, rows, dtype=np.float64)

    def finish(self, dtype: Dtype, ordered: bool) -> WriteReport:
        if self._rows is None or self._rows.rows == 0:
            raise InputError("there is no vector to write.")
        self._rows.close()
        self._keys.close()
        lengths, hashes = np.concatenate(self._lengths), np.concatenate(self._hashes)
        ends = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        letters = np.memmap(self._keys.path, np.uint8, "r")
        kept = _first_of_equals(hashes, letters, ends)
        codec = self._codec(dtype)
        arrays = self._write_rows(codec, kept)
        arrays["norms"] = write_array(self._folder, "norms", np.concatenate(self._norms)[kept])
        arrays |= {f"codec_{name}": write_array(self._folder, f"codec_{name}", a) for name, a in codec.state().items()}
        arrays |= self._write_keys(letters, ends, kept, hashes)
        for path in (self._rows.path, self._keys.path):
            path.unlink(missing_ok=True)
        double = len(lengths) - len(kept)
        facts = {"dim": self._dim, "dtype": dtype, "keys": len(kept), "duplicates": double, "ordered": ordered}
        write_meta(self._folder, facts, arrays)
        return WriteReport(len(kept), self._dim, double)

    def _codec(self, dtype: Dtype) -> Codec:
        assert self._rows is not None
        if dtype != "int8":
            return Codec(dtype, self._dim)
        low, high, n = self._low, self._high, self._rows.rows
        if n < _ENOUGH:  # a range seen in part is widened to four standard deviations, as int8() does
            mean = self._sum / n
            reach = 4 * np.sqrt(np.maximum(self._squares / n - mean**2, 0))
            low, high = np.minimum(low, mean - reach), np.maximum(high, mean + reach)
        step = (high - low) / 255
        return Codec("int8", self._dim, np.where(step > 0, step, 1).astype(np.float32), low.astype(np.float32))

    def _write_rows(self, codec: Codec, kept: np.ndarray) -> dict[str, Any]:
        """Codes, and the lengths of what they stand for where those are not one."""
        assert self._rows is not None
        spooled = np.memmap(self._rows.path, np.float32, "r", shape=(self._rows.rows, self._dim))
        codes = ArrayFile(self._folder, "vectors", codec.dtype, codec.width)
        lengths = ArrayFile(self._folder, "lengths", np.float32)
        for start in range(0, len(kept), _BATCH):
            block = codec.encode(spooled[kept[start : start + _BATCH]])
            codes.write(block)
            lengths.write(np.sqrt(codec.squared_norms(block)))
        return {"vectors": codes.close(), "lengths": lengths.close()}

    def _write_keys(
        self, letters: np.ndarray, ends: np.ndarray, kept: np.ndarray, hashes: np.ndarray
    ) -> dict[str, Any]:
        """Keys one after the other with where each ends; their hashes, sorted, with rows; their n-grams, inverted."""
        keys = ArrayFile(self._folder, "keys", np.uint8)
        grams = _Grams(self._folder, len(letters))
        for start in range(0, len(kept), _BATCH):
            rows = kept[start : start + _BATCH]
            encoded = [letters[ends[row] : ends[row + 1]].tobytes() for row in rows.tolist()]
            keys.write(np.frombuffer(b"".join(encoded), np.uint8))
            grams.add([key.decode("utf-8", "surrogatepass") for key in encoded], start)
        new_ends = np.concatenate([[0], np.cumsum(np.diff(ends)[kept])])
        order = np.argsort(hashes[kept], kind="stable")
        return {
            "keys": keys.close(),
            "key_ends": write_array(self._folder, "key_ends", new_ends),
            "hashes": write_array(self._folder, "hashes", hashes[kept][order]),
            "hash_rows": write_array(self._folder, "hash_rows", order.astype(np.uint32)),
            **grams.close(),
        }


class _Grams:
    """The inverted list of n-grams, sorted by parts that fit in memory: part p has the hashes that start with bits p."""

    def __init__(self, folder: Path, characters: int) -> None:
        self._folder = folder
        self._bits = max(0, int(4 * characters // _BUCKET).bit_length())
        self._parts = [ArrayFile(folder, f"part{p}", np.uint64, 2) for p in range(2**self._bits)]

    def add(self, keys: list[str], first_row: int) -> None:
        hashes, owners = gram_hashes([key if len(key) <= LONGEST_INDEXED else "" for key in keys])
        short = np.fromiter((len(key) <= LONGEST_INDEXED for key in keys), bool, len(keys))[owners]
        pairs = np.stack([hashes, (owners + first_row).astype(np.uint64)], axis=1)[short]
        parts = self._part_of(pairs[:, 0])
        for part in np.unique(parts):
            chosen = pairs[parts == part]
            self._parts[part].write(chosen[np.argsort(chosen[:, 1], kind="stable")])

    def close(self) -> dict[str, Any]:
        grams = ArrayFile(self._folder, "grams", np.uint64)
        ends = ArrayFile(self._folder, "gram_ends", np.int64)
        rows = ArrayFile(self._folder, "gram_rows", np.uint32)
        ends.write(np.zeros(1, np.int64))
        for part in self._parts:
            part.close()
            pairs = np.fromfile(part.path, np.uint64).reshape(-1, 2)
            part.path.unlink()
            pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]  # rows stay in order
            if len(pairs):
                pairs = pairs[np.concatenate([[True], (pairs[1:] != pairs[:-1]).any(axis=1)])]
                starts = np.flatnonzero(np.concatenate([[True], pairs[1:, 0] != pairs[:-1, 0]]))
                grams.write(pairs[starts, 0])
                ends.write(np.concatenate([starts[1:], [len(pairs)]]) + rows.rows)
                rows.write(pairs[:, 1])
        return {"grams": grams.close(), "gram_ends": ends.close(), "gram_rows": rows.close()}

    def _part_of(self, hashes: np.ndarray) -> np.ndarray:
        if self._bits == 0:
            return np.zeros(len(hashes), np.int64)
        return (hashes >> np.uint64(64 - self._bits)).astype(np.int64)


def _checked(key: Any) -> str:
    if not isinstance(key, str):
        raise InputError(f"keys are texts, not {type(key).__name__}.")
    if not key:
        raise InputError("an empty key names no vector.")
    return normal(key)


def _first_of_equals(hashes: np.ndarray, letters: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The rows (n,) whose key did not come before."""
    order = np.argsort(hashes, kind="stable")
    double = []
    for at, stop in _runs(hashes[order]):
        seen: set[bytes] = set()
        for row in order[at:stop].tolist():  # in the order of rows
            key = letters[ends[row] : ends[row + 1]].tobytes()
            if key in seen:
                double.append(row)
            seen.add(key)
    return np.delete(np.arange(len(hashes)), double)


def _runs(values: np.ndarray) -> Iterator[tuple[int, int]]:
    """Start and end of every run of at least two equal values."""
    edges = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1], [True]]))
    long = np.flatnonzero(np.diff(edges) > 1)
    return zip(edges[long].tolist(), edges[long + 1].tolist(), strict=True)
