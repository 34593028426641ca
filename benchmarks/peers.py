"""Searches side by side with those of other libraries, in one run: the same data, alternating, one thread.

Real texts: the 63,436 descriptions of Debian packages of CODOMAIN_DATA, as words, and as vectors of 384 dimensions by
static(); queries are users' wordings from the shipped set. Every library answers the same queries in turn, round after
round; the table gives the median over the rounds of processor time and of wall time for a query. Recall is of the ten best
rows by float64 inner products, a row counting where it is no worse than the tenth. Graphs run at the least effort that
reaches a recall of 0.95 on other queries. A scan's share is what it reads over the seconds, of what the machine reads by a
sum over memory larger than any cache.

    CODOMAIN_DATA=... python benchmarks/peers.py [rows]     writes docs/results/peers.md
"""

from __future__ import annotations

import os

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LANCE_CPU_THREADS", "RAYON_NUM_THREADS"), "1")

import datetime
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import faiss
import numpy as np

sys.path.append(str(Path(__file__).parent))
import codomain as cd
from codomain.errors import InputError
from codomain.measure.data import datasets
from peer_engines import K, Search, graphs, scans, words

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))
from proofs.lib.files import json_lines  # noqa: E402

PAGE = ROOT / "docs" / "results" / "peers.md"
ROUNDS, QUERIES, TUNING = 7, 100, 50
TARGET = 0.95
PEERS = ("numpy", "faiss-cpu", "numkong", "usearch", "lancedb", "bm25s", "tantivy")


class Measured(NamedTuple):
    """Milliseconds a query of processor time and by the clock, one at a time and all at once, and the recall."""

    one: float
    one_wall: float
    many: float
    many_wall: float
    recall: float | None


def bandwidth() -> float:
    """Bytes a second that one thread reads: the best of several sums over 1 GB."""
    block = np.ones(1 << 27, np.float64)
    times = []
    for _ in range(5):
        start = time.process_time()
        block.sum()
        times.append(time.process_time() - start)
    return block.nbytes / min(times)


