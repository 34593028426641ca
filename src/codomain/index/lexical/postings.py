"""Posting lists: for each term the rows that hold it and how often, in flat arrays that can be memory-mapped."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.analyzer import Vocabulary

_TEXTS = 1024
"""Texts whose words are Python objects at one time."""


class Segment(NamedTuple):
    """The postings of the rows `first` .. `first + len(lengths) - 1`; terms are sorted by their UTF-8 bytes.

    Term i is `letters[ends[i]:ends[i + 1]]`; its postings are `rows` and `counts` from `starts[i]` to `starts[i + 1]`.
    """

    letters: NDArray[np.uint8]
    ends: NDArray[np.int64]
    starts: NDArray[np.int64]
    rows: NDArray[np.int32]
    counts: NDArray[np.uint16]
    lengths: NDArray[np.int32]

    def postings(self, term: str) -> tuple[NDArray[np.int32], NDArray[np.uint16]]:
        """Rows that hold the term, ascending, and how often each does."""
        i = self.find(term)
        if i < 0:
            return self.rows[:0], self.counts[:0]
        span = slice(int(self.starts[i]), int(self.starts[i + 1]))
        return self.rows[span], self.counts[span]

    def find(self, term: str) -> int:
        """The place of a term; -1 where no row holds it."""
        wanted = term.encode()
        i = bisect_left(range(len(self.ends) - 1), wanted, key=self.term)
        return -1 if i == len(self.ends) - 1 or self.term(i) != wanted else i

    def terms(self) -> list[bytes]:
        """All terms, sorted."""
        letters, ends = self.letters.tobytes(), self.ends.tolist()
        return [letters[a:b] for a, b in pairwise(ends)]

    def term(self, i: int) -> bytes:
        """The term at a place, as UTF-8."""
        return bytes(self.letters[self.ends[i] : self.ends[i + 1]])


def segment(texts: Sequence[str], first: int, vocabulary: Vocabulary) -> Segment:
    """Index texts as the rows from `first` on."""
    lengths = np.zeros(len(texts), np.int32)
    rows, numbers = [], []
    for start in range(0, len(texts), _TEXTS):
        lists = list(vocabulary.numbers(iter(texts[start : start + _TEXTS])))
        flat = np.fromiter(chain.from_iterable(lists), np.int64, sum(map(len, lists)))
        row = np.repeat(np.arange(start, start + len(lists)), [len(one) for one in lists])
        kept = flat >= 0
        rows.append(row[kept])
        numbers.append(flat[kept])
        lengths[start : start + len(lists)] = np.bincount(row[kept] - start, minlength=len(lists))
    terms = [term.encode() for term in vocabulary.terms]
    order = sorted(range(len(terms)), key=terms.__getitem__)
    rank = np.empty(len(terms), np.int64)
    rank[order] = np.arange(len(terms))
    # one sort puts equal (term, row) side by side: their number is the term's count in the row
    keys = rank[np.concatenate(numbers or [rank[:0]])] << 32
    keys |= np.concatenate(rows or [rank[:0]])
    keys.sort()
    starts_run = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(starts_run, append=len(keys))
    found = keys[starts_run]
    frequency = np.bincount(found >> 32, minlength=len(terms))
    return Segment(
        *_joined([terms[i] for i in order]),
        starts=_cumulated(frequency),
        rows=((found & 0xFFFFFFFF) + first).astype(np.int32),
        counts=counts.clip(max=65535).astype(np.uint16),
        lengths=lengths,
    )


def merge(left: Segment, right: Segment) -> Segment:
    """Two neighbouring segments as one: each term's postings of the left, then of the right."""
    parts = (left, right)
    vocabularies = [part.terms() for part in parts]
    terms = sorted({*vocabularies[0], *vocabularies[1]})
    number = {term: i for i, term in enumerate(terms)}
    ranks = [np.fromiter(map(number.__getitem__, names), np.int64, len(names)) for names in vocabularies]
    frequencies = np.zeros((2, len(terms)), np.int64)
    for frequency, part, rank in zip(frequencies, parts, ranks, strict=True):
        frequency[rank] = np.diff(part.starts)
    starts = _cumulated(frequencies.sum(axis=0))
    rows = np.empty(starts[-1], np.int32)
    counts = np.empty(starts[-1], np.uint16)
    for part, rank, before in zip(parts, ranks, (np.zeros_like(frequencies[0]), frequencies[0]), strict=True):
        shift = np.repeat(starts[rank] + before[rank] - part.starts[:-1], np.diff(part.starts))
        places = shift + np.arange(len(shift))
        rows[places] = part.rows
        counts[places] = part.counts
    lengths = np.concatenate([left.lengths, right.lengths])
    return Segment(*_joined(terms), starts=starts, rows=rows, counts=counts, lengths=lengths)


def _joined(terms: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return np.frombuffer(b"".join(terms), np.uint8), _cumulated(np.array([len(t) for t in terms], np.int64))


def _cumulated(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
