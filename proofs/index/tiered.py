"""Small codes in memory, full vectors on disk: what is lost, what is held, and what a query reads.

Paper 66, the serving side: "Progressively Optimized Bi-Granular Document Representation for Scalable Embedding Based
Retrieval" (2022). Data: Debian packages ($CODOMAIN_DATA/debian_packages, else the shipped 10,000) by static(), users'
queries, the answer of exact float32 search as the truth. Claims: memory at most 1/12 of float32; recall@10 with 200
candidates at least .98 and far above that of the codes alone. The paper trains codes and vectors for their roles; that is
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
from codomain.measure import datasets
from codomain.measure.encoded import encoded
from codomain.report import recording
from proofs.index.ivf_attr import packages

COARSE = [
    "binary() >> flat('hamming')",
    "binary() >> flat()",
    "pca(64) >> normalize() >> int8() >> flat()",
    "recurrent_binary(2) >> sdc()",
]


def main() -> None:
    texts, *_ = packages()
    encoder = cd.pipeline("static()").stages[0]
    vectors = np.float32(encoded(encoder, texts))
    queries = np.float32(encoded(encoder, list(datasets.load("debian").queries.values())[:300], "queries"))
    exact = Flat().build(vectors).search(queries, 10)
    ok = False
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
                with recording() as report:
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
        ok |= share >= 12 and found[200] >= 0.98 and codes <= found[200] - 0.05
    print("holds" if ok else "does NOT hold", "(memory at most 1/12, recall@10 at least .98 with 200 candidates)")
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
