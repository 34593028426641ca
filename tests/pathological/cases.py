"""Files that are made to take long or much memory: by name, the ending and what makes one of about n bytes or parts."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import zipfile
from collections.abc import Callable

Make = Callable[[int], bytes]


def _text(part: str, before: str = "", after: str = "") -> Make:
    return lambda n: f"{before}{part * n}{after}".encode("utf-8", "surrogatepass")


def _zip(name: str, make: Make) -> Make:
    def archive(n: int) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts:
            parts.writestr(name, make(n))
        return out.getvalue()

    return archive


def _docx(body: Make) -> Make:
    head = b'<?xml version="1.0"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'

    def archive(n: int) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as parts:
            parts.writestr("[Content_Types].xml", _TYPES)
            parts.writestr("_rels/.rels", _RELS)
            parts.writestr("word/document.xml", head + body(n) + b"</w:body></w:document>")
        return out.getvalue()

    return archive


_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.'
    'main+xml"/></Types>'
)
_RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>'
)


def _lines(line: Callable[[int], str], before: str = "") -> Make:
    return lambda n: (before + "\n".join(line(i) for i in range(n))).encode()


def _packed(pack: Callable[[bytes], bytes]) -> Make:
    return lambda n: pack(bytes(100 * n))


def _npy(n: int) -> bytes:
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({10**9 * n}, 1000), }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()


def _mail(n: int) -> bytes:
    nested = "".join(f"Content-Type: multipart/mixed; boundary=b{i}\n\n--b{i}\n" for i in range(n))
    return f"From: a@b.c\nSubject: deep\n{nested}Content-Type: text/plain\n\na fox\n".encode()


CASES: dict[str, tuple[str, Make]] = {
    # markup that is never closed, or nested
    **{f"html: {tag} unclosed": ("html", _text(f"<{tag}>a ")) for tag in ("p", "div", "b", "table", "li", "td", "option", "a href=x", "font")},
    "html: brackets alone": ("html", _text("<")), "html: comments unclosed": ("html", _text("<!--")),
    "html: scripts unclosed": ("html", _text("<script>")), "html: ends alone": ("html", _text("</b>")),
    "html: one long attribute": ("html", _text("a", "<p title='", "'>x")), "html: many attributes": ("html", _text(" a=1", "<p", ">x")),
    "html: references": ("html", _text("&amp;&#x41;&unknown")), "html: formatting crossed": ("html", _text("<b><i></b></i>")),
    "html: nested lists": ("html", lambda n: b"<ul><li>" * n + b"a" + b"</li></ul>" * n),
    "html: a row of cells": ("html", _text("<td>a", "<table><tr>")), "html: zero bytes": ("html", _text("\0")),
    "markdown: brackets": ("md", _text("[")), "markdown: stars": ("md", _text("*")), "markdown: ticks": ("md", _text("`")),
    "markdown: headings": ("md", _text("# a\n")), "markdown: quotes nested": ("md", _text("> ")), "markdown: rules": ("md", _text("-")),
    "markdown: a title of spaces": ("md", _text(" ", "#", "a")), "markdown: front matter unclosed": ("md", _text("a: b\n", "---\n")),
    "markdown: underlines": ("md", _text("a\n=")), "markdown: lists nested": ("md", lambda n: "\n".join(" " * min(i, 200) + "- a" for i in range(n)).encode()),
    # text
    "text: one line": ("txt", _text("a")), "text: no space in it": ("txt", _text("ab1_")), "text: line ends": ("txt", _text("\r")),
    "text: marks on a letter": ("txt", _text("\u0301", "a")), "text: zero width": ("txt", _text("\u200b")), "text: wide spaces": ("txt", _text("\u3000")),
    "text: half pairs": ("txt", _text("\ud800")), "text: broken UTF-8": ("txt", lambda n: b"\xc3\x28\xff" * n), "text: UTF-16 cut off": ("txt", lambda n: b"\xff\xfe" + b"a\0" * n + b"b"),
    "text: zero bytes": ("txt", lambda n: bytes(n)), "text: scripts mixed": ("txt", _text("aあก한")), "text: Thai": ("txt", _text("ภาษาไทย")),
    "lines: empty": ("lines", _text("\n")), "man: macros": ("1", _text(".SH A\n")), "man: unclosed fonts": ("1", _text("\\fBa")), "man: escapes": ("1", _text("\\", ".TH A 1\n")),
    # tables
    "csv: one quote": ("csv", _text('a,b\n', 'id,text\n"')), "csv: quotes": ("csv", _text('"', "id,text\n")), "csv: commas": ("csv", _text(",", "id,text\n")),
    "csv: a header of columns": ("csv", _lines(lambda i: ",".join(["a"]), "id,text\n")), "csv: one cell": ("csv", _text("a ", "id,text\n1,")),
    "csv: columns": ("csv", lambda n: (",".join(f"c{i}" for i in range(n)) + "\n" + ",".join("a" for _ in range(n))).encode()),
    "csv: separators mixed": ("csv", _text("a;b,c\td|e\n")), "csv: numbers": ("csv", _lines(lambda i: f"{i},{'9' * 30}", "id,text\n")),
    "tsv: tabs": ("tsv", _text("\t", "id\ttext\n")),
    # JSON
    "json: nested lists": ("json", lambda n: b"[" * n + b"]" * n), "json: lists unclosed": ("json", _text("[")), "json: nested objects": ("json", _text('{"a":')),
    "json: one string": ("json", _text("a", '[{"text": "', '"}]')), "json: escapes": ("json", _text("\\u0041", '[{"text": "', '"}]')), "json: a number": ("json", _text("9", '[{"text": "a", "n": ', "}]")),
    "json: fields": ("json", lambda n: json.dumps([{"text": "a", **{f"f{i}": i for i in range(n)}}]).encode()),
    "jsonl: nested": ("jsonl", lambda n: b'{"text": "a", "n": ' + b"[" * n + b"]" * n + b"}"), "jsonl: braces": ("jsonl", _text("{\n")), "jsonl: one line": ("jsonl", _text("a ", '{"text": "', '"}')),
    "ipynb: cells": ("ipynb", lambda n: json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": ["a"], "outputs": []}] * n}).encode()),
    "ipynb: nested": ("ipynb", lambda n: b'{"cells": ' + b"[" * n),
    # mail and others
    "eml: parts nested": ("eml", _mail), "eml: headers": ("eml", _text("X-A: b\n")), "eml: a header folded": ("eml", _text(" a\n", "Subject: a\n")), "eml: encoded words": ("eml", _text("=?utf-8?q?a?= ", "Subject: ")),
    "eml: boundaries": ("eml", _text("--b\n\n", "Content-Type: multipart/mixed; boundary=b\n\n")), "mbox: senders": ("mbox", _text("From a\n\na\n")), "mbox: one message": ("mbox", _text("a\n", "From a@b c\n\n")),
    "rtf: groups": ("rtf", _text("{", "{\\rtf1 ")), "rtf: words": ("rtf", _text("\\par ", "{\\rtf1 ", "}")), "rtf: numbers": ("rtf", _text("\\u99999?", "{\\rtf1 ", "}")),
    "pdf: objects": ("pdf", _lines(lambda i: f"{i} 0 obj\n<< /A {i} 0 R >>\nendobj", "%PDF-1.4\n")), "pdf: brackets": ("pdf", _text("<<", "%PDF-1.4\n1 0 obj\n")),
    # packed
    "gz: zeros": ("txt.gz", _packed(gzip.compress)), "bz2: zeros": ("txt.bz2", _packed(bz2.compress)), "xz: zeros": ("txt.xz", _packed(lzma.compress)),
    "gz: of gz": ("txt.gz", lambda n: gzip.compress(gzip.compress(bytes(100 * n)))), "gz: members": ("txt.gz", lambda n: gzip.compress(b"a ") * n), "gz: cut off": ("txt.gz", lambda n: gzip.compress(bytes(range(256)) * n)[:-9]),
    "docx: paragraphs": ("docx", _docx(lambda n: b"<w:p><w:r><w:t>a</w:t></w:r></w:p>" * n)), "docx: nested tables": ("docx", _docx(lambda n: b"<w:tbl><w:tr><w:tc>" * n + b"<w:p/>" + b"</w:tc></w:tr></w:tbl>" * n)),
    "docx: zeros": ("docx", _zip("word/document.xml", lambda n: bytes(100 * n))), "xlsx: zeros": ("xlsx", _zip("xl/workbook.xml", lambda n: bytes(100 * n))), "pptx: no presentation": ("pptx", _zip("a", lambda n: b"a" * n)),
    "odt: zeros": ("odt", _zip("content.xml", lambda n: bytes(100 * n))), "odt: nested": ("odt", _zip("content.xml", lambda n: b"<a>" * n)), "epub: zeros": ("epub", _zip("META-INF/container.xml", lambda n: bytes(100 * n))),
    "ods: entities": ("ods", _zip("content.xml", lambda n: b'<!DOCTYPE a [<!ENTITY b "' + b"c" * n + b'">]><a>' + b"&b;" * n + b"</a>")),
    "npy: a huge shape": ("npy", _npy), "npy: brackets": ("npy", lambda n: b"\x93NUMPY\x01\x00" + struct.pack("<H", min(n, 60_000)) + b"[" * min(n, 60_000)),
    "parquet: no table": ("parquet", lambda n: b"PAR1" + bytes(n) + struct.pack("<I", 2**31 - 1) + b"PAR1"), "arrow: no table": ("arrow", lambda n: b"ARROW1\0\0" + b"\xff" * n + b"ARROW1"),
}  # fmt: skip
