"""Files to records: one document a file, or one a row for tables; every fault is one sentence with file and line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from codomain.errors import InputError, MissingExtra
from codomain.read.files import OnFault, ReadFault, SourceFile, expand, formats, is_table
from codomain.read.metadata import flatten, plain_names
from codomain.read.record import (
    ID_FIELDS,
    TEXT_FIELDS,
    TITLE_FIELDS,
    Record,
    content_id,
)
from codomain.read.text.documents import BinaryFile, document
from codomain.read.text.tables import rows, typed
from codomain.text import clean

_REMEMBERED_ROWS = 256


def records(
    paths: Iterable[str | Path | SourceFile],
    *,
    format: str | None = None,
    text_field: str | None = None,
    id_field: str | None = None,
    title_field: str | None = None,
    skip_bad: bool = False,
    on_bad: OnFault | None = None,
) -> Iterator[Record]:
    """The documents of files, folders, tables and standard input ("-"), in order, one in memory at a time.

    A file is one document and its absolute path its id; a row of .jsonl, .csv, .tsv or .parquet is one document, whose
    text, title and id come from the named or the usual fields, and all other fields become flat metadata. Rows without
    an id get a hash of their contents. Empty documents, binary files inside folders, text that is not UTF-8 and repeated
    rows without an id are passed to `on_bad` and reading goes on; with `skip_bad` so are broken lines and files.

    >>> from pathlib import Path
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.jsonl"
    >>> _ = path.write_text('{"id": 7, "text": "Bread needs time.", "year": 2020}')
    >>> [(record.id, record.text, record.metadata) for record in records([path])]
    [('7', 'Bread needs time.', {'year': 2020})]

    Raises InputError, naming file and line, for what cannot be read, and MissingExtra for a format without its package.
    """
    if format is not None and format not in formats():
        raise InputError(f'there is no input format "{format}": it is one of {", ".join(formats())}.')
    fields = _Fields(text_field, title_field, id_field)
    for file in _source_files(paths, format, on_bad):
        try:
            if file.path == "-" or is_table(file.format):
                yield from _table(file, fields, skip_bad, on_bad)
            else:
                yield from _document(file, on_bad)
        except MissingExtra as error:
            if file.root is None:
                raise
            _report(on_bad, ReadFault(file.label, 0, "unreadable", f"was skipped: {str(error).rstrip('.')}"))
        except InputError as error:
            if not skip_bad:
                raise
            _report(on_bad, ReadFault(file.label, 0, "unreadable", _reason(error, file)))


def _source_files(
    paths: Iterable[str | Path | SourceFile], format: str | None, on_bad: OnFault | None
) -> Iterator[SourceFile]:
    for path in paths:
        if isinstance(path, SourceFile):
            yield path
        else:
            yield from expand([path], format=format, on_bad=on_bad)


def _reason(error: InputError, file: SourceFile) -> str:
    return str(error).removeprefix(f"{file.label} ").rstrip(".")


def _report(on_bad: OnFault | None, bad: ReadFault) -> None:
    if on_bad:
        on_bad(bad)


def _document(file: SourceFile, on_bad: OnFault | None) -> Iterator[Record]:
    try:
        text, title, markdown, fields = document(file, on_bad)
    except BinaryFile:
        if file.root is None:
            raise
        _report(on_bad, ReadFault(file.label, 0, "binary", "is a binary file and was skipped"))
        return
    text, title = clean(text), clean(title) if title else None
    if not text.strip():
        if file.format != "markdown" or not title:
            _report(on_bad, ReadFault(file.label, 0, "empty", "holds no text"))
            return
        text = title  # front matter alone can still be found
    own = {"name": Path(file.label).name, "type": file.format}
    given = {f"front.{name}" if name in own else name: value for name, value in fields.items()}
    yield Record(
        id=file.label if file.regular else content_id(title, text),
        text=text,
        title=title,
        metadata={**own, **plain_names(flatten(given))},
        source=file.label if file.regular else "",
        markdown=markdown,
    )


def _table(file: SourceFile, fields: _Fields, skip_bad: bool, on_bad: OnFault | None) -> Iterator[Record]:
    name = "standard input" if file.path == "-" else file.label

    some = False  # a row, or a fault in its place

    def broken(line: int, reason: str) -> None:
        nonlocal some
        some = True
        bad = ReadFault(name, line, "broken", reason)
        if not skip_bad:
            raise InputError(str(bad))
        _report(on_bad, bad)

    seen: dict[int, int] = {}  # hash of the id -> line: 60 bytes a row, not the id itself
    chosen = None
    for line, row in rows(file, broken, on_bad):
        some = True
        if chosen is None or file.format in ("jsonl", ""):  # JSON objects need not be alike
            first_row = chosen is None
            chosen = fields.choose(row)
            if chosen.text is None:
                if first_row and file.root is not None and fields.text is None:
                    _report(on_bad, ReadFault(name, 0, "no text", fields.sentence(row)))
                    return
                if file.format not in ("jsonl", ""):
                    raise InputError(f"{name}, line {line}: {fields.sentence(row)}.")
                broken(line, fields.sentence(row))
                continue
        try:
            record = _record(row, chosen, file)
        except ValueError as error:
            broken(line, str(error))
            continue
        if record is None:
            _report(on_bad, ReadFault(name, line, "empty", "holds no text"))
            continue
        first = seen.setdefault(hash(record.id), line)
        if first != line:
            if chosen.id is None:
                _report(on_bad, ReadFault(name, line, "duplicate", f"repeats line {first}"))
            else:
                broken(line, f'has the id "{record.id}" of line {first} again')
            continue
        yield record
    if not some:
        _report(on_bad, ReadFault(name, 0, "empty", "holds no rows"))


def _record(row: dict[str, Any], chosen: _Chosen, file: SourceFile) -> Record | None:
    title = (_words(row, chosen.title) or "").strip() or None
    text = _words(row, chosen.text) or ""
    if not text.strip():
        if title is None:
            return None
        text = title  # a title alone can still be found
    raw_id = row.get(chosen.id) if chosen.id else None
    if type(raw_id) is not str and isinstance(raw_id, float | dict | list | bool):
        raise ValueError(f'has an id that is neither text nor a whole number in "{chosen.id}"')
    identity = clean(str(raw_id)) if raw_id not in (None, "") else content_id(title, text)
    rest = row.copy()
    for name in chosen:
        if name is not None:
            rest.pop(name, None)
    if file.format in ("csv", "tsv"):
        rest = {name: typed(value) for name, value in rest.items()}
    source = file.label if file.regular and file.path != "-" else ""
    return Record(identity, text, title, plain_names(flatten(rest)), source)


def _words(row: dict[str, Any], name: str | None) -> str | None:
    value = row.get(name) if name else None
    if isinstance(value, str):
        return clean(value)
    if value is None:
        return None
    raise ValueError(f'has {type(value).__name__} in "{name}" where text is needed')


class _Chosen(NamedTuple):
    """The names of the fields that one row's text, title and id stand in."""

    text: str | None
    title: str | None
    id: str | None


