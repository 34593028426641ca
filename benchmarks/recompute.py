"""What storing no vectors costs: recompute(), with and without its graph, beside indexes that keep them.

One run over the shipped Debian descriptions, static() encoding, so that it needs no model; one query at a time, indexes
taking turns (A B C A B C ...), nothing remembered between queries. The peers keep float32 vectors: FAISS's HNSW through
hnsw(), and flat(). A row made anew costs what the encoder costs: with static() some 50 microseconds, with a transformer on one
core five to ten milliseconds (`proofs/index/recompute.py` measures that end to end).

    python benchmarks/recompute.py [queries]
"""

from __future__ import annotations

import sys
import time

import numpy as np

import codomain as cd
from codomain.errors import CodomainError
from codomain.index.recompute import Recompute
from codomain.measure import load
from codomain.registry import stage_class
from codomain.trace import collect

K = 10


class Texts:
    """Encodes rows again."""

    def __init__(self, texts: list[str]) -> None:
        self._texts, self.encoder = texts, cd.pipeline("static()").stages[0]

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """Vectors of rows."""
        return self.encoder.encode_documents([self._texts[row] for row in rows])


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    data = load("debian")
    owner = Texts(list(data.documents.values()))
    vectors = owner.encode(np.arange(len(data.documents)))
    queries = owner.encoder.encode_queries(list(data.queries.values())[:count])
    exact = stage_class("flat")().build(vectors).search(queries, K).rows
    indexes = {
        "flat()": stage_class("flat")(),
        "hnsw()": stage_class("hnsw")(),
        "recompute(m=8)": Recompute(8, remember=0),
        "recompute(cache=.1)": Recompute(remember=0, cache=0.1),
        "recompute()": Recompute(remember=0),
    }
    for index in indexes.values():
        index.build(vectors)
        if hasattr(index, "attach"):
            index.attach(owner)
        index.search(queries[:1], K)
    milliseconds = {name: [] for name in indexes}
    hits = {name: [] for name in indexes}
    recomputed = dict.fromkeys(indexes, 0)
    for query in queries:
        for name, index in indexes.items():
            with collect() as report:
                started = time.perf_counter()
                hits[name].append(index.search(query[None], K).rows[0])
                milliseconds[name].append((time.perf_counter() - started) * 1e3)
            recomputed[name] += report.recomputed
    flat = np.array(milliseconds["flat()"])
    print(f"{len(vectors)} descriptions x {vectors.shape[1]}, {len(queries)} queries, k={K}, medians")
    print(f"{'':22}{'bytes a row':>12}{'recall@10':>11}{'ms':>8}{'x flat':>8}{'recomputed':>12}")
    for name, index in indexes.items():
        recall = (np.array(hits[name])[:, :, None] == exact[:, None]).any(axis=1).mean()
        ms = np.array(milliseconds[name])
        print(
            f"{name:22}{index.nbytes / len(vectors):12.0f}{recall:11.3f}{np.median(ms):8.2f}{np.median(ms / flat):8.1f}"
            f"{recomputed[name] / len(queries):12.0f}"
        )


if __name__ == "__main__":
    try:
        main()
    except (CodomainError, ImportError) as error:
        print(f"skipped: {error}")
