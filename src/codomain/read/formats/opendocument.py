"""OpenDocument text and slides: paragraphs, lists and tables in their order, headings as in Markdown."""

from __future__ import annotations

from typing import Any

from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.formats.archive import archive, local, parse
from codomain.read.text.documents import Document

_SKIPPED = frozenset(
    ["tracked-changes", "annotation", "note-citation", "forms", "scripts", "font-face-decls", "automatic-styles"]
)
_MOST_SPACES = 100


@reader("odt", suffixes=(".odt", ".ott"), what="an OpenDocument text")
def read_odt(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text as it is read, without deleted words and comments; cells of a row between tabs."""
    return _read(file)


@reader("odp", suffixes=(".odp", ".otp"), what="an OpenDocument presentation")
def read_odp(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text of all slides and their notes, a heading for each title."""
    return _read(file)


def _read(file: SourceFile) -> Document:
    with archive(file) as parts:
        body = parse(parts.read("content.xml"))
        title = None
        if "meta.xml" in parts.namelist():
            found = parse(parts.read("meta.xml")).find(".//{http://purl.org/dc/elements/1.1/}title")
            title = None if found is None else (found.text or "").strip() or None
    blocks: list[str] = []
    _walk(body, blocks)
    return Document("\n\n".join(block for block in blocks if block.strip()), title, True)


def _walk(root: Any, blocks: list[str]) -> None:
    """Collect paragraphs, headings and rows, without recursion."""
    waiting = [(iter(root), False)]
    while waiting:
        children, is_title = waiting[-1]
        element = next(children, None)
        if element is None:
            waiting.pop()
            continue
        name = local(element)
        if name == "h" or (name == "p" and is_title):
            level = min(int(_value(element, "outline-level") or 1), 6) if name == "h" else 2
            if text := " ".join(_words(element).split()):
                blocks.append("#" * level + " " + text)
        elif name == "p":
            blocks.append(_words(element))
        elif name == "table-row":
            cells = [cell for cell in element if local(cell) == "table-cell"]
            blocks.append("\t".join(" ".join(_words(cell).split()) for cell in cells).rstrip("\t"))
        elif name not in _SKIPPED:
            waiting.append((iter(element), is_title or _value(element, "class") == "title"))


def _words(root: Any) -> str:
    """The text of an element; paragraphs inside it are lines of their own."""
    parts = [root.text or ""]
    waiting = [iter(root)]
    inside: list[Any] = []
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
            if inside:
                done = inside.pop()
                parts.append(("\n" if local(done) in ("p", "h") else "") + (done.tail or ""))
            continue
        name = local(element)
        if name == "s":
            parts.append(" " * min(int(_value(element, "c") or 1), _MOST_SPACES))
        elif name == "tab":
            parts.append("\t")
        elif name == "line-break":
            parts.append("\n")
        if not name or name in _SKIPPED or (len(element) == 0 and not element.text):
            parts.append(element.tail or "")
            continue
        parts.append(("\n" if name in ("p", "h") and parts[-1:] != [""] else "") + (element.text or ""))
        inside.append(element)
        waiting.append(iter(element))
    return "".join(parts)


def _value(element: Any, name: str) -> str:
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
