"""Poorly documented items that learn from whether they were right: feedback against the vectors of their descriptions.

Paper 68: "Online-Optimized RAG for Tool Use and Function Calling" (2025).

Data: the 66 books of the Bible are the items ($CODOMAIN_DATA/verses), each described by a single verse. Other verses come as
queries for their book, 4,000 in a stream with feedback and 1,000 held out, encoded by MiniLM. Baseline: the vectors as they
are. "greedy" tells whether the best item was right; "judged" shows five and a judge tries the right one where it is
among them, else the first. "served" is the share of the stream whose best item was right at that moment.

    CODOMAIN_DATA=... python proofs/transform/online_items.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from codomain.transform.adapt.items import OnlineItems
from proofs.lib.books import HELD_OUT, STREAM, drawn, recall, streamed, verses
from proofs.lib.claims import Claim, at_least
from proofs.lib.prove import prove

SEEDS = (0, 1, 2)


def main() -> list[Claim]:
    vectors, books = verses()
    lines: dict[str, list[tuple[float, ...]]] = {"static": [], "greedy": [], "judged": []}
    for seed in SEEDS:
        described, stream, held_out = drawn(books, seed)
        # the baseline is served by what never learns
        right = (vectors[stream] @ vectors[described].T).argmax(axis=1) == books[stream]
        lines["static"].append((*recall(vectors[described], vectors[held_out], books[held_out]), float(right.mean())))
        for judged in (False, True):
            items = OnlineItems().fit(vectors[described])
            served = streamed(items, vectors[stream], books[stream], judged)
            found = recall(items.theta, vectors[held_out], books[held_out])
            lines["judged" if judged else "greedy"].append((*found, served))
    print(
        f"{len(np.unique(books))} items, {STREAM:,} queries streamed, {HELD_OUT:,} held out, mean of {len(SEEDS)} seeds"
    )
    print(f"{'':10}{'R@1':>8}{'R@5':>8}{'served':>8}   R@5 of each seed")
    for name, line in lines.items():
        print(f"{name:10}" + "".join(f"{x:>8.3f}" for x in np.mean(line, axis=0)), " ", *(f"{x[1]:.3f}" for x in line))

    static, greedy, judged = (np.array(line) for line in lines.values())
    served = min((greedy - static)[:, 2].min(), (judged - static)[:, 2].min())
    return [
        at_least("greedy feedback adds to R@5", (greedy - static)[:, 1].mean(), 0.04),
        at_least("a judge of five adds to R@5", (judged - static)[:, 1].mean(), 0.07),
        at_least("what is served beside the baseline, worst seed", served, -0.01),
    ]


if __name__ == "__main__":
    prove(main)
