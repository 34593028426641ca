"""Filters over metadata: one syntax tree, written as an expression or as the dict that vector databases use.

    year > 2020 and (section in ["games", "libs"] or tags contains "audio") and not draft and title is not null
    {"year": {"$gt": 2020}, "$or": [{"section": {"$in": ["games", "libs"]}}, {"tags": {"$contains": "audio"}}]}
    published >= date("2024-01-31") and seen > now() - 7d          {"published": {"$gte": {"$date": "2024-01-31"}}}

Logic has two values: a comparison with a missing field or with a value of another type is false, and `not` is its
complement. A comparison with a list is true when it is true of a member; `contains` asks for a member of a list or a part
of a text. `x is null` is true when the field is missing or null. Fields of the document itself are `_id`, `_title`
and `_source`. A text that begins with { is the dict as JSON. Texts are compared in Unicode's form NFC, with their case.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from codomain.errors import WhereError
from codomain.read.metadata import ODD_NAME
from codomain.store.filters.moments import DURATION, Moment, now
from codomain.text import brief, clean, nfc

Scalar = str | int | float | bool | Moment

OWN_FIELDS = {"_id", "_title", "_source"}
"""Fields of the document itself."""

DEEPEST = 100
MOST_TERMS = 2_000


@dataclass(frozen=True)
class Compare:
    """`field op value`: == != < <= > >= with a scalar, in with a tuple, contains with a scalar."""

    field: str
    op: str
    value: Scalar | tuple[Scalar, ...]

    def __str__(self) -> str:
        return f"{_field_text(self.field)} {self.op} {_value_text(self.value)}"


@dataclass(frozen=True)
class IsNull:
    """The field is missing or null."""

    field: str

    def __str__(self) -> str:
        return f"{_field_text(self.field)} is null"


@dataclass(frozen=True)
class Not:
    """The complement."""

    inner: Where

    def __str__(self) -> str:
        return f"not {_nested(self.inner)}"


@dataclass(frozen=True)
class And:
    """All of the parts."""

    parts: tuple[Where, ...]

    def __str__(self) -> str:
        return " and ".join(_nested(part) for part in self.parts)


@dataclass(frozen=True)
class Or:
    """Any of the parts."""

    parts: tuple[Where, ...]

    def __str__(self) -> str:
        return " or ".join(_nested(part) for part in self.parts)


Where = Compare | IsNull | Not | And | Or


def parse_where(where: str | Mapping[str, Any] | Where) -> Where:
    """Read a filter from an expression or a dict.

    >>> str(parse_where("year>2020 and not draft"))
    'year > 2020 and not draft == true'
    >>> str(parse_where({"year": {"$gte": 2020, "$lt": 2024}}))
    'year >= 2020 and year < 2024'

    Raises WhereError with one sentence that says what was expected and where.
    """
    if isinstance(where, str) and where.lstrip().startswith("{"):
        where = _from_json(where)
    if isinstance(where, str):
        from codomain.store.filters.parser import parse_expression

        return _checked_size(parse_expression(clean(where)))
    if isinstance(where, Mapping):
        return _checked_size(_from_dict(where, 0))
    if isinstance(where, Where):
        return _checked_size(where)
    raise WhereError(f"a filter is an expression or a dict, not {type(where).__name__}.")


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WhereError(f"the filter begins like JSON but is none: {error}.") from None


def _checked_size(where: Where) -> Where:
    """The same filter; raises WhereError for one that the database could not hold."""
    terms, row = 0, [where]
    for _ in range(DEEPEST + 1):
        if not row:
            break
        terms += sum(isinstance(part, Compare | IsNull) for part in row)
        row = [inner for part in row for inner in _inside(part)]
    if row:
        raise WhereError("the filter is nested too deeply.")
    if terms > MOST_TERMS:
        raise WhereError(f"the filter has {terms:,} terms, more than {MOST_TERMS:,}: `in` takes a list of any length.")
    return where


def fields_of(where: Where) -> set[str]:
    """The names of all fields that a filter asks for.

    >>> sorted(fields_of(parse_where("year > 2020 and (draft or title is null)")))
    ['draft', 'title', 'year']
    """
    if isinstance(where, Compare | IsNull):
        return {where.field}
    return {field for part in _inside(where) for field in fields_of(part)}


def _inside(where: Where) -> tuple[Where, ...]:
    if isinstance(where, And | Or):
        return where.parts
    return (where.inner,) if isinstance(where, Not) else ()


# --- printing --------------------------------------------------------------------------------------------------

WORDS = {"and", "or", "not", "in", "contains", "is", "null", "none", "true", "false"}


def _field_text(field: str) -> str:
    plain = re.fullmatch(r"[^\W\d][\w.\-]*", field) and field.lower() not in WORDS
    return field if plain else f"`{field}`"


def _value_text(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_value_text(v) for v in value) + "]"
    return str(value) if isinstance(value, Moment) else json.dumps(value, ensure_ascii=False)


def _nested(part: Where) -> str:
    return f"({part})" if isinstance(part, And | Or) else str(part)


# --- the dict form ---------------------------------------------------------------------------------------------

_DICT_OPS = {"$eq": "==", "$ne": "!=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<=", "$contains": "contains"}


def _from_dict(where: Mapping[str, Any], depth: int) -> Where:
    if depth > DEEPEST:
        raise WhereError("the filter is nested too deeply.")
    if not where:
        raise WhereError("the filter is an empty dict.")
    parts: list[Where] = []
    for key, value in where.items():
        if not isinstance(key, str):
            raise WhereError(f"{brief(key)} in the filter is not a field name.")
        if key in ("$and", "$or", "$nor"):
            if not isinstance(value, list | tuple) or not value or not all(isinstance(v, Mapping) for v in value):
                raise WhereError(f"{key} in the filter needs a list of one or more dicts.")
            inner = tuple(_from_dict(v, depth + 1) for v in value)
            parts.append(join(And if key == "$and" else Or, inner) if key != "$nor" else Not(join(Or, inner)))
        elif key == "$not":
            if not isinstance(value, Mapping):
                raise WhereError("$not in the filter needs a dict.")
            parts.append(Not(_from_dict(value, depth + 1)))
        elif key.startswith("$"):
            raise WhereError(f"the filter does not know {key}: it knows $and, $or, $nor and $not.")
        else:
            parts += _conditions(checked_field(key), value, depth)
    return join(And, tuple(parts))


def _conditions(field: str, value: Any, depth: int) -> Iterator[Where]:
    if depth > DEEPEST:
        raise WhereError("the filter is nested too deeply.")
    if not isinstance(value, Mapping) or _is_moment(value):
        yield IsNull(field) if value is None else Compare(field, "==", scalar(value, field))
        return
    if not value:
        raise WhereError(f"the condition on {field} is an empty dict.")
    for op, operand in value.items():
        if op == "$not":
            yield Not(join(And, tuple(_conditions(field, operand, depth + 1))))
        elif op in ("$in", "$nin"):
            if not isinstance(operand, list | tuple | set | frozenset | np.ndarray):
                raise WhereError(f"{op} on {field} needs a list.")
            inside = one_of(field, (scalar(v, field) for v in operand))
            yield inside if op == "$in" else Not(inside)
        elif op == "$exists":
            yield Not(IsNull(field)) if operand else IsNull(field)
        elif op in _DICT_OPS and operand is None and op in ("$eq", "$ne"):
            yield IsNull(field) if op == "$eq" else Not(IsNull(field))
        elif op in _DICT_OPS:
            yield Compare(field, _DICT_OPS[op], scalar(operand, field))
        else:
            known = ", ".join([*_DICT_OPS, "$in", "$nin", "$exists", "$not"])
            raise WhereError(
                f"the condition on {field} does not know {op if isinstance(op, str) else brief(op)}: it knows {known}."
            )


def join(kind: type[And] | type[Or], parts: tuple[Where, ...]) -> Where:
    """Parts joined; a single one stays as it is."""
    return parts[0] if len(parts) == 1 else kind(parts)


def one_of(field: str, values: Iterable[Scalar]) -> Where:
    """`field in values`; moments are compared one by one."""
    listed = tuple(values)
    moments = tuple(Compare(field, "==", value) for value in listed if isinstance(value, Moment))
    if not moments:
        return Compare(field, "in", listed)
    return join(Or, (*moments, Compare(field, "in", tuple(v for v in listed if not isinstance(v, Moment)))))


def _is_moment(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in ("$date", "$now")


def _moment(value: Mapping[str, Any], field: str) -> Moment:
    """{"$date": "2024-01-31"} or {"$now": "-7d"}."""
    ((name, given),) = value.items()
    if name == "$date" and isinstance(given, str):
        return Moment.of(given)
    if name == "$now" and isinstance(given, str) and (not given or DURATION.fullmatch(given)):
        return now().moved(given) if given else now()
    raise WhereError(f'the value for {field} is no date: write {{"$date": "2024-01-31"}} or {{"$now": "-7d"}}.')


def scalar(value: Any, field: str) -> Scalar:
    """A value that a filter can compare with; raises WhereError for any other."""
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dt.date) and value == value:  # pandas' NaT is a date that equals nothing
        return Moment.of(value)
    if isinstance(value, Mapping) and _is_moment(value):
        return _moment(value, field)
    if field == "_id" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # 7 and "7" are one id
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise WhereError(f"the value for {field} is not a finite number.")
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        raise WhereError(f"the value for {field} is too large a number: metadata holds such numbers as text.")
    if isinstance(value, str):
        return nfc(clean(value))
    if isinstance(value, int | float | bool | Moment):
        return value
    raise WhereError(f"the value for {field} is neither text, a number, a date, true nor false: {value!r:.60}.")


def checked_field(field: str) -> str:
    """A field's name; raises WhereError for one that no metadata can have."""
    if not isinstance(field, str) or ODD_NAME.search(field):
        raise WhereError(
            f"{brief(field)} is no field name: it is empty or has a quote, backslash or control character."
        )
    return nfc(clean(field))
