"""What search makes of the vectors: what compression costs, and what the order of insertion does to a graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, Rows
from codomain.diagnosis.costs import FEW, answers
from codomain.diagnosis.report import Figure, Section
from codomain.diagnosis.subject import Subject
from codomain.diagnosis.words import fraction, listed, written
from codomain.errors import InputError
from codomain.index.diagnostics import order_sensitivity
from codomain.measure.metrics.significance import compare as paired
from codomain.measure.metrics.significance import interval
from codomain.measure.space.compression import Compressed

K = 10
_ASKED = 500
"""Queries: those asked, or passages held out."""
_FEW = 50
_CANDIDATES = 4
_ASKED_QUERIES = "the queries"
_GOOD = 0.98
"""Overlap from which a compression is taken for free, where judged queries do not lose by it."""
_LOSS = 0.02
"""R@10 that a compression may cost on judged queries; one of less overlap at the lower end of the interval."""
_HARD = 0.05
"""Recall that queries of high local dimension may lose to those of low."""
_GRAPH = 4_000
"""Rows in a graph, five of which are built."""
M, EF_CONSTRUCTION, EF_SEARCH = 16, 128, 32
"""What vector databases take for a graph; a modest effort, so that an order can show."""
_BITS = {"int8()": 8, "int4()": 4, "binary()": 1, "binary(center=False)": 1}


@dataclass(frozen=True)
class _Kept:
    """What a compression keeps: of the ten nearest, and of R@10 where queries are judged (the change, with its interval)."""

    key: str
    expression: str
    times: int
    overlap: float
    recall: float | None = None
    change: tuple[float, float, float] | None = None

    @property
    def free(self) -> bool:
        """Whether `_GOOD` of the nearest stay and R@10 on judged queries falls by `_LOSS` at most, or that is 95 % sure."""
        if self.change is None:
            return self.overlap >= _GOOD
        value, low, _ = self.change
        return low >= -_LOSS or (self.overlap >= _GOOD and value >= -_LOSS)

    @property
    def said(self) -> str:
        """The cost, as it ends a sentence."""
        if self.change is None:
            return " (no judged queries say what the others cost)"
        return f"; R@10 on the judged queries is {written(self.recall)}, a change of {_signed(self.change)}"


def compressibility(subject: Subject) -> Section:
    """How many of the ten nearest, by exact float32 cosine, each compression keeps; fitted on the documents alone."""
    rows, Q, asked = _documents_and_queries(subject)
    X = subject.units[rows]
    if len(X) < 2 * K:
        raise InputError(f"{len(X)} passages are too few to say what compression costs.")
    found = Section("Predicted compressibility: share of the ten nearest by exact float32 that are kept")
    exact = Compressed.fitted("", X).search(Q, K)
    own = answers(subject, rows)[: len(Q)] if asked == _ASKED_QUERIES else []
    own = own if sum(map(bool, own)) >= FEW else []
    before = _recalls(exact, own)
    if before:
        found.add("recall_exact", f"R@10 of exact float32 on {len(before)} judged queries", _mean(before))
    kept: list[_Kept] = []
    for key, expression, times in _methods(X):
        stored = Compressed.fitted(expression, X)
        hits = stored.search(Q, K)
        one = _added(found, f"overlap_{key}", f"{expression}, {times} times smaller", _shared(hits, exact))
        recall = change = None
        if before:
            after = _recalls(hits, own)
            recall = found.add(f"recall_{key}", f"R@10 of {expression}", _mean(after)).value
            comparison = paired(before, after, draws=2_000)
            change = comparison.difference, comparison.low, comparison.high
        kept.append(_Kept(one.key, expression, times, one.value, recall, change))
        if key == "binary":
            wider = _shared(stored.search(Q, min(_CANDIDATES * K, len(X))), exact)
            label = f"binary(), {_CANDIDATES * K} candidates rescored by float32"
            _added(found, "overlap_binary_rescored", label, wider)
    _compress(found, kept, asked)
    return found


def _methods(X: Floats) -> list[tuple[str, str, int]]:
    """Key, expression, and how many times smaller."""
    half = max(1, X.shape[1] // 2)
    codes = [
        (method.replace("(center=False)", "_uncentred").replace("()", ""), method, 32 // _BITS[method])
        for method in _BITS
    ]
    halves = [("half_pca", f"pca({half}) >> normalize()", 2)] if len(X) >= half else []
    return [*codes, *halves, ("half_truncate", f"truncate({half}) >> normalize()", 2)]


def _added(found: Section, key: str, label: str, each: dict[str, float]) -> Figure:
    low, high = interval(each, draws=2_000)
    return found.add(key, label, _mean(each), low=low, high=high)


def _compress(found: Section, kept: list[_Kept], asked: str) -> None:
    free = [one for one in kept if one.free]
    if free:
        best = max(free, key=lambda one: (one.times, one.overlap))
        found.advise(
            f"{best.expression} keeps {written(best.overlap)} of the ten nearest of {asked} at {fraction(best.times)} of "
            f"float32's memory: take it, where the collection does not have it yet{best.said}.",
            best.key,
            *([best.key.replace("overlap", "recall")] if best.change else []),
        )
    else:
        said = listed([f"{one.expression} {written(one.overlap)}" for one in kept[:3]])
        found.advise(
            f"No compression is free here (of the ten nearest of {asked} {said} are kept): keep float32, or rescore"
            f"{max(kept, key=lambda one: one.overlap).said}.",
            *[one.key for one in kept[:3]],
        )
    binary, rescored = found["overlap_binary"], found["overlap_binary_rescored"]
    if rescored >= _GOOD > binary and not any(one.free and one.key == "overlap_binary" for one in kept):
        found.advise(
            f"binary() alone keeps {written(binary)}, but {written(rescored)} of the ten nearest are among its first "
            f"{_CANDIDATES * K}: tiered(coarse) with full vectors for those is nearly exact at a 32nd of the memory, and "
            f"loses {written(1 - rescored, True)} of the ten nearest.",
            "overlap_binary",
            "overlap_binary_rescored",
        )
    plain = found["overlap_binary_uncentred"]
    if _apart(found.figure("overlap_binary"), found.figure("overlap_binary_uncentred")):
        better = "binary()" if binary > plain else "binary(center=False)"
        found.advise(
            f"Of signs, {better} keeps more: centred {written(binary)} of the ten nearest, as they are {written(plain)}.",
            "overlap_binary",
            "overlap_binary_uncentred",
        )
    first = found["overlap_half_truncate"]
    principal = next((one.overlap for one in kept if one.key == "overlap_half_pca"), 0.0)
    if principal > first + 0.05:
        found.advise(
            f"The first half of the dimensions is not the better half (truncate {written(first)}, pca {written(principal)} of "
            "the ten nearest): where dimensions must go, let pca() choose them.",
            "overlap_half_truncate",
            "overlap_half_pca",
        )


def _recalls(rows: NDArray[np.integer], own: list[list[int]]) -> dict[str, float]:
    """R@10 of each judged query: the share of the rows that answer it that are among those found."""
    pairs = zip(rows.tolist(), own, strict=True) if own else ()
    return {str(i): len({*one} & {*found}) / len({*one}) for i, (found, one) in enumerate(pairs) if one}


def _mean(each: dict[str, float]) -> float:
    return float(np.mean([*each.values()]))


def _signed(change: tuple[float, float, float]) -> str:
    value, low, high = (f"{'-' if one < 0 else '+'}{written(abs(one))}" for one in change)
    return f"{value} [{low}, {high}]"


def _apart(one: Figure, other: Figure) -> bool:
    """Whether the intervals of two figures do not touch."""
    lows, highs = (one.low or 0.0, other.low or 0.0), (one.high or 0.0, other.high or 0.0)
    return max(lows) > min(highs)


def insertion_order(subject: Subject) -> Section:
    """Recall of one HNSW graph, its rows added in several orders; "category" is by k-means cluster."""
    rows, Q, _ = _documents_and_queries(subject, _GRAPH)
    X, Q = subject.units[rows], Q[:300]
    if len(X) < 1_000:
        raise InputError(
            f"with {len(X):,} passages every search is a scan: there is no graph whose order could matter."
        )
    from codomain.measure.space.insertion_order import decile_recall, graph, orders

    title = f"HNSW insertion order: recall@10 of a graph with m={M}, ef_construction={EF_CONSTRUCTION}, ef_search={EF_SEARCH}"
    found = Section(title)

    def build(rows: Floats) -> object:
        return graph(rows, M, EF_CONSTRUCTION, EF_SEARCH)

    recalls = order_sensitivity(build, X, Q, orders(X, seed=subject.seed), K)
    for name, recall in recalls.items():
        found.add(f"recall_{name}", f"rows added {_SAID[name]}", recall.mean, low=recall.low, high=recall.high)
    best, worst = max(recalls, key=lambda o: recalls[o].mean), min(recalls, key=lambda o: recalls[o].mean)
    gap = recalls[best].mean - recalls[worst].mean
    found.add("order_gap", "best less worst order", gap)
    easy, hard = decile_recall(build(X), X, Q, K)
    found.add("recall_low_lid", "queries of the lowest local dimension (a fifth)", easy)
    found.add("recall_high_lid", "queries of the highest local dimension (a fifth)", hard)
    given = recalls["given"]
    if easy - hard > _HARD:
        found.advise(
            f"A graph finds {written(hard)} of the ten nearest of queries of high local dimension, and {written(easy)} of those "
            "of low: raise ef_search, which costs time in proportion, until the former are found.",
            "recall_high_lid",
            "recall_low_lid",
        )
    if gap > 0.01 and recalls[worst].high < recalls[best].low:
        found.advise(
            f"The order of insertion moves recall by {written(gap)} here: add rows {_SAID[best]}, not {_SAID[worst]}.",
            "order_gap",
            f"recall_{best}",
            f"recall_{worst}",
        )
    else:
        found.advise(
            f"The order of insertion does not matter ({written(gap)} between the best and the worst of {len(recalls)} orders, "
            f"{written(given.mean)} as the rows are): leave it.",
            "order_gap",
            "recall_given",
        )
    return found


_SAID = {
    "given": "as they are",
    "random": "in random order",
    "lid_ascending": "by rising local dimension",
    "lid_descending": "by falling local dimension",
    "category": "cluster by cluster",
}


def _documents_and_queries(subject: Subject, most: int | None = None) -> tuple[Rows, Floats, str]:
    """Rows of documents, queries, and what those are: the queries asked where there are enough, else passages held out."""
    rows = np.random.default_rng(subject.seed + 3).permutation(subject.some)
    if len(subject.asked) >= _FEW:
        return np.sort(rows[:most]), subject.query_vectors[:_ASKED], _ASKED_QUERIES
    held = min(_ASKED, len(rows) // 5)
    if held < 1:
        raise InputError(f"{len(subject.vectors)} passages are too few for this.")
    return np.sort(rows[held:][:most]), subject.units[rows[:held]], "passages that were held out"


def _shared(rows: NDArray[np.integer], exact: NDArray[np.integer]) -> dict[str, float]:
    """For each query the share of the exact rows that are among those found."""
    shared = (exact[:, :, None] == rows[:, None, :]).any(axis=2).mean(axis=1)
    return {str(i): float(value) for i, value in enumerate(shared)}
