"""nDCG@10 and CPU time of the default pipeline under filters: fused scores measured with the filter, or without it.

A filter leaves so many percent of the documents, drawn at random by a fixed seed, among them a relevant one. Differences are
paired by query, with the interval of 500 resamples; 16 comparisons are made, so one interval in twenty says nothing.

    python benchmarks/filtered_fusion.py [dataset ...]
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from typing import Any

import numpy as np

import codomain as cd
from codomain.measure.data.datasets import load
from codomain.store.reading import search

SHARES, QUERIES = (1, 5, 20, 50), 150


def ndcg(found: list[str], relevant: set[str]) -> float:
    gain = sum(1 / np.log2(place + 2) for place, id in enumerate(found[:10]) if id in relevant)
    return float(gain / sum(1 / np.log2(place + 2) for place in range(min(10, len(relevant)))))


def compare(name: str) -> None:
    data, draw, run = load(name), random.Random(0), search.run
    group = {id: draw.randrange(100) for id, text in data.documents.items() if str(text).strip()}
    with tempfile.TemporaryDirectory() as folder, cd.create(f"{folder}/c") as c:
        c.add({"id": id, "text": str(data.documents[id]), "metadata": {"g": g}} for id, g in group.items())
        c.reindex()

        def scaled_with_the_filter(*arguments: Any) -> Any:
            return run(*arguments[:6])

        for share in SHARES:
            found: dict[str, list[float]] = {"with": [], "without": []}
            spent = dict.fromkeys(found, 0.0)
            for query in [q for q in data.queries if q in data.qrels][:QUERIES]:
                relevant = {id for id, grade in data.qrels[query].items() if grade > 0 and id in group}
                if not relevant:
                    continue
                allowed = [(group[min(relevant)] + step) % 100 for step in range(share)]
                inside = {id for id in relevant if group[id] in allowed}
                for way in found:
                    search.run = scaled_with_the_filter if way == "with" else run  # type: ignore[assignment]
                    start = time.process_time()
                    hits = c.search(data.queries[query], k=10, where={"g": {"$in": allowed}})
                    spent[way] += time.process_time() - start
                    found[way].append(ndcg([hit.id for hit in hits], inside))
            search.run = run
            change = np.array(found["without"]) - np.array(found["with"])
            means = [
                change[np.random.default_rng(i).integers(len(change), size=len(change))].mean() for i in range(500)
            ]
            low, high = np.percentile(means, [2.5, 97.5])
            print(
                f"{name:12} {share:3} %  with the filter {np.mean(found['with']):.4f}  without {np.mean(found['without']):.4f}  "
                f"difference {change.mean():+.4f} ({low:+.4f} to {high:+.4f})  "
                f"CPU {1e3 * spent['with'] / len(change):.1f} -> {1e3 * spent['without'] / len(change):.1f} ms"
            )


if __name__ == "__main__":
    for dataset in sys.argv[1:] or ("scifact", "cranfield", "npl_vaswani", "cosqa"):
        compare(dataset)
