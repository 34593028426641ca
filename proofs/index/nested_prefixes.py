"""Few vectors for many documents, more for fewer: steps over nested prefixes against comparing everything.

Paper 58 (its retrieval): "MetaEmbed: Scaling Multimodal Retrieval at Test-Time with Flexible Late Interaction" (2025).

Data: LIMIT-small ($CODOMAIN_DATA/limit), descriptions of 3,000 Debian packages with 300 summaries as queries (shipped),
NPL ($CODOMAIN_DATA/npl_vaswani), as token states of all-MiniLM-L6-v2. No model with trained meta tokens is at hand: the
order is made by covering (the mean first, then always the token least like those before). Wanted: the ten documents
that MaxSim over all tokens puts first; each budget (query vectors, document vectors) is how many of them are found when
every document is compared at that budget. Baseline of the steps: the largest budget for every document. The paper's steps
are tried as they are, and without the one in the middle. Only NPL is large enough for a step that keeps 1,000.

The paper trains its order. That a prefix of more vectors finds more is its claim for trained vectors; of untrained ones it
is asked, too, to a hundredth. The work of a search is what it reads of the vectors on disk, as counted while it runs.

    CODOMAIN_DATA=... python proofs/index/nested_prefixes.py
"""

from __future__ import annotations

import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.index.multi import Cascade, MultiVector
from codomain.index.multi.candidate_selection import recall_at
from codomain.measure import load
from codomain.measure.data.encoded import encoded
from codomain.trace import collect
from proofs.lib.claims import Claim, at_least, at_most
from proofs.lib.prove import prove

BUDGETS = ((1, 1), (2, 4), (4, 8), (8, 16), (16, 64))
STEPS = {
    "the paper's steps": ((1, 1, 1000), (4, 8, 100), (16, 64, 10)),
    "without the middle": ((1, 1, 1000), (16, 64, 10)),
}


def overlap(found, best) -> float:
    return recall_at(list(found.rows), list(best.rows), [10])[10]


def measure(name: str, documents: int | None, queries: int | None) -> list[Claim]:
    data, late = load(name), cd.pipeline("late()").stages[0]
    held = encoded(late, list(data.documents.values())[:documents])
    asked = encoded(late, list(data.queries.values())[:queries], "queries")
    best = MultiVector("exact").build(held).search(asked, 10)
    recalls, read, found, work = [], [], {}, {}
    n = len(held.lengths)
    for r_q, r_c in BUDGETS:
        stored = tuple(((1, 1, 10), (r_q, r_c, 10))[: 1 if r_c == 1 else 2])
        index = Cascade(stored).build(held)
        recalls.append(overlap(index.search_exactly(asked, 10, (r_q, r_c)), best))
    with tempfile.TemporaryDirectory() as folder:
        for label, steps in STEPS.items():
            Cascade(steps, store="disk").build(held).save(Path(folder) / label)
            index = Cascade(steps, store="disk").load(Path(folder) / label)
            with collect() as report:
                found[label] = overlap(index.search(asked, 10), best)
            work[label] = report.bytes_read / len(asked.lengths)
        index = Cascade(STEPS["the paper's steps"], store="disk").load(Path(folder) / "the paper's steps")
        for cut in ((1, 1), (4, 8), (16, 64)):  # what one budget for every document reads
            with collect() as report:
                index.search_exactly(asked.take(np.arange(1)), 10, cut)
            read.append(report.bytes_read)
    print(
        f"\n{name}: {n:,} documents of {np.median(held.lengths):.0f} tokens, {len(asked.lengths)} queries; recall of MaxSim's ten"
    )
    print("  budgets: " + ", ".join(f"{budget} {recall:.3f}" for budget, recall in zip(BUDGETS, recalls, strict=True)))
    for label, recall in found.items():
        print(f"  {label} {STEPS[label]}: {recall:.3f}, {work[label] / read[-1]:.1%} of what (16, 64) reads for all")
    print(
        f"  bytes read for every document at r_c = 1, 8, 64: {', '.join(f'{b / 1e6:.1f} MB' for b in read)} (the first is in memory)"
    )
    apart = np.abs(np.array(read[1:]) / n / 768 / [7, 63] - 1).max()
    claims = [
        at_most(f"{name}: bytes read for all grow as r_c does, relative error", apart, 0.01),
        at_least(
            f"{name}: more untrained vectors find more, least step", min(b - a for a, b in pairwise(recalls)), -0.01
        ),
    ]
    if n > 5000:
        two, three = found["without the middle"], found["the paper's steps"]
        share = work["without the middle"] / read[-1]
        claims += [
            at_least(f"{name}: two steps beside the largest budget for all", two - recalls[-1], -0.01),
            at_least(f"{name}: the paper's three steps beside the largest budget for all", three - recalls[-1], -0.01),
            at_most(f"{name}: two steps read of what the largest budget reads for all", share, 0.25),
        ]
    return claims


def main() -> list[Claim]:
    sets = (("limit-small", None, 300), ("debian", 3000, 300), ("npl_vaswani", None, None))
    return [claim for name, documents, queries in sets for claim in measure(name, documents, queries)]


if __name__ == "__main__":
    prove(main)
