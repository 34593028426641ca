"""What search makes of the vectors: what compression costs, and what the order of insertion does to a graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, Rows
from codomain.diagnosis.report import Figure, Section, listed, written
from codomain.diagnosis.subject import Subject
from codomain.errors import InputError
from codomain.index.diagnostics import order_sensitivity
from codomain.measure.metrics.significance import interval
from codomain.measure.space.compression import Compressed

K = 10
_ASKED = 500
"""Queries: those asked, or passages held out."""
_FEW = 50
_CANDIDATES = 4
_GOOD = 0.98
"""Overlap from which a compression is taken for free."""
_GRAPH = 4_000
"""Rows in a graph, five of which are built."""
M, EF_CONSTRUCTION, EF_SEARCH = 16, 128, 32
"""What vector databases take for a graph; a modest effort, so that an order can show."""
_BITS = {"int8()": 8, "int4()": 4, "binary()": 1, "binary(center=False)": 1}


def compressibility(subject: Subject) -> Section:
    """How many of the ten nearest, by exact float32 cosine, each compression keeps; fitted on the documents alone."""
    X, Q, asked = _documents_and_queries(subject)
    if len(X) < 2 * K:
        raise InputError(f"{len(X)} passages are too few to say what compression costs.")
    found = Section("Predicted compressibility: share of the ten nearest by exact float32 that are kept")
    exact = Compressed.fitted("", X).search(Q, K)
    d = X.shape[1]
    half = max(1, d // 2)
    methods = [
        *((method, method, 32 // bits) for method, bits in _BITS.items()),
        ("half_pca", f"pca({half}) >> normalize()", 2),
        ("half_truncate", f"truncate({half}) >> normalize()", 2),
    ]
    kept: dict[str, tuple[str, float, float]] = {}
    for key, expression, times in methods:
        if key == "half_pca" and len(X) < half:
            continue
        stored = Compressed.fitted(expression, X)
        each = _shared(stored.search(Q, K), exact)
        low, high = interval(each, draws=2_000)
        name = key.replace("(center=False)", "_uncentred").replace("()", "")
        figure = found.add(
            f"overlap_{name}",
            f"{expression}, {times} times smaller",
            float(np.mean([*each.values()])),
            low=low,
            high=high,
        )
        kept[f"overlap_{name}"] = (expression, figure.value, times)
        if key == "binary()":
            wider = _shared(stored.search(Q, min(_CANDIDATES * K, len(X))), exact)
            low, high = interval(wider, draws=2_000)
            rescored = float(np.mean([*wider.values()]))
            label = f"binary(), {_CANDIDATES * K} candidates rescored by float32"
            found.add("overlap_binary_rescored", label, rescored, low=low, high=high)
    _compress(found, kept, asked)
    return found


def _compress(found: Section, kept: dict[str, tuple[str, float, float]], asked: str) -> None:
    free = [key for key, (_, value, _) in kept.items() if value >= _GOOD]
    if free:
        best = max(free, key=lambda key: kept[key][2])
        expression, value, times = kept[best]
        found.advise(
            f"{expression} keeps {written(value)} of the ten nearest of {asked} at a {'half' if times == 2 else 'quarter' if times == 4 else f'{times}th'} "
            "of float32's memory: take it, where the collection does not have it yet.",
            best,
        )
    else:
        said = listed([f"{expression} {written(value)}" for expression, value, _ in kept.values()][:3])
        found.advise(
            f"No compression is free here (of the ten nearest of {asked} {said} are kept): keep float32, or rescore.",
            *[*kept][:3],
        )
    binary, rescored = found["overlap_binary"], found["overlap_binary_rescored"]
    if rescored >= _GOOD > binary:
        found.advise(
            f"binary() alone keeps {written(binary)}, but {written(rescored)} of the ten nearest are among its first "
            f"{_CANDIDATES * K}: tiered(coarse) with full vectors for those is nearly exact at a 32nd of the memory.",
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
    first, principal = found["overlap_half_truncate"], kept.get("overlap_half_pca", ("", 0.0, 0))[1]
    if principal > first + 0.05:
        found.advise(
            f"The first half of the dimensions is not the better half (truncate {written(first)}, pca {written(principal)} of "
            "the ten nearest): where dimensions must go, let pca() choose them.",
            "overlap_half_truncate",
            "overlap_half_pca",
        )


def _apart(one: Figure, other: Figure) -> bool:
    """Whether the intervals of two figures do not touch."""
    lows, highs = (one.low or 0.0, other.low or 0.0), (one.high or 0.0, other.high or 0.0)
    return max(lows) > min(highs)


def insertion_order(subject: Subject) -> Section:
    """Recall of one HNSW graph, its rows added in several orders; "category" is by k-means cluster."""
    X, Q, _ = _documents_and_queries(subject, _GRAPH)
    X, Q = X[:_GRAPH], Q[:300]
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


def _documents_and_queries(subject: Subject, most: int | None = None) -> tuple[Floats, Floats, str]:
    """Documents, queries, and what those are: the queries asked where there are enough, else passages held out."""
    rows = np.random.default_rng(subject.seed + 3).permutation(subject.some)
    if len(subject.asked) >= _FEW:
        chosen: Rows = np.sort(rows[:most])
        return subject.units[chosen], subject.query_vectors[:_ASKED], "the queries"
    held = min(_ASKED, len(rows) // 5)
    if held < 1:
        raise InputError(f"{len(subject.vectors)} passages are too few for this.")
    chosen = np.sort(rows[held:][:most])
    return subject.units[chosen], subject.units[rows[:held]], "passages that were held out"


def _shared(rows: NDArray[np.integer], exact: NDArray[np.integer]) -> dict[str, float]:
    """For each query the share of the exact rows that are among those found."""
    shared = (exact[:, :, None] == rows[:, None, :]).any(axis=2).mean(axis=1)
    return {str(i): float(value) for i, value in enumerate(shared)}
