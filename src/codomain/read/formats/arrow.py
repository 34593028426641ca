"""Parquet, Arrow IPC and Feather: a row is a document."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from codomain.read.encodings import looks_binary
from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.text.documents import read_text
from codomain.read.text.tables import Broken, NoTable, Row
from codomain.read.unpack import seekable

_ROWS = 1024
_MARKS = (b"ARROW1", b"FEA1", b"\xff\xff\xff\xff")


@reader("parquet", suffixes=(".parquet",), rows=True, what="a Parquet file", extra="parquet")
def read_parquet(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """Rows of a Parquet file; a number that is NaN counts as missing."""
    import pyarrow.parquet as pq

    with seekable(file.path, file.label) as stream, pq.ParquetFile(stream) as table:
        yield from _rows(table.iter_batches(batch_size=_ROWS), broken)


@reader(
    "arrow",
    suffixes=(".arrow", ".arrows", ".ipc", ".feather"),
    rows=True,
    what="an Arrow file",
    extra="parquet",
    whole=read_text,
)
def read_arrow(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """Rows of an Arrow file, a stream of Arrow batches, or Feather; a number that is NaN counts as missing."""
    with seekable(file.path, file.label) as stream:
        start = stream.read(1024)
        stream.seek(0)
        if start and not start.startswith(_MARKS) and not looks_binary(start):
            raise NoTable  # a text by that name, such as one on arrow keys
        import pyarrow as pa

        if start.startswith(b"ARROW1"):  # also what Feather is since version 2
            opened = pa.ipc.open_file(stream)
            batches = (opened.get_batch(number) for number in range(opened.num_record_batches))
        elif start.startswith(b"FEA1"):
            from pyarrow import feather

            batches = iter(feather.read_table(stream).to_batches())
        else:
            batches = iter(pa.ipc.open_stream(stream))
        yield from _rows((part for batch in batches for part in _parts(batch)), broken)


def _parts(batch: Any) -> Iterator[Any]:
    """A batch in pieces of some rows: a file may hold all of them in one."""
    for start in range(0, len(batch), _ROWS):
        yield batch.slice(start, _ROWS)


def _rows(batches: Iterator[Any], broken: Broken) -> Iterator[Row]:
    number = 0
    for batch in batches:
        names = batch.schema.names
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            broken(1, f'names two columns "{twice}"')
            return
        batch.validate(full=True)  # offsets of a damaged file point anywhere in memory
        try:
            rows = batch.to_pylist()
        except (ValueError, OverflowError, ArithmeticError):  # a date of the year 100,000, say: see which rows have one
            rows = [_one(batch, row) for row in range(len(batch))]
        for fields in rows:
            number += 1
            if isinstance(fields, str):
                broken(number, fields)
            else:
                yield number, {name: _without_nan(value) for name, value in fields.items()}


def _one(batch: Any, row: int) -> Any:
    """One row, or what is wrong with it."""
    try:
        return batch.slice(row, 1).to_pylist()[0]
    except (ValueError, OverflowError, ArithmeticError) as error:
        return f"holds a value that cannot be read ({' '.join(str(error).split())[:100]})"


def _without_nan(value: Any) -> Any:
    """Data frames write a missing number as NaN; here it is None."""
    return None if isinstance(value, float) and math.isnan(value) else value