class _Fields:
    """The fields asked for, or else the usual names."""

    def __init__(self, text: str | None, title: str | None, id: str | None) -> None:
        self.text, self.title, self.id = text, title, id
        self._chosen: dict[tuple[str, ...], _Chosen] = {}

    def choose(self, row: dict[str, Any]) -> _Chosen:
        """The fields of a row; rows with the same names are looked through once."""
        names = tuple(row)
        chosen = self._chosen.get(names)
        if chosen is None:
            if len(self._chosen) >= _REMEMBERED_ROWS:
                self._chosen.clear()
            chosen = self._chosen[names] = self._choose(row)
        return chosen

    def _choose(self, row: dict[str, Any]) -> _Chosen:
        def pick(asked: str | None, usual: Sequence[str]) -> str | None:
            return next((name for name in ((asked,) if asked else usual) if name in row), None)

        text, title, id = pick(self.text, TEXT_FIELDS), pick(self.title, TITLE_FIELDS), pick(self.id, ID_FIELDS)
        return _Chosen(text, title, id)

    def sentence(self, row: dict[str, Any]) -> str:
        there = ", ".join(list(row)[:8]) + (", ..." if len(row) > 8 else "")
        if self.text:
            return f'has no field "{self.text}" (it has {there})'
        return f"has none of the fields {', '.join(TEXT_FIELDS[:3])} (it has {there}): name one with --text-field"
