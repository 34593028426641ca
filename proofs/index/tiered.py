"""Small codes in memory, full vectors on disk: what is lost, what is held, and what a query reads.

Paper 66, the serving side: "Progressively Optimized Bi-Granular Document Representation for Scalable Embedding Based
Retrieval" (2022). Data: 63,436 Debian packages ($CODOMAIN_DATA/debian_packages) by static(), users' queries, the answer of exact
float32 search as the truth. Claims, of sign bits and of two bits a dimension each: memory at most 1/12 of float32; recall@10
with 200 candidates at least .98, and .05 above that of the codes alone. The paper trains codes and vectors for their roles; that is
not done here, the codes are learnt without labels, so its accuracy gains are not claimed.

    CODOMAIN_DATA=... python proofs/index/tiered.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.index.diagnostics import recall
from codomain.index.flat import Flat
from codomain.index.tiered import Tiered
from codomain.measure.data import datasets
from codomain.measure.data.encoded import encoded
from codomain.trace import collect
from proofs.lib.claims import Claim, at_least
from proofs.lib.packages import packages
from proofs.lib.prove import prove

COARSE = [
    "binary() >> flat('hamming')",
    "binary() >> flat()",
    "pca(64) >> normalize() >> int8() >> flat()",
    "recurrent_binary(2) >> sdc()",
]
CLAIMED = ("binary() >> flat()", "recurrent_binary(2) >> sdc()")


def main() -> list[Claim]:
    texts = packages().texts
    encoder = cd.pipeline("static()").stages[0]
    vectors = np.float32(encoded(encoder, texts))
    queries = np.float32(encoded(encoder, list(datasets.load("debian").queries.values())[:300], "queries"))
    exact = Flat().build(vectors).search(queries, 10)
    claims: list[Claim] = []
    print(f"{len(vectors):,} x {vectors.shape[1]}, float32 {vectors.nbytes / 1e6:.0f} MB")
    print(
        f"{'coarse':46}{'memory':>10}{'codes alone':>13}{'recall@10 at 50':>17}{'200':>8}{'1,000 candidates':>18}{'kB read':>9}"
    )
    for coarse in COARSE:
        with tempfile.TemporaryDirectory() as folder:
            Tiered(coarse, dtype="float32").build(vectors).save(Path(folder))
            found, read, held = {}, 0.0, 0
            for candidates in (50, 200, 1000):
                index = Tiered(coarse, candidates, dtype="float32").load(Path(folder))
                with collect() as report:
                    found[candidates] = recall(lambda q, index=index: index.search(q, 10), queries, exact).mean
                held = index.nbytes
                read = report.bytes_read / len(queries) / 1e3 if candidates == 200 else read
            alone = Tiered(coarse, 10, dtype="float32").load(Path(folder))
            codes = recall(lambda q, index=alone: index.search(q, 10), queries, exact).mean
        share = vectors.nbytes / held
        print(
            f"{coarse:46}{f'1/{share:.0f}':>10}{codes:13.3f}{found[50]:17.3f}{found[200]:8.3f}{found[1000]:18.3f}{read:9.0f}",
            flush=True,
        )
        if coarse in CLAIMED:
            claims += [
                at_least(f"{coarse}: float32 takes times the memory", share, 12),
                at_least(f"{coarse}: recall@10 with 200 candidates", found[200], 0.98),
                at_least(f"{coarse}: recall@10 above that of the codes alone", found[200] - codes, 0.05),
            ]
    return claims


if __name__ == "__main__":
    prove(main)
