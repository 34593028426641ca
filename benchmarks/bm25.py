"""BM25: what stems are worth on three judged collections, and how fast 63,000 package descriptions index and search.

CODOMAIN_DATA=... python benchmarks/bm25.py
"""

from __future__ import annotations

import gzip
import json
import os
import time
from pathlib import Path

import numpy as np

from codomain.errors import CodomainError, InputError
from codomain.index.bm25 import BM25
from codomain.measure import evaluate


def quality() -> None:
    for name in ("cranfield", "scifact", "npl_vaswani"):
        stems, whole = (evaluate(f"bm25({argument})", name) for argument in ("", "stemmer=None, stop_words='english'"))
        print(f"{name}: nDCG@10 {stems.mean('nDCG@10'):.3f} with stems, {whole.mean('nDCG@10'):.3f} without")


def speed() -> None:
    path = Path(os.environ.get("CODOMAIN_DATA", "")) / "debian_packages" / "packages.jsonl.gz"
    if not path.is_file():
        raise InputError("CODOMAIN_DATA names no folder with debian_packages/packages.jsonl.gz.")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        texts = [f"{d['title']} {d['text']}" for d in map(json.loads, file)]
    start = time.perf_counter()
    index = BM25().build(texts)
    built = time.perf_counter() - start
    times = []
    for text in texts[::300]:
        query = " ".join(text.split()[5:12])
        start = time.perf_counter()
        index.search([query], 10)
        times.append((time.perf_counter() - start) * 1e3)
    print(f"{len(texts)} descriptions: {len(texts) / built:,.0f} indexed a second, {index.nbytes / 1e6:.0f} MB")
    print(f"queries of seven words: median {np.median(times):.2f} ms, 95 % below {np.quantile(times, 0.95):.2f} ms")


if __name__ == "__main__":
    for part in (quality, speed):
        try:
            part()
        except (CodomainError, ImportError) as error:
            print(f"skipped: {error}")
