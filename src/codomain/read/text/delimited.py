"""CSV and its kin: cells between commas, semicolons, tabs or bars; which it is, is seen from the first lines."""

from __future__ import annotations

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator

from codomain.errors import InputError
from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.limits import LIMITS, limit
from codomain.read.record import ID_FIELDS, TEXT_FIELDS, TITLE_FIELDS
from codomain.read.text.tables import Broken, Row, decoded_lines
from codomain.read.unpack import open_unpacked, unpacking

_SAMPLE_LINES = 200
_SAMPLE_CHARACTERS = 1 << 16
_USUAL = frozenset({*TEXT_FIELDS, *TITLE_FIELDS, *ID_FIELDS})
_SEPARATOR = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)
_RETURN = re.compile(r"(?<=\r)(?!\n)")


@reader("csv", suffixes=(".csv",), rows=True, what="a CSV file")
def read_csv(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """Cells between commas, semicolons, tabs or bars; the first line has their names."""
    yield from _read(file, broken, on_bad, ",;\t|")


@reader("tsv", suffixes=(".tsv",), rows=True, what="a table of tabs")
def read_tsv(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """Cells between tabs; the first line has their names."""
    yield from _read(file, broken, on_bad, "\t;|,")


def _read(file: SourceFile, broken: Broken, on_bad: OnFault | None, usual: str) -> Iterator[Row]:
    given = delimiter_named(file.delimiter) if file.delimiter else ""
    with unpacking(file.label), open_unpacked(file.path, file.label) as stream:
        lines = _Lines(decoded_lines(stream, file, on_bad))
        sample = lines.sample()
        before = 0
        if sample and (said := _SEPARATOR.fullmatch(sample[0])):  # a line that Excel writes for itself
            given, before = given or said[1], 1
            next(lines)
        yield from _rows(lines, broken, given or sniffed(sample[before:], usual), before)


def delimiter_named(name: str) -> str:
    r"""The character between cells that a user means: itself, or "tab" and "\t".

    >>> delimiter_named("tab"), delimiter_named(";")
    ('\t', ';')

    Raises InputError for what is no single character, a quote or a line end.
    """
    name = "\t" if name.lower() in ("tab", "\\t") else name
    if len(name) != 1 or name in '"\r\n':
        raise InputError(f"a delimiter is one character, or tab, but not {name!r}.")
    return name


def sniffed(sample: list[str], usual: str = ",;\t|") -> str:
    r"""The delimiter under which the first lines make the most even table: the first of `usual` where all are as good.

    >>> sniffed(["id;text;price\n", "1;a red fox, running;3,5\n"])
    ';'
    >>> sniffed(["text\n", "a; b, c\n"])
    ','
    """
    best, chosen = (0.0, 0, 0), usual[0]
    for delimiter in usual:
        try:
            table = [row for row in csv.reader(sample, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if len(sample) >= _SAMPLE_LINES:
            table = table[:-1] or table  # the last row may be cut
        if not table or len(table[0]) < 2:
            continue
        names = [name.strip().lower() for name in table[0]]
        even = sum(len(row) == len(names) for row in table) / len(table)
        score = (round(even, 1), sum(name in _USUAL for name in names), len(names))
        if score > best:
            best, chosen = score, delimiter
    return chosen


class _Lines:
    """Lines for the csv module, which may be read again from the one behind the first of a row that goes wrong."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._next: deque[str] = deque()
        self.row: list[str] = []
        """The lines of the row that is being read."""
        self.number = 0

    def sample(self) -> list[str]:
        """The first lines, which come again."""
        size = 0
        while len(self._next) < _SAMPLE_LINES and size < _SAMPLE_CHARACTERS:
            line = next(self._lines, None)
            if line is None:
                break
            self._take(line)
            size += len(line)
        return list(self._next)

    def _take(self, line: str) -> None:
        if ("\r" in line and not line.endswith("\r\n")) or line.count("\r") > 1:
            self._next.extend(part for part in _RETURN.split(line) if part)
        else:
            self._next.append(line)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if not self._next:
            self._take(next(self._lines))
        line = self._next.popleft()
        self.number += 1
        self.row.append(line)
        return line

    def go_back(self) -> None:
        """Read all but the first line of the row again."""
        self._next.extendleft(reversed(self.row[1:]))
        self.number -= len(self.row) - 1
        self.row.clear()


def _rows(lines: _Lines, broken: Broken, delimiter: str, before: int) -> Iterator[Row]:
    csv.field_size_limit(min(limit("line"), 2**31 - 1))

    def cells_of(lines: _Lines) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=delimiter, strict=True)

    reader = cells_of(lines)
    header: list[str] = []
    while True:
        lines.row.clear()
        start = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            broken(start, _why(error))
            lines.go_back()
            reader = cells_of(lines)
            if not header:
                return
            continue
        if not cells:
            continue
        if not header:
            header = [name.strip() for name in cells]
            named = Counter(name for name in header if name)  # data frames write their index without a name
            twice = next((name for name, count in named.items() if count > 1), None)
            if twice is not None:
                broken(start, f'names two columns "{twice}"')
                return
            continue
        if len(cells) > len(header) and not any(cell.strip() for cell in cells[len(header) :]):
            del cells[len(header) :]  # spreadsheets write empty cells behind the last column
        if len(cells) != len(header):
            broken(start, f"has {len(cells)} cells where the header has {len(header)}")
            continue
        yield start, dict(zip(header, cells, strict=True))


def _why(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "opens a quote that is never closed"
    if "expected after" in text:
        return "opens a quote that is not closed where its cell ends"
    if "field limit" in text or "field larger" in text:
        return f"has a cell of more than {limit('line'):,} characters: set {LIMITS['line'].variable} to read it"
    return f"is not a row of the table ({text})"
