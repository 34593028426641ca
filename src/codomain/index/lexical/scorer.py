"""Scores of queries over the segments of an index, and the k best rows of each."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, Hits, Rows, merge_hits, top_k
from codomain.errors import InputError
from codomain.index.lexical.impacts import Impacts, impacts, weigh
from codomain.index.lexical.postings import Segment
from codomain.index.rescore import best_places
from codomain.trace import record

_SMALL = 1 << 17
"""Postings that are weighed at the first search: it takes a millisecond. More are when as many have been read."""
_COMPILED = 1 << 24
"""Postings read from which the compiled loops, which take half a second to load, are worth that."""
_TERMS = 1 << 16
"""Terms whose places are kept."""
_BLOCK = 64
_FEW = 4
"""Where the postings times this are fewer than the rows, their rows are looked through, not all."""

Group = tuple[tuple[str, ...], float]
"""Terms of which the highest score counts, and how often the query asks for them."""


class _Found(NamedTuple):
    """A term: ln of how rare it is, and in each segment the span of its postings."""

    idf: float
    spans: tuple[tuple[int, int], ...]


class _State(NamedTuple):
    """What searches know of the postings; replaced as a whole, since several threads search."""

    terms: dict[str, _Found]
    impacts: list[Impacts] | None


class Scorer:
    """BM25 over the rows of some segments that are not removed, whose statistics alone count.

    Impacts are computed for all postings when searches have read as many: no search of a short-lived process pays for what
    it does not read. They are of these rows: another scorer is made where rows come or go.
    """

    def __init__(self, segments: Sequence[Segment], removed: Rows, k1: float, b: float) -> None:
        self.segments, self.removed, self.k1, self.b = segments, removed, k1, b
        self.stored = sum(len(part.lengths) for part in segments)
        self.firsts = np.cumsum([0, *(len(part.lengths) for part in segments)]).tolist()
        self._read = 0
        self._state = _State({}, None)
        self._spare: list[tuple[Floats, Floats]] = []

    def __len__(self) -> int:
        return self.stored - len(self.removed)

    @cached_property
    def alive(self) -> NDArray[np.bool_] | None:
        """Which rows (stored,) are not removed; None where all are there."""
        if not len(self.removed):
            return None
        alive = np.ones(self.stored, bool)
        alive[self.removed] = False
        return alive

    @cached_property
    def saturation(self) -> Floats:
        """k1 (1 - b + b dl / avgdl) of all rows (stored,)."""
        lengths = np.concatenate([part.lengths for part in self.segments]).astype(np.float32)
        average = (lengths.sum(dtype=np.float64) - lengths[self.removed].sum(dtype=np.float64)) / max(len(self), 1)
        ratio = lengths / np.float32(max(average, 1e-9))
        return np.asarray(self.k1 * (1 - self.b + self.b * ratio), np.float32)

    def postings(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """Rows that hold the term, without the removed ones, and its counts in them."""
        found = [part.postings(term) for part in self.segments]
        if not found:
            return np.zeros(0, np.int32), np.zeros(0, np.uint16)
        rows, counts = found[0] if len(found) == 1 else (np.concatenate(side) for side in zip(*found, strict=True))
        if self.alive is None:
            return rows, counts
        kept = self.alive[rows]
        return rows[kept], counts[kept]

    def idf(self, holding: int) -> float:
        """How rare a term is that `holding` rows have."""
        # ln(1 + (N - df + 0.5) / (df + 0.5))
        return float(np.log1p((len(self) - holding + 0.5) / (holding + 0.5)))

    def score(self, term: str, row: int) -> float:
        """What one occurrence of a term in a query adds to the score of a row."""
        rows, counts = self.postings(term)
        at = np.searchsorted(rows, row)
        if at == len(rows) or rows[at] != row:
            return 0.0
        return float(self.idf(len(rows)) * weigh(counts[at : at + 1], self.saturation[rows[at : at + 1]])[0])

    def search(self, queries: Sequence[Sequence[Group]], k: int, allowed: NDArray[np.bool_] | None) -> Hits:
        """The k best rows of each query that hold a term of it, among those in a mask (stored,)."""
        state = self._prepared(queries)
        width = min(k, self.stored)
        hits = Hits.empty(len(queries), k)
        if not width or not len(queries):
            return hits
        search = self._compiled if self._compiles(state) else self._plain
        hits.rows[:, :width], hits.scores[:, :width] = search(state, queries, width, allowed)
        return hits

    def _prepared(self, queries: Sequence[Sequence[Group]]) -> _State:
        """Count the postings that queries read, and weigh all of them where that pays."""
        state = self._state
        read = sum(
            end - begin
            for query in queries
            for forms, _ in query
            for form in forms
            for begin, end in self._find(state, form).spans
        )
        record(scored=read)
        self._read += read
        if state.impacts is None:
            postings = sum(len(part.rows) for part in self.segments)
            if postings <= _SMALL or self._read >= postings:
                state = self._state = _State({}, [self._weigh(i) for i in range(len(self.segments))])
        return state

    def _weigh(self, i: int) -> Impacts:
        """The impacts of a segment; raises InputError where a damaged file names rows that are none of it."""
        rows = self.segments[i].rows
        if len(rows) and not (rows.min() >= self.firsts[i] and rows.max() < self.firsts[i + 1]):
            raise InputError("the posting lists of bm25() name rows that are not there: rebuild the index.")
        return impacts(self.segments[i], self.saturation, self.alive)

    def _find(self, state: _State, term: str) -> _Found:
        found = state.terms.get(term)
        if found is None:
            spans = []
            for i, part in enumerate(self.segments):
                at = part.find(term)
                starts = part.starts if state.impacts is None else state.impacts[i].starts
                spans.append((0, 0) if at < 0 else (int(starts[at]), int(starts[at + 1])))
            if state.impacts is None and self.alive is not None:
                holding = len(self.postings(term)[0])
            else:
                holding = sum(end - begin for begin, end in spans)
            found = _Found(self.idf(holding), tuple(spans))
            if len(state.terms) >= _TERMS:
                state.terms.clear()
            state.terms[term] = found
        return found

    def _plain(
        self, state: _State, queries: Sequence[Sequence[Group]], k: int, allowed: NDArray[np.bool_] | None
    ) -> Hits:
        """With numpy."""
        hits = Hits.empty(len(queries), k)
        scores, highest = self._borrow()
        for i, query in enumerate(queries):
            touched = []
            for forms, times in query:
                lists = [part for form in forms for part in self._weighted(state, form, times) if len(part[0])]
                touched += [rows for rows, _ in lists]
                if len(forms) == 1:
                    for rows, weights in lists:
                        np.add.at(scores, rows, weights)  # a third of the time of `scores[rows] += weights`
                    continue
                for rows, weights in lists:  # forms that stand for each other: the best one counts
                    highest[rows] = np.maximum(highest[rows], weights)
                for rows, _ in lists:
                    scores[rows] += highest[rows]
                    highest[rows] = 0
            if touched:
                best, best_scores = _best(scores[: self.stored], touched, k, allowed)
                hits.rows[i, : len(best)], hits.scores[i, : len(best)] = best, best_scores
        self._spare.append((scores, highest))
        return hits

    def _weighted(self, state: _State, term: str, times: float) -> Iterator[tuple[NDArray[np.intp], Floats]]:
        """In each segment the rows of a term, and what it adds to their scores."""
        weighed, found = state.impacts, self._find(state, term)
        weight = np.float32(times * found.idf)
        for i, (part, (begin, end)) in enumerate(zip(self.segments, found.spans, strict=True)):
            if weighed is not None:
                # numpy reads through its own type of index twice as fast
                yield weighed[i].rows[begin:end].astype(np.intp), weight * weighed[i].values[begin:end]
                continue
            rows, counts = part.rows[begin:end].astype(np.intp), part.counts[begin:end]
            if self.alive is not None:
                kept = self.alive[rows]
                rows, counts = rows[kept], counts[kept]
            yield rows, weight * weigh(counts, self.saturation[rows])

    def _compiles(self, state: _State) -> bool:
        if state.impacts is None or not (self._read >= _COMPILED or "numba" in sys.modules):
            return False
        return _has_numba()

    def _compiled(
        self, state: _State, queries: Sequence[Sequence[Group]], k: int, allowed: NDArray[np.bool_] | None
    ) -> Hits:
        """With numba: all queries over one segment after the other."""
        weighed = state.impacts
        assert weighed is not None
        weights: list[float] = []
        groups, offsets = [0], [0]
        spans: list[tuple[tuple[int, int], ...]] = []
        for query in queries:
            for forms, times in query:
                for form in forms:
                    found = self._find(state, form)
                    spans.append(found.spans)
                    weights.append(times * found.idf)
                groups.append(len(spans))
            offsets.append(len(groups) - 1)
        table = np.array(spans, np.int64).reshape(-1, len(weighed), 2).transpose(1, 2, 0)
        lists = np.array(weights, np.float32), np.array(groups, np.int64), np.array(offsets, np.int64)
        mask = np.zeros(0, bool) if allowed is None else np.ascontiguousarray(allowed)
        scores, highest = self._borrow()
        parts = []
        for (begins, ends), part, first, last in zip(table, weighed, self.firsts, self.firsts[1:], strict=False):
            found_here = Hits.empty(len(queries), k)
            room = slice(0, _blocks(last - first))
            _kernels().best(
                np.ascontiguousarray(begins), np.ascontiguousarray(ends), *lists, part.rows, part.values, first, mask,
                scores[room], highest[room], *found_here,
            )  # fmt: skip
            parts.append(found_here)
        self._spare.append((scores, highest))
        return parts[0] if len(parts) == 1 else merge_hits(parts, k)

    def _borrow(self) -> tuple[Floats, Floats]:
        """Two arrays of zeros that no other thread has; who takes them gives them back as zeros."""
        try:
            return self._spare.pop()
        except IndexError:
            room = _blocks(self.stored)
            return np.zeros(room, np.float32), np.zeros(room, np.float32)


def _blocks(rows: int) -> int:
    """Rows, and room up to the end of a block."""
    return -(-rows // _BLOCK) * _BLOCK


def _best(
    scores: Floats, touched: Sequence[NDArray[np.intp]], k: int, allowed: NDArray[np.bool_] | None
) -> tuple[Rows, Floats]:
    """The k best of the rows in some lists; then their scores are zero again."""
    if _FEW * sum(map(len, touched)) >= len(scores):
        chosen = scores if allowed is None else np.where(allowed, scores, np.float32(0))
        places = best_places(chosen, k)
        places = places[chosen[places] > 0]
        best = top_k(chosen[places], places, k)
        scores[:] = 0
        return best
    rows = np.concatenate(touched)
    some = rows if allowed is None else rows[allowed[rows]]
    # a row stands in as many lists as there are at most
    some = np.sort(some[best_places(scores[some], k * len(touched))])
    some = some[np.diff(some, prepend=-1) > 0]  # np.unique would import numpy.ma
    best = top_k(scores[some], some, k)
    scores[rows] = 0
    return best


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None


@cache
def _kernels() -> Any:
    from codomain.index.lexical import _kernels

    return _kernels
