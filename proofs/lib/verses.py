"""Bible verses in two wordings: the World English Bible, and the King James Version of 1611 as their paraphrases."""

from __future__ import annotations

import numpy as np

from proofs.lib.files import table

INDEXED, ASKED = slice(3000, 9000), slice(6000, 9000)
"""The verses that are documents, and those whose old wordings are queries; the first 3,000 are for learning."""


def rows() -> list[dict[str, str]]:
    """Every verse: its book, `web` and `kjv` among others."""
    return table("verses", "verses.tsv.gz")


def verses() -> tuple[list[str], list[str]]:
    """The same verses in modern and in old wording."""
    found = rows()
    return [row["web"] for row in found], [row["kjv"] for row in found]


def first_hits(queries: np.ndarray, documents: np.ndarray) -> float:
    """R@1 of ASKED among INDEXED: the right document of query i stands 3,000 rows further on."""
    right = np.arange(len(queries)) + ASKED.start - INDEXED.start
    return float(((queries @ documents.T).argmax(axis=1) == right).mean())
