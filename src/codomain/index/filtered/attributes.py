"""Whole-number attributes of rows beside the lists of an index, and the tests that a filter makes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from codomain.arrays import Rows
from codomain.errors import InputError


class Range(NamedTuple):
    """Values from `low` to `high`, both included; None is open."""

    low: int | None = None
    high: int | None = None


Test = int | Range | set[int] | frozenset[int]
Tests = Mapping[str, Test]
"""All of them must hold: attribute -> a value, a Range, or a set of values."""


@dataclass(frozen=True)
class Attributes:
    """Attributes of the rows of all lists, column by column inside each list, so that a test reads one column of a list.

    `values` holds list after list, in each first its rows' values of the first column, then of the second, and so on.
    `least`, `most` and `bloom` (lists, columns) say what a list cannot hold without reading it.
    """

    names: tuple[str, ...]
    values: np.ndarray
    starts: np.ndarray
    least: np.ndarray
    most: np.ndarray
    bloom: np.ndarray

    @classmethod
    def build(cls, names: Sequence[str], table: np.ndarray, starts: np.ndarray) -> Attributes:
        """From a table (n, columns) whose rows are ordered by list; list i has the rows starts[i] .. starts[i + 1] - 1."""
        lists, columns = len(starts) - 1, table.shape[1]
        values = np.concatenate([np.empty(0, np.int64), *(table[a:b].T.ravel() for a, b in pairwise(starts.tolist()))])
        least = np.full((lists, columns), np.iinfo(np.int64).max)
        most = np.full((lists, columns), np.iinfo(np.int64).min)
        bloom = np.zeros((lists, columns), np.uint64)
        for i in range(lists):
            part = table[starts[i] : starts[i + 1]]
            if len(part):
                least[i], most[i] = part.min(axis=0), part.max(axis=0)
                bloom[i] = np.bitwise_or.reduce(_bits(part), axis=0)
        return cls(tuple(names), values, starts, least, most, bloom)

    def checked(self, tests: Tests) -> list[tuple[int, Test]]:
        """Column numbers with their tests; raises InputError for an attribute that is not there."""
        unknown = set(tests) - set(self.names)
        if unknown:
            known = ", ".join(self.names) or "none"
            raise InputError(f"there is no attribute {sorted(unknown)[0]!r}: the index has {known}.")
        return [(self.names.index(name), test) for name, test in tests.items()]

    def possible(self, tests: list[tuple[int, Test]]) -> np.ndarray:
        """A mask (lists,) of those that may hold a match, by their summaries alone."""
        mask = np.diff(self.starts) > 0
        for column, test in tests:
            least, most, bloom = self.least[:, column], self.most[:, column], self.bloom[:, column]
            if isinstance(test, Range):
                mask &= (most >= _low(test)) & (least <= _high(test))
            else:
                wanted = np.array(sorted(_values(test)), np.int64)
                inside = (wanted >= least[:, None]) & (wanted <= most[:, None])
                mask &= (inside & ((bloom[:, None] & _bits(wanted)) != 0)).any(axis=1)
        return mask

    def matching(self, i: int, tests: list[tuple[int, Test]]) -> tuple[np.ndarray, int]:
        """Which rows of list i pass (mask of its length), and the bytes that were read to know."""
        start, stop, columns = int(self.starts[i]), int(self.starts[i + 1]), len(self.names)
        mask = np.ones(stop - start, bool)
        read = 0
        for column, test in tests:
            first = start * columns + column * (stop - start)
            values = self.values[first : first + stop - start]
            read += values.nbytes
            if isinstance(test, Range):
                mask &= (values >= _low(test)) & (values <= _high(test))
            else:
                mask &= np.isin(values, np.array(sorted(_values(test)), np.int64))
            if not mask.any():
                break
        return mask, read

    def table(self) -> np.ndarray:
        """The attributes (n, columns) in the order of the lists."""
        columns = len(self.names)
        parts = [
            self.values[a * columns : b * columns].reshape(columns, b - a).T for a, b in pairwise(self.starts.tolist())
        ]
        return np.concatenate([np.empty((0, columns), np.int64), *parts])


def attribute_table(
    given: Mapping[str, Any] | None, names: Sequence[str] | None, rows: int
) -> tuple[tuple[str, ...], np.ndarray]:
    """Attributes by name as a table (rows, columns) of int64; raises InputError for other names, lengths or kinds."""
    given = given or {}
    if names is not None and set(given) != set(names):
        raise InputError(
            f"the index has the attributes {', '.join(names) or 'none'}, not {', '.join(given) or 'none'}."
        )
    chosen = tuple(given) if names is None else tuple(names)
    columns = []
    for name in chosen:
        column = np.asarray(given[name])
        if column.shape != (rows,) or column.dtype.kind not in "iub":
            raise InputError(
                f"the attribute {name!r} must be {rows} whole numbers, not {column.dtype} of shape {column.shape}."
            )
        columns.append(column.astype(np.int64))
    return chosen, np.stack(columns, axis=1) if columns else np.empty((rows, 0), np.int64)


def passing(table: np.ndarray, tests: list[tuple[int, Test]]) -> Rows:
    """The rows of a table (n, columns) that pass."""
    one = Attributes.build([str(i) for i in range(table.shape[1])], table, np.array([0, len(table)]))
    return np.flatnonzero(one.matching(0, tests)[0])


def _bits(values: np.ndarray) -> np.ndarray:
    """One of 64 bits for each value, by a multiplicative hash."""
    mixed = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray(np.left_shift(np.uint64(1), mixed >> np.uint64(58)))


def _values(test: Test) -> set[int]:
    return {int(v) for v in test} if isinstance(test, set | frozenset) else {int(test)}  # type: ignore[arg-type]


def _low(test: Range) -> int:
    return int(np.iinfo(np.int64).min) if test.low is None else test.low


def _high(test: Range) -> int:
    return int(np.iinfo(np.int64).max) if test.high is None else test.high
