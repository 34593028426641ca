"""A vector file on disk: a folder of raw arrays that are mapped, and meta.json, which says what they are.

Whoever opens one compares sizes; `verify` reads every byte and compares checksums.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
import os
import shutil
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from codomain.errors import InputError

Arrays = dict[str, np.ndarray]
META = "meta.json"
FORMAT = 1
_BLOCK = 1 << 20


class ArrayFile:
    """One array, written row by row to NAME.bin in a folder; `close` gives its entry in meta.json."""

    def __init__(self, folder: Path, name: str, dtype: Any, width: int | None = None) -> None:
        self.path = folder / f"{name}.bin"
        self._file = self.path.open("wb")
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._width = width
        self._digest = hashlib.blake2b(digest_size=16)
        self.rows = 0

    def write(self, array: np.ndarray) -> None:
        """Append rows (n,) or (n, width)."""
        raw = np.ascontiguousarray(array, self._dtype).view(np.uint8).data if array.size else b""
        self._file.write(raw)
        self._digest.update(raw)
        self.rows += len(array)

    def close(self) -> dict[str, Any]:
        """Finish the file: its type, shape and checksum."""
        self._file.close()
        shape = [self.rows] if self._width is None else [self.rows, self._width]
        return {"dtype": self._dtype.str, "shape": shape, "blake2b": self._digest.hexdigest()}


def write_array(folder: Path, name: str, array: np.ndarray) -> dict[str, Any]:
    """A whole array at once."""
    file = ArrayFile(folder, name, array.dtype, None if array.ndim == 1 else array.shape[1])
    file.write(array)
    return file.close()


def write_meta(folder: Path, facts: dict[str, Any], arrays: dict[str, Any]) -> None:
    """meta.json; the fingerprint is a hash of the facts that decide vectors and of all checksums."""
    meta = {"kind": "codomain vector file", "format": FORMAT, **facts, "arrays": arrays}
    decisive = json.dumps([facts["dim"], facts["dtype"], arrays], sort_keys=True)
    meta["fingerprint"] = hashlib.sha256(decisive.encode()).hexdigest()
    meta["blake2b"] = _meta_digest(meta)
    (folder / META).write_text(json.dumps(meta, indent=1, ensure_ascii=False), encoding="utf-8")


def map_arrays(folder: Path) -> tuple[Arrays, dict[str, Any]]:
    """Every array, mapped and read-only, and what meta.json says; raises InputError for what is missing or damaged."""
    meta = _read_meta(folder)
    arrays = {}
    for name, entry in meta["arrays"].items():
        path = folder / f"{name}.bin"
        try:
            dtype, shape = np.dtype(entry["dtype"]), tuple(int(n) for n in entry["shape"])
            expected = dtype.itemsize * math.prod(shape)
            if dtype.kind not in "iuf" or min(shape, default=0) < 0 or "/" in name:
                raise ValueError
        except (LookupError, TypeError, ValueError, ArithmeticError):
            raise InputError(f"{folder / META} is damaged: import the vectors again.") from None
        found = path.stat().st_size if path.exists() else None
        if found != expected:
            wrong = "is missing" if found is None else f"has {found} bytes instead of {expected}"
            raise InputError(f"{path} {wrong}: import the vectors again.")
        arrays[name] = np.zeros(shape, dtype) if expected == 0 else _mapped(path).view(dtype).reshape(shape)
    return arrays, meta


class Slices:
    """A one-dimensional array on disk of which slices are read, not mapped: what was read once does not stay in memory."""

    def __init__(self, folder: Path, name: str, entry: dict[str, Any]) -> None:
        self._file = os.open(folder / f"{name}.bin", os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        self._dtype = np.dtype(entry["dtype"])
        self._path, self._count = folder / f"{name}.bin", int(entry["shape"][0])

    def __getitem__(self, part: slice) -> np.ndarray:
        """The numbers from part.start to part.stop; threads may ask at the same time.

        Raises InputError where the file does not have them: another file of the folder has named them, which is damaged.
        """
        if not 0 <= part.start <= part.stop <= self._count:
            raise InputError(f"{self._path} does not fit the other files: import the vectors again.")
        size = self._dtype.itemsize
        raw = os.pread(self._file, (part.stop - part.start) * size, part.start * size)
        return np.frombuffer(raw, self._dtype)


def verify(folder: Path) -> None:
    """Read every file and compare its checksum; raises InputError that names the first damaged one."""
    _, meta = map_arrays(folder)
    for name, entry in meta["arrays"].items():
        digest = hashlib.blake2b(digest_size=16)
        with (folder / f"{name}.bin").open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        if digest.hexdigest() != entry["blake2b"]:
            raise InputError(f"{folder / name}.bin is damaged (its checksum differs): import the vectors again.")


@contextmanager
def fresh_folder(path: Path, replace: bool) -> Iterator[Path]:
    """A folder beside `path` to write in, which takes its place when the block ends well and is gone if it does not.

    Raises InputError where something is there already, unless it is a vector file and `replace` is set.
    """
    if path.exists() and not (replace and (path / META).is_file()):
        hint = "give another name" if replace else "give another name, or --replace it (replace=True)"
        raise InputError(f"{path} exists already: {hint}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        part.mkdir()
        yield part
        old = part.with_suffix(".old")
        if path.exists():
            path.rename(old)
        part.rename(path)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sweep(path: Path) -> None:
    """Remove what a process that was killed has left beside `path`."""
    for part in path.parent.glob(f".{path.name}.part-*"):
        number = part.name.rpartition("-")[2]
        if number.isdigit():
            try:
                os.kill(int(number), 0)
            except ProcessLookupError:
                shutil.rmtree(part, ignore_errors=True)
            except PermissionError:
                pass  # it runs, under another user


def _mapped(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def _read_meta(folder: Path) -> dict[str, Any]:
    path = folder / META
    try:
        meta: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        kind, form = meta["kind"], meta["format"]
        if kind == "codomain vector file" and form == FORMAT and meta.pop("blake2b") != _meta_digest(meta):
            raise ValueError
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder} is no vector file: codomain vectors import makes one.") from None
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise InputError(f"{path} is damaged, or not of a vector file: import the vectors again.") from None
    if kind != "codomain vector file":
        raise InputError(f"{folder} is no vector file: codomain vectors import makes one.")
    if form != FORMAT:
        raise InputError(f"{folder} has format {form}; this version of codomain reads format {FORMAT}.")
    return meta


def _meta_digest(meta: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(meta, sort_keys=True).encode(), digest_size=16).hexdigest()
