"""Exact search side by side: flat() against a bare matrix product, and against LanceDB without an index.

One run, one table of 100,000 x 384 float32, one query at a time, the three taking turns (A B C A B C ...). Vectors are
random and of length one: an exact scan does the same work whatever they hold. Targets: at most 1.3 times the bare product,
at least ten times faster than LanceDB, filtered searches no slower than unfiltered, codes at most 1.5 times float32.

    python benchmarks/flat_speed.py [rows]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from codomain.index.flat import Flat
from codomain.transform import OPQ, PQ, Binary, Float8, Float16, Int2, Int4, Int8, QuantileBins

DIM, K, TURNS = 384, 10, 11


def milliseconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def in_turns(runs: dict[str, Callable[[], object]]) -> dict[str, np.ndarray]:
    """Milliseconds of each in every turn; they take turns so that a busy machine is busy for all."""
    for run in runs.values():
        run()
    turns = [[milliseconds(run) for run in runs.values()] for _ in range(TURNS)]
    return dict(zip(runs, np.transpose(turns), strict=True))


def ratio(times: dict[str, np.ndarray], slow: str, fast: str) -> float:
    """The median over the turns of how much longer one took than the other."""
    return float(np.median(times[slow] / times[fast]))


def bare(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    scores = vectors @ query
    best = np.argpartition(scores, -K)[-K:]
    return best[np.argsort(-scores[best])]


def lance(vectors: np.ndarray, folder: str) -> Callable[[np.ndarray], object]:
    import lancedb
    import pyarrow as pa

    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
    table = lancedb.connect(folder).create_table("flat", pa.table({"row": np.arange(len(vectors)), "vector": column}))
    return lambda query: table.search(query).distance_type("dot").limit(K).select(["row", "_distance"]).to_arrow()


def filtered(name: str, index: Flat, query: np.ndarray, masks: dict[str, np.ndarray]) -> None:
    """Print what a filter costs: filtered and unfiltered searches in pairs, by the clock and by processor time."""
    ratios = []
    for share, mask in masks.items():
        pairs = []
        for _ in range(4 * TURNS):
            marks = [(time.perf_counter(), time.process_time())]
            for allow in (None, mask):
                index.search(query, K, allow)
                marks.append((time.perf_counter(), time.process_time()))
            pairs.append(np.diff(np.array(marks), axis=0))
        unfiltered, with_filter = np.moveaxis(np.array(pairs), 1, 0)
        clock, processor = np.median(with_filter / unfiltered, axis=0)
        ratios.append(f"{share} allowed {clock:.2f} (processor {processor:.2f})")
    print(f"{name}, filtered as a ratio of unfiltered: " + ", ".join(ratios))


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((rows, DIM), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    query = vectors[:1] + 0.1 * vectors[1:2]
    index = Flat().build(vectors)

    with tempfile.TemporaryDirectory() as folder:
        ask = lance(vectors, folder)
        assert index.search(query, K).rows[0].tolist() == ask(query[0])["row"].to_pylist()
        times = in_turns(
            {
                "bare": lambda: bare(vectors, query[0]),
                "flat": lambda: index.search(query, K),
                "lance": lambda: ask(query[0]),
            }
        )
    print(f"{rows} x {DIM} float32, k={K}, medians of {TURNS} turns")
    for name, label in (("bare", "X @ q and argpartition"), ("flat", "flat()"), ("lance", "LanceDB, no index")):
        print(f"  {label:24}{np.median(times[name]):8.2f} ms (fastest {times[name].min():.2f})")
    print(
        f"  flat takes {ratio(times, 'flat', 'bare'):.2f} x the bare product; LanceDB {ratio(times, 'lance', 'flat'):.1f} x flat"
    )

    indexes = {"float32": index}
    quantizers = (
        Float16(), Float8(), Int8(), Int4(), Int2(), QuantileBins(4), QuantileBins(2), PQ(DIM // 4), OPQ(DIM // 4, rounds=1), Binary(),
    )  # fmt: skip
    for quantizer in quantizers:
        quantizer.fit(vectors[:2000])
        indexes[str(quantizer)] = Flat().build(quantizer.encode(vectors), quantizer.codec)
    for name in ("float32", "float16()"):
        filtered(name, indexes[name], query, {f"{x:.0%}": rng.random(rows) < x for x in (0.9, 0.5, 0.2, 0.1, 0.01)})
    for queries, label in ((query, "one query"), (vectors[:64], "64 queries at once, for each")):
        times = in_turns({name: (lambda i=i, q=queries: i.search(q, K)) for name, i in indexes.items()})
        print(f"{label}: milliseconds, and as a ratio of float32")
        for name, ms in times.items():
            print(f"  {name:24}{np.median(ms) / len(queries):8.2f}{ratio(times, name, 'float32'):8.2f}")


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        print(f"skipped: {error}")
