"""Late interaction: documents and queries of many vectors each, compared by the sum of best matches (MaxSim).

scoring.py      the score
fde.py          one vector for many, whose inner product estimates the score
candidates.py   the coarse stage: one vector for each document, in an index of the house
choice.py       which coarse stage, and how many candidates, by measured recall
lists.py        the vectors of all documents, in memory, in a file or made anew
multivector.py  the stage `multivector()`: candidates, then the score
prefix.py       vectors in an order in which the first few stand for all
cascade.py      the stage `cascade()`: few vectors for many documents, then more for fewer
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Cascade": "codomain.index.multi.cascade",
    "FDE": "codomain.index.multi.fde",
    "MultiVector": "codomain.index.multi.multivector",
    "candidate_recall": "codomain.index.multi.candidate_selection",
    "farthest_first": "codomain.index.multi.prefix",
    "maxsim": "codomain.index.multi.scoring",
}
__all__ = ["FDE", "Cascade", "MultiVector", "candidate_recall", "farthest_first", "maxsim"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'codomain.index.multi' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
