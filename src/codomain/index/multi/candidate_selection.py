"""Which coarse stage, and how many candidates: chosen by how much of MaxSim's own top ten they find.

Whether pooled vectors or fixed dimensional encodings do, and among how many, depends on the model and on the lengths of
the texts, so it is measured, not believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from codomain.arrays import Floats, Ragged, Rows
from codomain.index.multi.candidates import Encoding
from codomain.index.multi.scoring import maxsim
from codomain.index.scan import best_rows

if TYPE_CHECKING:
    from codomain.index.multi.multivector import MultiVector

DEPTHS = (16, 32, 64, 128, 256, 512, 1024)
SAMPLE = 1 << 19
"""Vectors of the documents that the choice is measured on: a few seconds of work."""
_TARGET = 0.8
"""Recall of the best ten that excerpts must reach.

Questions are easier: where excerpts reach .8, those of NPL and SciFact reach .96 and .93, and nDCG@10 is within half a
percent of what scoring every document gives (proofs/index/late_interaction.py, benchmarks/multivector.py).
"""
_TOP = 10
_EXCERPTS = 32
_EXCERPT = 8
"""Vectors of a query that stands in for real ones: an excerpt of a document."""


@dataclass(frozen=True)
class CandidateChoice:
    """A coarse stage and how many candidates it is asked for, with the recall of the best ten that was measured."""

    name: str
    n_candidates: int
    recall: float | None = None

    def __str__(self) -> str:
        known = "not measured" if self.recall is None else f"{self.recall:.3f}"
        return f"{self.name}, {self.n_candidates} candidates, recall@{_TOP} {known}"


def recall_at(found: Sequence[Rows], best: Sequence[Rows], depths: Sequence[int]) -> dict[int, float]:
    """The share of the best rows among the first so many found, averaged over queries.

    >>> recall_at([np.array([5, 1, 2])], [np.array([1, 2])], [1, 2, 3])
    {1: 0.0, 2: 0.5, 3: 1.0}
    """
    shares = {}
    for depth in depths:
        each = [np.isin(top, rows[:depth]).mean() for rows, top in zip(found, best, strict=True) if len(top)]
        shares[depth] = float(np.mean(each)) if each else 1.0
    return shares


def candidate_recall(
    index: MultiVector, queries: Ragged, depths: Sequence[int] = (20, 50, 100, 200), k: int = _TOP
) -> dict[int, float]:
    """How much of the exact top k an index's coarse stage gives among so many candidates, for some queries.

    >>> from codomain.index.multi import MultiVector
    >>> one = Ragged(np.eye(4, dtype=np.float32), np.array([0, 1, 2, 3, 4]))
    >>> candidate_recall(MultiVector("pooled").build(one), one, depths=(1, 2), k=1)
    {1: 1.0, 2: 1.0}
    """
    best = index.search_exactly(queries, k).rows
    found = index.candidates_of(queries, max(depths)).rows
    return recall_at([rows[rows >= 0] for rows in found], [rows[rows >= 0] for rows in best], depths)


def choose(
    encodings: dict[str, Encoding], documents: Ragged, queries: Ragged | None, rows: int, anchor: float, seed: int
) -> CandidateChoice:
    """The first encoding that finds enough among a few candidates, else the one that needs fewest.

    `documents` are a sample of `rows`, on which depths are scaled down; without queries, excerpts of documents stand in,
    which then may not find their own. Encodings are in the order of what they cost.
    """
    own = np.zeros(0, np.int64)
    if queries is None:
        queries, own = _excerpts(documents, seed)
    scores = np.concatenate([maxsim(queries, part, anchor) for part in _parts(documents)], axis=1)
    scores[np.arange(len(own)), own] = -np.inf
    choices: list[CandidateChoice] = []
    for name, encoding in encodings.items():
        asked = encoding.fit(documents).queries(queries)
        coarse = np.concatenate([asked @ encoding.documents(part).T for part in _parts(documents)], axis=1)
        coarse[np.arange(len(own)), own] = -np.inf
        choices.append(_fewest(name, coarse, scores, rows / len(documents.lengths)))
        if _enough(choices[-1]) and choices[-1].n_candidates <= rows // 20:
            break  # the next costs more
    return min(choices, key=lambda choice: (not _enough(choice), choice.n_candidates))


def _enough(choice: CandidateChoice) -> bool:
    return choice.recall is not None and choice.recall >= _TARGET


def _fewest(name: str, coarse: Floats, scores: Floats, scale: float) -> CandidateChoice:
    """The fewest candidates with enough recall, by scores (q, n) of the coarse stage and of MaxSim."""
    depths = [math.ceil(depth / scale) for depth in DEPTHS]
    found = [best_rows(row, None, min(depths[-1], coarse.shape[1]))[0] for row in coarse]
    best = [best_rows(row, None, min(_TOP, coarse.shape[1]))[0] for row in scores]
    shares = recall_at(found, best, depths)  # depths of a small sample can be the same number
    choice = CandidateChoice(name, DEPTHS[-1])
    for depth, scaled in zip(DEPTHS, depths, strict=True):
        choice = CandidateChoice(name, depth, shares[scaled])
        if _enough(choice):
            break
    return choice


def _excerpts(documents: Ragged, seed: int) -> tuple[Ragged, Rows]:
    """Runs of a few vectors of some documents, and the documents they are from."""
    rng = np.random.default_rng(seed)
    held = np.flatnonzero(documents.lengths)
    chosen = np.sort(rng.choice(held, min(_EXCERPTS, len(held)), replace=False))
    lengths = np.minimum(documents.lengths[chosen], _EXCERPT)
    starts = documents.offsets[chosen] + rng.integers(0, documents.lengths[chosen] - lengths + 1)
    places = np.concatenate([np.arange(s, s + n) for s, n in zip(starts, lengths, strict=True)] or [starts])
    return Ragged(documents.values[places], np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)), chosen


def _parts(documents: Ragged) -> Iterator[Ragged]:
    for start in range(0, len(documents.lengths), 256):
        yield documents.take(np.arange(start, min(start + 256, len(documents.lengths))))
