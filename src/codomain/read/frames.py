"""Tables in memory to records: data frames of pandas and polars, Arrow tables, data sets of the `datasets` library.

A row is a document: its text, title and id come from the named or the usual columns, the others are metadata.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from codomain.errors import InputError, MissingExtra
from codomain.read.fields import Chosen, Fields, as_vector, rest, value
from codomain.read.metadata import flatten, is_missing, plain_names
from codomain.read.record import Record, content_id
from codomain.text import clean

Row = dict[str, Any]


@dataclass
class FrameReport:
    """What was not taken over as it was."""

    missing: Counter[str] = field(default_factory=Counter)
    """Cells without a value (None, NaN, NaT, NA), by column: the documents do not have those fields."""
    empty: int = 0
    """Rows without a text."""
    repeated: int = 0
    """Rows without an id that repeat an earlier one."""


def is_frame(items: Any) -> bool:
    """Whether something is a table of rows and columns, and not a list of documents."""
    return _kind(items) in ("pandas", "polars", "arrow", "datasets")


def _kind(items: Any) -> str:
    module, name = type(items).__module__.split(".")[0], type(items).__name__
    if name == "Series":
        return "values"
    if module == "pandas" and name == "DataFrame":
        return "pandas"
    if module == "polars" and name in ("DataFrame", "LazyFrame"):
        return "polars"
    if module == "datasets" and hasattr(items, "features"):
        return "datasets"
    if module == "pyarrow" and hasattr(items, "to_pylist") and not hasattr(items, "schema"):
        return "values"
    if hasattr(items, "__arrow_c_stream__") or (module == "pyarrow" and hasattr(items, "to_batches")):
        return "arrow"
    return ""


def values(items: Iterable[Any]) -> Iterable[Any]:
    """The values of a column as Python's own; anything else as it is."""
    plain = getattr(items, "to_pylist", None) or getattr(items, "to_list", None)
    return plain() if _kind(items) == "values" and plain is not None else items


def frame_records(
    frame: Any,
    report: FrameReport,
    text_field: str | None = None,
    title_field: str | None = None,
    id_field: str | None = None,
    vector_field: str | None = None,
    takes_vectors: bool = False,
) -> Iterator[Record]:
    """The rows of a table as records, one by one.

    >>> import pyarrow as pa
    >>> table = pa.table({"id": [7, 8], "text": ["a red fox", "a blue whale"], "year": [2020, None]})
    >>> report = FrameReport()
    >>> [(record.id, record.metadata) for record in frame_records(table, report)], dict(report.missing)
    ([('7', {'year': 2020}), ('8', {})], {'year': 1})

    With `takes_vectors` the column `vector_field`, or else "vector", has the vector of each row, and a text is not needed.

    Raises InputError, naming row and column, for what cannot be stored and for two rows with one id.
    """
    fields, chosen, vectors = Fields(text_field, title_field, id_field), None, None
    seen: dict[int, int] = {}  # hash of the id -> row: 60 bytes a row, not the id itself
    for number, row in enumerate(_rows(frame)):
        if chosen is None:
            vectors = _vector_column(row, vector_field, takes_vectors)
            chosen = _chosen(row, fields, title_field, id_field, needs_text=vectors is None)
        try:
            record = _record(row, chosen, fields, report, vectors)
        except ValueError as error:
            raise InputError(f"row {number} of the table: {error}.") from None
        if record is None:
            report.empty += 1
            continue
        first = seen.setdefault(hash(record.id), number)
        if first != number:
            if chosen.id:
                raise InputError(f"row {number} of the table has the id {record.id!r:.60} of row {first} again.")
            report.repeated += 1
            continue
        yield record


def _vector_column(row: Row, asked: str | None, takes_vectors: bool) -> str | None:
    if asked is not None and asked not in row:
        raise InputError(f'the table has no column "{asked}" (it has {", ".join(list(row)[:8])}).')
    return asked or ("vector" if takes_vectors and "vector" in row else None)


def _chosen(row: Row, fields: Fields, title_field: str | None, id_field: str | None, needs_text: bool) -> Chosen:
    chosen = fields.choose(row)
    if not chosen.text and (needs_text or fields.asked):
        raise InputError(f"the table {fields.sentence(row).replace('--text-field', 'text_field=')}.")
    for asked, found in ((title_field, chosen.title), (id_field, chosen.id)):
        if asked is not None and not found:
            raise InputError(f'the table has no column "{asked}" (it has {", ".join(list(row)[:8])}).')
    return chosen


def _record(row: Row, chosen: Chosen, fields: Fields, report: FrameReport, vectors: str | None) -> Record | None:
    row = {name: None if is_missing(cell) else cell for name, cell in row.items()}
    media = () if vectors is None else as_vector(row.pop(vectors), vectors)
    text = fields.text(row, chosen) if chosen.text else ""
    if not text.strip() and not media:
        return None
    title = value(row, chosen.title)
    if title is not None and not isinstance(title, str):
        title = str(title)
    title = clean(title).strip() or None if title else None
    left = rest(row, chosen)
    report.missing.update(name for name, cell in left.items() if cell is None)
    metadata = plain_names(flatten({n: cell for n, cell in left.items() if cell is not None}, report.missing))
    id = _id(value(row, chosen.id)) or content_id(title, text, media)
    return Record(id, text, title, metadata, media=media)


def _id(given: Any) -> str | None:
    """An id as text; a column of whole numbers that has gaps holds them as 7.0."""
    if given is None or given == "":
        return None
    given = given.item() if hasattr(given, "item") else given
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise ValueError(f"has the id {given!r:.60}, which is neither a text nor a whole number")
    return clean(str(given))


def _rows(frame: Any) -> Iterator[Row]:
    kind = _kind(frame)
    if kind == "pandas":
        return _of_pandas(frame)
    if kind == "polars":
        if type(frame).__name__ == "LazyFrame":
            raise InputError("a LazyFrame has no rows yet: add frame.collect().")
        return iter(frame.iter_rows(named=True))
    if kind == "datasets":
        if isinstance(frame, Mapping):
            raise InputError(f"add takes one split of a data set: {', '.join(map(str, frame))}.")
        return iter(frame)
    return _of_arrow(frame)


def _of_pandas(frame: Any) -> Iterator[Row]:
    """Rows with the columns' names; an index that has a name is a column as well."""
    if any(name is not None and name not in frame.columns for name in frame.index.names):
        frame = frame.reset_index()
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f'the table has two columns "{twice}".')
    for cells in frame.itertuples(index=False, name=None):
        yield dict(zip(names, cells, strict=True))


def _of_arrow(frame: Any) -> Iterator[Row]:
    if hasattr(frame, "to_batches"):
        batches = iter(frame.to_batches())
    else:
        try:
            import pyarrow as pa
        except ImportError:
            raise MissingExtra("reading Arrow tables", "parquet") from None
        batches = pa.RecordBatchReader.from_stream(frame)
    for batch in batches:
        for start in range(0, len(batch), 1_024):
            yield from batch.slice(start, 1_024).to_pylist()
