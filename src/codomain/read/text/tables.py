"""Files of many rows, as streams of (line number, fields): how lines are read, JSON lines and plain lines."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial, wraps
from typing import IO, Any

from codomain.errors import CodomainError, InputError, MissingExtra
from codomain.read.encodings import decode_as, likely, looks_binary, marked, spelled
from codomain.read.files import OnFault, ReadFault, SourceFile, reader, unreadable
from codomain.read.limits import limit, over
from codomain.read.text.documents import encoding_of, not_one
from codomain.read.unpack import open_unpacked, unpacking
from codomain.registry import lookup

Row = tuple[int, dict[str, Any]]
Broken = Callable[[int, str], None]
"""Called with a line and what is wrong with it: raises, or counts and lets reading go on."""

_BLOCK = 1 << 16
_JSON_SPACE = " \t\r\n"


class NoTable(Exception):
    """A file that its name calls a table holds no records: it is read as one document."""


def rows(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """The rows of a table file, one in memory at a time; line numbers count from 1.

    Raises InputError for a file that cannot be read or is not what its name says.
    """
    if not file.format:  # standard input of no stated format
        yield from of_lines(_sniffed)(file, broken, on_bad)
        return
    read = lookup("reader", file.format)
    try:
        yield from read(file, broken, on_bad)
    except (CodomainError, NoTable):
        raise
    except ImportError:
        raise MissingExtra(f"reading {file.label}", read.extra) from None
    except OSError as error:
        if error.errno is None:
            raise not_one(file, error) from None
        raise unreadable(file.path, error) from None
    except Exception as error:  # a damaged file fails in many ways inside its parser
        raise not_one(file, error) from None


Parser = Callable[[Iterator[str], Broken], Iterator[Row]]


def of_lines(parse: Parser) -> Callable[[SourceFile, Broken, OnFault | None], Iterator[Row]]:
    """A reader of rows from what parses lines."""

    @wraps(parse)
    def read(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
        with unpacking(file.label), open_unpacked(file.path, file.label) as stream:
            yield from parse(decoded_lines(stream, file, on_bad), broken)

    return read


def decoded_lines(stream: IO[bytes], file: SourceFile, on_bad: OnFault | None) -> Iterator[str]:
    """Lines as text, ends included, whichever of the three line ends a file has.

    UTF-8 with or without a mark, or UTF-16 and UTF-32 with one; lines that are neither are read as the most likely encoding,
    reported once a file.
    """
    path = "standard input" if file.path == "-" else file.label
    codec = encoding_of(file) or ""
    guessed = False
    for number, raw in enumerate(_raw_lines(stream, path), 1):
        if number == 1:
            mark = marked(raw)
            if mark not in (None, "utf-8"):
                text = (raw + b"".join(_raw_lines(stream, path))).decode(mark or "", "replace")
                yield from io.StringIO(text, newline="")
                return
            if looks_binary(raw[:8192]):
                raise InputError(f"{path} is a binary file, not text.")
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        if codec and not guessed:
            yield decode_as(raw, codec)
            continue
        try:
            yield raw.decode()
        except UnicodeDecodeError:
            if not guessed:
                codec, guessed = likely(raw + _ahead(stream)), True
                if on_bad:
                    reason = f"is not UTF-8 and was read as {spelled(codec)}"
                    on_bad(ReadFault(path, number, "encoding", reason))
            yield decode_as(raw, codec)


def _ahead(stream: IO[bytes]) -> bytes:
    """Some of what comes next, where the stream can tell."""
    peek = getattr(stream, "peek", None)
    return bytes(peek(_BLOCK)[:_BLOCK]) if peek else b""


def _raw_lines(stream: IO[bytes], path: str) -> Iterator[bytes]:
    """Lines of bytes; where no line feed is near, carriage returns end them, as on old Macintoshes."""
    most = limit("line")
    start = _ahead(stream)
    if b"\r" in start and b"\n" not in start and marked(start) in (None, "utf-8"):
        yield from _lines_by_return(stream, most, path)
        return
    for raw in iter(partial(stream.readline, most), b""):
        if len(raw) == most and not raw.endswith(b"\n"):
            raise over(path, "line")
        yield raw


def _lines_by_return(stream: IO[bytes], most: int, path: str) -> Iterator[bytes]:
    """Lines that end in a carriage return, a line feed, or both."""
    held: list[bytes] = []  # the pieces of a line whose end has not come, or may be half of one
    size = 0
    while block := stream.read(_BLOCK):
        held.append(block)
        size += len(block)
        if b"\r" in block or b"\n" in block:
            *lines, last = b"".join(held).splitlines(keepends=True)
            yield from lines
            held, size = [last], len(last)
        elif size > most:
            raise over(path, "line")
    yield from b"".join(held).splitlines(keepends=True)


@reader("jsonl", suffixes=(".jsonl", ".ndjson"), rows=True, what="a file of JSON lines")
@of_lines
def read_jsonl(lines: Iterable[str], broken: Broken) -> Iterator[Row]:
    """A JSON object a line."""
    return json_objects(lines, broken)


def json_objects(lines: Iterable[str], broken: Broken) -> Iterator[Row]:
    """A JSON object a line, blank lines left out."""
    for number, line in enumerate(lines, 1):
        if not line or line.isspace():
            continue
        try:
            fields = _object(line)
        except (ValueError, RecursionError) as error:
            broken(number, f"is not JSON ({why(error)})")
            continue
        if isinstance(fields, dict):
            yield number, fields
        else:
            broken(number, f"holds a JSON {type(fields).__name__} where an object is needed")


def _object(line: str) -> Any:
    """The one JSON value of a line."""
    if line[0] == "{":
        value, end = JSON.raw_decode(line)
        if not line[end:].strip(_JSON_SPACE):
            return value
    return JSON.decode(line)  # space before it, another value, or a sentence on what is wrong


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


JSON = json.JSONDecoder(parse_constant=_no_constant)
"""Of JSON as the standard has it: without NaN and Infinity."""


def why(error: Exception) -> str:
    """What is wrong with JSON, in some words."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


@reader("lines", rows=True, what="a text of lines")
@of_lines
def read_lines(lines: Iterable[str], broken: Broken) -> Iterator[Row]:
    """A text a line."""
    return _plain_lines(lines, broken)


def _plain_lines(lines: Iterable[str], broken: Broken) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        yield number, {"text": line.rstrip("\r\n")}


_ARRAY = re.compile(r"\s*\[\s*(\{|$)")


def _sniffed(lines: Iterator[str], broken: Broken) -> Iterator[Row]:
    """Standard input of no stated format: JSON if its first line opens an object or a list of them, else one document a line."""
    first = next(lines, None)
    if first is None:
        return
    whole = (line for part in ([first], lines) for line in part)
    if _ARRAY.match(first):
        from codomain.read.text.json_file import records_in

        yield from records_in("".join(whole), broken)
        return
    yield from (json_objects if first.lstrip().startswith("{") else _plain_lines)(whole, broken)
