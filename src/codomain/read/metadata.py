"""What metadata a document may have: plain values, lists of them, dates as ISO 8601 text; all else is refused.

Values of numpy, pandas and the standard library are kept exactly or not at all. None is turned into its printed form.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import uuid
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from typing import Any

import numpy as np

from codomain.text import clean, nfc

Value = str | int | float | bool | None | list[Any]
"""A field's value as it is stored; lists of objects are kept as they are, and no filter looks into them."""

ODD_NAME = re.compile(r'["`\\\x00-\x1f\x7f]|\A\Z')
"""What no name of a metadata field has: quotes, backslashes and control characters; nor is it empty."""

_INT64 = range(-(2**63), 2**63)
_IN_PRINTED_FORM = (uuid.UUID, PurePath, dt.time)
"""Types whose printed form is their whole value."""


def flatten(
    fields: Mapping[Any, Any], missing: Counter[str] | None = None, refused: Counter[str] | None = None
) -> dict[str, Value]:
    """Metadata as it is stored: nested objects become dotted names, tuples and arrays lists, sets sorted lists, dates ISO text.

    Whole numbers beyond 64 bits become text, digit by digit. With `missing`, as for the rows of tables, NaN, NaT and NA are
    left out and counted there by name; with `refused`, so are values that cannot be kept.

    >>> flatten({"author": {"name": "Ada", "born": dt.date(1815, 12, 10)}, "tags": {"b", "a"}, "years": (np.int64(1843),)})
    {'author.name': 'Ada', 'author.born': '1815-12-10', 'tags': ['a', 'b'], 'years': [1843]}

    Raises ValueError for NaN, infinity, a type that cannot be kept, two fields of one name, or what is nested too deeply.
    """
    try:
        return _flatten(fields, "", missing, refused)
    except RecursionError:
        raise ValueError("holds metadata that is nested too deeply") from None


def _flatten(
    fields: Mapping[Any, Any], prefix: str, missing: Counter[str] | None, refused: Counter[str] | None
) -> dict[str, Value]:
    flat: dict[str, Value] = {}
    count = 0
    for name, value in fields.items():
        kind = type(value)
        # a plain name needs no cleaning, and thousands of them would turn over the cache
        plain = type(name) is str and name.isascii() and "\0" not in name
        full = prefix + (name if plain else _clean_name(name))
        # nearly all fields are plain texts and numbers: those are seen to here, without a call
        if kind is str:
            if "\0" in value or not value.isascii():
                value = clean(value)
        elif kind is bool or value is None or (kind is int and value in _INT64):
            pass
        elif kind is list and {*map(type, value)} <= {str} and "".join(value).isascii() and "\0" not in "".join(value):
            value = value[:]
        elif isinstance(value, Mapping):
            inner = _flatten(value, f"{full}.", missing, refused)
            count += len(inner)
            flat.update(inner)
            continue
        elif missing is not None and is_missing(value):
            missing[full] += 1
            continue
        else:
            try:
                value = _kept(full, value)
            except ValueError:
                if refused is None:
                    raise
                refused[full] += 1
                continue
        flat[full] = value
        count += 1
    if count > len(flat):
        raise ValueError(f"holds two fields of one name among {', '.join(sorted(map(str, fields)))[:60]}")
    return flat


@lru_cache(maxsize=4_096, typed=True)
def _clean_name(name: Any) -> str:
    return nfc(clean(str(name)))


def is_missing(value: Any) -> bool:
    """Whether a value stands for nothing: NaN of any width, NaT, pandas' NA.

    >>> is_missing(np.float32("nan")), is_missing(np.datetime64("NaT")), is_missing(None)
    (True, True, False)
    """
    if isinstance(value, float | np.floating):
        return bool(value != value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return type(value).__name__ in ("NaTType", "NAType")


def _kept(name: str, value: Any) -> Value:
    """One value as it is stored; raises ValueError where it cannot be kept."""
    if value is None or isinstance(value, bool):
        return value
    if is_missing(value):
        raise ValueError(f'the field "{name}" holds {value}, which no filter can compare: leave the field out')
    if isinstance(value, np.generic):
        value = _of_numpy(name, value)
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return clean(str(value))
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value in _INT64 else str(int(value))
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f'the field "{name}" holds {value}, which no filter can compare')
        return float(value)
    if isinstance(value, dt.date):  # datetimes are dates
        return _as_iso(name, value)
    if isinstance(value, Decimal):
        return _of_decimal(name, value)
    if isinstance(value, _IN_PRINTED_FORM):
        return clean(str(value))
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return _list(name, value)
    raise ValueError(
        f'the field "{name}" holds a value of the type {type(value).__name__}, which cannot be kept: '
        "give text, a number, true or false, a date, or a list of these"
    )


def _as_iso(name: str, value: dt.date) -> str:
    """A date or a time in ISO 8601, which filters compare with dates."""
    if getattr(value, "nanosecond", 0):  # of pandas' Timestamp
        raise ValueError(
            f'the field "{name}" holds {value}, whose nanoseconds cannot be kept: round it to microseconds'
        )
    return value.isoformat()


def _of_numpy(name: str, value: np.generic) -> Any:
    """A scalar of numpy as Python's own."""
    if isinstance(value, np.datetime64):
        exact = value.astype("datetime64[us]")
        if exact != value:
            raise ValueError(
                f'the field "{name}" holds {value}, whose nanoseconds cannot be kept: round it to microseconds'
            )
        return value.astype("datetime64[D]").item() if np.datetime_data(value.dtype)[0] in "YMWD" else exact.item()
    if isinstance(value, np.timedelta64 | np.complexfloating | np.void | np.bytes_):
        raise ValueError(f'the field "{name}" holds a value of the type {type(value).__name__}, which cannot be kept')
    return value.item()


def _of_decimal(name: str, value: Decimal) -> int | float | str:
    """A decimal number as a number where that loses no digit, else as text."""
    if not value.is_finite():
        raise ValueError(f'the field "{name}" holds {value}, which no filter can compare')
    if value == value.to_integral_value() and int(value) in _INT64:
        return int(value)
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _list(name: str, items: Any) -> list[Any]:
    if isinstance(items, np.ndarray):
        if items.ndim != 1:
            raise ValueError(f'the field "{name}" holds an array of {items.ndim} axes: a list has one')
        items = list(items)
    elif isinstance(items, set | frozenset):
        kept = [_member(name, item) for item in items]
        return sorted(kept, key=lambda item: (type(item).__name__, item))
    if type(items) is list and all(type(item) is str for item in items):
        joined = "".join(items)
        return items if clean(joined) is joined else [clean(item) for item in items]
    return [_member(name, item) for item in items]


def _member(name: str, item: Any) -> Any:
    if isinstance(item, Mapping):
        return {_clean_name(inner): _member(f"{name}.{inner}", value) for inner, value in item.items()}
    return _kept(name, item)


def plain_names(fields: dict[str, Value]) -> dict[str, Value]:
    """Metadata under names that a filter can spell: odd characters become "_", a field without a name is dropped.

    >>> plain_names({"": 0, 'a"b': 1, "a_b": 2})
    {'a_b': 2, 'a_b_': 1}
    """
    if "" not in fields and not ODD_NAME.search("|".join(fields)):
        return fields
    plain = {name: value for name, value in fields.items() if not ODD_NAME.search(name)}
    for name, value in fields.items():
        if name and name not in plain:
            new = ODD_NAME.sub("_", name)
            while new in plain:
                new += "_"
            plain[new] = value
    return plain
