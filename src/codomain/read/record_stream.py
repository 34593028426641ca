"""Files to records: one document a file, or one a row for tables; every fault is one sentence with file and line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from codomain.errors import InputError, MissingExtra
from codomain.read.fields import Chosen, Fields, rest, value, words
from codomain.read.files import RAGGED, WORKBOOKS, BadKind, OnFault, ReadFault, SourceFile, expand, formats, is_table
from codomain.read.metadata import flatten, plain_names
from codomain.read.record import Record, content_id
from codomain.read.text.documents import BinaryFile, document
from codomain.read.text.tables import NoTable, rows
from codomain.read.values import typed
from codomain.registry import lookup
from codomain.text import clean


def records(
    paths: Iterable[str | Path | SourceFile],
    *,
    format: str | None = None,
    text_field: str | None = None,
    id_field: str | None = None,
    title_field: str | None = None,
    vector_field: str | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    skip_bad: bool = False,
    on_bad: OnFault | None = None,
) -> Iterator[Record]:
    """The documents of files, folders, tables and standard input ("-"), in order, one in memory at a time.

    A file is one document and its absolute path its id; a row of .jsonl, .json, .csv, .tsv, .parquet, .arrow or .xlsx is one
    document, whose text, title and id come from the named or the usual fields, and all other fields become flat metadata.
    Several text fields, "a,b", are joined; nested ones have dotted names. Rows without an id get a hash of their contents.
    `delimiter` and `encoding` are seen by themselves unless they are named. With `vector_field`, for pipelines that start from
    vectors, that field has the vector of each row, and a text is not needed; the rows of a .npy file are vectors under "vector".

    Empty documents, binary files inside folders, text that is not UTF-8 and repeated rows without an id are passed to
    `on_bad` and reading goes on; inside folders, or with `skip_bad`, so are broken lines and files.

    >>> from pathlib import Path
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "notes.jsonl"
    >>> _ = path.write_text('{"id": 7, "text": "Bread needs time.", "year": 2020}')
    >>> [(record.id, record.text, record.metadata) for record in records([path])]
    [('7', 'Bread needs time.', {'year': 2020})]

    Raises InputError, naming file and line, for a named file that cannot be read, and MissingExtra for a format without its package.
    """
    if format is not None and format not in formats():
        raise InputError(f'there is no input format "{format}": it is one of {", ".join(formats())}.')
    fields = Fields(text_field, title_field, id_field, vector_field)
    for file in _source_files(paths, format, on_bad, delimiter, encoding):
        try:
            if file.path == "-" or is_table(file.format):
                try:
                    yield from _table(file, fields, skip_bad, on_bad)
                except NoTable:
                    yield from _document(file, on_bad)
            else:
                yield from _document(file, on_bad)
        except MissingExtra as error:
            if file.root is None:
                raise
            _report(on_bad, ReadFault(file.label, 0, "unreadable", f"was skipped: {str(error).rstrip('.')}"))
        except InputError as error:
            if not skip_bad and file.root is None:
                raise
            _report(on_bad, ReadFault(file.label, 0, "unreadable", _reason(error, file)))


def _source_files(
    paths: Iterable[str | Path | SourceFile],
    format: str | None,
    on_bad: OnFault | None,
    delimiter: str | None,
    encoding: str | None,
) -> Iterator[SourceFile]:
    for path in paths:
        if isinstance(path, SourceFile):
            yield path
        else:
            yield from expand([path], format=format, on_bad=on_bad, delimiter=delimiter, encoding=encoding)


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
        if not title or file.format not in ("markdown", "html", "eml"):
            _report(on_bad, ReadFault(file.label, 0, "empty", "holds no text"))
            return
        text = title  # a title alone can still be found
    own = {"name": Path(file.label).name, "type": file.format}
    given = {f"front.{name}" if name in own else name: value for name, value in fields.items()}
    left_out: Counter[str] = Counter()
    metadata = {**own, **plain_names(flatten(given, refused=left_out))}
    for name in left_out:
        _report(on_bad, ReadFault(file.label, 0, "left out", f'has a value in "{name}" that cannot be kept'))
    yield Record(
        id=file.label if file.regular else content_id(title, text),
        text=text,
        title=title,
        metadata=metadata,
        source=file.label if file.regular else "",
        markdown=markdown,
    )


def _table(file: SourceFile, fields: Fields, skip_bad: bool, on_bad: OnFault | None) -> Iterator[Record]:
    name = "standard input" if file.path == "-" else file.label
    told = _Told(name, on_bad)
    on_bad = told
    some = False  # a row, or a fault in its place

    def broken(line: int, reason: str) -> None:
        nonlocal some
        some = True
        bad = ReadFault(name, line, "broken", reason)
        if not skip_bad and file.root is None:
            raise InputError(str(bad))
        _report(on_bad, bad)

    left_out: Counter[str] = Counter()  # values that metadata does not take, by field
    seen: dict[int, int] = {}  # hash of the id -> line: 60 bytes a row, not the id itself
    without: set[tuple[str, ...]] = set()  # names of fields among which no text was
    ragged = file.format in RAGGED
    source = file.label if file.regular and file.path != "-" else ""
    chosen = None
    for line, row in rows(file, broken, on_bad):
        some = True
        if chosen is None or ragged:
            first_row = chosen is None
            chosen = fields.choose(row)
            if not chosen.text and not fields.has_vector(row):
                whole = lookup("reader", file.format).whole if file.format and file.path != "-" else None
                if first_row and whole is not None and (file.root is not None or file.format in WORKBOOKS):
                    raise NoTable
                if first_row and file.root is not None and fields.asked is None:
                    _report(on_bad, ReadFault(name, 0, "no text", fields.sentence(row)))
                    return
                if file.format in WORKBOOKS and not first_row:  # another sheet
                    if tuple(row) not in without:
                        _report(on_bad, ReadFault(name, line, "no text", fields.sentence(row)))
                    without.add(tuple(row))
                    continue
                if not ragged:
                    raise InputError(f"{name}, line {line}: {fields.sentence(row)}.")
                broken(line, fields.sentence(row))
                continue
        try:
            record = _record(row, chosen, fields, file, source, None if ragged else left_out)
        except ValueError as error:
            broken(line, str(error))
            continue
        if record is None:
            _report(on_bad, ReadFault(name, line, "empty", "holds no text"))
            continue
        first = seen.get(hash(record.id))
        if first is None:
            seen[hash(record.id)] = line
        else:  # perhaps on the same line, as in JSON
            if not chosen.id:
                _report(on_bad, ReadFault(name, line, "duplicate", f"repeats line {first}"))
            else:
                broken(line, f'has the id "{record.id}" of line {first} again')
            continue
        yield record
    if not some:
        _report(on_bad, ReadFault(name, 0, "empty", "holds no rows"))
    told.end()
    for field, times in left_out.items():
        _report(
            on_bad,
            ReadFault(name, 0, "left out", f'has values in "{field}" that cannot be kept: {times} were left out'),
        )


class _Told:
    """Passes on the first faults of a file and counts the others: a table may have millions."""

    def __init__(self, name: str, on_bad: OnFault | None) -> None:
        self._name, self._on_bad = name, on_bad
        self._kinds: Counter[BadKind] = Counter()

    def __call__(self, bad: ReadFault) -> None:
        self._kinds[bad.kind] += 1
        if self._kinds[bad.kind] <= _MOST_TOLD:
            _report(self._on_bad, bad)

    def end(self) -> None:
        """Tell how many there were beyond the first."""
        for kind, count in self._kinds.items():
            if count > _MOST_TOLD:
                more = f"has {count - _MOST_TOLD:,} more lines of the kind {kind}"
                _report(self._on_bad, ReadFault(self._name, 0, kind, more))


_MOST_TOLD = 1_000
"""Faults of one kind that are told one by one, for each file."""

_NO_IDS = (float, dict, list, bool)


def _record(
    row: dict[str, Any],
    chosen: Chosen,
    fields: Fields,
    file: SourceFile,
    source: str,
    left_out: Counter[str] | None,
) -> Record | None:
    row, media = fields.vector(row)
    title = (words(row, chosen.title) or "").strip() or None if chosen.title else None
    text = fields.text(row, chosen)
    if not text.strip() and not media:
        if title is None:
            return None
        text = title  # a title alone can still be found
    raw_id = value(row, chosen.id) if chosen.id else None
    if type(raw_id) is not str and isinstance(raw_id, _NO_IDS):
        raise ValueError(f'has an id that is neither text nor a whole number in "{".".join(chosen.id)}"')
    identity = clean(str(raw_id)) if raw_id not in (None, "") else content_id(title, text, media)
    left = rest(row, chosen)
    if file.format in ("csv", "tsv"):
        left = {name: typed(value) for name, value in left.items()}
    return Record(identity, text, title, plain_names(flatten(left, refused=left_out)), source, media=media)
