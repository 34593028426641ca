"""Files that are one document each, as text: plain and Markdown, HTML, PDF and Word."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from codomain.errors import InputError, MissingExtra
from codomain.read.files import OnFault, ReadFault, SourceFile, label, reader, unreadable
from codomain.read.text.front_matter import front_matter
from codomain.read.text.headings import title as heading
from codomain.registry import lookup

_BLOCKS = re.compile(
    "p|div|section|article|header|footer|main|aside|nav|ul|ol|li|dl|dt|dd|table|tr|blockquote|pre|figure|figcaption|h[1-6]|br|hr"
)
_DROPPED = ("script", "style", "noscript", "template", "svg")


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
    try:
        read: Callable[[SourceFile, OnFault | None], Document] = lookup("reader", file.format)
        return read(file, on_bad)
    except OSError as error:
        raise unreadable(file.path, error) from None


def looks_binary(start: bytes) -> bool:
    """Whether a file that begins so is no text: it holds a NUL byte and no UTF-16 mark.

    >>> looks_binary(b"plain"), looks_binary(b"PNG\\0")
    (False, True)
    """
    return b"\0" in start and not start.startswith((b"\xff\xfe", b"\xfe\xff"))


@reader("text")
def read_text(file: SourceFile, on_bad: OnFault | None) -> Document:
    """A file as it stands."""
    return Document(_decoded(file, on_bad), None, False)


@reader("markdown", suffixes=(".md", ".markdown"))
def read_markdown(file: SourceFile, on_bad: OnFault | None) -> Document:
    """Markdown with its front matter; the title is that of the front matter, else the first heading of the first level."""
    fields, text = front_matter(_decoded(file, on_bad))
    title = fields.pop("title", None) or heading(text)
    return Document(text, None if title is None else str(title), True, fields)


def _decoded(file: SourceFile, on_bad: OnFault | None) -> str:
    packed = file.path.lower().endswith(".gz")
    try:
        with gzip.open(file.path) if packed else open(file.path, "rb") as stream:
            raw = stream.read(8192)
            if looks_binary(raw):
                raise BinaryFile(f"{file.label} is a binary file, not text.")
            raw += stream.read()
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InputError(f"{file.label} cannot be unpacked: {error}.") from None
    return _decode(raw, file.path, on_bad)


def _decode(raw: bytes, path: str, on_bad: OnFault | None) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        if on_bad:
            on_bad(ReadFault(label(path), 0, "encoding", "is not UTF-8 and was read as Latin-1"))
        return raw.decode("latin-1")


@reader("html", suffixes=(".html", ".htm"))
def read_html(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text of a page, its headings as Markdown."""
    markup = _decoded(file, on_bad)
    try:
        from bs4 import BeautifulSoup
    except ImportError:
        raise MissingExtra(f"reading {file.label}", "files") from None
    soup = BeautifulSoup(markup, "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else None
    for tag in soup.find_all([*_DROPPED, "title"]):
        tag.decompose()
    for tag in soup.find_all(lambda tag: bool(_BLOCKS.fullmatch(tag.name))):
        if re.fullmatch(r"h[1-6]", tag.name) and tag.get_text(strip=True):
            tag.insert(0, "#" * int(tag.name[1]) + " ")
        tag.insert_before("\n\n")
        tag.append("\n\n")
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", soup.get_text())
    return Document(re.sub(r"\n{3,}", "\n\n", text).strip(), title or None, True)


@reader("pdf", suffixes=(".pdf",))
def read_pdf(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text of all pages."""
    path = file.path
    try:
        import pypdf
    except ImportError:
        raise MissingExtra(f"reading {label(path)}", "files") from None
    try:
        with open(path, "rb") as stream:
            reader = pypdf.PdfReader(stream)
            text = "\n\n".join(page.extract_text() for page in reader.pages)
            title = reader.metadata.title if reader.metadata else None
    except OSError:
        raise
    except Exception as error:  # a damaged or locked file fails in many ways inside the parser
        raise InputError(f"{label(path)} is not a PDF that can be read: {_first_line(error)}.") from None
    return Document(text, title or None, False)


@reader("docx", suffixes=(".docx",))
def read_docx(file: SourceFile, on_bad: OnFault | None) -> Document:
    """Paragraphs and rows of tables, headings as Markdown."""
    path = file.path
    try:
        import docx
    except ImportError:
        raise MissingExtra(f"reading {label(path)}", "files") from None
    try:
        with open(path, "rb") as stream:
            word = docx.Document(stream)
    except OSError:
        raise
    except Exception as error:  # damaged archives fail in many ways inside the parser
        raise InputError(f"{label(path)} is not a Word document that can be read: {_first_line(error)}.") from None
    parts = []
    for block in word.iter_inner_content():
        if hasattr(block, "rows"):
            parts += ["\t".join(cell.text for cell in row.cells) for row in block.rows]
        else:
            level = re.fullmatch(r"Heading ([1-6])", block.style.name if block.style else "")
            parts.append("#" * int(level.group(1)) + " " + block.text if level else block.text)
    return Document("\n\n".join(parts), word.core_properties.title or None, True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
