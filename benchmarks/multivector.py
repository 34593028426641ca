"""Late interaction side by side: multivector() in memory and on disk against MaxSim over every document.

One run, NPL and SciFact ($CODOMAIN_DATA), token states of all-MiniLM-L6-v2 from late(), one query at a time, taking turns
(A B C A B C ...). The number of candidates is what the index itself measured on excerpts when it was built; no query was
used. fast-plaid is compared where it is installed with the torch that it was built for. Targets: at least .99 of the
nDCG@10 of scoring every document in at most a tenth of its time; on disk at most twice the time of memory with at most a
fifth of it.

    CODOMAIN_DATA=... python benchmarks/multivector.py [data set ...]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import codomain as cd
from codomain.arrays import Hits, Ragged
from codomain.errors import CodomainError
from codomain.index.multi import MultiVector
from codomain.measure import Dataset, Run, load, measured
from codomain.measure.data.encoded import encoded

K, TIMED, TURNS = 10, 15, 3

Search = Callable[[Ragged], Hits]


def in_turns(searches: dict[str, Search], queries: list[Ragged]) -> dict[str, np.ndarray]:
    """Milliseconds (turns, queries) of each; they take turns so that a busy machine is busy for all."""
    times: dict[str, list[float]] = {name: [] for name in searches}
    for _ in range(TURNS):
        for query in queries:
            for name, search in searches.items():
                start = time.perf_counter()
                search(query)
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: np.array(each) for name, each in times.items()}


def ndcg(data: Dataset, hits: Hits) -> float:
    run = Run.from_hits("run", hits, list(data.queries), list(data.documents))
    return measured(run, data, ["nDCG@10"]).mean("nDCG@10")


def fast_plaid(documents: Ragged, folder: Path) -> tuple[Search, str]:
    """The peer, with its own defaults; raises ImportError where it is missing or was built for another torch."""
    from importlib.metadata import requires, version

    needed = next((line for line in requires("fast-plaid") or [] if line.startswith("torch==")), "torch==any")
    if needed.removeprefix("torch==") not in (version("torch").split("+")[0], "any"):
        raise ImportError(f"it needs {needed}, installed is {version('torch')}")
    import torch
    from fast_plaid import search

    peer = search.FastPlaid(index=str(folder), device="cpu")
    peer.create(
        documents_embeddings=[torch.tensor(np.float32(d)) for d in np.split(documents.values, documents.offsets[1:-1])]
    )

    def ask(queries: Ragged) -> Hits:
        found = [
            peer.search(torch.tensor(q)[None], top_k=K)[0] for q in np.split(queries.values, queries.offsets[1:-1])
        ]
        return Hits.from_lists([[row for row, _ in one] for one in found], [[s for _, s in one] for one in found], K)

    return ask, f"fast-plaid {version('fast-plaid')}"


def compare(name: str) -> None:
    data, late = load(name), cd.pipeline("late()").stages[0]
    documents = encoded(late, list(data.documents.values()))
    queries = encoded(late, list(data.queries.values()), "queries")
    full = MultiVector("exact", dtype="float32").build(documents)  # widening halves for every query would slow it down
    started = time.perf_counter()
    ram = MultiVector().build(documents)
    built = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        disk = MultiVector(store="disk").build(documents)
        disk.save(Path(folder) / "disk")
        searches: dict[str, Search] = {
            "every document, float32": lambda asked: full.search(asked, K),
            "multivector()": lambda asked: ram.search(asked, K),
            "multivector(store='disk')": lambda asked: disk.search(asked, K),
        }
        try:
            search, label = fast_plaid(documents, Path(folder) / "plaid")
            searches[label] = search
        except ImportError as error:
            print(f"fast-plaid is left out: {error}")
        quality = {label: ndcg(data, search(queries)) for label, search in searches.items()}
        rng = np.random.default_rng(0)
        chosen = rng.choice(len(queries.lengths), TIMED, replace=False)
        times = in_turns(searches, [queries.take(np.array([i])) for i in chosen])
    base = "every document, float32"
    sizes = {base: full.nbytes, "multivector()": ram.nbytes, "multivector(store='disk')": disk.nbytes}
    print(
        f"\n{name}: {len(documents.lengths):,} documents, {len(documents.values):,} vectors, {len(queries.lengths)} queries"
    )
    print(f"  built in {built:.1f} s; candidates: {ram.choice}")
    print(f"  {'':28}{'nDCG@10':>8}{'of full':>9}{'ms':>9}{'of full':>9}{'MB in memory':>14}")
    for label in searches:
        ratio = float(np.median(times[label] / times[base]))
        size = f"{sizes[label] / 1e6:>14.1f}" if label in sizes else ""
        print(
            f"  {label:28}{quality[label]:>8.4f}{quality[label] / quality[base]:>9.4f}"
            f"{np.median(times[label]):>9.1f}{ratio:>9.3f}{size}"
        )
    slower = float(np.median(times["multivector(store='disk')"] / times["multivector()"]))
    print(f"  disk takes {slower:.2f} x the time of memory with {disk.nbytes / ram.nbytes:.1%} of it")


def main() -> None:
    for name in sys.argv[1:] or ("npl_vaswani", "scifact"):
        compare(name)


if __name__ == "__main__":
    try:
        main()
    except (CodomainError, ImportError) as error:
        print(f"skipped: {error}")
