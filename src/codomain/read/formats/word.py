"""Word documents: paragraphs, lists and tables in their order, headings as in Markdown, then foot- and endnotes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.formats.archive import checked, local, parse
from codomain.read.text.documents import Document

_NOTES = re.compile(r"/(footnotes|endnotes)$")
_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)


@reader("docx", suffixes=(".docx", ".docm", ".dotx"), what="a Word document")
def read_docx(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text as it is read: inserted words, without deleted ones; cells of a row between tabs."""
    import docx

    with checked(file) as stream:
        word = docx.Document(stream)
    levels = _levels(word)
    parts = list(_blocks(word.element.body, levels))
    for relation in word.part.rels.values():
        if _NOTES.search(relation.reltype) and not relation.is_external:
            notes = parse(relation.target_part.blob)
            parts += [text for note in notes if (text := "\n".join(_blocks(note, {})).strip())]
    return Document("\n\n".join(part for part in parts if part.strip()), word.core_properties.title or None, True)


def _levels(word: Any) -> dict[str, int]:
    """The level of each style that is one of headings, by its id: styles based on a heading are headings, too."""
    levels: dict[str, int] = {}
    for style in word.styles.element.style_lst:
        seen: set[str] = set()
        start = style
        while style is not None and style.styleId not in seen:
            seen.add(style.styleId)
            found = _HEADING.fullmatch(style.name_val or "")
            if found or (style.name_val or "").lower() == "title":
                levels[start.styleId] = int(found[1]) if found else 1
                break
            base = style.basedOn
            style = word.styles.element.get_by_id(base.val) if base is not None else None
    return levels


def _blocks(body: Any, levels: dict[str, int]) -> Iterator[str]:
    """The paragraphs and rows of tables below an element, one by one; nested tables follow the row that they stand in."""
    waiting = [iter(body)]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
            continue
        name = local(element)
        if name == "p":
            yield _paragraph(element, levels)
        elif name == "tr":
            cells = [child for child in element.iterchildren() if local(child) in ("tc", "sdt", "customXml")]
            yield "\t".join(" ".join(_cell(cell)) for cell in cells)
        elif name not in ("sectPr", "tblPr", "tblGrid", "Fallback", "del", "moveFrom"):
            waiting.append(iter(element))


def _cell(cell: Any) -> Iterator[str]:
    for paragraph in cell.iter("{*}p"):
        if text := " ".join(_runs(paragraph, inside=False).split()):
            yield text


def _paragraph(element: Any, levels: dict[str, int]) -> str:
    text = _runs(element)
    style = element.find("{*}pPr/{*}pStyle")
    level = levels.get(next(iter(style.attrib.values()), ""), 0) if style is not None else 0
    outline = element.find("{*}pPr/{*}outlineLvl")
    if not level and outline is not None:
        digits = next(iter(outline.attrib.values()), "")
        level = int(digits) + 1 if re.fullmatch("[0-8]", digits, re.ASCII) else 0  # 9 is body text
    if level and text.strip():
        return "#" * min(level, 6) + " " + " ".join(text.split())
    return text


_SKIPPED = frozenset(
    [
        "pPr",
        "rPr",
        "del",
        "moveFrom",
        "Fallback",
        "delText",
        "instrText",
        "fldData",
        "footnoteReference",
        "endnoteReference",
        "commentReference",
    ]
)
_SPELLED = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": "\u00ad", "ptab": "\t"}


def _runs(paragraph: Any, inside: bool = True) -> str:
    """The words of a paragraph; those of a text box in it follow in lines of their own, or not at all."""
    parts: list[str] = []
    waiting = [iter(paragraph)]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
            continue
        name = local(element)
        if name == "t":
            parts.append(element.text or "")
        elif name in _SPELLED:
            parts.append(_SPELLED[name])
        elif name == "p":  # of a text box
            if inside:
                parts.append("\n")
                waiting.append(iter(element))
        elif name not in _SKIPPED:
            waiting.append(iter(element))
    return "".join(parts)
