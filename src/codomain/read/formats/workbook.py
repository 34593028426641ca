"""Sheets of Excel and OpenDocument: a table of texts where they have one, else a document of their cells."""

from __future__ import annotations

import datetime
import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.formats.archive import archive, checked, local
from codomain.read.limits import limit, over
from codomain.read.text.documents import Document
from codomain.read.text.tables import Broken, NoTable, Row

Sheet = tuple[str, Iterator[list[Any]]]
Sheets = Callable[[SourceFile], Iterator[Sheet]]


def _excel(file: SourceFile) -> Iterator[Sheet]:
    """The sheets of an Excel workbook, row by row; formulas as what they came to."""
    import openpyxl

    with checked(file) as stream:
        with warnings.catch_warnings():  # what openpyxl does not know is no concern of those who want the texts
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        try:
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # some programs write wrong ones
                yield sheet.title, _rows(sheet.iter_rows(values_only=True))
        finally:
            book.close()


def _rows(cells: Iterator[tuple[Any, ...]]) -> Iterator[list[Any]]:
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            some = list(islice(cells, 256))
        if not some:
            return
        yield from map(list, some)


def _opendocument(file: SourceFile) -> Iterator[Sheet]:
    """The sheets of an OpenDocument spreadsheet, row by row."""
    from lxml import etree

    most = limit("cells")
    with archive(file) as parts, parts.open("content.xml") as content:
        events = etree.iterparse(
            content, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        name, rows = "", list[list[Any]]()
        count = 0
        for event, element in events:
            kind = local(element)
            if kind == "table" and event == "start":
                name = _attribute(element, "name")
            elif kind == "table-row" and event == "end":
                row = _cells(element, most, file.label)
                times = min(_number(element, "number-rows-repeated"), most + 1) if row else 1
                count += max(len(row), 1) * times
                if count > most:
                    raise over(file.label, "cells")
                rows += [row] * times
                element.clear()
            elif kind == "table" and event == "end":
                yield name, iter(rows)
                rows = []
                element.clear()


def _cells(row: Any, most: int, label: str) -> list[Any]:
    cells: list[Any] = []
    empty = 0
    for cell in row.iterchildren():
        if local(cell) not in ("table-cell", "covered-table-cell"):
            continue
        value = _value(cell)
        times = _number(cell, "number-columns-repeated")
        if value is None:
            empty += times
            continue
        if len(cells) + empty + times > most:
            raise over(label, "cells")
        cells += [None] * empty + [value] * times
        empty = 0
    return cells


def _value(cell: Any) -> Any:
    kind = _attribute(cell, "value-type")
    if kind in ("float", "currency", "percentage"):
        number = float(_attribute(cell, "value") or "nan")
        return int(number) if number.is_integer() and abs(number) < 2**53 else number if math.isfinite(number) else None
    if kind == "boolean":
        return _attribute(cell, "boolean-value") == "true"
    if kind == "date":
        return _attribute(cell, "date-value") or None
    paragraphs = ["".join(p.itertext()) for p in cell.iterchildren() if local(p) == "p"]
    return "\n".join(paragraphs) or None


def _attribute(element: Any, name: str) -> str:
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")


def _number(element: Any, name: str) -> int:
    digits = _attribute(element, name)
    return max(1, int(digits)) if digits.isascii() and digits.isdigit() and len(digits) < 12 else 1


def _bounded(rows: Iterator[list[Any]], label: str, used: list[int]) -> Iterator[tuple[int, list[Any]]]:
    """The rows of a sheet with their numbers, until all sheets have too many cells."""
    most = limit("cells")
    for number, row in enumerate(rows, 1):
        used[0] += max(len(row), 1)
        if used[0] > most:
            raise over(label, "cells")
        while row and (row[-1] is None or row[-1] == ""):
            row.pop()
        yield number, row


def _records(sheets: Sheets, file: SourceFile, broken: Broken) -> Iterator[Row]:
    some, used = False, [0]
    for name, rows in sheets(file):
        header: list[str] = []
        for number, row in _bounded(rows, file.label, used):
            if not row:
                continue
            if not header:
                header = ["" if cell is None else " ".join(str(cell).split()) for cell in row]
                twice = next((name for name, count in Counter(filter(None, header)).items() if count > 1), None)
                if twice is not None:
                    if not some:
                        raise NoTable  # a form or a figure, laid out in cells
                    broken(number, f'of the sheet "{name}" names two columns "{twice}"')
                    break
                continue
            if len(row) > len(header):
                broken(number, f'of the sheet "{name}" has {len(row)} cells where the header has {len(header)}')
                continue
            some = True
            yield number, dict(zip(header, [*row, *[None] * (len(header) - len(row))], strict=True))
    if not some:
        raise NoTable


def _whole(sheets: Sheets, file: SourceFile) -> Document:
    parts: list[str] = []
    used = [0]
    for name, rows in sheets(file):
        lines = ["\t".join(map(_spelled, row)) for _, row in _bounded(rows, file.label, used) if row]
        if lines:
            parts.append(f"## {' '.join(name.split())}\n\n" + "\n".join(lines))
    return Document("\n\n".join(parts), None, True)


def _spelled(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        cell = cell.date()
    return " ".join(str(cell).split())


def _excel_whole(file: SourceFile, on_bad: OnFault | None) -> Document:
    return _whole(_excel, file)


def _opendocument_whole(file: SourceFile, on_bad: OnFault | None) -> Document:
    return _whole(_opendocument, file)


@reader("xlsx", suffixes=(".xlsx", ".xlsm", ".xltx"), rows=True, what="an Excel workbook", whole=_excel_whole)
def read_xlsx(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """The rows of all sheets, each with its own header."""
    yield from _records(_excel, file, broken)


@reader("ods", suffixes=(".ods", ".ots"), rows=True, what="an OpenDocument spreadsheet", whole=_opendocument_whole)
def read_ods(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """The rows of all sheets, each with its own header."""
    yield from _records(_opendocument, file, broken)
