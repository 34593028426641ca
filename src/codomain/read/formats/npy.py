"""Arrays of numpy: a row is a document, its vector under "vector"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from codomain.errors import InputError
from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.text.tables import Broken, Row


@reader("npy", suffixes=(".npy",), rows=True, what="an array of numpy")
def read_npy(file: SourceFile, broken: Broken, on_bad: OnFault | None = None) -> Iterator[Row]:
    """Rows of an array (n, d), read as they are needed; the id of a row is the file's name and its number."""
    from codomain.files import open_npy

    try:
        array = open_npy(Path(file.path), mapped=True)
    except (ValueError, OSError):
        raise InputError(f"{file.label} is no array of numpy that can be read.") from None
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise InputError(f"{file.label} has the shape {array.shape} of {array.dtype}: vectors are numbers (n, d).")
    name = Path(file.path).stem
    for row, vector in enumerate(array):
        yield row + 1, {"id": f"{name}:{row}", "vector": vector}
