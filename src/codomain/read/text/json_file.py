"""JSON files: a list of objects is a table, and so are JSON lines by another name; any other JSON is one document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.record import TEXT_FIELDS
from codomain.read.text.documents import Document, decoded
from codomain.read.text.tables import JSON, Broken, NoTable, Row, json_objects, why

_SPACE = re.compile(r"[ \t\r\n]*")


def read_as_text(file: SourceFile, on_bad: OnFault | None) -> Document:
    """A JSON file that holds no records, as it stands."""
    return Document(decoded(file, on_bad), None, False)


@reader("json", suffixes=(".json",), rows=True, what="a JSON file", whole=read_as_text)
def read_json(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """The objects of a list, or of the one list of objects inside an object; an object a line; or one object."""
    yield from records_in(decoded(file, on_bad), broken)


def records_in(text: str, broken: Broken) -> Iterator[Row]:
    """The objects that a JSON text lists, each with the line where it begins.

    >>> list(records_in('[{"text": "a"},\\n {"text": "b"}]', print))
    [(1, {'text': 'a'}), (2, {'text': 'b'})]
    >>> list(records_in('{"count": 1, "docs": [{"text": "a"}]}', print))
    [(1, {'text': 'a'})]

    Raises NoTable where it holds something else.
    """
    start = _after_space(text, 0)
    opening = text[start : start + 1]
    if opening == "[":
        yield from _elements(text, start, broken)
    elif opening == "{":
        try:
            whole, end = JSON.raw_decode(text, start)
        except (ValueError, RecursionError):
            if text[start:].split("\n", 1)[0].rstrip().endswith("}"):  # a line for itself: the fault is in a later one
                yield from json_objects(iter(text.splitlines(keepends=True)), broken)
                return
            raise NoTable from None  # settings with comments, and the like
        if _after_space(text, end) < len(text):
            yield from json_objects(re.split(r"(?<=\n)", text), broken)
        elif (nested := _list_inside(whole)) is not None:
            yield from _elements_of(whole[nested], nested, text, broken)
        else:
            yield 1 + text.count("\n", 0, start), whole
    else:
        raise NoTable


def _list_inside(whole: dict[str, Any]) -> str | None:
    """The name of the one field that is a list of objects, where the object has no text itself."""
    if any(isinstance(whole.get(name), str) for name in TEXT_FIELDS):
        return None
    lists = [name for name, value in whole.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    return lists[0] if len(lists) == 1 else None


def _elements_of(values: list[Any], name: str, text: str, broken: Broken) -> Iterator[Row]:
    """The values of a list inside an object, with their lines where the text shows them."""
    opening = re.compile(re.escape(json.dumps(name, ensure_ascii=False)) + r"\s*:\s*\[")
    for _, found in zip(range(3), opening.finditer(text), strict=False):  # the same words may stand in a text
        start = found.end() - 1
        try:
            same = JSON.raw_decode(text, start)[0] == values
        except (ValueError, RecursionError):
            same = False
        if same:
            yield from _elements(text, start, broken)
            return
    for value in values:
        if isinstance(value, dict):
            yield 1, value
        else:
            broken(1, f"holds a JSON {type(value).__name__} where an object is needed")


def _after_space(text: str, position: int) -> int:
    return _SPACE.match(text, position).end()  # type: ignore[union-attr]


def _elements(text: str, start: int, broken: Broken) -> Iterator[Row]:
    """The values of the list that opens at a position."""
    line, counted = 1, 0
    position = _after_space(text, start + 1)
    first = text[position : position + 1]
    if first not in ("{", '"', "]", ""):
        raise NoTable  # a list of numbers, or of lists
    while text[position : position + 1] != "]":
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, position = JSON.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            at = 1 + text.count("\n", 0, error.pos) if isinstance(error, json.JSONDecodeError) else line
            broken(at, f"is not JSON ({why(error)})")
            return
        if isinstance(value, str):
            value = {"text": value}
        if isinstance(value, dict):
            yield line, value
        else:
            broken(line, f"holds a JSON {type(value).__name__} where an object is needed")
        position = _after_space(text, position)
        if text[position : position + 1] == ",":
            position = _after_space(text, position + 1)
        elif text[position : position + 1] != "]":
            at = 1 + text.count("\n", 0, position)
            broken(at, "is not JSON (a comma or the end of the list is missing)")
            return
    end = _after_space(text, position + 1)
    if end < len(text) and not text[:start].strip():
        broken(1 + text.count("\n", 0, end), "is not JSON (something follows the list)")
