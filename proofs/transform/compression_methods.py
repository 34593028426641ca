"""Fewer bits and fewer dimensions on real vectors: what each transform costs, and four claims about them.

Paper 67: "Optimization of embeddings storage for RAG systems using quantization and dimensionality reduction techniques"
(2025), whose protocol of intervals is that of paper 113, "CoRECT: Evaluating Embedding Compression Techniques at Scale".

Data: verses of the World English Bible are the documents, the same verses in the King James wording the queries
($CODOMAIN_DATA/verses); the right answer is the same verse. Baseline: float32 vectors. Queries are never compressed,
transforms are fitted on documents only. R@1 (Success@1) with its 95 % interval, the overlap of the top ten with those of
float32, and the paired bootstrap interval of the difference in R@1.

    CODOMAIN_DATA=... python proofs/transform/compression_methods.py [encoder] [documents] [queries]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure.data.encoded import encoded
from codomain.measure.space.compression import compare, frontier
from proofs.lib.claims import Claim, above, at_least
from proofs.lib.prove import prove
from proofs.lib.verses import verses

METHODS = [
    "", "float16()", "float8()", "float8('e5m2')", "int8()", "int4()", "bins(4)", "int2()", "bins(2)", "binary()",
    "binary('median')", "binary(center=False)", "pq(96)", "opq(96)", "pq(48)", "opq(48)", ("binary()", "float8()"),
    "truncate(192)", "pca(192) >> normalize()", "pca(192) >> normalize() >> float8()", "pca(192) >> normalize() >> int8()",
    "truncate(64)", "pca(64) >> normalize()", "svd(64) >> normalize()", "kernel_pca(64) >> normalize()",
    "autoencoder(64) >> normalize()", "random_projection(64) >> normalize()", "pca('auto') >> normalize()",
]  # fmt: skip
_VERSES = 6000
"""Encoded once for all proofs that take some of them."""


def vectors(encoder: str, documents: int, queries: int) -> tuple[np.ndarray, np.ndarray]:
    modern, old = verses()
    stage = cd.pipeline(encoder).stages[0]
    found = encoded(stage, modern[: max(documents, _VERSES)])[:documents]
    asked = encoded(stage, old[:queries], "queries")
    return np.float32(found), np.float32(asked)


def main() -> list[Claim]:
    encoder = sys.argv[1] if len(sys.argv) > 1 else "minilm()"
    documents, queries = (int(a) for a in (sys.argv[2:] or ("3000", "1500")))
    found, asked = vectors(encoder, documents, queries)
    right = np.arange(len(asked))
    print(f"{encoder}, {len(found)} documents, {len(asked)} queries")
    table = compare(METHODS, found, asked, right)
    print(table)
    print("\nchange of R@1 against float32, 95 % interval")
    for line in table.lines[1:]:
        print(f"{line.method:40}{table.against('', line.method)}")

    half = len(asked) // 2
    chosen = frontier(found, asked[:half], right[:half], 96).best
    again = compare(["", chosen.method], found, asked[half:], right[half:])
    print(f"\nthe best of at most 96 bytes on the first half of the queries; on the other half:\n{again}")

    r1 = {line.method: line.mean for line in table.lines}
    overlap = {line.method: line.overlap for line in table.lines}
    return [
        at_least("float8 beside float32, R@1", r1["float8()"] - r1[""], -0.003),
        above(
            "int8 keeps more of the ranking than float8, against paper 67: overlap of the top ten",
            overlap["int8()"] - overlap["float8()"],
            0,
        ),
        at_least("centring gains for binary, R@1", r1["binary()"] - r1["binary(center=False)"], 0.01),
        at_least("pca(64) beats truncate(64), R@1", r1["pca(64) >> normalize()"] - r1["truncate(64)"], 0.01),
    ]


if __name__ == "__main__":
    prove(main)
