"""Embed the corpus, or only what BM25 finds? Quality and bill of re-ranking by cosine, against full dense and hybrid search.

Paper 47: "Evaluating Embedding APIs for Information Retrieval" (2023): with a metered API, re-ranking what BM25 finds is the
budget choice for English, and the best.

Data: Cranfield (225 queries, 1,400 documents) and SciFact (300, 5,183), $CODOMAIN_DATA; nDCG@10. Encoder minilm() in the place
of an API. The price is 0.02 dollars for a million tokens; shares of the bill do not depend on it. Documents are paid for once.

Claimed (the specification's, measured there with another BM25): (a) re-ranking by cosine alone is better at depth 20 than at
100, as depth lets in what the words had kept out; (b) at depth 50, mixed half and half with the BM25 score, it is within .012
of full hybrid search. Both on both sets. And the paper's own: re-ranking beats searching the whole corpus by its vectors. Printed is what the paper
leaves out: how much of the corpus the queries touch.

    CODOMAIN_DATA=... python proofs/measure/pay_for_embeddings.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.arrays import Hits, unit_rows
from codomain.encode.text.transformer import minilm_folder
from codomain.index.bm25 import BM25
from codomain.measure import compare, load, per_query
from codomain.measure.cost import CostModel, break_even, rerank_by_cosine
from codomain.measure.data.datasets import Dataset
from codomain.measure.data.encoded import encoded
from codomain.measure.data.runs import Run
from proofs.lib.claims import Claim, above, at_least
from proofs.lib.prove import prove

DEPTHS = (20, 50, 100)
PRICE = CostModel(usd_per_mtok=0.02)


def tokens(texts: list[str]) -> list[int]:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f"{minilm_folder('minilm()')}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [len(found.ids) for found in tokenizer.encode_batch(texts)]


def measure(data: Dataset, name: str, hits: Hits) -> dict[str, float]:
    ids = [*data.documents]
    found = {
        query: [(ids[row], float(score)) for row, score in zip(rows[:10], scores[:10], strict=True) if row >= 0]
        for query, rows, scores in zip(data.queries, hits.rows, hits.scores, strict=True)
    }
    return per_query(Run(name, found), data.qrels, ["nDCG@10"])["nDCG@10"]


def trial(data: Dataset) -> dict[str, dict[str, float]]:
    texts, asked = [*data.documents.values()], [*data.queries.values()]
    encoder = cd.pipeline("minilm()").stages[0]
    X, Q = np.float32(encoded(encoder, texts)), np.float32(encoded(encoder, asked, "queries"))
    n, all_rows = len(texts), np.tile(np.arange(len(texts)), (len(asked), 1))
    lexical = BM25().build(texts).search(asked, n)
    words = np.zeros((len(asked), n), np.float32)
    for scores, rows, values in zip(words, lexical.rows, lexical.scores, strict=True):
        scores[rows[rows >= 0]] = values[rows >= 0]
    found = {
        "BM25": measure(data, "bm25", lexical),
        "full dense": measure(data, "dense", nearest(Q, X)),
        "full hybrid, half and half": measure(
            data, "hybrid", rerank_by_cosine(Hits(all_rows, words), Q, X, 10, mix=0.5)
        ),
    }
    documents, queries = tokens(texts), tokens(asked)
    print(
        f"{data.name}: {len(asked)} queries, {n:,} documents, {sum(documents):,} tokens, {PRICE.usd(sum(documents)):.4f} dollars"
    )
    for name, values in found.items():
        print(f"  {name:32}{np.mean([*values.values()]):.3f}")
    for depth in DEPTHS:
        top = Hits(lexical.rows[:, :depth], lexical.scores[:, :depth])
        for mix, label in ((1.0, f"BM25 top {depth}, by cosine"), (0.5, f"BM25 top {depth}, half and half")):
            found[label] = measure(data, label, rerank_by_cosine(top, Q, X, 10, mix))
        bill = break_even(top.rows, documents, queries, PRICE, share=0.9)
        cosine, mixed = (
            np.mean([*found[f"BM25 top {depth}, {how}"].values()]) for how in ("by cosine", "half and half")
        )
        reached = f"after {bill.queries} queries" if bill.queries else "never"
        print(f"  BM25 top {depth:3}: by cosine {cosine:.3f}, half and half {mixed:.3f}; {bill.touched[-1]:,} documents touched "
              f"({bill.touched[-1] / n:.0%}), {bill.usd_rerank[-1] / bill.usd_full[-1]:.0%} of the full bill, nine tenths {reached}",
              flush=True)  # fmt: skip
    return found


def nearest(Q: np.ndarray, X: np.ndarray) -> Hits:
    cosines = unit_rows(Q) @ unit_rows(X).T
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :10]
    return Hits(order, np.take_along_axis(cosines, order, axis=1))


def main() -> list[Claim]:
    claims: list[Claim] = []
    for name in ("cranfield", "scifact"):
        found = trial(load(name))
        deeper = compare(found["BM25 top 100, by cosine"], found["BM25 top 20, by cosine"])
        mixed = compare(found["full hybrid, half and half"], found["BM25 top 50, half and half"])
        best = compare(found["full dense"], found["BM25 top 100, by cosine"])
        print(
            f"  top 20 minus top 100 {deeper}; half and half at 50 minus full hybrid {mixed}; re-ranking minus full dense {best}"
        )
        claims += [
            above(f"{name}: by cosine, top 20 beats top 100, nDCG@10", deeper.difference, 0),
            at_least(f"{name}: half and half at 50 beside full hybrid, nDCG@10", mixed.difference, -0.012),
            above(
                f"{name}: the paper's, re-ranking BM25's top 100 beats full dense search, nDCG@10", best.difference, 0
            ),
        ]
    return claims


if __name__ == "__main__":
    prove(main)
