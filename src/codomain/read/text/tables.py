"""Files of many rows, as streams of (line number, fields): JSON lines, CSV, Parquet and plain lines."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, cast

from codomain.errors import InputError, MissingExtra
from codomain.read.files import OnFault, ReadFault, SourceFile, reader, unreadable
from codomain.registry import lookup

Row = tuple[int, dict[str, Any]]
Broken = Callable[[int, str], None]
"""Called with a line and what is wrong with it: raises, or counts and lets reading go on."""

_BUFFER = 1 << 17
_JSON_SPACE = " \t\r\n"

_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def rows(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """The rows of a table file, one in memory at a time; line numbers count from 1.

    Raises InputError for a file that cannot be read or is not what its name says.
    """
    if file.format:
        yield from lookup("reader", file.format)(file, broken, on_bad)
    else:  # standard input of no stated format
        yield from _of_lines(_sniffed)(file, broken, on_bad)


Parser = Callable[[Iterator[str], Broken], Iterator[Row]]


def _of_lines(parse: Parser) -> Callable[[SourceFile, Broken, OnFault | None], Iterator[Row]]:
    """A reader of rows from what parses lines."""

    @wraps(parse)
    def read(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
        return _parsed(parse, file, broken, on_bad)

    return read


def _parsed(parse: Parser, file: SourceFile, broken: Broken, on_bad: OnFault | None) -> Iterator[Row]:
    try:
        with _open(file) as stream:
            yield from parse(_decoded(stream, file.label, on_bad), broken)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(f"{file.label} cannot be unpacked: {error}.") from None
    except OSError as error:
        raise unreadable(file.path, error) from None


def _open(file: SourceFile) -> Any:
    if file.path == "-":
        return sys.stdin.buffer
    if file.path.lower().endswith(".gz"):
        return io.BufferedReader(cast(io.RawIOBase, gzip.open(file.path)), _BUFFER)  # GzipFile's own lines are slow
    return open(file.path, "rb")


def _decoded(stream: Iterable[bytes], path: str, on_bad: OnFault | None) -> Iterator[str]:
    """Lines as text: UTF-8 with or without a mark; a line that is not UTF-8 is read as Latin-1, reported once a file."""
    reported = False
    for number, raw in enumerate(stream, 1):
        if number == 1:
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                yield from io.StringIO((raw + b"".join(stream)).decode("utf-16", "replace"))
                return
            if b"\0" in raw[:8192]:
                raise InputError(f"{path} is a binary file, not text.")
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        try:
            yield raw.decode()
        except UnicodeDecodeError:
            if on_bad and not reported:
                on_bad(ReadFault(path, number, "encoding", "is not UTF-8 and was read as Latin-1"))
            reported = True
            yield raw.decode("latin-1")


@reader("jsonl", suffixes=(".jsonl", ".ndjson"), rows=True)
@_of_lines
def read_jsonl(lines: Iterable[str], broken: Broken) -> Iterator[Row]:
    """A JSON object a line."""
    return _json_objects(lines, broken)


def _json_objects(lines: Iterable[str], broken: Broken) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        try:
            fields = _object(line)
        except (ValueError, RecursionError) as error:
            broken(number, f"is not JSON ({_why(error)})")
            continue
        if isinstance(fields, dict):
            yield number, fields
        else:
            broken(number, f"holds a JSON {type(fields).__name__} where an object is needed")


def _object(line: str) -> Any:
    """The one JSON value of a line."""
    if line[0] == "{":
        value, end = _JSON.raw_decode(line)
        if not line[end:].strip(_JSON_SPACE):
            return value
    return _JSON.decode(line)  # space before it, another value, or a sentence on what is wrong


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


_JSON = json.JSONDecoder(parse_constant=_no_constant)


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


@reader("lines", rows=True)
@_of_lines
def read_lines(lines: Iterable[str], broken: Broken) -> Iterator[Row]:
    """A text a line."""
    return _plain_lines(lines, broken)


def _plain_lines(lines: Iterable[str], broken: Broken) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        yield number, {"text": line.rstrip("\r\n")}


def _sniffed(lines: Iterator[str], broken: Broken) -> Iterator[Row]:
    """Standard input of no stated format: JSON lines if its first line opens an object, else one document a line."""
    first = next(lines, None)
    if first is None:
        return
    whole = (line for part in ([first], lines) for line in part)
    yield from (_json_objects if first.lstrip().startswith("{") else _plain_lines)(whole, broken)


@reader("tsv", suffixes=(".tsv",), rows=True)
@_of_lines
def read_tsv(lines: Iterable[str], broken: Broken) -> Iterator[Row]:
    """Cells between tabs, the first line their names."""
    return _cells(lines, broken, delimiter="\t")


@reader("csv", suffixes=(".csv",), rows=True)
@_of_lines
def read_csv(lines: Iterable[str], broken: Broken) -> Iterator[Row]:
    """Cells between commas, the first line their names."""
    return _cells(lines, broken, delimiter=",")


def _cells(lines: Iterable[str], broken: Broken, delimiter: str) -> Iterator[Row]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    reader = csv.reader(lines, delimiter=delimiter)
    header = next(reader, None)
    if header is None:
        return
    header = [name.strip() for name in header]
    named = [name for name in header if name]  # data frames write their index as a column without a name
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        broken(1, f'names two columns "{twice}"')
        return
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            broken(start, f"is not a row of the table ({error})")
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            broken(start, f"has {len(cells)} cells where the header has {len(header)}")
            continue
        yield start, dict(zip(header, cells, strict=True))


def typed(cell: str) -> str | int | float | None:
    """A CSV cell as the plainest value it spells; leading zeros keep it text, an empty cell is None.

    >>> [typed(cell) for cell in ("2020", "3.5", "007", "1e3", "", "nan")]
    [2020, 3.5, '007', 1000.0, None, 'nan']
    """
    if not cell.strip():
        return None
    if _INTEGER.fullmatch(cell):
        return int(cell)
    if _NUMBER.fullmatch(cell):
        number = float(cell)
        return number if math.isfinite(number) else cell
    return cell


@reader("parquet", suffixes=(".parquet",), rows=True)
def read_parquet(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """Rows of a Parquet file; a number that is NaN counts as missing."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra(f"reading {file.label}", "parquet") from None
    try:
        with pq.ParquetFile(file.path) as table:
            number = 0
            for batch in table.iter_batches(batch_size=1024):
                for fields in batch.to_pylist():
                    number += 1
                    yield number, {name: _without_nan(value) for name, value in fields.items()}
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{file.label} is not a Parquet file that can be read: {str(error).splitlines()[0]}") from None
    except OSError as error:
        raise unreadable(file.path, error) from None


def _without_nan(value: Any) -> Any:
    """Data frames write a missing number as NaN; here it is None."""
    return None if isinstance(value, float) and math.isnan(value) else value
