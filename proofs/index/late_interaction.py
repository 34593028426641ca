"""A plain single-vector model is a multi-vector model: MaxSim over its frozen token states against its pooled vector.

Papers 189 and 15: "Your Embedding Model is SMARTer Than You Think" (2026), "On the Theoretical Limitations of
Embedding-Based Retrieval" (2025).

Data: LIMIT-small as published, 46 people and what they like, 1,000 questions with two right answers each
($CODOMAIN_DATA/limit); NPL, 11,429 abstracts and 93 questions ($CODOMAIN_DATA/npl_vaswani). The model is
all-MiniLM-L6-v2, untouched. Baseline: its own pooled vectors, searched exactly. Hybrid scores add `anchor` times the
pooled cosine to the mean of the best matches: 1 is the paper's default, nothing is tuned. Every document is scored.

    CODOMAIN_DATA=... python proofs/index/late_interaction.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.index.flat import Flat
from codomain.index.multi import MultiVector
from codomain.measure import Dataset, Evaluation, Run, load, measured
from codomain.measure.data.encoded import encoded
from proofs.lib.claims import Claim, above, at_least, at_most
from proofs.lib.prove import prove

ANCHORS = (0.0, 0.25, 1.0)
METRICS = ["R@2", "R@10", "nDCG@10"]


def answers(data: Dataset) -> dict[str, Evaluation]:
    """What the pooled vectors and each hybrid score find."""
    texts, questions = list(data.documents.values()), list(data.queries.values())
    found = {}

    def note(name: str, hits: cd.Hits) -> None:
        found[name] = measured(Run.from_hits(name, hits, list(data.queries), list(data.documents)), data, METRICS)

    minilm, late = (cd.pipeline(name).stages[0] for name in ("minilm()", "late()"))
    vectors, asked = encoded(minilm, texts), encoded(minilm, questions, "queries")
    note("pooled", Flat().build(vectors).search(asked, 10))
    tokens, asked = encoded(late, texts), encoded(late, questions, "queries")
    for anchor in ANCHORS:
        name = f"late + {anchor:g} pooled" if anchor else "late"
        note(name, MultiVector("exact", anchor=anchor).build(tokens).search(asked, 10))
    print(
        f"\n{data.name}: {len(texts):,} documents of {np.median(tokens.lengths):.0f} tokens, {len(questions):,} queries"
    )
    print(f"{'':20}" + "".join(f"{metric:>10}" for metric in METRICS))
    for name, evaluation in found.items():
        print(f"{name:20}" + "".join(f"{evaluation.mean(metric):>10.3f}" for metric in METRICS))
    return found


def main() -> list[Claim]:
    limit = answers(load("limit-small"))
    npl = answers(load("npl_vaswani"))
    gain = npl["late"].against(npl["pooled"], "nDCG@10")
    print(f"\nNPL, late - pooled, nDCG@10: {gain}")
    equal = limit["late + 1 pooled"].mean("R@2") - limit["late"].mean("R@2")
    return [
        at_most("LIMIT-small: one pooled vector finds of the pairs, R@2", limit["pooled"].mean("R@2"), 0.25),
        at_least("LIMIT-small: its token states find of them, R@2", limit["late"].mean("R@2"), 0.95),
        above("NPL: token states rank better than the pooled vector, nDCG@10, lower end", gain.low, 0),
        at_least("LIMIT-small: equal weights, the paper's default, change R@2", equal, 0),
    ]


if __name__ == "__main__":
    prove(main)
