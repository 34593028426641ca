"""Two stages over stored codes: how much of exact float32 search is kept when coarse codes are made from finer ones.

Verses of the World English Bible by MiniLM, asked in the King James wording ($CODOMAIN_DATA/verses): recall@10 against exact
float32 search, for stored formats searched whole and through `tiered(coarse, candidates, store="ram")`.

    CODOMAIN_DATA=... python benchmarks/tiered_codes.py
"""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import numpy as np

import codomain as cd
from codomain.measure.data.encoded import encoded
from codomain.plan import Branch

STORED = ("", "int8()", "float8()", "int4()")
COARSE = ("binary() >> flat('hamming')", "recurrent_binary(2) >> sdc()")
CANDIDATES = (40, 200)


def search(expression: str, X: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """Rows (q, 10) that `encoder >> expression` finds."""
    branch = Branch(cd.pipeline(f"minilm() >> {expression}").stages)
    if branch.transforms:
        branch.fit(X)
    branch.index.build(branch.for_index(branch.codes(X)), branch.codec)
    return branch.index.search(branch.query_vectors(Q), 10).rows


def main() -> None:
    folder = os.environ.get("CODOMAIN_DATA")
    if not folder:
        print("skipped: CODOMAIN_DATA names no folder.")
        return
    with gzip.open(Path(folder, "verses", "verses.tsv.gz"), "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    (encoder,) = cd.pipeline("minilm()").stages
    X = encoded(encoder, [row["web"] for row in rows[:6000]])
    Q = encoded(encoder, [row["kjv"] for row in rows[:1000]], "queries")
    exact = search("flat()", X, Q)
    for stored in STORED:
        prefix = f"{stored} >> " if stored else ""
        cells = [("flat", f"{prefix}flat()")]
        cells += [(f"{c.split('(')[0]} {n}", f'{prefix}tiered("{c}", {n}, "ram")') for c in COARSE for n in CANDIDATES]
        found = {name: search(expression, X, Q) for name, expression in cells}
        kept = {
            name: np.mean([len({*a} & {*b}) / 10 for a, b in zip(f, exact, strict=True)]) for name, f in found.items()
        }
        print(
            f"{stored or 'float32':<10} " + "  ".join(f"{name} {value:.3f}" for name, value in kept.items()), flush=True
        )


if __name__ == "__main__":
    main()
