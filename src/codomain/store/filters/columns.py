"""Metadata turned on its side: for each field its values in order, each with the rows that have it.

A filter becomes a mask by binary searches instead of a reading of every document: equality, ranges and membership cost
what they match. Values keep JSON's types. After "Benchmarking Filtered Approximate Nearest Neighbor Search Algorithms on
Transformer-based Embedding Vectors" (2025), whose point is that what a filter matches must be known before the search.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np

from codomain.index.array_files import open_arrays, save_arrays
from codomain.store.filters.collecting import EXACT, Pools, held_of, written_to
from codomain.store.filters.moments import Moment, moment_of
from codomain.store.filters.where import And, Compare, IsNull, Not, Or, Where
from codomain.text import clean, nfc

_NO_MOMENT = -(2**63)
"""What stands where a text is no date."""

_COMPARE = {"==": np.equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}

Mask = np.ndarray[Any, np.dtype[np.bool_]]


class NotInColumns(Exception):
    """The filter asks what columns cannot say exactly: the database answers it."""


class Columns:
    """The fields of the rows 0 .. rows - 1; `mask(where)` returns what a filter matches. Saved and opened like an index.

    `version` is that of the metadata. `base` are rows and version of other columns, which these continue, see `build_newer`.
    """

    def __init__(self) -> None:
        self.rows = self.version = 0
        self.base: tuple[int, int] | None = None
        self._fields: dict[str, dict[str, Any]] = {}
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._moments: dict[tuple[str, str], np.ndarray[Any, Any]] = {}

    @property
    def fields(self) -> set[str]:
        """The names of all fields."""
        return {*self._fields, *self._known}

    def build(
        self, owners: np.ndarray[Any, Any], metadata: Iterable[tuple[int, str]], rows: int, version: int = 0
    ) -> Self:
        """Take in `metadata`, numbers and JSON objects of documents; `owners` (n, 2): document and row, in order."""
        self.rows, self.version = rows, version
        owner, row = owners.T
        documents, starts = np.unique(owner, return_index=True)
        place = {document: i for i, document in enumerate(documents.tolist())}
        having: dict[
            str, tuple[list[Any], list[int]]
        ] = {}  # of each field the values, and the documents that have them
        for document, stored in metadata:
            if stored != "{}" and document in place:
                at = place[document]
                for name, value in json.loads(stored).items():
                    held = having.get(name)
                    if held is None:
                        held = having[name] = ([], [])
                    held[0].append(value)
                    held[1].append(at)
        lengths = np.diff(np.append(starts, len(row)))
        pools, inexact = Pools(), []
        for name, (values, at_documents) in having.items():
            fields = held_of(values, at_documents)
            if fields is None:
                inexact.append(name)
            else:
                self._fields[name] = written_to(fields, pools, rows, row, starts, lengths)
        self._known = sorted(inexact)
        self._arrays = pools.arrays()
        return self

    def build_newer(
        self, owners: np.ndarray[Any, Any], metadata: Iterable[tuple[int, str]], version: int, base: Columns
    ) -> Self:
        """Take in what came after other columns: rows that they lack, and rows whose metadata has changed; see `update`."""
        places = np.sort(owners[:, 1])
        numbered = np.stack([owners[:, 0], np.searchsorted(places, owners[:, 1])], axis=1)
        self.build(numbered, metadata, len(places), version)
        self._arrays["places"] = places
        self.base = (base.rows, base.version)
        return self

    def update(self, mask: Mask, where: Where) -> None:
        """Write what a filter matches over the mask (rows,) of all rows, where these columns are newer than others."""
        mask[self._arrays["places"]] = self.mask(where)

    def save(self, folder: Path) -> None:
        """Write everything to a folder."""
        settings = {"rows": self.rows, "version": self.version, "fields": self._fields, "inexact": self._known}
        if self.base is not None:
            settings["base"] = self.base
        save_arrays(folder, "columns", self._arrays, settings)

    def load(self, folder: Path) -> Self:
        """Map what `save` wrote; raises InputError for damaged files."""
        self._arrays, settings = open_arrays(folder, "columns")
        self.rows, self.version = settings["rows"], settings["version"]
        self._fields, self._known = settings["fields"], settings["inexact"]
        self.base = tuple(settings["base"]) if "base" in settings else None
        return self

    def mask(self, where: Where) -> Mask:
        """The rows that a filter matches, deleted ones included; raises NotInColumns where only the database knows."""
        match where:
            case And(parts) | Or(parts):
                both = np.logical_and if isinstance(where, And) else np.logical_or
                found = self.mask(parts[0]).copy() if parts else np.full(self.rows, isinstance(where, And))
                for part in parts[1:]:
                    both(found, self.mask(part), out=found)
                return found
            case Not(inner):
                return np.logical_not(self.mask(inner))
            case IsNull(field):
                held = self._field(field)
                return np.logical_not(self._marked([] if held is None else [self._slice("rows", held["present"])]))
            case Compare(field, op, value):
                if op == "!=":
                    return np.logical_not(self.mask(Compare(field, "==", value)))
                held = self._field(field)
                return self._marked([] if held is None else self._matching(field, held, op, value))

    def _field(self, field: str) -> dict[str, Any] | None:
        if (field.startswith("_") and field in ("_id", "_title", "_source")) or field in self._known:
            raise NotInColumns(field)
        return self._fields.get(field)

    def _marked(self, lists: Any) -> Mask:
        mask = np.zeros(self.rows, bool)
        for rows in lists:
            mask[rows] = True
        return mask

    def _slice(self, pool: str, span: list[int]) -> Any:
        return self._arrays[pool][span[0] : span[1]] if span[1] > span[0] else np.empty(0, np.int32)

    def _matching(self, field: str, held: dict[str, Any], op: str, value: Any) -> Iterator[np.ndarray[Any, Any]]:
        """The rows that match one comparison, list by list; a list of values matches by its members."""
        if op == "in":
            for listed in value:
                yield from self._matching(field, held, "==", listed)
        elif isinstance(value, bool):
            name = "yes" if value else "no"
            if op == "==":
                yield self._slice("rows", held[name])
            if op in ("==", "contains"):
                yield self._slice("rows", held[f"listed_{name}"])
        elif isinstance(value, Moment):
            yield from self._of_moment(field, held, op, value)
        elif isinstance(value, str):
            value = nfc(clean(value))
            members, texts = _Terms(self._arrays, held["members"]), _Terms(self._arrays, held["texts"])
            if op == "contains":
                yield members.between(*members.span("==", value))
                for i in texts.holding(value):
                    yield texts.between(i, i + 1)
            else:
                yield members.between(*members.span(op, value))
                yield texts.between(*texts.span(op, value))
        elif abs(value) > EXACT:
            raise NotInColumns(op)
        else:
            if op != "contains":
                yield self._of_number(held, op, value)
            values = self._slice("values", held["listed"][0])
            low, high = _found("==" if op == "contains" else op, values, value)
            yield self._slice("rows", held["listed"][1])[low:high]

    def _of_number(self, held: dict[str, Any], op: str, value: float) -> Any:
        values = self._slice("values", held["numbers"][0])
        low, high = _found(op, values, value)
        if held["by_row"] is not None and high - low > self.rows // 16:
            # so many rows are marked faster in their order than where each value says
            return _COMPARE[op](self._slice("values", held["by_row"]), value)
        return self._slice("rows", held["numbers"][1])[low:high]

    def _of_moment(self, field: str, held: dict[str, Any], op: str, value: Moment) -> Iterator[np.ndarray[Any, Any]]:
        for kind in ("members",) if op == "contains" else ("members", "texts"):
            terms = _Terms(self._arrays, held[kind])
            if (field, kind) not in self._moments:
                self._moments[field, kind] = terms.moments()
            times = self._moments[field, kind]
            compare = _COMPARE["==" if op == "contains" else op]
            for i in np.flatnonzero(compare(times, value.microseconds) & (times != _NO_MOMENT)).tolist():
                yield terms.between(i, i + 1)


class _Terms:
    """The texts of a field in the order of their UTF-8 bytes, as SQLite compares them, each with its rows."""

    def __init__(self, arrays: dict[str, np.ndarray[Any, Any]], spans: dict[str, list[int]]) -> None:
        self._letters, self._ends, self._starts, self._rows = (
            arrays[pool][spans[pool][0] : spans[pool][1]] for pool in ("letters", "ends", "starts", "rows")
        )

    def __len__(self) -> int:
        return len(self._ends) - 1

    def _term(self, i: int) -> bytes:
        return bytes(self._letters[self._ends[i] : self._ends[i + 1]])

    def span(self, op: str, value: str) -> tuple[int, int]:
        wanted = value.encode()
        left = bisect_left(range(len(self)), wanted, key=self._term)
        right = bisect_right(range(len(self)), wanted, lo=left, key=self._term)
        return _span(op, left, right, len(self))

    def between(self, first: int, last: int) -> np.ndarray[Any, Any]:
        """The rows of the terms first .. last - 1."""
        return self._rows[self._starts[first] : self._starts[last]]

    def moments(self) -> np.ndarray[Any, Any]:
        """The moment of each term that is a date, in microseconds since 1970."""
        found = (moment_of(self._term(i).decode()) for i in range(len(self)))
        return np.array([_NO_MOMENT if moment is None else moment for moment in found], np.int64)

    def holding(self, part: str) -> Iterator[int]:
        """The terms that have a text as a part."""
        letters, wanted = self._letters.tobytes(), part.encode()
        ends = self._ends.tolist()
        for i in range(len(self)):
            if letters.find(wanted, ends[i], ends[i + 1]) >= 0:
                yield i


def _found(op: str, values: np.ndarray[Any, Any], value: float) -> tuple[int, int]:
    """Of values in order, those that compare so with a number."""
    return _span(op, np.searchsorted(values, value, "left"), np.searchsorted(values, value, "right"), len(values))


def _span(op: str, left: Any, right: Any, n: int) -> tuple[int, int]:
    """Of n values in order, those that compare so with one whose equals are left .. right - 1."""
    spans = {"==": (left, right), "<": (0, left), "<=": (0, right), ">": (right, n), ">=": (left, n)}
    low, high = spans[op]
    return int(low), int(high)
