"""Debian packages with their section and installed size: texts with attributes to filter by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from proofs.lib.files import json_lines


class Packages(NamedTuple):
    """Titles and descriptions, the number of each section and its name, installed kilobytes."""

    texts: list[str]
    sections: np.ndarray
    sizes: np.ndarray
    names: list[str]


def packages() -> Packages:
    """All 63,436 of $CODOMAIN_DATA/debian_packages."""
    rows = json_lines("debian_packages", "packages.jsonl.gz")
    names, sections = np.unique([row["section"] for row in rows], return_inverse=True)
    sizes = np.array([row["installed_kb"] or 0 for row in rows])
    return Packages([f"{row['title']}\n{row['text']}" for row in rows], sections, sizes, names.tolist())
