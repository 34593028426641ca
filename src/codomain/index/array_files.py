"""Arrays on disk and in growing memory: what every index saves, checked when it is opened."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.files import open_npy

_META = "meta.json"
_PART = "part-"
_COMPLETE = "meta.json.complete"
"""What becomes meta.json: once it is there, every file of the save is."""
_FORMAT = 1
MAPPED_FROM = 1 << 16
"""Files below this many bytes are read, not mapped."""
_HEAD = 1 << 12
"""Bytes at the beginning of an array that have a checksum of their own: its head, and rows up to the end of a page."""
_CHECKED = 1 << 26
"""Bytes up to which an index is read whole when it is opened, to compare checksums: a second reads more than 1 GB."""

Arrays = dict[str, np.ndarray]


class GrowableArray:
    """An array (n, ...) that rows are appended to at amortised cost; a mapped file is copied at the first append.

    >>> grown = GrowableArray(np.zeros((0, 2), np.uint8))
    >>> grown.append(np.ones((3, 2), np.uint8))
    >>> grown.array.shape
    (3, 2)
    """

    def __init__(self, array: np.ndarray) -> None:
        self._room = array
        self._used = len(array)

    @property
    def array(self) -> np.ndarray:
        """The rows in use; a view that the next `append` may leave behind."""
        return self._room[: self._used]

    def append(self, rows: np.ndarray, start: int | None = None) -> None:
        """Add rows at the end, or from row `start` on in the place of what is there; makes room where they do not fit."""
        used = self._used if start is None else start
        needed = used + len(rows)
        if needed > len(self._room) or not self._room.flags.writeable:
            # pages that nothing was written to take no memory: room to spare costs addresses only
            room = np.empty((max(needed, 2 * self._used), *self._room.shape[1:]), self._room.dtype)
            room[:used] = self._room[:used]
            self._room = room
        self._room[used:needed] = rows
        self._used = needed


def save_arrays(
    folder: Path,
    index: str,
    arrays: Arrays,
    settings: dict[str, Any],
    files: tuple[str, ...] = (),
    parts: tuple[Path, ...] = (),
) -> None:
    """Write arrays as .npy and meta.json with the size and CRC-32 of each file.

    `files` are written already, as NAME.new; `parts` are folders of indexes inside this one, from `part_folder`.

    Everything is written beside what is there and takes its place only when all of it is complete: a save that is
    interrupted at any byte leaves the index that was there, or is finished by the next `open_arrays`. Files are
    replaced, never written in place, so that one that is mapped by a reader stays whole.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        with (folder / f"{name}.npy.new").open("wb") as file:
            np.save(file, array, allow_pickle=False)
    names = [*files, *(f"{name}.npy" for name in arrays)]
    sizes = {name: _size_and_crc(folder / f"{name}.new") for name in names}
    for name in arrays:
        sizes[f"{name}.npy"]["head_crc32"] = _crc(folder / f"{name}.npy.new", _HEAD)
    sizes |= {f"{part.name}/{_META}": _size_and_crc(part / _META) for part in parts}
    meta = {"format": _FORMAT, "index": index, "settings": settings, "files": sizes}
    meta["crc32"] = _meta_crc(meta)
    fresh = folder / f"{_META}.new"
    fresh.write_text(json.dumps(meta, indent=1))
    os.replace(fresh, folder / _COMPLETE)  # from here on the save counts
    _take_over(folder)
    for old in folder.glob(f"*.{_PART}*"):
        if old not in parts:
            _remove(old)


def part_folder(folder: Path, name: str) -> Path:
    """A fresh folder for an index inside another one: what was saved before stays whole beside it."""
    part = Path(folder) / f"{name}.{_PART}{os.urandom(4).hex()}"
    part.mkdir(parents=True)
    return part


def _take_over(folder: Path) -> None:
    """Put the files of a complete save in their places; does what is left to do of one that was interrupted."""
    complete = folder / _COMPLETE
    if complete.exists():
        for name in json.loads(complete.read_text())["files"]:
            if (folder / f"{name}.new").exists():
                os.replace(folder / f"{name}.new", folder / name)
        os.replace(complete, folder / _META)


def _size_and_crc(path: Path) -> dict[str, int]:
    return {"bytes": path.stat().st_size, "crc32": _crc(path)}


def open_arrays(folder: Path, index: str) -> tuple[Arrays, dict[str, Any]]:
    """The arrays by name, memory-mapped, and the settings that `save_arrays` wrote.

    Checksums are compared where that costs little, and always for what is no array: FAISS may crash on damaged files. Of a
    large array the head is compared, which says what its bytes mean.
    Raises InputError when a file is missing or damaged, or belongs to another index.
    """
    folder = Path(folder)
    try:
        _take_over(folder)
    except OSError as error:
        raise InputError(f"{folder} holds a save that was interrupted and cannot be finished ({error}).") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f"{folder / _COMPLETE} is damaged: rebuild the index.") from None
    meta = _read_meta(folder)
    if meta["index"] != index:
        raise InputError(f"{folder} holds a saved {meta['index']} index, not a {index} index.")
    small = sum(expected["bytes"] for expected in meta["files"].values()) <= _CHECKED
    _compare(folder, {n: e for n, e in meta["files"].items() if small or not n.endswith(".npy")})
    arrays = {}
    for name in meta["files"]:
        if name.endswith(".npy"):
            path = folder / name
            head = meta["files"][name].get("head_crc32")  # earlier versions wrote none
            if not small and head is not None and _crc(path, _HEAD) != head:
                raise InputError(f"{path} is damaged (the checksum of its head differs): rebuild the index.")
            arrays[name[:-4]] = _mapped(path)
    return arrays, meta["settings"]


