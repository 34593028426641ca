"""A collection as one table in memory: Arrow, pandas, polars."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.errors import InputError, MissingExtra, notice
from codomain.store.filters.where import Where
from codomain.store.reading.by_vector import document_vectors
from codomain.store.reading.hits import loaded
from codomain.store.reading.listing import parsed_filter

if TYPE_CHECKING:
    from codomain.store.collection import Collection

_OWN = ("id", "title", "text")
_MORE = ("source", "vector")


def to_arrow(
    collection: Collection, where: str | Mapping[str, Any] | Where | None = None, include: Sequence[str] = ()
) -> Any:
    """A pyarrow.Table of documents: id, title, text, a column for each field of the metadata, and what `include` names.

    "vector" are the documents' own vectors where they came with them, else those that the first dense branch stores (the
    mean of the unit vectors of its chunks where a document has several). A field with values of several types is a column
    of JSON text, which is said; one that has the name of another column is called metadata.NAME.

    Raises InputError for another name in `include`, MissingExtra without pyarrow.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtra("an Arrow table", "frames") from None
    if isinstance(include, str) or not {*include} <= {*_MORE}:
        raise InputError(f"include is a list of {' and '.join(_MORE)}, not {include!r}.")
    with collection.snapshot():
        backend = collection.backend
        documents = list(backend.documents.export(parsed_filter(backend, where)))
        vectors = document_vectors(collection, [d.number for d in documents]) if "vector" in include else None
    columns: dict[str, Any] = {name: [getattr(d, name if name != "id" else "key") for d in documents] for name in _OWN}
    arrays: dict[str, Any] = {name: pa.array(column, pa.string()) for name, column in columns.items()}
    fields = [loaded(document.metadata, document.key) for document in documents]
    for name in dict.fromkeys(name for own in fields for name in own):
        array = _column(pa, name, [own.get(name) for own in fields])
        arrays[f"metadata.{name}" if name in (*_OWN, *_MORE) else name] = array
    if "source" in include:
        arrays["source"] = pa.array([document.source for document in documents], pa.string())
    if vectors is not None:
        dim = vectors.shape[1]
        arrays["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(vectors), pa.float32()), dim)
    return pa.table(arrays)


def _column(pa: Any, name: str, values: list[Any]) -> Any:
    """The values of a field as an Arrow array, or as JSON text where they are of several types."""
    kinds = {_kind(value) for value in values if value is not None}
    if len(kinds) <= 1 and not any(kind.endswith("of several") for kind in kinds):
        return pa.array(values)
    notice(f"the field `{name}` has values of several types: its column holds them as JSON text.")
    texts = (None if value is None else json.dumps(value, ensure_ascii=False) for value in values)
    return pa.array(list(texts), pa.string())


def _kind(value: Any) -> str:
    if isinstance(value, list):
        kinds = {_kind(item) for item in value}
        return "list" if not kinds else f"list of {kinds.pop()}" if len(kinds) == 1 else "list of several"
    return "list of several" if isinstance(value, dict) else type(value).__name__


def to_pandas(
    collection: Collection, where: str | Mapping[str, Any] | Where | None = None, include: Sequence[str] = ()
) -> Any:
    """`to_arrow` as a pandas.DataFrame; whole numbers with gaps stay whole. Raises MissingExtra without pandas."""
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise MissingExtra("a data frame of pandas", "frames") from None
    return to_arrow(collection, where, include).to_pandas(integer_object_nulls=True)


def to_polars(
    collection: Collection, where: str | Mapping[str, Any] | Where | None = None, include: Sequence[str] = ()
) -> Any:
    """`to_arrow` as a polars.DataFrame. Raises MissingExtra without polars."""
    try:
        import polars
    except ImportError:
        raise MissingExtra("a data frame of polars", "frames") from None
    return polars.from_arrow(to_arrow(collection, where, include))
