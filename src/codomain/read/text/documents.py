"""Files that are one document each: how they are read whatever their format, and plain text and Markdown themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from codomain.errors import CodomainError, InputError, MissingExtra
from codomain.read.encodings import by_name, decode, looks_binary
from codomain.read.files import OnFault, ReadFault, SourceFile, reader, unreadable
from codomain.read.text.front_matter import front_matter
from codomain.read.text.headings import title as heading
from codomain.read.unpack import open_unpacked, read_whole, unpacking
from codomain.registry import lookup


class Document(NamedTuple):
    """A file's text; `markdown` where it has Markdown headings, `fields` from its front matter."""

    text: str
    title: str | None
    markdown: bool
    fields: Mapping[str, Any] = MappingProxyType({})


class BinaryFile(InputError):
    """A file that holds no text: a fault where it was named, passed over inside a folder."""


def document(file: SourceFile, on_bad: OnFault | None = None) -> Document:
    """Read one whole file.

    Raises InputError for a file that cannot be read, and MissingExtra where its format needs a package.
    """
    read = lookup("reader", file.format)
    call: Callable[[SourceFile, OnFault | None], Document] = read.whole or read
    try:
        return call(file, on_bad)
    except CodomainError:
        raise
    except ImportError:
        raise MissingExtra(f"reading {file.label}", read.extra) from None
    except OSError as error:
        if error.errno is None:
            raise not_one(file, error) from None
        raise unreadable(file.path, error) from None
    except Exception as error:  # a damaged or locked file fails in many ways inside its parser
        raise not_one(file, error) from None


def not_one(file: SourceFile, error: BaseException) -> InputError:
    """The sentence for a file that is not what its name says."""
    if isinstance(error, MemoryError):
        return InputError(f"{file.label} cannot be read: there is not enough memory for it.")
    why = "it is nested too deeply" if isinstance(error, RecursionError) else _first_line(error)
    return InputError(f"{file.label} is not {lookup('reader', file.format).what} that can be read: {why}.")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return " ".join((lines or [type(error).__name__])[0].split())[:200].rstrip(".")


@reader("text", what="a text")
def read_text(file: SourceFile, on_bad: OnFault | None) -> Document:
    """A file as it stands."""
    return Document(decoded(file, on_bad), None, False)


@reader("markdown", suffixes=(".md", ".markdown"), what="a Markdown file")
def read_markdown(file: SourceFile, on_bad: OnFault | None) -> Document:
    """Markdown with its front matter; the title is that of the front matter, else the first heading of the first level."""
    fields, text = front_matter(decoded(file, on_bad))
    title = fields.pop("title", None) or heading(text)
    return Document(text, None if title is None else str(title), True, fields)


def raw_bytes(file: SourceFile) -> bytes:
    """All bytes of a text file, unpacked; raises BinaryFile for one that is none."""
    with unpacking(file.label), open_unpacked(file.path, file.label) as stream:
        raw = stream.read(8192)
        if looks_binary(raw):
            raise BinaryFile(f"{file.label} is a binary file, not text.")
        return raw + read_whole(stream, file.label)


def decoded(file: SourceFile, on_bad: OnFault | None) -> str:
    """The text of a file; an encoding that was guessed is reported."""
    return as_text(raw_bytes(file), file, on_bad)


def as_text(raw: bytes, file: SourceFile, on_bad: OnFault | None, declared: str | None = None) -> str:
    """Bytes as text, by the encoding that the user has named, that the file declares, or that is likely."""
    named = encoding_of(file)
    text, guessed = decode(raw, named or declared)
    if guessed and on_bad:
        on_bad(ReadFault(file.label, 0, "encoding", f"is not UTF-8 and was read as {guessed}"))
    return text


def encoding_of(file: SourceFile) -> str | None:
    """The codec that the user has named for a file; raises InputError for one that there is not."""
    if not file.encoding:
        return None
    codec = by_name(file.encoding)
    if codec is None:
        raise InputError(f"there is no encoding {file.encoding!r}.")
    return codec
