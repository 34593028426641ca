"""Word vectors as others write them, read batch by batch: word2vec, GloVe, fastText, .npy and safetensors."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader, StringIO
from pathlib import Path
from typing import IO, Literal, NamedTuple, TypeVar, get_args

import numpy as np

from codomain.arrays import Floats
from codomain.errors import InputError
from codomain.files import open_npy
from codomain.progress import Progress, counter
from codomain.vectorfiles.lines import header, is_number, lines_of, looks_binary, next_lines, records_of
from codomain.vectorfiles.writing import Dtype, WriteReport, write_batches

Format = Literal["word2vec", "glove", "fasttext", "npy", "safetensors"]
Batches = Iterator[tuple[list[str], Floats]]
Bad = Callable[[str], None]
T = TypeVar("T")
Opened = BufferedReader | gzip.GzipFile

_ROWS = 4096


class Imported(NamedTuple):
    """What came of a file: its format, the keys, their dimensions, double keys and broken lines left out."""

    format: Format
    keys: int
    dim: int
    duplicates: int
    skipped: int


def import_file(
    source: str | Path,
    into: str | Path,
    format: Format | None = None,
    dtype: Dtype = "float32",
    *,
    keys: str | Path | None = None,
    skip_bad: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Make a vector file of another format's, reading it once, batch by batch.

    Memory holds a batch and 16 bytes a key meanwhile, some 70 a key at the end, while keys are sorted.

    Text and binary word2vec, GloVe and fastText's .vec may be gzipped. `keys` names a text file with a key a line for
    .npy and .safetensors; without it rows are named by their numbers. `progress` follows the
    bytes of the source.

    Raises InputError for a file of no known format and, unless `skip_bad`, for the first line that is broken. Nothing is
    left behind then, nor by an interruption.
    """
    source = Path(source)
    if not source.is_file():
        raise InputError(f"{source} is not there, or is no file.")
    if format is not None and format not in get_args(Format):
        raise InputError(f"the formats are {', '.join(get_args(Format))}, not {format!r}.")
    found = detect(source) if format is None else format
    skipped = 0

    def bad(sentence: str) -> None:
        nonlocal skipped
        if not skip_bad:
            raise InputError(f"{source}: {sentence}; --skip-bad (skip_bad=True) leaves out what is broken.")
        skipped += 1

    advance = counter(progress, "importing", source.stat().st_size)
    if found in ("npy", "safetensors"):
        batches = _array_batches(source, found, None if keys is None else Path(keys), bad, advance)
    elif keys is not None:
        raise InputError(f"{source} has its keys in it: a file of keys goes with .npy and .safetensors.")
    else:
        batches = _stream_batches(source, found, bad, advance)
    written: WriteReport = write_batches(
        into, batches, dtype, ordered=found not in ("npy", "safetensors"), replace=replace
    )
    return Imported(found, *written, skipped)


def detect(source: Path) -> Format:
    """The format of a file by its first bytes; raises InputError where they are of none."""
    with _opened(source)[0] as file:
        start = _reading(source, lambda: file.read(1 << 16))
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if len(start) > 9 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < source.stat().st_size:
        return "safetensors"
    if header(start.split(b"\n", 1)[0]):
        return "fasttext" if ".vec" in source.suffixes else "word2vec"
    parts = start.split(b"\n", 1)[0].split()
    if len(parts) >= 2 and not looks_binary(start[:1024]) and is_number(parts[-1]):
        return "glove"
    raise InputError(
        f"{source} is none of {', '.join(get_args(Format))}: it begins with {start[:40]!r}; name its --format if it is."
    )


def _stream_batches(source: Path, format: Format, bad: Bad, advance: Callable[[int], None]) -> Batches:
    file, raw = _opened(source)
    with file:
        read = 0
        batches = _reading(source, lambda: _text_or_binary(source, file, format, bad))  # which reads the first line
        while True:
            batch = _reading(source, lambda: next(batches, None))
            if batch is None:
                return
            yield batch
            read, before = raw.tell(), read
            advance(read - before)


def _text_or_binary(source: Path, file: Opened, format: Format, bad: Bad) -> Batches:
    """Records of a word2vec file in either form, lines of the others."""
    if format == "glove":
        return lines_of(file, None, 1, bad)
    first = file.readline(100)
    promised = header(first)
    if promised is None:
        raise InputError(f"{source}: line 1 should be the number of keys and of dimensions, not {first[:40]!r}.")
    if format == "word2vec" and looks_binary(file.peek(1024)[:1024]):
        return records_of(file, promised, bad)
    return lines_of(file, promised, 2, bad)


def _opened(source: Path) -> tuple[Opened, BufferedReader]:
    """The file to read and the one on disk, which tells how far reading has come: two where it is gzipped."""
    raw = source.open("rb")
    zipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return (gzip.GzipFile(fileobj=raw) if zipped else raw), raw


def _reading(source: Path, read: Callable[[], T]) -> T:
    try:
        return read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{source} is gzipped, but damaged or cut off ({error}).") from None


def _array_batches(
    source: Path, format: Format, names: Path | None, bad: Bad, advance: Callable[[int], None]
) -> Batches:
    """Rows of the array in a .npy or .safetensors file, named by the lines of a text file."""
    with _names(names) as keys:
        rows = 0
        for block in _npy(source) if format == "npy" else _safetensors(source):
            floats = block.astype(np.float32)
            named = [str(rows + i) for i in range(len(block))] if names is None else next_lines(keys, len(block))
            if len(named) < len(block):
                raise InputError(f"{names} has {rows + len(named)} lines for more rows of {source}.")
            good = np.isfinite(floats).all(axis=1) & np.fromiter(map(bool, named), bool, len(named))
            for i in np.flatnonzero(~good):
                bad(f"row {rows + i} " + ("holds NaN or infinity" if named[i] else "has an empty key"))
            yield [named[i] for i in np.flatnonzero(good)], floats[good]
            rows += len(block)
            advance(block.nbytes)
        if names is not None and next_lines(keys, 1):
            raise InputError(f"{names} has more lines than the {rows} rows of {source}.")


def _npy(source: Path) -> Iterator[np.ndarray]:
    try:
        array = open_npy(source, mapped=True)
    except (ValueError, OSError) as error:
        raise InputError(f"{source} cannot be read as .npy: {error}.") from None
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise InputError(f"{source} must hold a table of numbers (n, d), not {array.dtype} of shape {array.shape}.")
    for start in range(0, len(array), _ROWS):
        yield np.asarray(array[start : start + _ROWS])


def _safetensors(source: Path) -> Iterator[np.ndarray]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(source, framework="np") as tensors:
            tables = [name for name in tensors.keys() if len(tensors.get_slice(name).get_shape()) == 2]  # noqa: SIM118
            if len(tables) != 1:
                found = ", ".join(tables) or "none"
                raise InputError(f"{source} must hold one table (n, d), but has: {found}.")
            table = tensors.get_slice(tables[0])
            rows = table.get_shape()[0]
            for start in range(0, rows, _ROWS):
                yield table[start : min(start + _ROWS, rows)]
    except (SafetensorError, TypeError, AttributeError, OSError) as error:
        raise InputError(f"{source} cannot be read as safetensors: {error}.") from None


def _names(path: Path | None) -> IO[str]:
    if path is None:
        return StringIO()
    try:
        return path.open(encoding="utf-8", errors="replace", newline="\n")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
