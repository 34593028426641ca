"""EPUB books: their chapters in the order of the spine."""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote

from codomain.read.encodings import decode
from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.formats.archive import archive, local, parse
from codomain.read.formats.html import declared, page_text
from codomain.read.text.documents import Document

_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


@reader("epub", suffixes=(".epub",), what="an EPUB book")
def read_epub(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text of all chapters, their headings as Markdown; author and language are fields."""
    with archive(file) as parts:
        root = parse(parts.read("META-INF/container.xml"))
        path = next(str(e.get("full-path")) for e in root.iter() if local(e) == "rootfile")
        book = parse(parts.read(path))
        items = {e.get("id"): e for e in book.iter() if local(e) == "item"}
        spine = [items[e.get("idref")] for e in book.iter() if local(e) == "itemref" and e.get("idref") in items]
        names = set(parts.namelist())
        chapters = []
        for item in spine:
            name = posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(item.get("href") or "")))
            if item.get("media-type") in _PAGES and name in names:
                raw = parts.read(name)
                chapters.append(page_text(decode(raw, declared(raw))[0], file.label)[0])
    about = {"author": _said(book, "creator"), "language": _said(book, "language")}
    fields = {name: value for name, value in about.items() if value}
    return Document("\n\n".join(filter(None, chapters)), _said(book, "title") or None, True, fields)


def _said(book: Any, name: str) -> str:
    found = [(e.text or "").strip() for e in book.iter() if local(e) == name and "purl.org" in e.tag]
    return ", ".join(filter(None, found))
