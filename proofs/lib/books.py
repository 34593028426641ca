"""The 66 books of the Bible as items that are described by a single verse each; other verses ask for their book."""

from __future__ import annotations

import numpy as np

import codomain as cd
from codomain.measure.data.encoded import encoded
from codomain.transform.adapt.items import OnlineItems
from proofs.lib.verses import rows

STREAM, HELD_OUT = 4000, 1000


def verses() -> tuple[np.ndarray, np.ndarray]:
    """MiniLM's vectors of all verses and the number of the book of each."""
    found = rows()
    vectors = encoded(cd.pipeline("minilm()").stages[0], [row["web"] for row in found])
    return vectors, np.unique([row["book"] for row in found], return_inverse=True)[1]


def drawn(books: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One verse of each book, the rows of the stream and those held out."""
    order = np.random.default_rng(seed).permutation(len(books))
    described = order[np.unique(books[order], return_index=True)[1]]
    rest = order[~np.isin(order, described)]
    return described, rest[:STREAM], rest[STREAM : STREAM + HELD_OUT]


def streamed(items: OnlineItems, queries: np.ndarray, books: np.ndarray, judged: bool) -> float:
    """Feedback on each query in turn; the share that was served right.

    A judge tries the right book where it is among the five that are shown; without one the first is tried.
    """
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
