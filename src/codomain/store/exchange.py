"""Documents out of a collection and into another one: JSON lines and Parquet."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from codomain.errors import InputError, MissingExtra
from codomain.read import Record, records
from codomain.stages import Progress
from codomain.store.collection import Collection
from codomain.store.ingest import Added
from codomain.store.where import Where, parse_where
from codomain.store.where_sql import to_sql

_ROWS_A_GROUP = 4_096


def documents(collection: Collection, where: str | Mapping[str, Any] | Where | None = None) -> Iterator[dict[str, Any]]:
    """Every document, or those that a filter matches, as plain values: id, title, text, metadata, source."""
    condition, parameters = ("1", []) if where is None else to_sql(parse_where(where))
    sql = (
        "SELECT d.key, d.title, d.text, d.metadata, s.path FROM documents d "
        f"LEFT JOIN sources s ON s.id = d.source WHERE {condition} ORDER BY d.id"
    )
    with collection.snapshot():
        for key, title, text, metadata, source in collection.db.execute(sql, parameters):
            yield {"id": key, "title": title, "text": text, "metadata": json.loads(metadata), "source": source}


def export_jsonl(
    collection: Collection, file: IO[str], where: str | None = None, progress: Progress | None = None
) -> int:
    """Write one JSON object a document; how many."""
    count = 0
    for document in documents(collection, where):
        file.write(json.dumps(document, ensure_ascii=False) + "\n")
        count += 1
        if progress is not None:
            progress(1)
    return count


def export_file(collection: Collection, path: Path, where: str | None = None, progress: Progress | None = None) -> int:
    """Write documents to a .jsonl or .parquet file, which appears whole or not at all; how many.

    Raises InputError for another suffix, MissingExtra for Parquet without pyarrow.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.suffix == ".jsonl":
            with temporary.open("w", encoding="utf-8") as file:
                count = export_jsonl(collection, file, where, progress)
        elif path.suffix == ".parquet":
            count = _export_parquet(documents(collection, where), temporary, progress)
        else:
            raise InputError(f"{path} must end in .jsonl or .parquet.")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _export_parquet(rows: Iterable[dict[str, Any]], path: Path, progress: Progress | None) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtra("writing Parquet", "parquet") from None
    names = ("id", "title", "text", "metadata", "source")
    schema = pa.schema([(name, pa.string()) for name in names])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        group: list[dict[str, Any]] = []

        def write() -> None:
            writer.write_table(pa.Table.from_pylist(group, schema))
            group.clear()

        for row in rows:
            group.append({**row, "metadata": json.dumps(row["metadata"], ensure_ascii=False)})
            count += 1
            if progress is not None:
                progress(1)
            if len(group) == _ROWS_A_GROUP:
                write()
        write()
    return count


def import_file(collection: Collection, path: Path, progress: Progress | None = None) -> Added:
    """Add the documents of a file that `export_file` wrote, with ids, titles and metadata as they were.

    Raises InputError for a file that is not such an export.
    """
    return collection.add(_exported(path), progress)


def _exported(path: Path) -> Iterator[Record]:
    for record in records([path]):
        fields = {name: value for name, value in record.metadata.items() if name != "source"}
        if "metadata" in fields:  # Parquet: one column of JSON text
            try:
                fields = json.loads(str(fields["metadata"]))
            except ValueError:
                raise InputError(
                    f"{path} is not an export of codomain: the metadata of {record.id!r} is not JSON."
                ) from None
        else:  # JSON lines: the nested object comes back flat, under dotted names
            fields = {name.removeprefix("metadata."): value for name, value in fields.items()}
        yield Record(record.id, record.text, record.title, fields)
