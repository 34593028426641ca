"""Filters as SQL over the `documents` table: every value and every field name travels as a parameter."""

from __future__ import annotations

import json
from typing import Any

from codomain.store.where import And, Compare, IsNull, Not, Or, Scalar, Where

_COLUMNS = {"_id": "d.key", "_title": "d.title", "_source": "s.path"}

_SQL_OPS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def to_sql(where: Where) -> tuple[str, list[Any]]:
    """A condition that is 0 or 1 and never NULL, over documents d left-joined to sources s, with its parameters.

    >>> from codomain.store.where import parse_where
    >>> to_sql(parse_where("_id == 'a'"))
    ('ifnull(d.key = ?, 0)', ['a'])
    """
    parameters: list[Any] = []
    return _sql(where, parameters), parameters


def _sql(where: Where, parameters: list[Any]) -> str:
    match where:
        case And(parts):
            return "(" + " AND ".join(_sql(part, parameters) for part in parts) + ")"
        case Or(parts):
            return "(" + " OR ".join(_sql(part, parameters) for part in parts) + ")"
        case Not(inner):
            return f"(NOT {_sql(inner, parameters)})"
        case IsNull(field):
            if field in _COLUMNS:
                return f"({_COLUMNS[field]} IS NULL)"
            parameters.append(_path(field))
            return "(ifnull(json_type(d.metadata, ?), 'null') = 'null')"
        case Compare(field, op, value):
            return _compare(field, op, value, parameters)


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
    return f'$."{field}"'
