"""Late interaction: documents and queries of many vectors each, compared by the sum of best matches (MaxSim).

scoring.py              the score
fde.py                  fixed dimensional encodings: one vector for many
candidates.py           the coarse stage: one vector for each document, in a codomain index
candidate_selection.py  which coarse stage, and how many candidates, by measured recall
token_vectors.py        the vectors of all documents, in memory, in a file or encoded again
multivector.py          the stage `multivector()`: candidates, then the score
prefix.py               vectors in an order in which the first few stand for all
cascade.py              the stage `cascade()`: few vectors for many documents, then more for fewer
"""

from __future__ import annotations

from codomain.lazy import exports

_HOMES = {
    "Cascade": "codomain.index.multi.cascade",
    "FDE": "codomain.index.multi.fde",
    "MultiVector": "codomain.index.multi.multivector",
    "candidate_recall": "codomain.index.multi.candidate_selection",
    "farthest_first": "codomain.index.multi.prefix",
    "maxsim": "codomain.index.multi.scoring",
}
__all__ = ["FDE", "Cascade", "MultiVector", "candidate_recall", "farthest_first", "maxsim"]

__getattr__, __dir__ = exports(__name__, _HOMES)
