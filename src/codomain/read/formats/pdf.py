"""PDF by PDFium: columns one after the other, words that are divided at line ends joined, ligatures as letters."""

from __future__ import annotations

import re
import threading
from collections import Counter
from typing import Any

from codomain.read.files import OnFault, ReadFault, SourceFile, reader
from codomain.read.formats.reading_order import Box, in_columns, in_lines
from codomain.read.limits import limit, over
from codomain.read.text.documents import Document
from codomain.read.unpack import seekable

_ONE_AT_A_TIME = threading.Lock()
"""PDFium is not made for threads."""

_MOST_WORK = 50_000_000
"""Boxes times characters of a page above which its text is taken in the order of the file."""

_MOST_BAD = 100
"""Pages that cannot be read, above which a file is not one."""

_LIGATURES = str.maketrans(
    {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st"}
)
_DIVIDED = re.compile(r"[\x02\ufffe]\n?|(?<=\w)[-\u00ad\u2010]\n")
_LAST = re.compile(r"(-?)(\w{1,60})\Z")
_FIRST = re.compile(r"\w{1,60}")
_WORD = re.compile(r"\w+(?:-\w+)*")


@reader("pdf", suffixes=(".pdf",), what="a PDF")
def read_pdf(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text of all pages."""
    import pypdfium2

    with _ONE_AT_A_TIME, seekable(file.path, file.label) as stream:
        pdf = pypdfium2.PdfDocument(stream)
        try:
            texts: list[str] = []
            size = 0
            bad = 0
            for number in range(len(pdf)):
                try:
                    texts.append(_page(pdf[number]))
                except pypdfium2.PdfiumError as error:
                    bad += 1
                    if bad == len(pdf) or bad > _MOST_BAD:
                        raise
                    if on_bad:
                        on_bad(
                            ReadFault(file.label, 0, "broken", f"has a page {number + 1} that cannot be read ({error})")
                        )
                    continue
                size += len(texts[-1])
                if size > limit("document"):
                    raise over(file.label, "document")
            title = pdf.get_metadata_dict().get("Title", "").strip("\0 \t\r\n\ufeff")
        finally:
            pdf.close()
    text = "\n\n".join(part for text in texts if (part := text.strip()))
    return Document(joined(text.translate(_LIGATURES)), title if title.lower() not in ("", "untitled") else None, False)


def _page(page: Any) -> str:
    try:
        words = page.get_textpage()
        try:
            return _text(words).replace("\r\n", "\n").replace("\r", "\n")
        finally:
            words.close()
    finally:
        page.close()


def _text(page: Any) -> str:
    """The text of a page as the file has it, or column by column."""
    count = page.count_rects()
    if count >= 8 and count * page.count_chars() <= _MOST_WORK:
        lines = in_lines([Box._make((*page.get_rect(number), number)) for number in range(count)])
        whole = [
            Box(line[0].left, min(b.bottom for b in line), line[-1].right, max(b.top for b in line), number)
            for number, line in enumerate(lines)
        ]
        blocks = in_columns(whole)
        if blocks:
            return "\n\n".join("\n".join(_line(page, lines[box.number]) for box in block) for block in blocks)
    return str(page.get_text_range())


def _line(page: Any, boxes: list[Box]) -> str:
    parts = [page.get_text_bounded(*box[:4]).replace("\r", "").replace("\n", " ").strip(" ") for box in boxes]
    text = ""
    for part, box, before in zip(parts, boxes, [None, *boxes], strict=False):
        apart = before is not None and box.left - before.right > 0.12 * (box.top - box.bottom)
        text += (" " if apart else "") + part
    return text


def joined(text: str) -> str:
    """Text without the hyphens that divide words at line ends; compounds keep theirs.

    A word that the text has in one piece elsewhere is joined, one that it has with a hyphen is not; else two halves make a
    word where the second begins with a small letter.

    >>> joined("An exam-\\nple of a well-\\nknown Anglo-\\nSaxon: well-known.")
    'An example of a well-known Anglo-Saxon: well-known.'
    """
    seen = Counter(word.lower() for word in _WORD.findall(text))
    parts: list[str] = []
    start = 0
    for found in _DIVIDED.finditer(text):
        before, after = _LAST.search(text[max(0, found.start() - 61) : found.start()]), _FIRST.match(text, found.end())
        parts.append(text[start : found.start()])
        parts.append(_between(before, after, seen) if before and after else "-")
        start = found.end()
    return "".join([*parts, text[start:]])


def _between(before: re.Match[str], after: re.Match[str], seen: Counter[str]) -> str:
    """What stands between two halves: a hyphen or nothing."""
    compound_so_far, first, second = before[1], before[2].lower(), after[0].lower()
    compound = seen[f"{first}-{second}"] and not seen[first + second]
    return "-" if compound_so_far or compound or not after[0][0].islower() else ""
