"""LIMIT: hashed n-grams against BM25 and a dense encoder, on 50,000 sentences made for single vectors to fail.

Papers 107 and 15: "Beyond the Geometric Curse: High-Dimensional N-Gram Hashing for Dense Retrieval" (2025), "On the
Theoretical Limitations of Embedding-Based Retrieval" (2025).

Data: the 1,000 queries and judgments as published ($CODOMAIN_DATA/limit; its distractors are rebuilt, so figures are
not those of the papers), and a set of the same size that codomain makes (`make_limit`). Baselines: bm25() with and
without stems and bm25s (no stems); static() for what one vector can do. The n-grams are given as in the paper, with
punctuation stripped (the default here), and with the idf of the collection on the side of the query. Nothing is fitted.

    CODOMAIN_DATA=... python proofs/encode/ngram_hashing.py
"""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure import Dataset, Run, load, measured
from codomain.measure.build.limit_dataset import make_limit
from proofs.lib.claims import Claim, above, at_least, at_most, below
from proofs.lib.prove import prove

K = 100
METRICS = ["R@2", "R@10", "R@100"]
PAPER = "strip_punctuation=False"
ROWS = {
    "n-grams, D=1024": f"ngrams(1024, {PAPER}) >> sparse()",
    "n-grams, D=4096": f"ngrams(4096, {PAPER}) >> sparse()",
    "n-grams, D=32768, as in the paper": f"ngrams({PAPER}) >> sparse()",
    "n-grams, punctuation stripped": "ngrams() >> sparse()",
    "n-grams, query-side idf": f"ngrams({PAPER}) >> sparse(weighting='idf')",
    "n-grams, stripped, query-side idf": "ngrams() >> sparse(weighting='idf')",
    "bm25(), stems": "bm25()",
    "bm25(stemmer=None)": "bm25(stemmer=None, stop_words='english')",
    "static(), one vector": "static() >> flat()",
}


def found(expression: str, data: Dataset) -> dict[str, float]:
    names = list(data.documents)
    retriever = cd.Retriever(expression).index(list(data.documents.values()))
    hits = retriever.search(list(data.queries.values()), K)
    return measured(Run.from_hits(expression, hits, list(data.queries), names), data, METRICS).means


def peer(data: Dataset) -> dict[str, float]:
    """bm25s with its own tokenizer and English stop words, its defaults otherwise."""
    import bm25s

    names = list(data.documents)
    index = bm25s.BM25()
    index.index(bm25s.tokenize(list(data.documents.values()), stopwords="en", show_progress=False), show_progress=False)
    asked = bm25s.tokenize(list(data.queries.values()), stopwords="en", show_progress=False)
    rows, scores = index.retrieve(asked, k=K, show_progress=False)
    hits = cd.arrays.Hits(rows.astype(np.int64), scores.astype(np.float32))
    return measured(Run.from_hits("bm25s", hits, list(data.queries), names), data, METRICS).means


def main() -> list[Claim]:
    tables = []
    for data in (load("limit"), make_limit()):
        print(f"\n{data.name}: {len(data.documents):,} documents, {len(data.queries):,} queries")
        print(f"{'':36}" + "".join(f"{metric:>8}" for metric in METRICS))
        table = {}
        for name, run in [*ROWS.items(), ("bm25s", None)]:
            table[name] = peer(data) if run is None else found(run, data)
            print(f"{name:36}" + "".join(f"{table[name][metric]:8.3f}" for metric in METRICS), flush=True)
        tables.append(table)

    print()
    published, made = tables
    plain, stripped = "n-grams, D=32768, as in the paper", "n-grams, punctuation stripped"
    idf = "n-grams, stripped, query-side idf"
    widths = ("n-grams, D=1024", "n-grams, D=4096", plain)
    steps = [t[b]["R@100"] - t[a]["R@100"] for t in tables for a, b in pairwise(widths)]
    one = max(t["static(), one vector"]["R@100"] for t in tables)

    def gain(table: dict[str, dict[str, float]], better: str, worse: str, metric: str) -> float:
        return table[better][metric] - table[worse][metric]

    return [
        at_most("n-grams as in the paper beside its R@100 of .939", abs(published[plain]["R@100"] - 0.939), 0.01),
        above("n-grams with punctuation stripped, R@100", published[stripped]["R@100"], 0.939),
        above("R@100 grows with the dimensions, least step on both sets", min(steps), 0),
        at_least("the query's idf adds to R@2 on the published set", gain(published, idf, stripped, "R@2"), 0.04),
        above("the query's idf adds to R@2 on the set made here", gain(made, idf, stripped, "R@2"), 0),
        above("n-grams above BM25 with stems, R@100", gain(published, stripped, "bm25(), stems", "R@100"), 0),
        above(
            "bm25s, without stems, above all of them, against paper 107, R@100",
            gain(published, "bm25s", idf, "R@100"),
            0,
        ),
        below("one dense vector fails, R@100 of static(), larger of two sets", one, 0.25),
    ]


if __name__ == "__main__":
    prove(main)
