"""Exact search over one or several inverted lists: every row that may be a hit gets its score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from codomain.arrays import Floats, Hits, Rows, merge_hits
from codomain.errors import MissingExtra
from codomain.index.scan import best_rows
from codomain.index.sparse.posting_lists import PostingLists
from codomain.trace import record

_POSTING, _SCORE, _LOOKUP = 1.0, 0.05, 12.0
"""What a posting, a score and the look-up of a row in a list cost, in nanoseconds; measured on lists of some thousands."""


class Queries(NamedTuple):
    """Weighted queries, row by row: terms and weights, those of query q from offsets[q] to offsets[q + 1]."""

    terms: np.ndarray
    weights: Floats
    offsets: np.ndarray

    def only(self, chosen: np.ndarray) -> Queries:
        """Some of the queries, in that order."""
        sizes = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        places = np.repeat(self.offsets[chosen] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return Queries(self.terms[places], self.weights[places], offsets)


class Part(NamedTuple):
    """The rows first .. first + n - 1 of the index, with what counts weigh (empty: values are weights)."""

    lists: PostingLists
    first: int
    saturation: Floats


def kernels() -> Any:
    """The compiled loops; raises MissingExtra without numba."""
    try:
        from codomain.index.sparse import _kernels as kernels
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "numba":
            raise
        raise MissingExtra("sparse()", "engines") from None
    return kernels


def search(parts: Sequence[Part], queries: Queries, k: int, allowed: Rows | None, matching: bool) -> Hits:
    """The k best of the allowed rows (sorted; None: all) of each query; with `matching`, those that score above 0 only."""
    found = [hits for part in parts if (hits := _search_part(part, queries, k, allowed, matching)) is not None]
    if not found:
        return Hits.empty(len(queries.offsets) - 1, k)
    return found[0] if len(found) == 1 else merge_hits(found, k)


def rescore(part: Part, queries: Queries, candidates: Sequence[Rows], k: int) -> Hits:
    """The k best among some rows of the part, ascending, of its own for each query, that score above 0."""
    sizes = np.array([len(rows) for rows in candidates], np.int64)
    ends = np.cumsum(sizes)
    flat = np.concatenate([*candidates, np.zeros(0, np.int64)]).astype(np.int64)
    return _among(part, queries, k, flat, ends - sizes, ends, True)


def _search_part(part: Part, queries: Queries, k: int, allowed: Rows | None, matching: bool) -> Hits | None:
    n, asked = len(part.lists.lengths), len(queries.offsets) - 1
    some: Rows | None = None
    if allowed is not None:
        some = allowed[np.searchsorted(allowed, part.first) : np.searchsorted(allowed, part.first + n)] - part.first
    matches = n if some is None else len(some)
    if not matches or not asked or not k:
        return None
    begins, ends = part.lists.find(queries.terms)
    if some is not None:
        everything = _POSTING * int((ends - begins).sum()) + _SCORE * n * asked
        if _LOOKUP * matches * len(queries.terms) < everything:
            firsts = np.zeros(asked, np.int64)
            return _among(part, queries, k, some, firsts, firsts + matches, matching)
    mask = np.zeros(0, bool)
    if some is not None:
        mask = np.zeros(n, bool)
        mask[some] = True
    found = Hits.empty(asked, min(k, matches))
    lists = part.lists
    kernels().best_of_all(
        begins, ends, queries.weights, queries.offsets, lists.rows, lists.values, part.saturation, n, mask, matching, 0,
        found.rows, found.scores,
    )  # fmt: skip
    record(scored=matches * asked)
    return _widened(found, part.first, k)


def _among(
    part: Part, queries: Queries, k: int, candidates: Rows, firsts: np.ndarray, lasts: np.ndarray, matching: bool
) -> Hits:
    begins, ends = part.lists.find(queries.terms)
    sizes = lasts - firsts
    scores = np.zeros(int(sizes.sum()), np.float32)
    lists = part.lists
    kernels().scores_of_some(
        begins, ends, queries.weights, queries.offsets, lists.rows, lists.values, part.saturation,
        candidates, firsts, lasts, scores,
    )  # fmt: skip
    record(scored=len(scores))
    hits = Hits.empty(len(firsts), k)
    for q, own in enumerate(np.split(scores, np.cumsum(sizes)[:-1])):
        rows = candidates[firsts[q] : lasts[q]]
        if matching:
            rows, own = rows[own > 0], own[own > 0]
        best, best_scores = best_rows(own, rows, k)
        hits.rows[q, : len(best)], hits.scores[q, : len(best)] = best + part.first, best_scores
    return hits


def _widened(found: Hits, first: int, k: int) -> Hits:
    """Hits (q, k) with the row numbers of the whole index."""
    hits = Hits.empty(len(found.rows), k)
    width = found.rows.shape[1]
    hits.rows[:, :width] = np.where(found.rows >= 0, found.rows + first, -1)
    hits.scores[:, :width] = found.scores
    return hits
