"""Labels at every zoom: for each tile of a quadtree the words that tell its documents from those of the other tiles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from codomain.analyzer import STOP_WORDS, Analyzer, Vocabulary, words
from codomain.arrays import Floats
from codomain.maps.box import Box

WORDS = 4
FEWEST = 5
"""Documents of a tile that has a label, and that its word must be in a share of."""
_DEEPEST = 8
_CHARACTERS = 400
"""Of each text that are read."""
_SPOKEN = 5_000
"""Documents in which the ways to write a term are counted."""
_TOO_OFTEN = 0.5
"""A word in more of the documents tells nothing of a tile."""
_LEAST_SHARE = 0.1
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+")


@dataclass(frozen=True)
class Label:
    """The words of a tile, the most telling first, its middle, its level (2^level tiles a side) and its documents."""

    words: tuple[str, ...]
    x: float
    y: float
    level: int
    documents: int


@dataclass(frozen=True)
class Terms:
    """Which terms are in which document (n, terms), a sparse matrix of ones, and each term as people write it."""

    counts: Any
    written: list[str]


def tile_labels(places: Floats, box: Box, terms: Terms) -> list[Label]:
    """Labels of all tiles with five documents or more, from 2 tiles a side down to where tiles hold few; large tiles first.

    Words are ranked by t-tf-idf: tile-level tf-idf ("WizMap", Wang et al. 2023), the share of the tile's documents with the
    word times the squared logarithm of how many times that is its share of all documents. With the plain logarithm words
    that are common everywhere come first.
    """
    from scipy import sparse

    n = len(places)
    found: list[Label] = []
    everywhere = np.asarray(terms.counts.sum(axis=0)).ravel() / max(n, 1)
    for level in range(1, deepest(n) + 1):
        tiles, member, sizes = np.unique(box.tiles(places, level), return_inverse=True, return_counts=True)
        gather = sparse.csr_array((np.ones(n, np.float32), (member, np.arange(n))), shape=(len(tiles), n))
        counts = (gather @ terms.counts).tocsr()
        middle = (gather @ places.astype(np.float64)) / sizes[:, None]
        large = np.flatnonzero(sizes >= FEWEST)
        for tile, best in zip(large.tolist(), _best(counts[large], sizes[large], everywhere), strict=True):
            if best:
                x, y = middle[tile].tolist()
                said = tuple(terms.written[term] for term in best)
                found.append(Label(said, x, y, level, int(sizes[tile])))
    return sorted(found, key=lambda label: (label.level, -label.documents))


def deepest(n: int) -> int:
    """The level below the one at which n documents, spread evenly, are ten a tile.

    >>> deepest(100), deepest(60_000)
    (2, 7)
    """
    return int(np.clip(np.log(max(n, 1) / 10) / np.log(4), 1, _DEEPEST)) + (n >= 40)


def _best(counts: Any, sizes: np.ndarray, everywhere: np.ndarray) -> list[list[int]]:
    """The terms of each tile (t, terms), the most telling first."""
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    # t-tf-idf(w, t) = tf(w, t) idf(w, t)^2, idf(w, t) = log(tf(w, t) / tf(w)), with tf the share of documents that have w
    share = counts.data / sizes[row]
    inverse = np.log(share / everywhere[counts.indices])
    weight = share * inverse**2
    telling = (inverse > 0) & (share >= _LEAST_SHARE) & (counts.data > 1)
    row, term, weight = row[telling], counts.indices[telling], weight[telling]
    order = np.lexsort((term, -weight, row))
    row, term = row[order], term[order]
    bounds = np.searchsorted(row, np.arange(counts.shape[0] + 1))
    return [term[a : min(b, a + WORDS)].tolist() for a, b in pairwise(bounds)]


def terms_of(texts: Sequence[str]) -> Terms:
    """The terms of texts (n,) by the project's analyzer in their language, without numbers, stop words and single letters."""
    from scipy import sparse

    vocabulary = Vocabulary(_analyzer(texts))
    numbers: list[int] = []
    bounds = [0]
    for found in vocabulary.numbers(_beginning(text) for text in texts):
        numbers += found
        bounds.append(len(numbers))
    flat, starts = np.asarray(numbers, np.int32), np.asarray(bounds, np.int64)
    names = vocabulary.terms
    # -1 is a stop word: it goes into a column of its own, which is not kept
    shape = (len(texts), len(names) + 1)
    counts = sparse.csr_array(
        (np.ones(len(flat), np.float32), np.where(flat < 0, len(names), flat), starts), shape=shape
    )
    counts.sum_duplicates()
    counts.data[:] = 1
    often = np.bincount(counts.indices, minlength=len(names) + 1)
    wordlike = np.array([*(len(name) > 1 and not name.isdigit() for name in names), False], bool)
    kept = np.flatnonzero(wordlike & (often > 1) & (often <= max(_TOO_OFTEN * len(texts), 2)))
    return Terms(counts[:, kept], _written(texts, vocabulary, [names[number] for number in kept.tolist()], kept))


def _beginning(text: str) -> str:
    """What is read of a text: its beginning, without addresses of web pages."""
    text = text[:_CHARACTERS]
    return _ADDRESS.sub(" ", text) if "://" in text or "www." in text else text


def _written(texts: Sequence[str], vocabulary: Vocabulary, names: list[str], kept: np.ndarray) -> list[str]:
    """Each term as its most frequent word, since a stem is no word."""
    frequent: Counter[str] = Counter()
    step = max(len(texts) // _SPOKEN, 1)
    for text in texts[::step]:
        frequent.update(words(_beginning(text)))
    best: dict[int, tuple[int, str]] = {}
    for word, number in vocabulary.items():
        if number >= 0:
            candidate = (frequent[word], word.lower() if word.isascii() else word)
            best[number] = max(best.get(number, candidate), candidate)
    return [best.get(int(number), (0, name))[1] for number, name in zip(kept, names, strict=True)]


def _analyzer(texts: Sequence[str]) -> Analyzer:
    from codomain.analyzer.language import Evidence

    evidence = Evidence()
    evidence.read(texts[:: max(len(texts) // 300, 1)])
    language = evidence.language
    return Analyzer(language) if language is not None else Analyzer(None, stop=sorted(STOP_WORDS))
