"""Token vectors on disk, read while candidates are still being looked for: the answers of memory in a tenth of it.

Paper 93: "ESPN: Memory-Efficient Multi-Vector Information Retrieval" (2024).

Data: NPL, 11,429 abstracts and 93 questions ($CODOMAIN_DATA/npl_vaswani), as token states of all-MiniLM-L6-v2, 43 a
document. Candidates come from 32 of 141 lists of pooled vectors; reading begins after a fifth of them. Baseline: the same
index with all vectors in memory. The page cache hides this machine's disk, so the gain in time is measured on a store
whose every read takes 100 microseconds more; there the baselines are no prefetch, and reads by the same two threads that
begin when the candidates are known.

    CODOMAIN_DATA=... python proofs/index/vectors_on_disk.py
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.arrays import Ragged, Rows
from codomain.index.multi import MultiVector
from codomain.index.multi import token_vectors as lists
from codomain.index.stores.disk import DiskStore
from codomain.measure import load
from codomain.measure.data.encoded import encoded
from proofs.lib.claims import Claim, above, at_least, at_most, shown
from proofs.lib.prove import prove

CANDIDATES = 64
TURNS = 3


class Slow(DiskStore):
    """A disk on which every read takes 100 microseconds more."""

    def _read(self, read) -> None:
        time.sleep(100e-6)
        super()._read(read)


class Serial(Slow):
    """The same without prefetch."""

    def prefetch(self, rows: Rows) -> None:
        """Nothing."""


class Parallel(Serial):
    """The same with two threads that begin when the candidates are known."""

    def fetch(self, rows: Rows) -> Ragged:
        """All of the rows at once."""
        DiskStore.prefetch(self, rows)
        return super().fetch(rows)


def index(store: str, ahead: float = 0.2) -> MultiVector:
    ann = cd.pipeline("ivf(nlist=141, nprobe=32)").stages[0]
    return MultiVector("pooled", CANDIDATES, store=store, ann=ann, ahead=ahead)


def opened(folder: Path, store: type[DiskStore], ahead: float = 0.2) -> MultiVector:
    lists.DiskStore = store  # what the index opens its file with
    try:
        return index("disk", ahead).load(folder)
    finally:
        lists.DiskStore = DiskStore


def milliseconds(searched: dict[str, MultiVector], queries: list[Ragged]) -> dict[str, float]:
    """The median latency of one query, the indexes taking turns."""
    times: dict[str, list[float]] = {name: [] for name in searched}
    for _ in range(TURNS):
        for query in queries:
            for name, one in searched.items():
                start = time.perf_counter()
                one.search(query, 10)
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: float(np.median(each)) for name, each in times.items()}


def main() -> list[Claim]:
    data, late = load("npl_vaswani"), cd.pipeline("late()").stages[0]
    documents = encoded(late, list(data.documents.values()))
    queries = encoded(late, list(data.queries.values()), "queries")
    each = [queries.take(np.array([i])) for i in range(len(queries.lengths))]
    ram = index("ram").build(documents)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        index("disk").build(documents).save(folder)
        disk = opened(folder, DiskStore)
        expected, found = ram.search(queries, 10), disk.search(queries, 10)
        same = np.array_equal(expected.rows, found.rows) and np.array_equal(expected.scores, found.scores)
        share = disk.nbytes / ram.nbytes
        print(
            f"{len(documents.lengths):,} documents, {len(documents.values):,} vectors, {CANDIDATES} candidates a query"
        )
        print(
            f"memory: {ram.nbytes / 1e6:.0f} MB in RAM, {disk.nbytes / 1e6:.1f} MB with vectors on disk ({share:.1%})"
        )
        rates = {}
        for ahead in (0.1, 0.2, 0.3):
            tried = opened(folder, DiskStore, ahead)
            tried.search(queries, 10)
            early, rest = tried.prefetched
            rates[ahead] = early / (early + rest)
        print("begun early after a share of the lists: " + ", ".join(f"{a:g}: {r:.3f}" for a, r in rates.items()))
        kinds = {"prefetch": Slow, "no prefetch": Serial, "no head start": Parallel}
        searched = {name: opened(folder, kind) for name, kind in kinds.items()}
        times = milliseconds({"memory": ram, "disk, page cache": disk} | searched, each)
    print("latency, ms: " + ", ".join(f"{name} {ms:.1f}" for name, ms in times.items()))
    return [
        shown("answers are those of memory, bit for bit", same),
        at_most("share of the memory", share, 0.15),
        at_least("share of the candidates that are begun early", rates[0.2], 0.85),
        at_least(
            "without prefetch a query takes times as long on the slow store",
            times["no prefetch"] / times["prefetch"],
            1.5,
        ),
        above("two threads without a head start take times as long", times["no head start"] / times["prefetch"], 1),
    ]


if __name__ == "__main__":
    prove(main)
