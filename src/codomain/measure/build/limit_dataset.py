"""LIMIT: plain sentences whose every pair of relevant documents is asked for, which vectors of few dimensions cannot give.

"On the Theoretical Limitations of Embedding-Based Retrieval" (2025). A document says what a person likes, a query asks
who likes one thing; the answers are k people. In the pattern "dense" the queries ask for all combinations of as few
people as possible, so that the top-k sets outgrow what inner products of few dimensions can tell apart.
"""

from __future__ import annotations

import itertools
from typing import Literal

import numpy as np

from codomain.analyzer import STOP_WORDS
from codomain.errors import InputError
from codomain.measure.data.datasets import Dataset, Qrels, load
from codomain.stage import check_int

Pattern = Literal["dense", "random", "cycle", "disjoint"]

_LIKES = 46
"""Things that a person likes, or more where more queries ask for them."""
_TOGETHER = 4096
"""Documents whose fillers are drawn at a time."""


def make_limit(
    n_docs: int = 50_000, n_queries: int = 1000, k: int = 2, pattern: Pattern = "dense", seed: int = 0
) -> Dataset:
    """A LIMIT data set: n_docs people, n_queries things that exactly k of them like, fillers that nobody asks for.

    Patterns of relevance: "dense", all combinations of the fewest people that have enough of them; "random", any k
    people; "cycle", query i asks for people i to i + k - 1 in a circle of n_queries; "disjoint", for k people of its
    own. The things are nouns of WordNet, the people invented; the same arguments give the same set on every machine.
    Raises InputError when there are too few documents or nouns for the queries.

    >>> data = make_limit(n_docs=20, n_queries=10)
    >>> data, data.queries["q0"]
    (Dataset('limit', 20 documents, 10 queries), 'Who likes Implosion?')
    """
    try:
        n_docs, n_queries, k = check_int("n_docs", n_docs), check_int("n_queries", n_queries), check_int("k", k)
    except ValueError as error:
        raise InputError(f"make_limit {error}.") from None
    things = _things()
    if n_queries + _LIKES > len(things):
        raise InputError(
            f"make_limit has {len(things)} nouns: at most {len(things) - _LIKES} queries, not {n_queries}."
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(things))
    asked, fillers = [things[i] for i in order[:n_queries]], [things[i] for i in order[n_queries:]]
    relevant = _relevant(n_docs, n_queries, k, pattern, rng)
    liked: list[list[str]] = [[] for _ in range(n_docs)]
    for thing, people in zip(asked, relevant, strict=True):
        for person in people:
            liked[person].append(thing)
    for start in range(0, n_docs, _TOGETHER):
        block = liked[start : start + _TOGETHER]
        # the first of a random order of all fillers, for every person
        drawn = np.argpartition(rng.random((len(block), len(fillers))), _LIKES - 1, axis=1)[:, :_LIKES]
        for own, some in zip(block, drawn, strict=True):
            own += [fillers[i] for i in some[: max(0, _LIKES - len(own))]]
            rng.shuffle(own)
    names = _names(n_docs, rng)
    place = rng.permutation(n_docs)  # the relevant people stand anywhere
    documents = {names[i]: f"{names[i]} likes {', '.join(liked[i][:-1])} and {liked[i][-1]}." for i in place}
    queries = {f"q{i}": f"Who likes {thing}?" for i, thing in enumerate(asked)}
    qrels: Qrels = {f"q{i}": {names[person]: 1 for person in people} for i, people in enumerate(relevant)}
    return Dataset("limit", documents=documents, queries=queries, qrels=qrels)


def _relevant(n_docs: int, n_queries: int, k: int, pattern: str, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """The k people that each query asks for."""
    needed = {"random": k, "cycle": max(n_queries, k), "disjoint": n_queries * k}.get(pattern, k)
    if pattern == "dense":
        while len(list(itertools.islice(itertools.combinations(range(needed), k), n_queries))) < n_queries:
            needed += 1
    if needed > n_docs:
        raise InputError(f'make_limit needs {needed} documents for {n_queries} queries of the pattern "{pattern}".')
    if pattern == "dense":
        combinations = list(itertools.combinations(range(needed), k))
        return [combinations[i] for i in rng.permutation(len(combinations))[:n_queries]]
    if pattern == "random":
        return [tuple(rng.choice(n_docs, k, replace=False).tolist()) for _ in range(n_queries)]
    if pattern == "cycle":
        return [tuple((i + j) % needed for j in range(k)) for i in range(n_queries)]
    if pattern == "disjoint":
        return [tuple(range(i * k, i * k + k)) for i in range(n_queries)]
    raise InputError(f'make_limit knows the patterns dense, random, cycle and disjoint, not "{pattern}".')


def _things() -> list[str]:
    """Nouns of the shipped part of WordNet that name one thing each."""
    wordnet = load("wordnet")
    nouns = [
        t.split(",")[0].strip()
        for id, t in wordnet.documents.items()
        if str(wordnet.metadata[id]["field"]).startswith("noun.")
    ]
    return sorted({n.title() for n in nouns if n.replace(" ", "").isalpha() and n.lower() not in STOP_WORDS})


def _names(n: int, rng: np.random.Generator) -> list[str]:
    """Invented names, all different: two or three syllables, twice."""
    heads = [a + b for a in ("b", "d", "f", "g", "k", "l", "m", "n", "r", "s", "t", "v") for b in "aeiou"]
    tails = ["l", "m", "n", "r", "s", "th", "ck", "rd", "nd", "st"]
    names: dict[str, None] = {}
    while len(names) < n:
        first, second, third, fourth = (heads[i] for i in rng.integers(len(heads), size=4))
        one, two = (tails[i] for i in rng.integers(len(tails), size=2))
        names[f"{(first + second + one).title()} {(third + fourth + two).title()}"] = None
    return list(names)
