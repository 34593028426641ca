"""Poorly documented items that learn from whether they were right: feedback against the vectors of their descriptions.

Paper 68: "Online-Optimized RAG for Tool Use and Function Calling" (2025).

Data: the 66 books of the Bible are the items ($CODOMAIN_DATA/verses), each described by a single verse. Other verses come as
queries for their book, 4,000 in a stream with feedback and 1,000 held out, encoded by MiniLM. Baseline: the vectors as they
are. "greedy" tells whether the best item was right; "judged" shows five and a judge tries the right one where it is
among them, else the first. "served" is the share of the stream whose best item was right at that moment.

    CODOMAIN_DATA=... python proofs/transform/online_items.py
"""

from __future__ import annotations

import csv
import gzip
import os
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.errors import InputError
from codomain.measure.encoded import encoded
from codomain.transform.items import OnlineItems
from proofs.lib.claims import judge, prove

SEEDS = (0, 1, 2)
STREAM, HELD_OUT = 4000, 1000


def verses() -> tuple[np.ndarray, np.ndarray]:
    """Vectors of all verses and the number of the book of each."""
    path = Path(os.environ.get("CODOMAIN_DATA", "")) / "verses" / "verses.tsv.gz"
    if not path.is_file():
        raise InputError("CODOMAIN_DATA names no folder with verses/verses.tsv.gz.")
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    vectors = encoded(cd.pipeline("minilm()").stages[0], [row["web"] for row in rows])
    return vectors, np.unique([row["book"] for row in rows], return_inverse=True)[1]


def drawn(books: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One verse of each book, the rows of the stream and those held out."""
    order = np.random.default_rng(seed).permutation(len(books))
    described = order[np.unique(books[order], return_index=True)[1]]
    rest = order[~np.isin(order, described)]
    return described, rest[:STREAM], rest[STREAM : STREAM + HELD_OUT]


def streamed(items: OnlineItems, queries: np.ndarray, books: np.ndarray, judged: bool) -> float:
    """Feedback on each query in turn; the share that was served right."""
    served = 0
    for query, book in zip(queries, books.tolist(), strict=True):
        shown = items.serve(query, 5 if judged else 1).rows
        served += int(shown[0] == book)
        chosen = book if book in shown else int(shown[0])
        items.feedback(query, shown, chosen, chosen == book)
    return served / len(queries)


def recall(theta: np.ndarray, queries: np.ndarray, books: np.ndarray) -> tuple[float, float]:
    """R@1 and R@5."""
    best = np.argsort(-(queries @ theta.T), axis=1)[:, :5]
    return float((best[:, 0] == books).mean()), float((best == books[:, None]).any(axis=1).mean())


def main() -> None:
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
    claims = {
        "greedy feedback adds at least .04 to R@5": (greedy - static)[:, 1].mean() >= 0.04,
        "a judge of five adds at least .07 to R@5": (judged - static)[:, 1].mean() >= 0.07,
        "neither serves worse than the baseline by more than .01, on any seed": min(
            (greedy - static)[:, 2].min(), (judged - static)[:, 2].min()
        )
        >= -0.01,
    }
    judge(claims)


if __name__ == "__main__":
    prove(main)
