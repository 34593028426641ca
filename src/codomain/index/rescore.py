"""The last word on the order of hits: what a matrix product leaves open is decided pair by pair.

A matrix product sums in an order that depends on the number of rows and queries. Equal rows may then differ in the last
bits of their scores, and with them the order of hits in k, in the batch, and between an index and its tail. So products
only choose candidates, and order those that are farther apart than a product can be off. The others are scored again,
each pair by itself: equal rows have equal scores, and equal scores go by row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from typing import NamedTuple

import numpy as np

from codomain.arrays import Floats, Hits, Rows
from codomain.codecs.codec import Codec

_PAIRS = 1024
"""Pairs scored at a time: what they are widened to stays in the cache."""
_GROUP = 64


_merging: ContextVar[bool] = ContextVar("merging", default=False)


@contextmanager
def to_be_merged() -> Iterator[None]:
    """Inside, scans give every hit the score of its pair: what several of them find can be merged, equal rows are equal.

    Alone, a scan needs that only where a product leaves the order open.
    """
    token = _merging.set(True)
    try:
        yield
    finally:
        _merging.reset(token)


def are_merged() -> bool:
    """Whether the hits of this search are merged with those of another."""
    return _merging.get()


class Candidates(NamedTuple):
    """Places in an array of codes for one query, with their scores by a matrix product."""

    places: Rows
    scores: Floats


class PairScorer:
    """Scores of pairs of a float32 query (q, d) and a stored row, by the metrics ip, cosine and l2.

    >>> scorer = PairScorer(np.float32([[1, 2]]), Codec("float32", 2), "ip")
    >>> scorer.scores(np.array([0, 0]), np.float32([[3, 4], [0, 1]]))
    array([11.,  2.], dtype=float32)
    """

    def __init__(self, queries: Floats, codec: Codec, metric: str) -> None:
        self.codec, self.metric = codec, metric
        self._gain, self._base = codec.affine
        self._queries = codec.rotated(queries)
        self._lengths = np.sqrt(np.vecdot(self._queries, self._queries))

    @cached_property
    def _weights(self) -> tuple[Floats, np.ndarray, np.ndarray]:
        # <q, gain c + base> = u <q gain / u, c> + <q, base>; a power of two keeps the gain of small floats in range
        weights = self._queries.astype(np.float64) * self._gain
        unit = np.exp2(np.ceil(np.log2(np.abs(weights).max(axis=1, initial=0).clip(1e-300))))
        bias = np.zeros(len(weights)) if self._base is None else np.vecdot(self._queries, self._base)
        return np.asarray(weights / unit[:, None], np.float32), unit, bias

    def scores(self, owners: Rows, codes: np.ndarray) -> Floats:
        """Scores (m,) of query owners[i] with codes[i], codes (m, width)."""
        scores = np.empty(len(codes), np.float32)
        wide = np.empty((min(_PAIRS, len(codes)), self.codec.dim), np.float32)
        for start in range(0, len(codes), _PAIRS):
            part = slice(start, start + _PAIRS)
            own = owners[part]
            rows = self.codec.widen(codes[part], wide[: len(own)])
            # one query is not copied for every row
            scores[part] = self._scored(own[:1] if own[0] == own[-1] else own, rows)
        return scores

    def _scored(self, own: Rows, rows: Floats) -> np.ndarray:
        weights, unit, bias = self._weights
        products = np.vecdot(rows, weights[own]) * unit[own] + bias[own]
        if self.metric == "ip":
            return np.asarray(products)
        vectors = rows * self._gain if self._base is None else rows * self._gain + self._base
        if self.metric == "cosine":
            both = self._lengths[own] * np.sqrt(np.vecdot(vectors, vectors))
            return np.asarray(np.divide(products, both, out=np.zeros_like(products), where=both > 0))
        vectors -= self._queries[own]
        return np.asarray(-np.vecdot(vectors, vectors))

    def doubt(self, lengths: np.ndarray) -> Floats:
        """How far apart the scores of equal rows can be that come out of float32 matrix products, for each query (q,).

        `lengths` (q,) are those of the longest rows, for cosine of the shortest: of what the codes stand for.
        """
        # sum |w_j c_j| + |q_j base_j| is at most |w| |c| + |q| |base|
        if self.codec.code_length is None:
            reach = self._lengths * lengths
        else:
            weights, unit, _ = self._weights
            reach = np.sqrt(np.vecdot(weights, weights)) * unit * self.codec.code_length
            if self._base is not None:
                reach += self._lengths * np.linalg.norm(self._base)
        if self.metric == "cosine":
            both = self._lengths * np.where(self._lengths > 0, lengths, 0)  # of no length: infinity
            reach = np.divide(reach, both, out=np.zeros_like(both), where=both > 0) + (both > 0)
        if self.metric == "l2":  # 2 <q, x> - |x|^2 - |q|^2
            reach = 2 * reach + lengths**2 + self._lengths**2
        # the roundings of two sums of d products, which add up at random, with a margin
        return np.asarray(2 * (4 + math.sqrt(self.codec.dim)) * 2.0**-24 * reach, np.float32)


def rescored(
    scorer: PairScorer,
    codes: np.ndarray,
    k: int,
    candidates: Sequence[Candidates],
    slack: Floats,
    numbers: Rows | None = None,
    every: bool = False,
) -> Hits:
    """The k best rows of each query among candidates that a matrix product has found; ties by lower row.

    `candidates[i]` are all whose product is no farther than slack[i], from `doubt`, below the k-th best. `numbers` are the
    row numbers of the places, where they differ. With `every`, all hits get the score of their pair, to be merged with
    those of another index.
    """
    ranked, undecided = [], []
    for (places, scores), apart in zip(candidates, slack.tolist(), strict=True):
        order = np.argsort(-scores)
        places, scores = places[order], scores[order]
        ranked.append(Candidates(places, scores))
        undecided.append(np.arange(len(scores)) if every else _close(scores, apart))
    _decide(scorer, codes, ranked, undecided, numbers)
    hits = Hits.empty(len(ranked), k)
    for i, (places, scores) in enumerate(ranked):
        n = min(k, len(places))
        hits.rows[i, :n] = places[:n] if numbers is None else numbers[places[:n]]
        hits.scores[i, :n] = scores[:n]
    return hits


def _close(scores: Floats, apart: float) -> Rows:
    """Places among descending scores (n,) that are no farther from a neighbour than `apart`."""
    close = np.flatnonzero(scores[:-1] - scores[1:] <= apart)
    if not len(close):
        return close
    near = np.zeros(len(scores), bool)
    near[close] = near[close + 1] = True
    return np.flatnonzero(near)


def _decide(
    scorer: PairScorer,
    codes: np.ndarray,
    ranked: Sequence[Candidates],
    undecided: Sequence[Rows],
    numbers: Rows | None,
) -> None:
    """Put what is undecided in the order of its pairs' scores, best first, and give it these scores.

    Runs of it lie farther apart than a product can be off, so that sorting all of it at once mixes no two.
    """
    counts = [len(near) for near in undecided]
    if not any(counts):
        return
    places = np.concatenate([some.places[near] for some, near in zip(ranked, undecided, strict=True)])
    scores = scorer.scores(np.repeat(np.arange(len(ranked)), counts), codes[places])
    rows = places if numbers is None else numbers[places]
    start = 0
    for some, near, count in zip(ranked, undecided, counts, strict=True):
        part = slice(start, start + count)
        order = np.lexsort((rows[part], -scores[part]))
        some.places[near], some.scores[near] = places[part][order], scores[part][order]
        start += count


def settled(scores: Floats, rows: Rows, k: int, slack: float, again: Callable[[Rows], Floats]) -> tuple[Rows, Floats]:
    """Places and scores of the k best of one query's scores (n,), best first, ties by lower row.

    Of those that are no farther apart than `slack` each is scored again by itself: `again` gives the scores of places.
    Without slack, scores are as they should be.

    >>> settled(np.float32([1, 3, 2.999]), np.array([0, 1, 2]), 2, 0.01, lambda places: np.float32([3, 3]))[0]
    array([1, 2])
    """
    places = best_places(scores, k, slack)
    places = places[np.lexsort((rows[places], -scores[places]))]
    values, near = scores[places], _close(scores[places], slack)
    if slack and len(near):
        alone = again(places[near])
        order = np.lexsort((rows[places[near]], -alone))
        places[near], values[near] = places[near][order], alone[order]
    return places[:k], values[:k]


def best_places(scores: Floats, k: int, slack: float = 0.0) -> Rows:
    """Ascending places of the scores (n,) that are no farther than `slack` below the k-th highest.

    >>> best_places(np.float32([0.5, 0.9, 0.1, 0.5]), 2)
    array([0, 1, 3])
    """
    if len(scores) <= k:
        return np.arange(len(scores))
    groups = len(scores) // _GROUP
    if groups < 4 * k:
        return np.flatnonzero(scores >= _highest(scores, k) - np.float32(slack))
    # the k highest of the maxima of disjoint groups are k scores: the k-th best score is no lower than theirs
    maxima = scores[: groups * _GROUP].reshape(_GROUP, groups).max(axis=0)
    places = np.flatnonzero(scores >= _highest(maxima, k) - np.float32(slack))
    some = scores[places]
    return places[some >= _highest(some, k) - np.float32(slack)]


def _highest(scores: Floats, k: int) -> np.float32:
    """The k-th highest."""
    lowest: np.float32 = np.partition(scores, len(scores) - k)[len(scores) - k]
    return lowest
