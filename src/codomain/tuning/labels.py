"""What a trial is called: its pipeline, and how documents are cut for it where that is not as they are: `bm25() [128/16]`."""

from __future__ import annotations

import re
from typing import NamedTuple

_LABEL = re.compile(r"(.*) \[(\d+)/(\d+)\]", re.DOTALL)


class Chunks(NamedTuple):
    """Tokens of a chunk, and tokens that neighbors share."""

    size: int
    overlap: int

    def __str__(self) -> str:
        return f"{self.size}/{self.overlap}"


def labeled(pipeline: str, chunks: Chunks | None) -> str:
    """The name of a trial.

    >>> labeled("bm25()", Chunks(128, 16))
    'bm25() [128/16]'
    """
    return pipeline if chunks is None else f"{pipeline} [{chunks}]"


def unlabeled(label: str) -> tuple[str, Chunks | None]:
    """The pipeline of a trial, and the chunks, None for those that are there.

    >>> unlabeled("bm25() [128/16]"), unlabeled("bm25()")
    (('bm25()', Chunks(size=128, overlap=16)), ('bm25()', None))
    """
    found = _LABEL.fullmatch(label)
    return (label, None) if found is None else (found[1], Chunks(int(found[2]), int(found[3])))


def pipeline_of(label: str) -> str:
    """The pipeline of a trial."""
    return unlabeled(label)[0]