def spent(run: Callable[[], Any]) -> tuple[float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    run()
    return 1e3 * (time.process_time() - processor), 1e3 * (time.perf_counter() - clock)


def in_turn(engines: dict[str, Search], queries: Any, recall_of: Callable[[Any], float] | None) -> dict[str, Measured]:
    """All engines, round after round, one query at a time and then all at once."""
    times: dict[str, list[list[float]]] = {name: [] for name in engines}
    for engine in engines.values():
        engine(queries[:3])
        engine(queries)
    for _ in range(ROUNDS):
        for name, engine in engines.items():
            one = spent(lambda e=engine: [e(queries[i : i + 1]) for i in range(len(queries))])
            many = spent(lambda e=engine: e(queries))
            times[name].append([t / len(queries) for t in (*one, *many)])
    found = {}
    for name, engine in engines.items():
        recall = None if recall_of is None else recall_of(engine(queries))
        found[name] = Measured(*np.median(times[name], axis=0), recall)  # type: ignore[arg-type]
    return found


def recall(vectors: np.ndarray, queries: np.ndarray, rows: Any) -> float:
    """The share of rows (q, 10) whose float64 score is no worse than the tenth best."""
    exact = queries.astype(np.float64) @ vectors.astype(np.float64).T
    least = np.partition(exact, -K, axis=1)[:, -K] - 1e-6
    rows = np.asarray(rows, np.int64)
    return float((np.take_along_axis(exact, rows, axis=1) >= least[:, None]).mean())


def least_effort(make: Callable[[int], Search], vectors: np.ndarray, queries: np.ndarray) -> int:
    """The least effort that reaches the target on some queries; the most where none does."""
    efforts = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
    return next((e for e in efforts if recall(vectors, queries, make(e)(queries)) >= TARGET), efforts[-1])


def table(title: str, ours: str, measured: dict[str, Measured], sizes: dict[str, int] | None, rate: float) -> list[str]:
    shown = [
        "recall@10 |" if any(m.recall is not None for m in measured.values()) else "",
        " share of reading |" if sizes else "",
    ]
    head = f"| | one query, ms (wall) | ratio | {QUERIES} at once, ms a query (wall) | ratio |{shown[0]}{shown[1]}"
    lines = [f"## {title}", "", head, "|" + "---|" + "--:|" * (head.count("|") - 2)]
    for name, m in measured.items():
        base = measured[ours]
        row = f"| {name} | {m.one:.3f} ({m.one_wall:.3f}) | {m.one / base.one:.2f} | {m.many:.3f} ({m.many_wall:.3f}) | {m.many / base.many:.2f} |"
        if shown[0]:
            row += f" {m.recall:.3f} |" if m.recall is not None else " |"
        if sizes:
            row += f" {sizes[name] / (m.one / 1e3) / rate:.0%} |" if name in sizes else " |"
        lines.append(row)
    return [*lines, ""]


def processor() -> str:
    try:
        names = [
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ]
        return f"{names[0]}, {len(names)} cores"
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def main() -> None:
    path = Path(os.environ.get("CODOMAIN_DATA", "")) / "debian_packages" / "packages.jsonl.gz"
    if not path.is_file():
        raise InputError("CODOMAIN_DATA names no folder with debian_packages/packages.jsonl.gz.")
    faiss.omp_set_num_threads(1)
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else None
    documents = list(json_lines(path))[:limit]
    titles, texts = [d["title"] for d in documents], [f"{d['title']} {d['text']}" for d in documents]
    asked = list(datasets.load("debian").queries.values())[: QUERIES + TUNING]
    encoder = cd.pipeline("static()").stages[0]
    vectors = np.ascontiguousarray(encoder.encode_documents(texts), np.float32)  # type: ignore[attr-defined]
    queries = np.ascontiguousarray(encoder.encode_queries(asked), np.float32)  # type: ignore[attr-defined]
    tuning, queries = queries[QUERIES:], queries[:QUERIES]
    rate = bandwidth()
    judge = partial(recall, vectors, queries)
    page = [
        "# Peers", "",
        "Written by `CODOMAIN_DATA=... python benchmarks/peers.py`, which says what is measured and how.", "",
        f"{datetime.date.today():%-d %B %Y}, {processor()}, Python {platform.python_version()}; "
        + ", ".join(f"{name} {version(name)}" for name in PEERS)
        + f"; load {os.getloadavg()[0]:.1f} at the start. {len(texts):,} descriptions of Debian packages, {vectors.shape[1]} dimensions by "
        f"`static()`, {QUERIES} queries, k = {K}, medians of {ROUNDS} rounds. A ratio is processor time over that of codomain's first row.", "",
        f"One thread reads {rate / 1e9:.1f} GB/s here (a sum over 1 GB). The share is of that, by what a scan has to read.", "",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for title, ours, engines, sizes in scans(vectors, Path(folder)):
            print(title)
            page += table(title, ours, in_turn(engines, queries, judge), sizes, rate)
        made = graphs(vectors, Path(folder))
        efforts = {name: least_effort(make, vectors, tuning) for name, make in made.items()}
        engines = {f"{name}, effort {efforts[name]}": make(efforts[name]) for name, make in made.items()}
        print("graphs")
        page += table(
            f"Graphs at a recall of {TARGET}", next(iter(engines)), in_turn(engines, queries, judge), None, rate
        )
        for title, ours, lexical, phrased in words(titles, texts, Path(folder)):
            print(title)
            page += table(title, ours, in_turn(lexical, phrased or asked[:QUERIES], None), None, rate)
    page += [
        "`Collection.search` reads the documents that it finds and picks out passages; tantivy and SQLite give numbers of rows alone. Where the words of",
        "documents stand was kept in memory by the first of these queries. hnswlib is left out: it has no wheels.", "",
    ]  # fmt: skip
    page += [f"Load at the end: {os.getloadavg()[0]:.1f}.", ""]
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text("\n".join(page))
    print(f"written: {PAGE}")


if __name__ == "__main__":
    try:
        main()
    except (InputError, ImportError) as error:
        print(f"skipped: {error}")
