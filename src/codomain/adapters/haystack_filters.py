"""Filters of Haystack as filters of codomain.

They differ in two places: a comparison with a field that is a list is true where it is true of a member, and a time without
a zone is in UTC, where Haystack gives it the zone of the other one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from haystack.errors import FilterError

from codomain.errors import WhereError
from codomain.store.filters.moments import Moment
from codomain.store.filters.where import And, Compare, IsNull, Not, Or, Where, checked_field, one_of, scalar

_ORDERS = {">", ">=", "<", "<="}
_OWN = {"id": "_id"}
_UNREAD = {"content", "blob", "score", "embedding", "sparse_embedding"}
_NOTHING = IsNull("_id")


def where_of(filters: dict[str, Any] | None) -> Where | None:
    """A filter of Haystack as one of codomain; None where it matches everything. Raises FilterError where it cannot be read.

    >>> str(where_of({"field": "meta.year", "operator": ">=", "value": 2020}))
    'year >= 2020'
    """
    return needed_where(filters) if filters else None


def needed_where(filters: dict[str, Any]) -> Where:
    """The same, where an empty filter is an error, too: what deletes and changes takes no other."""
    if not filters:
        raise FilterError("the filter is empty.")
    try:
        return _condition(filters)
    except WhereError as error:
        raise FilterError(str(error)) from None


def _condition(given: Any) -> Where:
    if not isinstance(given, dict):
        raise FilterError(f"a condition is a dict, not {type(given).__name__}.")
    names = ("field", "operator", "value") if "field" in given else ("operator", "conditions")
    missing = next((name for name in names if name not in given), None)
    if missing:
        raise FilterError(f"{missing!r} is missing in {given!r:.200}.")
    if "field" in given:
        return _comparison(_field(given["field"]), given["operator"], given["value"])
    parts = tuple(_condition(one) for one in given["conditions"])
    everything = Not(_NOTHING)
    if given["operator"] == "OR":
        return Or(parts) if parts else _NOTHING
    if given["operator"] not in ("AND", "NOT"):
        raise FilterError(f"{given['operator']!r:.40} is not AND, OR or NOT.")
    both: Where = And(parts) if parts else everything
    return Not(both) if given["operator"] == "NOT" else both


def _field(name: str) -> str:
    if name in _UNREAD:
        raise FilterError(f"a collection has no filter for {name!r}: it filters by id and meta.")
    return checked_field(_OWN.get(name, name.removeprefix("meta.")))


def _comparison(field: str, operator: str, value: Any) -> Where:
    if operator in ("==", "!="):
        same = IsNull(field) if value is None else Compare(field, "==", scalar(value, field))
        return same if operator == "==" else Not(same)
    if operator in ("in", "not in"):
        if not isinstance(value, list):
            raise FilterError(f"{operator!r} on {field} needs a list, not {type(value).__name__}.")
        inside = one_of(field, (scalar(one, field) for one in value if one is not None))
        found = Or((inside, IsNull(field))) if None in value else inside
        return found if operator == "in" else Not(found)
    if operator not in _ORDERS:
        raise FilterError(f"{operator!r:.40} is no comparison: they are ==, !=, >, >=, <, <=, in and not in.")
    if value is None:
        return _NOTHING
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise FilterError(
                f"{operator} on {field} compares numbers and ISO 8601 dates, not {value!r:.60}."
            ) from None
        return Compare(field, operator, Moment.of(value))
    if isinstance(value, list):
        raise FilterError(f"{operator} on {field} compares with one value, not with a list.")
    return Compare(field, operator, scalar(value, field))
