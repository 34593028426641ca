"""What vectors cost: a metered encoder's bill, when it pays to embed everything, and what a piece of work really took."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codomain.arrays import Floats, Hits
from codomain.errors import InputError

_RAPL = Path("/sys/class/powercap")
_STATM = Path("/proc/self/statm")
_EVERY = 0.01
"""Seconds between two looks at the memory."""


@dataclass(frozen=True)
class CostModel:
    """The prices of a metered encoder; nothing is assumed: what is not given is not part of the bill.

    >>> CostModel(usd_per_mtok=0.02).usd(5_000_000)
    0.1
    """

    usd_per_mtok: float
    latency_ms: float | None = None
    joules_per_mtok: float | None = None

    def __post_init__(self) -> None:
        for name in ("usd_per_mtok", "latency_ms", "joules_per_mtok"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name} is a number of at least 0, not {value!r}.")

    def usd(self, tokens: float) -> float:
        """The price of encoding so many tokens."""
        return float(tokens * self.usd_per_mtok / 1e6)

    def joules(self, tokens: float) -> float | None:
        """The energy, None where the model does not know it."""
        return None if self.joules_per_mtok is None else float(tokens * self.joules_per_mtok / 1e6)


class BreakEven(NamedTuple):
    """Queries (and days) after which re-ranking costs as much as embedding everything, None where it is not within the run.

    `touched` (q,) counts the different documents embedded after each query, `usd_rerank` (q,) and `usd_full` (q,) the two
    bills after it.
    """

    queries: int | None
    days: float | None
    touched: NDArray[np.int64]
    usd_rerank: NDArray[np.float64]
    usd_full: NDArray[np.float64]


def break_even(
    rows: ArrayLike,
    document_tokens: ArrayLike,
    query_tokens: ArrayLike,
    model: CostModel,
    queries_per_day: float | None = None,
    share: float = 1.0,
) -> BreakEven:
    """When embedding only what is found costs as much as embedding all: `rows` (q, k) are the documents found, -1 for none.

    A document is paid for once, when it is first among the hits of a query; queries are paid for in both. `share` asks when
    the bill for documents reaches that share of the full one: it nears 1 long before the last document is touched.
    "Evaluating Embedding APIs for Information Retrieval" (2023).

    >>> found = break_even([[0, 1], [1, 2], [0, 2]], [10, 10, 10], [1, 1, 1], CostModel(1.0))
    >>> found.touched.tolist(), found.queries
    ([2, 3, 3], 2)

    Raises InputError for rows, tokens or shares that cannot be.
    """
    found, documents, asked = np.asarray(rows), np.asarray(document_tokens, float), np.asarray(query_tokens, float)
    if found.ndim != 2 or len(asked) != len(found) or found.max(initial=-1) >= len(documents):
        raise InputError(f"hits {found.shape} need {len(asked)} queries and no document beyond {len(documents)}.")
    if not 0 < share <= 1 or (queries_per_day is not None and not queries_per_day > 0):
        raise InputError("share is above 0 and at most 1, queries_per_day above 0.")
    known = np.zeros(len(documents), bool)
    touched, tokens = np.zeros(len(found), np.int64), np.zeros(len(found))
    for i, hits in enumerate(found):
        known[hits[hits >= 0]] = True
        touched[i], tokens[i] = known.sum(), documents[known].sum()
    per_token = model.usd(1)
    spent = np.cumsum(asked) * per_token
    reached = np.flatnonzero(tokens >= share * documents.sum())
    queries = int(reached[0]) + 1 if len(reached) else None
    days = queries / queries_per_day if queries is not None and queries_per_day is not None else None
    return BreakEven(queries, days, touched, spent + tokens * per_token, spent + documents.sum() * per_token)


def rerank_by_cosine(hits: Hits, queries: Floats, X: Floats, k: int | None = None, mix: float = 1.0) -> Hits:
    """A lexical search's hits (q, depth) by the cosine of queries (q, d) with their vectors in X (n, d); the best k.

    `mix` is the weight of the cosine against the lexical score, each from 0 to 1 over a query's hits: 1 forgets the lexical
    score, and gets worse with depth as ever more of the corpus is let in; 0.5 does not.

    >>> hits = Hits(np.array([[0, 1]]), np.float32([[2, 1]]))
    >>> rerank_by_cosine(hits, np.float32([[0, 1]]), np.float32([[1, 0], [0, 1]])).rows.tolist()
    [[1, 0]]

    Raises InputError for a weight outside of 0 to 1 or sides that do not fit.
    """
    from codomain.arrays import unit_rows

    if not 0 <= mix <= 1 or len(queries) != len(hits.rows):
        raise InputError(
            f"mix is from 0 to 1, and every query has hits: not {mix!r}, {len(queries)}, {len(hits.rows)}."
        )
    Q, U = unit_rows(queries), unit_rows(X)
    there = hits.rows >= 0
    cosines = np.zeros(hits.rows.shape, np.float32)
    for i, rows in enumerate(np.where(there, hits.rows, 0)):
        cosines[i] = U[rows] @ Q[i]
    scores = mix * _unit_range(cosines, there) + (1 - mix) * _unit_range(np.asarray(hits.scores), there)
    scores = np.where(there, scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(hits.rows, order, axis=1)
    return Hits(best, np.where(best >= 0, np.take_along_axis(scores, order, axis=1), 0).astype(np.float32))


def _unit_range(values: NDArray[Any], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    low = np.where(there, values, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(there, values, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    spread = np.where(high > low, high - low, 1.0)
    return np.where(there, (values - np.where(np.isfinite(low), low, 0)) / spread, 0.0)


@dataclass(frozen=True)
class Measured:
    """What a piece of work gave and took; what this machine does not tell is None, never a guess."""

    value: Any
    seconds: float
    cpu_seconds: float
    peak_rss: int | None
    joules: float | None
    gco2: float | None

    def __str__(self) -> str:
        memory = "memory not measured" if self.peak_rss is None else f"{self.peak_rss / 1e6:,.0f} MB at the peak"
        energy = "energy not measured" if self.joules is None else f"{self.joules:,.1f} J of the processors"
        carbon = "" if self.gco2 is None else f", {self.gco2:,.3f} g of CO2"
        return f"{self.seconds:.2f} s, {self.cpu_seconds:.2f} s of processor time, {memory}, {energy}{carbon}"


def measure_cost(work: Callable[[], Any], grams_per_kwh: float | None = None) -> Measured:
    """Run `work` and measure it: wall and processor seconds (all threads), the peak of resident memory, processor energy.

    Memory is looked at a hundred times a second, where /proc has it. Energy is read from the processor's own counters
    (RAPL: packages, without memory and graphics cards, everything that runs meanwhile included) where they can be read,
    as virtual machines and users other than root mostly cannot. CO2 needs the grid's intensity in grams per kilowatt hour.
    "An Analysis of Embedding Layers and Similarity Scores using Siamese Neural Networks" (2023) reports carbon per epoch.

    >>> measured = measure_cost(lambda: sum(range(1000)))
    >>> measured.value, measured.seconds > 0
    (499500, True)
    """
    before = _counters()
    with _peak() as peak:
        wall, cpu = time.perf_counter(), time.process_time()
        value = work()
        seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    joules = _joules(before, _counters())
    gco2 = None if joules is None or grams_per_kwh is None else joules / 3.6e6 * grams_per_kwh
    return Measured(value, seconds, cpu_seconds, peak.bytes, joules, gco2)


class _peak:
    """The largest resident memory while inside, in `bytes`; None without /proc."""

    def __init__(self) -> None:
        self.bytes: int | None = None
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> _peak:
        self._look()
        if self.bytes is not None:
            self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._look()

    def _watch(self) -> None:
        while not self._done.wait(_EVERY):
            self._look()

    def _look(self) -> None:
        try:
            pages = int(_STATM.read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return
        self.bytes = max(self.bytes or 0, pages * os.sysconf("SC_PAGE_SIZE"))


def _counters() -> dict[str, tuple[int, int]]:
    """Microjoules so far and the value at which the counter starts again, by processor package that can be read."""
    return dict(_packages())


def _packages() -> Iterator[tuple[str, tuple[int, int]]]:
    folders: Sequence[Path] = sorted(_RAPL.glob("intel-rapl:*")) if _RAPL.is_dir() else ()
    for folder in folders:
        if folder.name.count(":") > 1:  # a part of a package: counted in it
            continue
        try:
            if not (folder / "name").read_text().startswith("package"):
                continue
            used, most = (int((folder / name).read_text()) for name in ("energy_uj", "max_energy_range_uj"))
        except (OSError, ValueError):
            continue
        yield folder.name, (used, most)


def _joules(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> float | None:
    if not before or before.keys() != after.keys():
        return None
    used = ((after[name][0] - start) % (most + 1) for name, (start, most) in before.items())
    return sum(used) / 1e6
