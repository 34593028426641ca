"""Build time, bytes, recall and latency as a collection grows: 10,000, 100,000 and 1,000,000 vectors of 384 dimensions.

Vectors are descriptions of Debian packages by static() ($CODOMAIN_DATA/debian_packages, else the shipped 10,000); more of
them are made by adding noise along the principal directions of the real ones, and brought back to length one. Queries are
users', recall@10 is against exact float32 search over the same vectors. Every index is built in a process of its own:
`peak` is all that this process held, the float32 vectors that were given to it included (1.5 GB of a million), `memory`
what the index holds once it is saved and opened. One thread for searching, all for building, p50 and p99 of single queries.

    CODOMAIN_DATA=... python benchmarks/scale.py [rows ...] [--only hnsw]
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

INDEXES = [
    "float16() >> flat()",
    "int8() >> flat()",
    "binary() >> flat('hamming')",
    "recurrent_binary(2) >> sdc()",
    "tiered(\"binary() >> flat('hamming')\")",
    "tiered()",
    "ivfpq()",
    "ivf_attr()",
    "int8() >> hnsw()",
    "float16() >> filtered(0.95)",
]
SLOW = ("filtered",)
"""A graph that is measured, too, which takes minutes for a million: only with --only."""


def grown(base: np.ndarray, rows: int) -> np.ndarray:
    """The first rows, and then copies of all with noise along their principal directions."""
    if rows <= len(base):
        return np.ascontiguousarray(base[:rows])
    rng = np.random.default_rng(0)
    centered = base - base.mean(axis=0)
    values, directions = np.linalg.eigh(centered.T @ centered / len(base))
    noise = (directions * np.sqrt(np.maximum(values, 0)) * 0.5).T.astype(np.float32)
    out = np.empty((rows, base.shape[1]), np.float32)
    out[: len(base)] = base
    for start in range(len(base), rows, 20_000):
        stop = min(start + 20_000, rows)
        block = (
            base[rng.integers(len(base), size=stop - start)]
            + rng.standard_normal((stop - start, len(noise)), np.float32) @ noise
        )
        out[start:stop] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return out


def truth(vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The exact tenth score of each query."""
    best = np.full((len(queries), 10), -np.inf, np.float32)
    for start in range(0, len(vectors), 50_000):
        scores = np.concatenate([best, queries @ vectors[start : start + 50_000].T], axis=1)
        best = -np.partition(-scores, 9, axis=1)[:, :10]
    return best.min(axis=1)


def one(expression: str, rows: int, folder: Path) -> dict[str, float]:
    """Build, save, open and search one index; runs in a process of its own."""
    import faiss

    import codomain as cd

    base, queries = np.load(folder / "base.npy"), np.load(folder / "queries.npy")
    vectors = grown(base, rows)
    last = truth(vectors, queries)

    def stages() -> tuple[list, object]:
        *transforms, index = cd.pipeline(expression).stages
        return transforms, index

    transforms, index = stages()
    start = time.perf_counter()
    codes, codec = vectors, None
    for transform in transforms:
        transform.fit(codes[:: max(1, len(codes) // 50_000)])
        codec = transform.codec
        codes = transform.transform(codes) if codec is None else codec.encode(codes)
    index.build(codes, codec)
    built = time.perf_counter() - start
    place = folder / "index"
    index.save(place)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    disk = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    _, fresh = stages()
    fresh.load(place)
    faiss.omp_set_num_threads(1)
    asked = queries
    for transform in transforms:
        asked = transform.transform_queries(asked)
    fresh.search(asked[:1], 10)
    times, good = [], []
    for query, vector, least in zip(asked, queries, last, strict=True):
        start = time.perf_counter()
        hits = fresh.search(query[None], 10)
        times.append(1e3 * (time.perf_counter() - start))
        found = hits.rows[0][hits.rows[0] >= 0]
        good.append((vectors[found] @ vector >= least - 1e-5).sum() / 10)
    return {
        "build_s": built, "disk_mb": disk / 1e6, "memory_mb": fresh.nbytes / 1e6, "peak_mb": peak,
        "recall": float(np.mean(good)), "p50_ms": float(np.median(times)), "p99_ms": float(np.quantile(times, 0.99)),
    }  # fmt: skip


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))))
        return
    sys.path.append(str(Path(__file__).parents[1]))
    import codomain as cd
    from codomain.measure.data import datasets
    from codomain.measure.data.encoded import encoded
    from proofs.lib.packages import packages

    sizes = [int(a) for a in sys.argv[1:] if a.isdigit()] or [10_000, 100_000, 1_000_000]
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else None
    encoder = cd.pipeline("static()").stages[0]
    with tempfile.TemporaryDirectory() as folder:
        texts, *_ = packages()
        np.save(Path(folder) / "base.npy", np.float32(encoded(encoder, texts)))
        queries = list(datasets.load("debian").queries.values())[:200]
        np.save(Path(folder) / "queries.npy", np.float32(encoded(encoder, queries, "queries")))
        print(
            f"{'index':42}{'rows':>11}{'build s':>9}{'disk MB':>9}{'memory MB':>11}{'peak MB':>9}{'recall@10':>11}{'p50 ms':>8}{'p99 ms':>8}"
        )
        for expression in INDEXES:
            for rows in sizes:
                slow = rows > 100_000 and any(name in expression for name in SLOW)
                if (only is None and slow) or (only is not None and only not in expression):
                    continue
                command = [sys.executable, __file__, "--one", expression, str(rows), folder]
                done = subprocess.run(
                    command,
                    capture_output=True,
                    text=True,
                    env=os.environ | {"PYTHONPATH": "", "NUMBA_NUM_THREADS": "1"},
                    check=False,
                )
                subprocess.run(["rm", "-rf", f"{folder}/index"], check=True)
                if done.returncode:
                    print(f"{expression:42}{rows:11,}  failed: {done.stderr.strip().splitlines()[-1]}")
                    continue
                r = json.loads(done.stdout.splitlines()[-1])
                print(
                    f"{expression:42}{rows:11,}{r['build_s']:9.1f}{r['disk_mb']:9.0f}{r['memory_mb']:11.0f}{r['peak_mb']:9.0f}"
                    f"{r['recall']:11.3f}{r['p50_ms']:8.2f}{r['p99_ms']:8.2f}", flush=True,
                )  # fmt: skip


if __name__ == "__main__":
    main()
