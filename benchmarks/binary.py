"""Two-bit codes side by side with one-bit codes of the same size, and with float32: sdc() against FAISS, one thread.

One run, processor time; searches take turns (A B C A B C ...). Vectors are random and of length one: an exact scan does the same work
whatever they hold. `symmetric` is the scan of sdc() alone, its ten nearest by code; `sdc()` adds what a search does
beside it: encoding the query and scoring 40 rows again with the float32 query. Targets: the symmetric scan at most 1.2
times FAISS's IndexBinaryFlat over as many bits, and at most an eighth of IndexFlatIP over the vectors.

    python benchmarks/binary.py [rows]
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

import sys
import time
from collections.abc import Callable

import numpy as np

from codomain.index.sdc import SymmetricDistance
from codomain.transform import RecurrentBinary

K, TURNS = 10, 31


def milliseconds(run: Callable[[], object]) -> float:
    """The second of two runs: the first brings back what the search before it drove out of the cache."""
    run()
    start = time.process_time()
    run()
    return (time.process_time() - start) * 1e3


def in_turns(runs: dict[str, Callable[[], object]], queries: int) -> None:
    """Print the milliseconds of each for a query, and the median over the turns of their ratios."""
    turns = [[milliseconds(run) for run in runs.values()] for _ in range(TURNS)]
    times = dict(zip(runs, np.array(turns).T / queries, strict=True))
    print("    " + ", ".join(f"{name} {np.median(ms):.3f} ms" for name, ms in times.items()))
    for name in ("symmetric", "sdc()"):
        hamming, flat = (np.median(times[name] / times[peer]) for peer in ("IndexBinaryFlat", "IndexFlatIP"))
        print(f"    {name:10}{hamming:6.2f} x IndexBinaryFlat, 1 / {1 / flat:.1f} of IndexFlatIP")


def compare(rows: int, dim: int, rng: np.random.Generator) -> None:
    import faiss

    faiss.omp_set_num_threads(1)
    vectors = rng.standard_normal((rows, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    quantizer = RecurrentBinary().fit(vectors[:5000])
    codes = quantizer.encode(vectors)
    index = SymmetricDistance().build(codes, quantizer.codec)
    hamming, flat = faiss.IndexBinaryFlat(8 * codes.shape[1]), faiss.IndexFlatIP(dim)
    hamming.add(codes)  # any bits will do
    flat.add(vectors)
    for queries, label in ((vectors[:1], "one query"), (vectors[:32], "32 queries at once, for each")):
        bits = codes[: len(queries)]
        print(f"{rows} x {dim}, {2 * dim} bits, {label}")
        in_turns(
            {
                "symmetric": lambda q=queries: index._nearest(q, K, None),
                "sdc()": lambda q=queries: index.search(q, K),
                "IndexBinaryFlat": lambda b=bits: hamming.search(b, K),
                "IndexFlatIP": lambda q=queries: flat.search(q, K),
            },
            len(queries),
        )


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    rng = np.random.default_rng(0)
    for dim in (384, 768):
        compare(rows, dim, rng)


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        print(f"skipped: {error}")
