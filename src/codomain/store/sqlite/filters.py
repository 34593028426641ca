"""Filters as SQL over the `documents` table: every value and every field name travels as a parameter.

SQLite takes expressions of at most 1000 levels, and its parser stacks 100 symbols. So negation is moved down to the
terms, long chains are cut into groups, and of several parts the deepest comes first, where it needs the least stack.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from codomain.errors import WhereError
from codomain.store.filters.where import And, Compare, IsNull, Not, Or, Scalar, Where, checked_field
from codomain.text import clean

_COLUMNS = {"_id": "d.key", "_title": "d.title", "_source": "s.path"}

_GROUP = 16
_MOST_BRACKETS = 40
_MOST_LEVELS = 900

_SQL_OPS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def to_sql(where: Where) -> tuple[str, list[Any]]:
    """A condition that is 0 or 1 and never NULL, over documents d left-joined to sources s, with its parameters.

    >>> from codomain.store.filters.where import parse_where
    >>> to_sql(parse_where("_id == 'a'"))
    ('ifnull(d.key = ?, 0)', ['a'])
    """
    made = _sql(where, False)
    if made.brackets > _MOST_BRACKETS or made.levels > _MOST_LEVELS:
        raise WhereError("the filter is nested too deeply.")
    return made.text, made.parameters


class _Sql(NamedTuple):
    """A condition, and what it asks of SQLite: levels of its tree, and the brackets open at once while it is read."""

    text: str
    parameters: list[Any]
    levels: int
    brackets: int


def _sql(where: Where, negated: bool) -> _Sql:
    match where:
        case And(parts) | Or(parts):
            word = "AND" if isinstance(where, And) != negated else "OR"  # not (a and b) is not a or not b
            return _joined([_sql(part, negated) for part in parts], word)
        case Not(inner):
            return _sql(inner, not negated)
        case Compare() | IsNull():
            parameters: list[Any] = []
            text = _term(where, parameters)
            return _Sql(f"(NOT {text})" if negated else text, parameters, 10, 0)


def _joined(parts: list[_Sql], word: str) -> _Sql:
    if not parts:
        return _Sql("1" if word == "AND" else "0", [], 1, 0)
    while len(parts) > 1:
        parts = sorted(parts, key=lambda part: -part.brackets)
        parts = [_group(parts[i : i + _GROUP], word) for i in range(0, len(parts), _GROUP)]
    return parts[0]


def _group(parts: list[_Sql], word: str) -> _Sql:
    if len(parts) == 1:
        return parts[0]
    text = "(" + f" {word} ".join(part.text for part in parts) + ")"
    # an operator stands on the stack, with what is before it, while a part that is not the first is read
    brackets = max(1 + part.brackets + (2 if i else 0) for i, part in enumerate(parts))
    parameters = [value for part in parts for value in part.parameters]
    return _Sql(text, parameters, max(part.levels for part in parts) + len(parts), brackets)


def _term(where: Compare | IsNull, parameters: list[Any]) -> str:
    if isinstance(where, IsNull):
        if where.field in _COLUMNS:
            return f"({_COLUMNS[where.field]} IS NULL)"
        parameters.append(_path(where.field))
        return "(ifnull(json_type(d.metadata, ?), 'null') = 'null')"
    value = where.value
    if isinstance(value, tuple):
        value = tuple(clean(v) if isinstance(v, str) else v for v in value)
    return _compare(where.field, where.op, clean(value) if isinstance(value, str) else value, parameters)


def _compare(field: str, op: str, value: Scalar | tuple[Scalar, ...], parameters: list[Any]) -> str:
    if op == "!=":  # the complement of equality, so that a missing field differs from every value
        return f"(NOT {_compare(field, '==', value, parameters)})"
    if op == "contains":
        return _contains(field, value, parameters)
    if isinstance(value, tuple):
        return _in(field, value, parameters)
    if field in _COLUMNS:
        if not isinstance(value, str):
            return "0"
        parameters.append(value)
        return f"ifnull({_COLUMNS[field]} {_SQL_OPS[op]} ?, 0)"
    path = _path(field)
    if isinstance(value, bool):
        if op != "==":
            return "0"
        parameters += [path, "true" if value else "false"]
        return "ifnull(json_type(d.metadata, ?) = ?, 0)"
    types = "('text')" if isinstance(value, str) else "('integer', 'real')"
    parameters += [path, path, value]
    return f"ifnull(json_type(d.metadata, ?) IN {types} AND json_extract(d.metadata, ?) {_SQL_OPS[op]} ?, 0)"


def _in(field: str, values: tuple[Scalar, ...], parameters: list[Any]) -> str:
    """Membership, with the type kept: 1, "1" and true are three values."""
    if not values:
        return "0"
    listing = json.dumps(values)
    if field in _COLUMNS:
        parameters.append(listing)
        return f"ifnull({_COLUMNS[field]} IN (SELECT value FROM json_each(?) WHERE type = 'text'), 0)"
    path = _path(field)
    parameters += [path, listing, path]
    return (
        "EXISTS (SELECT 1 FROM (SELECT json_type(d.metadata, ?) AS kind), json_each(?) AS listed WHERE "
        f"{_same_type('kind', 'listed.type')} AND "
        "(listed.type IN ('true', 'false') OR listed.value = json_extract(d.metadata, ?)))"
    )


def _contains(field: str, value: Any, parameters: list[Any]) -> str:
    """A list that has the value, or a text that has it as a part."""
    if field in _COLUMNS:
        parameters.append(str(value))
        return f"ifnull(instr({_COLUMNS[field]}, ?) > 0, 0)"
    path = _path(field)
    wanted = json.dumps([value])
    parameters += [path, path, wanted]
    inside = (
        "EXISTS (SELECT 1 FROM json_each(d.metadata, ?) AS item, json_each(?) AS wanted WHERE "
        f"{_same_type('item.type', 'wanted.type')} AND (item.type IN ('true', 'false') OR item.value = wanted.value))"
    )
    if not isinstance(value, str):
        return f"(CASE json_type(d.metadata, ?) WHEN 'array' THEN {inside} ELSE 0 END)"
    parameters += [path, value]
    part = "instr(json_extract(d.metadata, ?), ?) > 0"
    return f"(CASE json_type(d.metadata, ?) WHEN 'array' THEN {inside} WHEN 'text' THEN {part} ELSE 0 END)"


def _same_type(left: str, right: str) -> str:
    """Types of JSON are equal; integers and reals are one type."""
    return f"({left} = {right} OR ({left} IN ('integer', 'real') AND {right} IN ('integer', 'real')))"


def _path(field: str) -> str:
    """The JSON path of a field: metadata is flat, so a dot is part of the name."""
    return f'$."{checked_field(field)}"'
