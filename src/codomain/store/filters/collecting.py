"""The values of fields, document by document, turned into what columns keep: sorted values with their rows."""

from __future__ import annotations

from itertools import chain, repeat
from typing import Any, NamedTuple

import numpy as np

from codomain.text import nfc

EXACT = 2**53
"""Whole numbers up to here are float64 without loss."""


class Pools:
    """Growing arrays that many small ones are appended to, so that a collection of fields is a handful of files."""

    def __init__(self) -> None:
        self._parts: dict[str, list[np.ndarray[Any, Any]]] = {}
        self._sizes: dict[str, int] = {}

    def put(self, pool: str, array: np.ndarray[Any, Any]) -> list[int]:
        """Append; where it starts and stops."""
        start = self._sizes.get(pool, 0)
        self._parts.setdefault(pool, []).append(array)
        self._sizes[pool] = start + len(array)
        return [start, start + len(array)]

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Each pool as one array."""
        return {pool: np.concatenate(parts) for pool, parts in self._parts.items()}


class Held(NamedTuple):
    """What the documents have in one field: values and the document of each; `present` documents are not null.

    Members of lists are kept apart: `contains` looks into lists and texts, the other comparisons into both.
    """

    numbers: list[tuple[float, int]]
    texts: list[tuple[str, int]]
    members: list[tuple[str, int]]
    listed: list[tuple[float, int]]
    yes: list[int]
    no: list[int]
    listed_yes: list[int]
    listed_no: list[int]
    present: list[int]

    @classmethod
    def empty(cls) -> Held:
        """Of a field that no document has yet."""
        return cls(*([] for _ in cls._fields))


def held_of(values: list[Any], documents: list[int]) -> Held | None:
    """The values of a field; None when a column cannot hold one of them exactly. Values of one kind are taken together."""
    held, kinds = Held.empty(), {*map(type, values)}
    if kinds == {str}:
        held.texts[:] = zip(_nfc(values), documents, strict=True)
    elif kinds <= {int, float}:
        held.numbers[:] = zip(values, documents, strict=True)
        if not all(map(_is_exact, values)):
            return None
    elif kinds == {list} and {*map(type, chain.from_iterable(values))} <= {str}:
        of_members = chain.from_iterable(map(repeat, documents, map(len, values)))
        held.members[:] = zip(_nfc([*chain.from_iterable(values)]), of_members, strict=True)
    else:
        for value, document in zip(values, documents, strict=True):
            if value is not None and not _hold(held, value, document):
                return None
        return held
    held.present[:] = documents
    return held


def _nfc(texts: list[str]) -> list[str]:
    return texts if all(map(str.isascii, texts)) else [*map(nfc, texts)]


def _hold(held: Held, value: Any, document: int) -> bool:
    """Enter a value; False when a column cannot hold it exactly."""
    held.present.append(document)
    if isinstance(value, bool):
        (held.yes if value else held.no).append(document)
    elif isinstance(value, int | float):
        held.numbers.append((value, document))
        return _is_exact(value)
    elif isinstance(value, str):
        held.texts.append((nfc(value), document))
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, str):
                held.members.append((nfc(item), document))
            elif isinstance(item, bool):
                (held.listed_yes if item else held.listed_no).append(document)
            elif isinstance(item, int | float):
                held.listed.append((item, document))
        return all(_is_exact(item) for item in value)
    return True


def _is_exact(value: Any) -> bool:
    return not isinstance(value, int) or abs(value) <= EXACT


def written_to(held: Held, pools: Pools, rows: int, row: Any, starts: Any, lengths: Any) -> dict[str, Any]:
    """Put a field into the pools; where its parts are."""

    def rows_of(documents: list[int]) -> tuple[Any, Any]:
        """All rows of the documents, and the place in the list that each comes from."""
        numbers = np.array(documents, np.int64)
        many = lengths[numbers]
        from_place = np.repeat(np.arange(len(numbers)), many)
        inside = np.arange(len(from_place)) - np.repeat(np.cumsum(many) - many, many)
        return row[starts[numbers][from_place] + inside].astype(np.int32), from_place

    def ordered(entries: list[tuple[Any, int]], values: Any) -> tuple[Any, Any]:
        having, from_place = rows_of([document for _, document in entries])
        expanded = values[from_place]
        order = np.lexsort((having, expanded))
        return having[order], expanded[order]

    def written(entries: list[tuple[str, int]]) -> dict[str, list[int]]:
        texts = [text for text, _ in entries]
        terms = sorted({*texts})  # by code points, which is the order of their bytes in UTF-8
        number = dict(zip(terms, range(len(terms)), strict=True))
        having, codes = ordered(entries, np.fromiter(map(number.__getitem__, texts), np.int64, len(texts)))
        vocabulary = [term.encode() for term in terms]
        ends = np.cumsum([0, *map(len, vocabulary)])
        return {
            "letters": pools.put("letters", np.frombuffer(b"".join(vocabulary), np.uint8)),
            "ends": pools.put("ends", ends.astype(np.int64)),
            "starts": pools.put("starts", np.searchsorted(codes, np.arange(len(vocabulary) + 1)).astype(np.int64)),
            "rows": pools.put("rows", having),
        }

    def numbers(entries: list[tuple[float, int]]) -> tuple[Any, Any]:
        return ordered(entries, np.array([value for value, _ in entries], np.float64))

    number_rows, values = numbers(held.numbers)
    listed_rows, listed = numbers(held.listed)
    by_row = np.full(rows, np.nan)  # which compares with nothing
    by_row[number_rows] = values
    return {
        "numbers": [pools.put("values", values), pools.put("rows", number_rows)],
        "by_row": pools.put("values", by_row) if 2 * len(values) >= len(row) else None,
        "texts": written(held.texts),
        "members": written(held.members),
        "listed": [pools.put("values", listed), pools.put("rows", listed_rows)],
        "yes": pools.put("rows", rows_of(held.yes)[0]),
        "no": pools.put("rows", rows_of(held.no)[0]),
        "listed_yes": pools.put("rows", rows_of(held.listed_yes)[0]),
        "listed_no": pools.put("rows", rows_of(held.listed_no)[0]),
        "present": pools.put("rows", rows_of(held.present)[0]),
    }
