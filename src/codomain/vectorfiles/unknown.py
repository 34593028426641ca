"""Keys that a file does not hold: the keys most like them, by n-grams and single edits, and a vector made of both."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence

import numpy as np

from codomain.arrays import Floats, Rows
from codomain.vectorfiles.grams import END, START, gram_hashes, key_hash, random_vector, squeezed, unit
from codomain.vectorfiles.storage import Slices

CANDIDATES = 200
"""Keys with the most in common whose edits are counted."""
SIMILAR = 5
_EDITS, _SHARED, _LETTERS = 15.0, 3.0, 4.0
"""How much a key loses when every letter would have to be edited, and gains when all n-grams are shared, and for being
letters only where the unknown key is. With Zipf's law for the rest, chosen on words that no proof reports."""
_LEAST = 0.01
"""Keys that weigh less than this share of the best are left out."""
_RANDOM, _KNOWN = 0.1, 0.9
"""The mix of the n-grams' own vector and the similar keys' mean. The paper's .3 of a random vector costs a cosine twelfth."""


class NGrams:
    """The inverted list of n-grams of a file's keys, as it lies on disk."""

    def __init__(self, grams: np.ndarray, ends: Slices, rows: Slices, keys: int) -> None:
        self._grams, self._ends, self._rows, self._keys = grams, ends, rows, keys

    def most_shared(self, key: str, n: int) -> tuple[Rows, Floats]:
        """The n rows whose keys share most with one, and which share (n,) of its n-grams that is.

        An n-gram counts log(all / keys that have it): "ing" says less than "ngh". Ties go to the lower row.
        """
        hashes = np.unique(gram_hashes([key])[0])
        at = np.searchsorted(self._grams, hashes)
        at = at[at < len(self._grams)]
        at = at[np.isin(self._grams[at], hashes)]
        lists = [self._rows[slice(*self._ends[i : i + 2].tolist())] for i in at.tolist()]
        if not lists:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        sizes = np.array([len(rows) for rows in lists])
        weights = np.log1p(self._keys / sizes)
        rows, which = np.unique(np.concatenate(lists), return_inverse=True)
        shared = np.bincount(which, np.repeat(weights, sizes)) / weights.sum()
        best = np.lexsort((rows, -shared))[:n]
        return rows[best].astype(np.int64), shared[best].astype(np.float32)


def plain_forms(key: str) -> list[str]:
    """What an unknown key may be another way to write: in small letters, squeezed, without what surrounds letters.

    >>> plain_forms("Heeeello!")
    ['heeeello!', 'heello!', 'hello!', 'Heeeello', 'heeeello', 'heello', 'hello']
    """
    bare = key.strip(string.punctuation + string.whitespace)
    forms = [form for text in (key, bare) for form in (text, text.lower(), squeezed(text), squeezed(text, 1)) if form]
    return [form for form in dict.fromkeys(forms) if form != key]


def similar_rows(
    key: str,
    row_of: Callable[[str], int | None],
    grams: NGrams,
    keys_of: Callable[[Rows], list[str]],
    ordered: bool,
) -> tuple[Rows, Floats]:
    """Up to five rows (m,) whose keys are most like one that is not there, the likeliest first, and their weights (m,).

    Other ways to write it first, with equal weights; else as a noisy channel has it, P(word | typed) ~ P(word) P(typed | word):
    P(word) is 1 / (1 + row) where `ordered` files have frequent keys, which are meant more often and have better
    vectors, in their first rows; log P(typed | word) = -15 edits / length + 3 share of n-grams + 4 if both are letters.
    """
    exact = [row for form in plain_forms(key) if (row := row_of(form)) is not None]
    if exact:
        rows = np.array(list(dict.fromkeys(exact))[:SIMILAR], np.int64)
        return rows, np.ones(len(rows), np.float32)
    rows, shared = grams.most_shared(key, CANDIDATES)
    near = [row for form in _one_edit_shorter(squeezed(key)) if (row := row_of(form)) is not None]
    few = np.setdiff1d(np.array(near, np.int64), rows)
    rows, shared = np.concatenate([rows, few]), np.concatenate([shared, np.zeros(len(few), np.float32)])
    if len(rows) == 0:
        return rows, shared
    word, others = squeezed(key), [squeezed(other) for other in keys_of(rows)]
    longest = np.maximum(len(word), [len(other) for other in others])
    likely = _SHARED * shared - _EDITS * edits(word, others) / longest
    likely += _LETTERS * np.array([other.isalpha() == word.isalpha() for other in others])
    if ordered:
        likely -= np.log1p(rows)
    best = np.lexsort((rows, -likely))[:SIMILAR]
    weights = np.exp(likely[best] - likely[best[0]])
    return rows[best][weights >= _LEAST], weights[weights >= _LEAST].astype(np.float32)


def made_vector(key: str, similar: Floats, weights: Floats, dim: int, namespace: str) -> Floats:
    """A unit vector for a key: .1 of its n-grams' random vectors and .9 of the weighted mean of similar keys' (m, dim)."""
    own = random_vector(gram_hashes([key])[0], dim, namespace)
    if len(similar) == 0:
        return own.astype(np.float32)
    mean = unit((similar.astype(np.float64) * weights[:, None]).sum(axis=0))
    return unit(_RANDOM * own + _KNOWN * mean).astype(np.float32)


def value_vector(value: object, dim: int, namespace: str) -> Floats:
    """A random unit vector for a value that is no text; its type counts: 1, 1.0 and True differ."""
    seed = np.array([key_hash(f"{START}{type(value).__name__}{END}{value!r}")], np.uint64)
    return random_vector(seed, dim, namespace).astype(np.float32)


def _one_edit_shorter(word: str) -> list[str]:
    """The word without one letter, and with two neighbours swapped: short ones may have no n-gram in common with it."""
    cut = [word[:i] + word[i + 1 :] for i in range(len(word))]
    swapped = [word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1)]
    return [form for form in (*cut, *swapped) if form]


def edits(word: str, others: Sequence[str]) -> np.ndarray:
    """Insertions, deletions, replacements and swaps of neighbours that turn a word into each other one (n,).

    Optimal string alignment, all words at once: column j is over their first j letters.

    >>> edits("recieve", ["receive", "relieve", "recieved"])
    array([1, 1, 1])
    """
    lengths = np.fromiter(map(len, others), np.int64, len(others))
    longest = int(lengths.max(initial=0))
    letters = np.zeros((longest, len(others)), np.uint32)
    for i, other in enumerate(others):
        letters[: len(other), i] = list(map(ord, other))
    before = last = np.tile(np.arange(longest + 1)[:, None], (1, len(others)))
    for i, letter in enumerate(map(ord, word)):
        now = np.empty_like(last)
        now[0] = i + 1
        for j in range(longest):
            np.minimum(last[j + 1] + 1, last[j] + (letters[j] != letter), out=now[j + 1])
            np.minimum(now[j + 1], now[j] + 1, out=now[j + 1])
            if i and j:
                swapped = (letters[j - 1] == letter) & (letters[j] == ord(word[i - 1]))
                now[j + 1] = np.where(swapped, np.minimum(now[j + 1], before[j - 1] + 1), now[j + 1])
        before, last = last, now
    return np.asarray(last[lengths, np.arange(len(others))])
