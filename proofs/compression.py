"""Fewer bits and fewer dimensions on real vectors: what each transform costs, and four claims about them.

Papers 67, 64 and 113: "Optimization of embeddings storage for RAG systems using quantization and dimensionality reduction
techniques" (2025), "Redundancy, Isotropy, and Intrinsic Dimensionality of Prompt-based Text Embeddings" (2025),
"CoRECT: Evaluating Embedding Compression Techniques at Scale" (2025).

Data: verses of the World English Bible are the documents, the same verses in the King James wording the queries
($CODOMAIN_DATA/verses); the right answer is the same verse. Baseline: float32 vectors. Queries are never compressed,
transforms are fitted on documents only. R@1 and the overlap of the top ten with those of float32, with a paired
bootstrap interval of the difference in R@1.

    CODOMAIN_DATA=... python proofs/compression.py [encoder] [documents] [queries]
"""

from __future__ import annotations

import csv
import gzip
import os
import sys
from pathlib import Path

import numpy as np

import codomain as cd
from codomain.errors import CodomainError, InputError
from codomain.index.flat import Flat

PIPELINES = [
    "float16()", "float8()", "float8('e5m2')", "int8()", "binary()", "binary(center=False)",
    "truncate(192)", "pca(192) >> normalize()", "truncate(64)", "pca(64) >> normalize()", "pca(192) >> normalize() >> float8()",
    "pca(192) >> normalize() >> int8()",
]  # fmt: skip


def vectors(encoder: str, documents: int, queries: int) -> tuple[np.ndarray, np.ndarray]:
    path = Path(os.environ.get("CODOMAIN_DATA", "")) / "verses" / "verses.tsv.gz"
    if not path.is_file():
        raise InputError("CODOMAIN_DATA names no folder with verses/verses.tsv.gz.")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        verses = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:documents]
    stage = cd.pipeline(encoder).stages[0]
    found = stage.encode_documents([v["web"] for v in verses])
    asked = stage.encode_queries([v["kjv"] for v in verses[:queries]])
    return np.float32(found), np.float32(asked)


def compressed(expression: str, documents: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, int]:
    """Rows of the ten best for each query, and the bits of a stored vector."""
    codes, codec = documents, None
    for stage in cd.pipeline(expression):
        stage.fit(documents)
        queries, codec = stage.transform_queries(queries), stage.codec
        codes = stage.encode(documents) if codec else stage.transform(documents)
        documents = stage.transform(documents)
    rows = Flat().build(codes, codec).search(queries, 10).rows
    return rows, codec.bits_per_vector if codec else 32 * documents.shape[1]


def interval(difference: np.ndarray) -> tuple[float, float]:
    """95 % paired bootstrap over queries."""
    rng = np.random.default_rng(0)
    means = [difference[rng.integers(len(difference), size=len(difference))].mean() for _ in range(2000)]
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def main() -> None:
    encoder = sys.argv[1] if len(sys.argv) > 1 else "minilm()"
    documents, queries = (int(a) for a in (sys.argv[2:] or ("3000", "1500")))
    found, asked = vectors(encoder, documents, queries)
    right = np.arange(len(asked))
    exact = Flat().build(found).search(asked, 10).rows
    base = exact[:, 0] == right
    print(f"{encoder}, {len(found)} documents, {len(asked)} queries: float32 R@1 {base.mean():.3f}")
    print(f"{'':40}{'bits':>7}{'R@1':>7}{'95 % of the change':>22}{'overlap@10':>12}")
    recall, overlap = {}, {}
    for expression in PIPELINES:
        rows, bits = compressed(expression, found, asked)
        hit = rows[:, 0] == right
        low, high = interval(hit.astype(float) - base)
        overlap[expression] = np.mean(
            [len({*a} & {*b}) / 10 for a, b in zip(rows.tolist(), exact.tolist(), strict=True)]
        )
        recall[expression] = hit.mean()
        print(
            f"{expression:40}{bits:>7}{hit.mean():>7.3f}{f'{low:+.4f} to {high:+.4f}':>22}{overlap[expression]:>12.3f}"
        )

    claims = {
        "float8 is within 0.003 of float32": recall["float8()"] >= base.mean() - 0.003,
        "int8 keeps more of the ranking than float8 (against the first paper)": overlap["int8()"] > overlap["float8()"],
        "centring gives binary at least 0.01": recall["binary()"] >= recall["binary(center=False)"] + 0.01,
        "pca(64) beats truncate(64) by at least 0.01": recall["pca(64) >> normalize()"]
        >= recall["truncate(64)"] + 0.01,
    }
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'DOES NOT HOLD':14} {claim}")
    sys.exit(0 if all(claims.values()) else 1)


if __name__ == "__main__":
    try:
        main()
    except (CodomainError, ImportError) as error:
        print(f"skipped: {error}")
