"""Lines and JSON objects of files, packed or not, with sentences that name the line that is broken."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codomain.errors import InputError


def lines(path: Path) -> Iterator[str]:
    """Lines of a text file, unpacked if it ends in .gz; raises InputError where it cannot be read."""
    try:
        with (
            gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8-sig") as file
        ):
            yield from file
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None


def json_rows(path: Path, *needed: str) -> Iterator[dict[str, Any]]:
    """Objects of a file of JSON lines, "id" also as "_id"; raises InputError for one that lacks a needed field."""
    for _, row in numbered_rows(path, *needed):
        yield row


def numbered_rows(path: Path, *needed: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The same with the number of each line, from 1."""
    for number, line in enumerate(lines(path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise TypeError
            if "_id" not in row and "id" in row:
                row["_id"] = row["id"]
            missing = [name for name in needed if name not in row]
        except (ValueError, TypeError):
            raise InputError(f"{path}, line {number}: not a JSON object.") from None
        if missing:
            raise InputError(f'{path}, line {number}: the field "{missing[0]}" is missing.')
        yield number, row
