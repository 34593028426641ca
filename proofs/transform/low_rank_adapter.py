"""A small adapter on top of an encoder that stays as it is: docstrings that look for their function.

Paper 45: "Augmented Embeddings for Custom Retrievals" (2023).

Data: 2,500 pairs of a docstring and its function ($CODOMAIN_DATA/docstrings, the first half of those encoded; the second served
to choose the defaults). The function's own name is replaced by f, as it often repeats the docstring. MiniLM; the adapter
learns from 1,500 pairs with its defaults, once for each of three seeds; 1,000 other docstrings are the queries. All 2,500
functions are the documents, of which it may draw wrong ones. Baseline: the encoder as it is. A paired bootstrap interval of
the change in reciprocal rank.

    CODOMAIN_DATA=... python proofs/transform/low_rank_adapter.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.measure.data.encoded import encoded
from codomain.transform.adapt.low_rank import LowRankAdapter
from proofs.lib.claims import Claim, at_least
from proofs.lib.docstrings import pairs
from proofs.lib.prove import prove

PAIRS, LEARNT = 2500, 1500
SEEDS = (0, 1, 2)


def ranks(queries: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """The rank of the right document, from 1; queries are those that nothing was learnt from."""
    right = np.arange(LEARNT, PAIRS)
    scores = queries @ documents.T
    return 1 + (scores > scores[np.arange(len(queries)), right][:, None]).sum(axis=1)


def line(name: str, found: np.ndarray) -> str:
    return f"{name:24}{(found == 1).mean():>8.3f}{(found <= 5).mean():>8.3f}{(1 / found).mean():>8.3f}"


def main() -> list[Claim]:
    docstrings, functions = pairs(PAIRS)
    encoder = cd.pipeline("minilm()").stages[0]
    Q, D = encoded(encoder, docstrings, "queries"), encoded(encoder, functions)
    base = ranks(Q[LEARNT:], D)
    print(f"{LEARNT:,} pairs learnt, {PAIRS - LEARNT:,} queries, {PAIRS:,} documents")
    print(f"{'':24}{'R@1':>8}{'R@5':>8}{'MRR':>8}{'95 % of the change in MRR':>30}")
    print(line("the encoder as it is", base))
    rng, gains = np.random.default_rng(0), {"both": [], "query": []}
    for side, gained in gains.items():
        for seed in SEEDS:
            adapter = LowRankAdapter(side=side, seed=seed).fit(Q[:LEARNT], D[:LEARNT], corpus=D)
            found = ranks(adapter.transform_queries(Q[LEARNT:]), adapter.transform(D))
            change = 1 / found - 1 / base
            low, high = np.quantile([rng.choice(change, len(change)).mean() for _ in range(2000)], (0.025, 0.975))
            gained.append(float(change.mean()))
            print(
                line(f"{side}, seed {seed}, alpha {adapter.alpha_:g}", found) + f"{f'{low:+.3f} to {high:+.3f}':>30}",
                flush=True,
            )
    return [
        at_least("both sides gain in MRR, mean of the seeds", float(np.mean(gains["both"])), 0.02),
        at_least(
            "no seed and no side is below the encoder as it is, least gain", min(gains["both"] + gains["query"]), 0
        ),
    ]


if __name__ == "__main__":
    prove(main)
