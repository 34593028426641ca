"""Filters as SQL over the `documents` table: every value and every field name travels as a parameter.

SQLite takes expressions of at most 1000 levels, and its parser stacks 100 symbols. So negation is moved down to the
terms, long chains are cut into groups, and of several parts the deepest comes first, where it needs the least stack.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from codomain.errors import WhereError
from codomain.store.filters.moments import Moment
from codomain.store.filters.where import And, Compare, IsNull, Not, Or, Scalar, Where, checked_field
from codomain.text import clean, nfc

COLUMNS = {"_id": "d.key", "_title": "d.title", "_source": "s.path"}

_GROUP = 16
_MOST_BRACKETS = 40
_MOST_LEVELS = 900


def _nfc(text: str) -> str:
    """A text in Unicode's form NFC; the function costs a call, which ASCII does not need."""
    return f"(SELECT iif(length(t) = length(CAST(t AS BLOB)), t, nfc(t)) FROM (SELECT {text} AS t))"


_EQUAL = (
    "(item.type = listed.type OR (item.type IN ('integer', 'real') AND listed.type IN ('integer', 'real'))) "
    f"AND (listed.type IN ('true', 'false') OR (CASE item.type WHEN 'text' THEN {_nfc('item.value')} ELSE item.value END) = listed.value)"
)
"""A member of a list and one of another are equal: integers and reals are one type, all others differ."""

_SQL_OPS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def to_sql(where: Where) -> tuple[str, list[Any]]:
    """A condition that is 0 or 1 and never NULL, over documents d left-joined to sources s, with its parameters.

    >>> from codomain.store.filters.where import parse_where
    >>> to_sql(parse_where("_id is null"))
    ('(d.key IS NULL)', [])
    """
    made = _sql(where, False)
    if made.brackets > _MOST_BRACKETS or made.levels > _MOST_LEVELS:
        raise WhereError("the filter is nested too deeply.")
    return made.text, made.parameters


def order_by(field: str, descending: bool) -> tuple[str, list[Any]]:
    """Terms of ORDER BY, and their parameters, for a field of metadata or of the document: documents without it are last."""
    direction = " DESC" if descending else ""
    if field in COLUMNS:
        return f"{COLUMNS[field]} IS NULL, {COLUMNS[field]}{direction}, ", []
    value = "(SELECT item.atom FROM json_each(d.metadata, ?) AS item LIMIT 1)"
    kind = "(SELECT item.type IN ('true', 'false') FROM json_each(d.metadata, ?) AS item LIMIT 1)"
    path = json_path(field)
    terms = f"{value} IS NULL, {kind}{'' if descending else ' DESC'}, ifnull(moment({value}), {value}){direction}, "
    return terms, [path] * 4


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
        if where.field in COLUMNS:
            return f"({COLUMNS[where.field]} IS NULL)"
        parameters.append(json_path(where.field))
        return "(ifnull(json_type(d.metadata, ?), 'null') = 'null')"
    value = where.value
    if isinstance(value, tuple):
        value = tuple(_text(v) if isinstance(v, str) else v for v in value)
    return _compare(where.field, where.op, _text(value) if isinstance(value, str) else value, parameters)


def _text(value: str) -> str:
    return nfc(clean(value))


def _compare(field: str, op: str, value: Scalar | tuple[Scalar, ...], parameters: list[Any]) -> str:
    if op == "!=":  # the complement of equality, so that a missing field differs from every value
        return f"(NOT {_compare(field, '==', value, parameters)})"
    if op == "contains":
        return _contains(field, value, parameters)
    if isinstance(value, tuple):
        return _in(field, value, parameters)
    if field in COLUMNS:
        if not isinstance(value, str):
            return "0"
        parameters.append(value)
        return f"ifnull({_nfc(COLUMNS[field])} {_SQL_OPS[op]} ?, 0)"
    operand: Any
    if isinstance(value, bool):
        if op != "==":
            return "0"
        condition, operand = "item.type = ?", "true" if value else "false"
    elif isinstance(value, Moment):
        condition, operand = f"item.type = 'text' AND moment(item.value) {_SQL_OPS[op]} ?", value.microseconds
    elif isinstance(value, str):
        condition, operand = f"item.type = 'text' AND {_nfc('item.value')} {_SQL_OPS[op]} ?", value
    else:
        condition, operand = f"item.type IN ('integer', 'real') AND item.value {_SQL_OPS[op]} ?", value
    parameters += [json_path(field), operand]
    return _any(condition)


def _any(condition: str) -> str:
    """Whether the value, or a member of the list, meets a condition; its path is a parameter before those of the condition."""
    return f"EXISTS (SELECT 1 FROM json_each(d.metadata, ?) AS item WHERE {condition})"


def _in(field: str, values: tuple[Scalar, ...], parameters: list[Any]) -> str:
    """Membership, with the type kept: 1, "1" and true are three values."""
    if not values:
        return "0"
    listing = json.dumps(values)
    if field in COLUMNS:
        parameters.append(listing)
        return f"ifnull({_nfc(COLUMNS[field])} IN (SELECT value FROM json_each(?) WHERE type = 'text'), 0)"
    parameters += [json_path(field), listing]
    return _any(f"EXISTS (SELECT 1 FROM json_each(?) AS listed WHERE {_EQUAL})")


def _contains(field: str, value: Any, parameters: list[Any]) -> str:
    """A list that has the value, or a text that has it as a part."""
    if field in COLUMNS:
        parameters.append(str(value))
        return f"ifnull(instr({_nfc(COLUMNS[field])}, ?) > 0, 0)"
    path = json_path(field)
    if isinstance(value, Moment):
        member = _compare(field, "==", value, parameters)
        parameters.insert(len(parameters) - 2, path)
        return f"(ifnull(json_type(d.metadata, ?), '') = 'array' AND {member})"
    parameters += [path, path, json.dumps(value)]
    member = _any(f"EXISTS (SELECT 1 FROM (SELECT type, value FROM json_each(?)) AS listed WHERE {_EQUAL})")
    part = "0"
    if isinstance(value, str):
        parameters += [path, value]
        part = f"instr({_nfc('json_extract(d.metadata, ?)')}, ?) > 0"
    return f"(CASE json_type(d.metadata, ?) WHEN 'array' THEN {member} WHEN 'text' THEN {part} ELSE 0 END)"


def json_path(field: str) -> str:
    """The JSON path of a field: metadata is flat, so a dot is part of the name."""
    return f'$."{checked_field(field)}"'