def _mapped(path: Path) -> np.ndarray:
    """An array in a file: a large one mapped, a small one read."""
    try:
        array = open_npy(path, mapped=path.stat().st_size > MAPPED_FROM)
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is damaged ({error}): rebuild the index.") from None
    # the same pages without numpy.memmap, whose every slice takes long
    return np.asarray(array)


def verify(folder: Path) -> None:
    """Read every file of a saved index and compare its CRC-32; raises InputError that names the first damaged one."""
    folder = Path(folder)
    files = _read_meta(folder)["files"]
    _compare(folder, files)
    for name in files:
        if name.endswith(f"/{_META}"):
            verify((folder / name).parent)


def codec_arrays(codec: Codec) -> tuple[Arrays, dict[str, Any]]:
    """A codec as arrays and settings to save beside an index's own."""
    arrays = {f"codec_{name}": array for name, array in codec.state().items()}
    return arrays, {"codec": codec.kind, "dim": codec.dim}


def saved_codec(arrays: Arrays, settings: dict[str, Any]) -> Codec:
    """The codec that `codec_arrays` took apart."""
    state = {name.removeprefix("codec_"): a for name, a in arrays.items() if name.startswith("codec_")}
    return Codec.from_state(settings["codec"], settings["dim"], state)


def _read_meta(folder: Path) -> dict[str, Any]:
    """meta.json, with the size of every file that it names compared to the file's."""
    try:
        meta: dict[str, Any] = json.loads((folder / _META).read_text())
        form = meta["format"]
        if form == _FORMAT and meta.pop("crc32") != _meta_crc(meta):
            raise ValueError
        files = meta["files"].items()
    except FileNotFoundError:
        raise InputError(f"{folder} holds no saved index: {_META} is missing.") from None
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise InputError(f"{folder / _META} is damaged: rebuild the index.") from None
    if form != _FORMAT:
        raise InputError(f"{folder} was saved in format {form}; this version of codomain reads format {_FORMAT}.")
    for name, expected in files:
        path = folder / name
        size = path.stat().st_size if path.exists() else None
        if size != expected["bytes"]:
            found = "is missing" if size is None else f"has {size} bytes instead of {expected['bytes']}"
            raise InputError(f"{path} {found}: rebuild the index.")
    return meta


def _compare(folder: Path, files: dict[str, Any]) -> None:
    for name, expected in files.items():
        if _crc(folder / name) != expected["crc32"]:
            raise InputError(f"{folder / name} is damaged (its checksum differs): rebuild the index.")


def _meta_crc(meta: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(meta, sort_keys=True).encode())


def _crc(path: Path, first: int | None = None) -> int:
    """CRC-32 of a file, or of its first bytes."""
    crc = 0
    with path.open("rb") as file:
        if first is not None:
            return zlib.crc32(file.read(first))
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return crc


def _remove(folder: Path) -> None:
    import shutil  # which a search does not need

    shutil.rmtree(folder, ignore_errors=True)


# --- whether the parts fit together: a file with forged checksums would make compiled code read outside its arrays -------

Index = TypeVar("Index")

_READ_WHOLE = 1 << 24
"""Numbers up to which every one is looked at when an index is opened; of larger arrays type, shape and ends alone."""


def fitting(load: Callable[[Index, Path], Index]) -> Callable[[Index, Path], Index]:
    """A `load` that raises InputError for whatever it cannot make an index of."""

    @wraps(load)
    def loaded(self: Index, folder: Path) -> Index:
        try:
            return load(self, folder)
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            ArithmeticError,
            AssertionError,
            MemoryError,
        ) as error:
            raise InputError(
                f"{folder} holds parts of an index that do not fit together ({type(error).__name__}): rebuild the index."
            ) from None

    return loaded


def need(fits: bool | np.bool_) -> None:
    """Raises ValueError where it does not hold; inside a `fitting` load."""
    if not fits:
        raise ValueError


def need_kinds(*arrays: tuple[np.ndarray[Any, Any], str, int]) -> None:
    """Arrays with the kinds of numpy types ("iu", "f") and the numbers of axes that they must have."""
    for array, kinds, axes in arrays:
        need(array.dtype.kind in kinds and array.ndim == axes)


def need_rows(rows: np.ndarray[Any, Any], n: int) -> None:
    """Row numbers: whole, one axis, each from 0 to n - 1."""
    need_kinds((rows, "iu", 1))
    if 0 < len(rows) <= _READ_WHOLE:
        need(rows.min() >= 0 and rows.max() < n)


def need_starts(starts: np.ndarray[Any, Any], total: int) -> None:
    """Where lists begin, and in the end the length of them all: from 0, never falling, to `total`."""
    need_kinds((starts, "iu", 1))
    need(len(starts) > 0 and starts[0] == 0 and starts[-1] == total)
    if len(starts) <= _READ_WHOLE:
        need(not (starts[1:] < starts[:-1]).any())
