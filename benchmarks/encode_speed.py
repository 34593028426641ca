"""Texts a second: static() beside model2vec on the same texts and the same machine, in turns A B A B in one run.

    CODOMAIN_DATA=/folder python benchmarks/encode_speed.py

Documents are Debian package descriptions. The peer is a model2vec distillation of the same teacher in float32, not truncated, at its best
of one process and its own multiprocessing; single queries are timed one call at a time.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from codomain.encode import MiniLMEncoder, StaticEncoder
from codomain.errors import CodomainError, InputError

ROUNDS = 5


def documents() -> list[str]:
    path = Path(os.environ.get("CODOMAIN_DATA", "")) / "debian_packages" / "packages.jsonl.gz"
    if not path.is_file():
        raise InputError("CODOMAIN_DATA names no folder with debian_packages/packages.jsonl.gz.")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [f"{row['title']} {row['text']}" for row in rows[:20_000]]


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternate(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """The median time of each work over rounds in which they take turns, after one round that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(ROUNDS + 1):
        for name, work in works.items():
            spent = seconds(work)
            if turn:
                times[name].append(spent)
    return {name: float(np.median(values)) for name, values in times.items()}


def load_seconds(program: str) -> float:
    """Seconds that a fresh process spends between its start and the first query's vector, imports left out."""
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in range(5)
    ]
    return float(np.median([float(run.stdout) for run in runs]))


def main() -> None:
    from model2vec.distill import distill

    texts = documents()
    queries = [" ".join(text.split()[:6]) for text in texts[:2000]]
    ours = StaticEncoder()
    theirs = distill(MiniLMEncoder()._source(), pca_dims=384, device="cpu", quantize_to="float32")
    with tempfile.TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        load = "import time; {imports}\nt = time.perf_counter(); {work}; print(time.perf_counter() - t)"
        our_load = load_seconds(
            load.format(
                imports="import numpy; from codomain.encode import StaticEncoder",
                work="StaticEncoder().encode_queries(['renew my licence'])",
            )
        )
        their_load = load_seconds(
            load.format(
                imports="from model2vec import StaticModel",
                work=f"StaticModel.from_pretrained({folder!r}).encode(['renew my licence'])",
            )
        )
    bulk = alternate(
        {
            "static()": lambda: ours.encode_documents(texts),
            "model2vec": lambda: theirs.encode(texts, max_length=None, use_multiprocessing=False),
            "model2vec, processes": lambda: theirs.encode(texts, max_length=None, multiprocessing_threshold=1000),
        }
    )
    single = alternate(
        {
            "static()": lambda: [ours.encode_queries([query]) for query in queries],
            "model2vec": lambda: [theirs.encode([query]) for query in queries],
        }
    )
    for name, spent in bulk.items():
        print(f"{name:22}{len(texts) / spent:12,.0f} documents a second")
    best = min(spent for name, spent in bulk.items() if name != "static()")
    print(f"{'ratio':22}{best / bulk['static()']:12.2f}")
    for name, spent in single.items():
        print(f"{name:22}{1e3 * spent / len(queries):12.3f} ms a query")
    print(f"{'ratio':22}{single['model2vec'] / single['static()']:12.2f}")
    print(f"{'load and first query':22}{1e3 * our_load:9.0f} ms against {1e3 * their_load:.0f} ms")


if __name__ == "__main__":
    try:
        main()
    except (CodomainError, ImportError) as error:
        print(f"skipped: {error}")
