"""Files of the folder that CODOMAIN_DATA names."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path
from typing import Any

from codomain.errors import InputError


def data_file(*parts: str) -> Path:
    """The path of a file or folder there; raises InputError where it is not."""
    folder = os.environ.get("CODOMAIN_DATA", "")
    path = Path(folder, *parts)
    if not folder or not path.exists():
        raise InputError(f"CODOMAIN_DATA names no folder with {'/'.join(parts)}.")
    return path


def table(*parts: str) -> list[dict[str, str]]:
    """The rows of a tab-separated file with a head line, gzipped or not."""
    path = data_file(*parts)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def json_lines(*parts: str) -> list[dict[str, Any]]:
    """The objects of a gzipped file of JSON lines."""
    with gzip.open(data_file(*parts), "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]
