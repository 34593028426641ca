"""CPU time of indexing and searching plain English beside an earlier version of the source, in alternating pairs.

    python benchmarks/against_before.py OLD/src NEW/src [--pairs 9] [--pipeline "minilm()" --documents 200]

Each measurement is a process of its own; the ratios new / old of the pairs are printed with their median and the interval
that holds the median of all such pairs with 96 % (of nine pairs: the second lowest to the second highest).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

WORK = """
import gzip, json, sys, tempfile, time
import codomain as cd
from importlib.resources import files
pipe, number = sys.argv[1], int(sys.argv[2])
path = files("codomain") / "data" / "debian" / "corpus.jsonl.gz"
documents = [json.loads(line) for line in gzip.open(str(path), "rt")][:number]
documents = [{"id": d.get("_id") or d.get("id"), "text": d["text"], "title": d.get("title")} for d in documents]
queries = [" ".join(d["text"].split()[3:9]) for d in documents[:: max(1, number // 400)]]
collection = cd.create(tempfile.mkdtemp() + "/c", pipe)
collection.search_many(["warm up"])
collection.add([{"id": "first", "text": "warm up"}])
start = time.process_time()
collection.add(documents)
collection.reindex()
indexing = time.process_time() - start
for query in queries[:20]:
    collection.search(query)
start = time.process_time()
for query in queries:
    collection.search(query)
print(json.dumps({"indexing": indexing, "search": (time.process_time() - start) / len(queries)}))
"""


def measure(source: str, pipeline: str, documents: int) -> dict[str, float]:
    environment = os.environ | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    run = subprocess.run(
        [sys.executable, "-c", WORK, pipeline, str(documents)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(run.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--pipeline", default="fuse(static() >> float16() >> auto(), bm25())")
    parser.add_argument("--documents", type=int, default=10_000)
    options = parser.parse_args()
    ratios: dict[str, list[float]] = {"indexing": [], "search": []}
    for pair in range(options.pairs):
        sources = [options.old, options.new] if pair % 2 == 0 else [options.new, options.old]
        found = {source: measure(source, options.pipeline, options.documents) for source in sources}
        for what, values in ratios.items():
            values.append(found[options.new][what] / found[options.old][what])
        last = {what: (found[options.old][what], found[options.new][what]) for what in ratios}
        print(pair + 1, {what: f"{old:.4g} s -> {new:.4g} s" for what, (old, new) in last.items()}, flush=True)
    for what, values in ratios.items():
        ordered = sorted(values)
        aside = 1 if len(ordered) >= 8 else 0
        low, high = ordered[aside], ordered[-1 - aside]
        print(
            f"{what}: {statistics.median(ordered):.3f} times the CPU time ({low:.3f} to {high:.3f}, {len(ordered)} pairs)"
        )


if __name__ == "__main__":
    main()
