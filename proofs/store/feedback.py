"""Feedback given to a collection: poorly documented items are found better for it, and nothing that is stored changes.

Paper 68: "Online-Optimized RAG for Tool Use and Function Calling" (2025), as `Collection.feedback` has it: the item that was
tried moves alone, and one that was wrong moves away by a quarter of what a right one comes nearer.

Data and protocol of proofs/transform/online_items.py, with other draws than those on which the quarter was chosen: the 66 books of the
Bible ($CODOMAIN_DATA/verses) are the documents, each a single verse; 4,000 verses are searched for one after the other and each
told of, 1,000 are held out. "greedy" tells whether the first hit was right; "judged" shows five, and tells that the right one
was good where it is among them, else that the first was bad. Baselines: the same collection with feedback switched off, and
`OnlineItems`, the paper's rule with all neighbours.

    CODOMAIN_DATA=... python proofs/store/feedback.py
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

import codomain as cd
from codomain.registry import stage
from codomain.stage import Stage
from codomain.transform.adapt.items import OnlineItems
from proofs.lib.books import drawn, recall, streamed, verses
from proofs.lib.claims import Claim, at_least, shown
from proofs.lib.prove import prove

SEEDS = (10, 11, 12)


@stage("looked_up", takes=["text"], gives="dense")
class LookedUp(Stage):
    """The vectors of verses, encoded before: a verse is given as its number."""

    vectors: Any = None
    fingerprint = "minilm, looked up"
    dim = 384

    def output_dim(self, dim: int | None) -> int:
        return self.dim

    def encode_documents(self, texts: Sequence[str], progress: Any = None) -> Any:
        return self.vectors[[int(text) for text in texts]]

    encode_queries = encode_documents


def shares(collection: cd.Collection, verses: np.ndarray, books: np.ndarray, feedback: bool) -> tuple[float, float]:
    """R@1 and R@5."""
    hits = collection.search_many([str(verse) for verse in verses], 5, feedback=feedback)
    places = [[int(hit.id) for hit in found] for found in hits]
    return (
        float(np.mean([found[0] == book for found, book in zip(places, books, strict=True)])),
        float(np.mean([book in found for found, book in zip(places, books, strict=True)])),
    )


def told(collection: cd.Collection, verses: np.ndarray, books: np.ndarray, judged: bool) -> float:
    """Search and feedback in turn; the share whose first hit was right at its moment."""
    served = 0
    for verse, book in zip(verses, books.tolist(), strict=True):
        shown = [hit.id for hit in collection.search(str(verse), 5 if judged else 1)]
        served += shown[0] == str(book)
        if str(book) in shown:
            collection.feedback(str(verse), good=str(book))
        else:
            collection.feedback(str(verse), bad=shown[0])
    return served / len(verses)


def main() -> list[Claim]:
    vectors, books = verses()
    LookedUp.vectors = vectors
    lines: dict[str, list[tuple[float, ...]]] = {}
    untouched = True
    for seed in SEEDS:
        described, stream, held_out = drawn(books, seed)
        right = (vectors[stream] @ vectors[described].T).argmax(axis=1) == books[stream]
        for judged in (False, True):
            name = "judged" if judged else "greedy"
            items = OnlineItems().fit(vectors[described])
            served = streamed(items, vectors[stream], books[stream], judged)
            lines.setdefault(f"paper, {name}", []).append(
                (*recall(items.theta, vectors[held_out], books[held_out]), served)
            )
            with tempfile.TemporaryDirectory() as folder, cd.create(f"{folder}/c", "looked_up() >> flat()") as c:
                c.add({"id": str(book), "text": str(verse)} for book, verse in enumerate(described))
                stored = c.backend.db.execute("SELECT * FROM blocks").fetchall()
                served = told(c, stream, books[stream], judged)
                lines.setdefault(name, []).append((*shares(c, held_out, books[held_out], True), served))
                off = shares(c, held_out, books[held_out], False)
                untouched &= c.backend.db.execute("SELECT * FROM blocks").fetchall() == stored and c.verify() == []
        lines.setdefault("off", []).append((*off, float(right.mean())))
    print(
        f"{len(described)} documents, {len(stream):,} told of, {len(held_out):,} held out, mean of {len(SEEDS)} draws"
    )
    print(f"{'':16}{'R@1':>8}{'R@5':>8}{'served':>8}   R@5 of each draw")
    for name in ("off", "paper, greedy", "greedy", "paper, judged", "judged"):
        means = "".join(f"{x:>8.3f}" for x in np.mean(lines[name], axis=0))
        print(f"{name:16}{means}  ", *(f"{line[1]:.3f}" for line in lines[name]))

    off, greedy, judged = (np.array(lines[name]) for name in ("off", "greedy", "judged"))
    served = min((greedy - off)[:, 2].min(), (judged - off)[:, 2].min())
    return [
        at_least("greedy feedback adds to R@5", (greedy - off)[:, 1].mean(), 0.04),
        at_least("judged feedback adds to R@5", (judged - off)[:, 1].mean(), 0.07),
        at_least("what is served beside without, worst draw", served, -0.01),
        shown("the stored vectors are what they were, byte by byte", untouched),
    ]


if __name__ == "__main__":
    prove(main)
