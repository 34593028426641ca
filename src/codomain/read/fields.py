"""Which fields of a row are its text, title and id: those asked for, or the usual ones; joined and nested ones included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from codomain.items import Media
from codomain.read.record import ID_FIELDS, TEXT_FIELDS, TITLE_FIELDS
from codomain.text import clean

_REMEMBERED_ROWS = 256

Path = tuple[str, ...]
"""The names that lead to a field: one, or several for what is nested."""


class Chosen(NamedTuple):
    """Where one row's text (the parts that are joined), title and id stand; empty for what it does not have."""

    text: tuple[Path, ...]
    title: Path
    id: Path
    plain: tuple[str, ...] | None
    """The names of all of them, where none is nested and one field is the text."""


class Fields:
    """The fields asked for, or else the usual names.

    A name may be that of several fields, "a,b", whose texts are joined, and of a nested one, "author.name".

    >>> fields = Fields("head,body.text", None, None)
    >>> row = {"head": "A fox", "body": {"text": "runs", "lang": "en"}}
    >>> fields.text(row, fields.choose(row))
    'A fox\\n\\nruns'
    >>> rest(row, fields.choose(row))
    {'body': {'lang': 'en'}}
    """

    def __init__(self, text: str | None, title: str | None, id: str | None, vector: str | None = None) -> None:
        self.asked, self._title, self._id, self._vector = text, title, id, vector
        self._chosen: dict[tuple[str, ...], Chosen] = {}
        self._nested = any(name and "." in name for name in (text, title, id))

    def choose(self, row: dict[str, Any]) -> Chosen:
        """The fields of a row; rows with the same names are looked through once."""
        if self._nested:  # what is inside a field may differ where the names do not
            return self._choose(row)
        names = tuple(row)
        chosen = self._chosen.get(names)
        if chosen is None:
            if len(self._chosen) >= _REMEMBERED_ROWS:
                self._chosen.clear()
            chosen = self._chosen[names] = self._choose(row)
        return chosen

    def _choose(self, row: dict[str, Any]) -> Chosen:
        def pick(asked: str | None, usual: Sequence[str]) -> Path:
            return next((path for name in ((asked,) if asked else usual) if (path := _path(row, name))), ())

        text = pick(self.asked, TEXT_FIELDS)
        parts: tuple[Path, ...] = (text,) if text else ()
        if not parts and self.asked and "," in self.asked:
            parts = tuple(path for name in self.asked.split(",") if (path := _path(row, name.strip())))
        title, id = pick(self._title, TITLE_FIELDS), pick(self._id, ID_FIELDS)
        ways = [way for way in (*parts, title, id) if way]
        plain = tuple(way[0] for way in ways) if len(parts) == 1 and all(len(way) == 1 for way in ways) else None
        return Chosen(parts, title, id, plain)

    def text(self, row: dict[str, Any], chosen: Chosen) -> str:
        """The text of a row, several fields with an empty line between them; raises ValueError where it is none."""
        if len(chosen.text) == 1:
            return words(row, chosen.text[0]) or ""
        parts = [words(row, path, numbers=True) or "" for path in chosen.text]
        return "\n\n".join(part for part in parts if part.strip())

    def has_vector(self, row: dict[str, Any]) -> bool:
        """Whether vectors are asked for and this row has one."""
        return self._vector is not None and row.get(self._vector) is not None

    def vector(self, row: dict[str, Any]) -> tuple[dict[str, Any], tuple[Media, ...]]:
        """The row without its vector, and the vector (d,), where one is asked for; raises ValueError where it is none."""
        if self._vector is None or self._vector not in row:
            return row, ()
        row = row.copy()
        return row, as_vector(row.pop(self._vector), self._vector)

    def sentence(self, row: dict[str, Any]) -> str:
        """What is said of a row without a text."""
        there = ", ".join(list(row)[:8]) + (", ..." if len(row) > 8 else "")
        if self._vector is not None and self._vector not in row and not self.asked:
            return f'has no text and no field "{self._vector}" (it has {there}): name one with --vector-field'
        if self.asked:
            return f'has no field "{self.asked}" (it has {there})'
        return f"has none of the fields {', '.join(TEXT_FIELDS[:3])} (it has {there}): name one with --text-field"


def as_vector(cell: Any, name: str) -> tuple[Media, ...]:
    """The vector in a cell as float32 (d,); none where the cell is empty.

    Raises ValueError for anything but a list of finite numbers.
    """
    if cell is None:
        return ()
    try:
        vector = np.array(cell, np.float32)
    except (TypeError, ValueError):
        raise ValueError(f'has no list of numbers in "{name}"') from None
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise ValueError(f'has NaN, infinity or no single vector in "{name}"')
    return (Media("vector", vector),)


def _path(row: dict[str, Any], name: str) -> Path:
    """The way to a field of this name, as it stands or nested; empty where there is none."""
    if name in row:
        return (name,)
    if "." not in name:
        return ()
    steps = name.split(".")
    for cut in range(len(steps) - 1, 0, -1):  # a name may hold dots itself
        inner = row.get(".".join(steps[:cut]))
        if isinstance(inner, dict) and (rest := _path(inner, ".".join(steps[cut:]))):
            return (".".join(steps[:cut]), *rest)
    return ()


def value(row: dict[str, Any], path: Path) -> Any:
    """What a field holds; None where it is not there.

    >>> value({"a": {"b": 1}}, ("a", "b")), value({"a": 1}, ("a", "b"))
    (1, None)
    """
    found: Any = row if path else None
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def words(row: dict[str, Any], path: Path, numbers: bool = False) -> str | None:
    """A field's text; a list of texts has them as paragraphs. Raises ValueError for anything else."""
    found = row.get(path[0]) if len(path) == 1 else value(row, path)
    if type(found) is str:
        return clean(found)
    if found is None:
        return None
    if isinstance(found, list) and all(isinstance(part, str) for part in found):
        return clean("\n\n".join(found))
    if numbers and isinstance(found, int | float) and not isinstance(found, bool):
        return str(found)
    raise ValueError(f'has {type(found).__name__} in "{".".join(path)}" where text is needed')


def rest(row: dict[str, Any], chosen: Chosen) -> dict[str, Any]:
    """A row without its text, title and id."""
    left = row.copy()
    if chosen.plain is not None:
        for name in chosen.plain:
            left.pop(name, None)
        return left
    for path in (*chosen.text, chosen.title, chosen.id):
        _remove(left, path)
    return left


def _remove(row: dict[str, Any], path: Path) -> None:
    if len(path) > 1 and isinstance(row.get(path[0]), dict):
        inner = row[path[0]] = dict(row[path[0]])
        _remove(inner, path[1:])
        if not inner:
            del row[path[0]]
    elif len(path) == 1:
        row.pop(path[0], None)
