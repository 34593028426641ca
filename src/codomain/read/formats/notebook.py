"""Notebooks: the cells of Jupyter, code between fences, what it printed, and no pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.text.documents import Document, decoded
from codomain.read.text.headings import title
from codomain.read.text.tables import JSON

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@reader("ipynb", suffixes=(".ipynb",), what="a notebook")
def read_ipynb(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text of Markdown cells, code, and the text that code printed or returned."""
    book = JSON.decode(decoded(file, on_bad))
    if not isinstance(book, dict):
        raise ValueError("it holds no cells")
    sheets = book.get("worksheets")  # of the third version
    cells = [c for sheet in sheets for c in sheet.get("cells", [])] if isinstance(sheets, list) else book["cells"]
    about = book.get("metadata", {})
    language = str(about.get("kernelspec", {}).get("language") or about.get("language_info", {}).get("name") or "")
    parts = [part for cell in cells for part in _parts(cell, language)]
    heads = (title(_text(cell)) for cell in cells if cell.get("cell_type") == "markdown")
    return Document("\n\n".join(part for part in parts if part.strip()), next(filter(None, heads), None), True)


def _text(cell: dict[str, Any]) -> str:
    return _joined(cell.get("source", cell.get("input", "")))


def _joined(lines: Any) -> str:
    return "".join(map(str, lines)) if isinstance(lines, list) else str(lines or "")


def _parts(cell: dict[str, Any], language: str) -> Iterator[str]:
    kind = cell.get("cell_type")
    if kind == "heading":
        yield "#" * max(1, min(int(cell.get("level") or 1), 6)) + " " + _text(cell)
    elif kind != "code":
        yield _text(cell)
    else:
        if _text(cell).strip():
            yield _fenced(_text(cell).rstrip("\n"), language)
        for output in cell.get("outputs", []):
            if shown := _ESCAPES.sub("", _output(output)).rstrip():
                yield _fenced(shown, "")


def _output(output: dict[str, Any]) -> str:
    if output.get("output_type") in ("error", "pyerr"):
        return f"{output.get('ename')}: {output.get('evalue')}"
    data = output.get("data", output)
    return _joined(output.get("text") or data.get("text/plain") or data.get("text"))


def _fenced(code: str, language: str) -> str:
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{re.sub(r'[^A-Za-z0-9+#-]', '', language)}\n{code}\n{fence}"
