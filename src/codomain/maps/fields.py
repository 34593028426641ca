"""Fields of metadata as columns that a map colors and filters by: categories, numbers, dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from codomain.errors import InputError

Kind = Literal["category", "number", "date"]

MOST = 8
"""Fields that are taken where nobody names them."""
_MOST_VALUES = 1_000
_FEW_VALUES = 20
_LEAST_SHARE = 0.05
"""Of the documents must have a field that nobody asked for."""
_LONGEST = 80
_LARGEST = 1e300
_DAY = 86_400_000_000


@dataclass(frozen=True)
class Field:
    """A column: one number for each document, NaN for none, or the codes of its values, several for a list.

    `values` are a category's, the most frequent first; `bounds` (n + 1,) says which of `data` are a document's.
    """

    name: str
    kind: Kind
    data: np.ndarray
    values: tuple[str, ...] = ()
    bounds: np.ndarray | None = None


def fields_of(rows: Sequence[Mapping[str, Any]], wanted: Sequence[str] | None = None) -> tuple[list[Field], list[str]]:
    """The columns of documents' metadata, and a sentence for each field that is none.

    >>> rows = [{"year": 2020, "day": "2024-05-01", "kind": "a"}, {"year": 2021, "day": "2024-05-02", "kind": "a"}] * 2
    >>> [(field.name, field.kind) for field in fields_of(rows)[0]]
    [('day', 'date'), ('year', 'number')]

    Raises InputError for a field that is asked for and that no document has.
    """
    held: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        for name in row:
            held.setdefault(name, []).append(place)
    missing = [name for name in wanted or () if name not in held]
    if missing:
        known = ", ".join(sorted(held)) or "no fields"
        raise InputError(f"no document has the field {missing[0]!r}: they have {known}.")
    found: list[Field] = []
    said: list[str] = []
    for name in wanted if wanted is not None else sorted(held):
        places = held[name]
        column = _column(name, len(rows), places, [rows[place][name] for place in places])
        if isinstance(column, str):
            if wanted is not None or len(places) >= _LEAST_SHARE * len(rows):
                said.append(column)
        elif wanted is None and len(places) < _LEAST_SHARE * len(rows):
            said.append(f"The field {name} is left out: only {len(places):,} documents have it.")
        else:
            found.append(column)
    if wanted is None and len(found) > MOST:
        found.sort(key=lambda field: -len(held[field.name]))
        said.append(f"Fields left out beyond {MOST}: {', '.join(field.name for field in found[MOST:])}.")
        found = sorted(found[:MOST], key=lambda field: field.name)
    return found, said


def _column(name: str, n: int, places: list[int], values: list[Any]) -> Field | str:
    from codomain.store.filters.moments import moment_of

    kinds = set(map(type, values))
    if kinds <= {int, float} and max(map(abs, values)) < _LARGEST:
        return _numbers(name, "number", n, places, values)
    if kinds == {str} and moment_of(values[0]) is not None:
        moments = [moment_of(value) for value in values]
        if all(moment is not None for moment in moments):
            return _numbers(name, "date", n, places, [moment / _DAY for moment in moments if moment is not None])
    if dict in kinds:
        return f"The field {name} is left out: it holds objects."
    many = np.zeros(n, np.int64)
    if kinds == {str}:
        flat, many[places] = values, 1
    else:
        listed = [_as_texts(value) for value in values]
        flat, many[places] = [value for one in listed for value in one], [len(one) for one in listed]
    counts = Counter(flat)
    if len(counts) < 2:
        return f"The field {name} is left out: all documents that have it have one value."
    if len(counts) > _MOST_VALUES:
        return f"The field {name} is left out: its {len(counts):,} values are more than {_MOST_VALUES:,}."
    if len(counts) > max(_FEW_VALUES, len(places) / 2):
        return f"The field {name} is left out: its {len(counts):,} values are nearly one for each document."
    ordered = sorted(counts, key=lambda value: (-counts[value], value))
    code = {value: number for number, value in enumerate(ordered)}
    data = np.fromiter(map(code.__getitem__, flat), np.uint16, len(flat))
    return Field(name, "category", data, tuple(value[:_LONGEST] for value in ordered), np.r_[0, np.cumsum(many)])


def _numbers(name: str, kind: Kind, n: int, places: list[int], values: list[float]) -> Field | str:
    data = np.full(n, np.nan)
    data[places] = values
    with np.errstate(over="ignore"):
        narrow = data.astype(np.float32)
    if np.array_equal(narrow, data, equal_nan=True):  # shown values are the stored ones
        data = narrow
    if len(np.unique(data[np.isfinite(data)])) < 2:
        return f"The field {name} is left out: all documents that have it have one value."
    return Field(name, kind, data)


def _as_texts(value: Any) -> list[str]:
    """A value, or the members of a list without repetitions, as texts.

    >>> _as_texts(True), _as_texts(["b", "a", "b"]), _as_texts(None)
    (['true'], ['b', 'a'], [])
    """
    if isinstance(value, str):
        return [value]
    if value is None:
        return []
    if isinstance(value, list):
        if set(map(type, value)) <= {str}:
            return list(dict.fromkeys(value))
        return list(dict.fromkeys(text for member in value for text in _as_texts(member)))
    return [str(value).lower() if isinstance(value, bool) else str(value)]
