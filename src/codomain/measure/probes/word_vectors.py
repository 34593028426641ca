"""Classic questions to word vectors: similarity, analogies, categories, association bias, the order of numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, unit_rows
from codomain.errors import InputError
from codomain.measure.metrics.retrieval import spearman
from codomain.measure.probes.curation import kmeans

Words = Any
"""Where vectors of words come from: a `codomain.vectorfiles.VectorFile`, a dict from word to vector (d,), or an encoder."""

_EXACT = 20_000
"""Up to so many partitions a permutation test tries all of them."""
_BLOCK = 256


class Probe(NamedTuple):
    """A score, its 95 % bootstrap interval, and over how many of the items asked: unknown words leave some out."""

    value: float
    low: float
    high: float
    used: int
    asked: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], {self.used:,} of {self.asked:,}"


class Association(NamedTuple):
    """The effect size d of an association, in standard deviations, and the one-sided permutation p."""

    effect: float
    p: float


def word_similarity(words: Words, pairs: Sequence[tuple[str, str, float]], draws: int = 1_000, seed: int = 0) -> Probe:
    """Spearman's correlation of the cosines of pairs of words with people's scores; the interval is over pairs.

    >>> X = {"cat": [1, 0], "dog": [1, 0.1], "car": [0, 1]}
    >>> word_similarity(X, [("cat", "dog", 9), ("dog", "car", 2), ("cat", "car", 1)]).value
    1.0

    Raises InputError when fewer than three pairs are known.
    """
    X, known, at = _vectors(words, [word for a, b, _ in pairs for word in (a, b)])
    kept = [(at[a], at[b], score) for a, b, score in pairs if known[at[a]] and known[at[b]]]
    if len(kept) < 3:
        raise InputError(f"{len(kept)} of {len(pairs)} pairs have known words: a correlation needs three.")
    left, right, scores = (np.array(column) for column in zip(*kept, strict=True))
    cosines = np.einsum("ij,ij->i", X[left.astype(int)], X[right.astype(int)])
    rng = np.random.default_rng(seed)
    resampled = []
    for _ in range(draws):
        some = rng.integers(0, len(kept), len(kept))
        resampled.append(spearman(cosines[some], scores[some]))
    return _probe(spearman(cosines, scores), resampled, len(kept), len(pairs))


def analogy(
    words: Words,
    questions: Sequence[tuple[str, str, str, str]],
    vocabulary: Iterable[str] | None = None,
    method: Literal["3cosadd", "3cosmul"] = "3cosadd",
    draws: int = 1_000,
    seed: int = 0,
) -> Probe:
    """The share of questions "a is to b as c is to ?" whose d is the best word of the vocabulary other than a, b and c.

    "3cosadd" looks for the largest cos(d, b) - cos(d, a) + cos(d, c), "3cosmul" for cos(d, b) cos(d, c) / (cos(d, a) + .001)
    with cosines moved to 0 to 1: "Linguistic Regularities in Sparse and Explicit Word Representations" (2014). Questions
    with a word outside of the vocabulary are left out; it defaults to all words of a file or dict.

    >>> X = {"man": [1, 0.1, 0], "woman": [1, 0.1, 1], "king": [0.1, 1, 0], "queen": [0.1, 1, 1], "car": [-1, -1, 0]}
    >>> analogy(X, [("man", "king", "woman", "queen")]).value
    1.0

    Raises InputError when no question is known, or an encoder comes without vocabulary.
    """
    if method not in ("3cosadd", "3cosmul"):
        raise InputError(f'the method is "3cosadd" or "3cosmul", not {method!r}.')
    if vocabulary is None and hasattr(words, "encode_documents"):
        raise InputError("analogies with an encoder need a vocabulary to choose from.")
    names = [*dict.fromkeys(words if vocabulary is None else vocabulary)]
    V, there, at = _vectors(words, names)
    asked = [tuple(at.get(word, -1) for word in question) for question in questions]
    kept = np.array([q for q in asked if all(i >= 0 and there[i] for i in q)], np.int64).reshape(-1, 4)
    if not len(kept):
        raise InputError(f"none of {len(questions)} questions has all its words in the vocabulary.")
    right = np.empty(len(kept), np.float64)
    for start in range(0, len(kept), _BLOCK):
        a, b, c, d = kept[start : start + _BLOCK].T
        to_a, to_b, to_c = (V[rows] @ V.T for rows in (a, b, c))
        if method == "3cosadd":
            scores = to_b - to_a + to_c
        else:
            scores = (to_b + 1) * (to_c + 1) / 4 / ((to_a + 1) / 2 + 0.001)
        scores[:, ~there] = -np.inf
        for excluded in (a, b, c):
            scores[np.arange(len(a)), excluded] = -np.inf
        right[start : start + len(a)] = scores.argmax(axis=1) == d
    rng = np.random.default_rng(seed)
    resampled = [float(right[rng.integers(0, len(right), len(right))].mean()) for _ in range(draws)]
    return _probe(float(right.mean()), resampled, len(kept), len(questions))


def categorisation(words: Words, categories: Mapping[str, Sequence[str]], seeds: int = 5) -> Probe:
    """The purity of as many clusters as there are categories: the share of words in the category that rules their cluster.

    The mean over k-means from several seeds; low and high are its least and largest. A word of two categories counts in
    each.

    >>> X = {"cat": [1, 0], "dog": [1, 0.1], "car": [0, 1], "bus": [0.1, 1]}
    >>> categorisation(X, {"animal": ["cat", "dog"], "vehicle": ["car", "bus"]}).value
    1.0

    Raises InputError when fewer words than categories are known.
    """
    named = [(word, i) for i, members in enumerate(categories.values()) for word in members]
    X, known, at = _vectors(words, [word for word, _ in named])
    kept = [(at[word], category) for word, category in named if known[at[word]]]
    if len(kept) < max(2, len(categories)):
        raise InputError(f"{len(kept)} words are known: {len(categories)} categories need more.")
    rows, codes = (np.array(column) for column in zip(*kept, strict=True))
    purities = []
    for seed in range(seeds):
        table = np.zeros((len(categories), len(categories)), np.int64)
        np.add.at(table, (kmeans(X[rows], len(categories), seed), codes), 1)
        purities.append(float(table.max(axis=1).sum() / len(kept)))
    return Probe(float(np.mean(purities)), min(purities), max(purities), len(kept), len(named))


def weat(
    words: Words, X: Sequence[str], Y: Sequence[str], A: Sequence[str], B: Sequence[str], draws: int = 10_000, seed: int = 0
) -> Association:  # fmt: skip
    """How much more the words X than the words Y go with attributes A rather than B (Word-Embedding Association Test).

    s(w) = mean cos(w, a) - mean cos(w, b); d = (mean s(x) - mean s(y)) / sd s over both; p is the share of partitions of
    X and Y into parts of these sizes that differ at least as much. "Semantics derived automatically from language corpora
    contain human-like biases" (2017). A test that finds nothing is no certificate of fairness: it hears these words only.

    >>> V = {"rose": [1, 0.1], "tulip": [1, 0.2], "wasp": [0.1, 1], "flea": [0.2, 1], "nice": [1, 0], "nasty": [0, 1]}
    >>> round(weat(V, ["rose", "tulip"], ["wasp", "flea"], ["nice"], ["nasty"]).effect, 2)
    1.73

    Raises InputError when a list has fewer than two known words (one for attributes).
    """
    sides = [_known(words, side, least) for side, least in ((X, 2), (Y, 2), (A, 1), (B, 1))]
    x, y, a, b = sides
    both = np.concatenate([x, y])
    s = (both @ a.T).mean(axis=1, dtype=np.float64) - (both @ b.T).mean(axis=1, dtype=np.float64)
    difference = s[: len(x)].mean() - s[len(x) :].mean()
    spread = s.std(ddof=1)
    n, total = len(s), s.sum()
    if math.comb(n, len(x)) <= _EXACT:
        sums = np.array([s[list(rows)].sum() for rows in combinations(range(n), len(x))])
        p = float((_difference(sums, total, len(x), n) >= difference - 1e-12).mean())
    else:
        rng = np.random.default_rng(seed)
        sums = np.array([s[rng.permutation(n)[: len(x)]].sum() for _ in range(draws)])
        p = float((1 + (_difference(sums, total, len(x), n) >= difference - 1e-12).sum()) / (draws + 1))
    return Association(float(difference / spread) if spread > 0 else 0.0, p)


def numeracy(
    words: Words, numbers: Sequence[int] = range(1, 1001), pairs: int = 20_000, draws: int = 200, seed: int = 0
) -> Probe:
    """Spearman's correlation of 1 - cosine of two numerals with |log a - log b|, over random pairs: is the order of numbers there?

    The interval is over numbers, as pairs share them.

    >>> import numpy as np
    >>> angles = {str(n): [np.cos(np.log(n) / 9), np.sin(np.log(n) / 9)] for n in range(1, 101)}
    >>> numeracy(angles, range(1, 101)).value > 0.99
    True

    Raises InputError when fewer than three of the numbers, all above 0, are known.
    """
    if any(number <= 0 for number in numbers):
        raise InputError("the order of numbers is that of their logarithms: all must be above 0.")
    X, known, at = _vectors(words, [str(number) for number in numbers])
    kept = np.array([at[str(number)] for number in numbers if known[at[str(number)]]], np.int64)
    logs = np.log([number for number in numbers if known[at[str(number)]]])
    if len(kept) < 3:
        raise InputError(f"{len(kept)} of {len(numbers)} numbers are known: a correlation needs three.")
    rng = np.random.default_rng(seed)

    def correlation(some: NDArray[np.int64]) -> float:
        a, b = some[rng.integers(0, len(some), (2, pairs))]
        a, b = a[a != b], b[a != b]
        apart = 1 - np.einsum("ij,ij->i", X[kept[a]], X[kept[b]])
        return spearman(apart, np.abs(logs[a] - logs[b]))

    every = np.arange(len(kept))
    resampled = [correlation(rng.integers(0, len(kept), len(kept))) for _ in range(draws)]
    return _probe(correlation(every), resampled, len(kept), len(numbers))


def _vectors(words: Words, asked: Sequence[str]) -> tuple[Floats, NDArray[np.bool_], dict[str, int]]:
    """Unit vectors (n, d) of the different words asked for, which of them are known, and the row of each."""
    at = {word: i for i, word in enumerate(dict.fromkeys(asked))}
    names = [*at]
    if hasattr(words, "encode_documents"):
        X = unit_rows(words.encode_documents(names)) if names else np.zeros((0, 1), np.float32)
        return X, np.asarray(X.any(axis=1)), at
    known = np.array([word in words for word in names], bool)
    found = np.array([words[word] for word, there in zip(names, known, strict=True) if there], np.float32)
    X = np.zeros((len(names), found.shape[1] if found.ndim == 2 else 1), np.float32)
    if found.ndim == 2:
        X[known] = unit_rows(found)
    return X, np.asarray(known & X.any(axis=1)), at


def _known(words: Words, asked: Sequence[str], least: int) -> Floats:
    X, known, _ = _vectors(words, asked)
    if known.sum() < least:
        raise InputError(f"of {', '.join(asked)} only {int(known.sum())} are known: {least} are needed.")
    return np.asarray(X[known])


def _difference(sums: NDArray[np.float64], total: float, size: int, n: int) -> NDArray[np.float64]:
    return np.asarray(sums / size - (total - sums) / (n - size))


def _probe(value: float, resampled: Sequence[float], used: int, asked: int) -> Probe:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Probe(value, float(low), float(high), used, asked)
