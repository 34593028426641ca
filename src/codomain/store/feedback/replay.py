"""From the journal to corrected vectors: each entry moves a row of its document towards its query, or away from it.

The update is that of `codomain.transform.adapt.items.OnlineItems`, in the paper's cheaper form that moves only the item that was tried.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.arrays import Floats, as_float32
from codomain.store.backend.values import Entry
from codomain.store.feedback.corrections import CorrectedVectors, reach, read, write
from codomain.transform.adapt.items import OnlineItems, coefficients

if TYPE_CHECKING:
    from codomain.store.branches.branch import StoredBranch
    from codomain.store.collection import Collection

_AT_ONCE = 64

RULE = OnlineItems(repel=0.25)
"""The steps of proofs/transform/online_items.py; a dislike weighs a quarter of a like, by proofs/store/feedback.py."""

Queries = dict[int, Floats]
"""Vectors of queries by the number of their entry."""


def correctable(collection: Collection) -> list[StoredBranch]:
    """Branches whose rows may be corrected: those whose scores a scan computes, too."""
    return [branch for branch in collection.vector_branches if branch.scores_comparable]


def catch_up(collection: Collection) -> int:
    """Bring the corrected vectors of every branch up to the journal, a transaction a batch; how many updates that took.

    Nothing is done while an upgrade is under way: when it ends there may be another space.
    """
    updates = 0
    while True:
        with collection.held():
            with collection.snapshot():
                generation = collection.state.generation
                waiting = _waiting(collection)
                queries = _encoded(collection, waiting)  # the long part, before others are kept from writing
            if not waiting:
                return updates
            with collection.writing() as backend:
                if collection.state.generation == generation:
                    with collection.snapshot():
                        inside = partial(_inside, collection)
                        updates += sum(_apply(branch, waiting, queries, inside) for branch in correctable(collection))
                    backend.journal.touch()
            collection.state.changed()


def _waiting(collection: Collection) -> dict[int, Entry]:
    """The next entries, by number, that some branch has not taken in yet."""
    found: dict[int, Entry] = {}
    journal = collection.state.backend.journal  # of all namespaces: a branch is one for all
    if journal.version() is None or collection.upgrading:
        return found
    for branch in correctable(collection):
        done = reach(collection.backend, branch.number, branch.blocks.fingerprint) or 0
        found |= {entry.number: entry for entry in journal.entries(done, _AT_ONCE)}
    return found


def _encoded(collection: Collection, waiting: dict[int, Entry]) -> dict[str, Queries]:
    """The queries of entries by encoder; one that was given as a vector is of use to its own encoder only."""
    encoded: dict[str, Queries] = {}
    queries = dict.fromkeys(entry.query for entry in waiting.values() if entry.query)
    texts = {query: place for place, query in enumerate(queries)}
    for branch in correctable(collection) if waiting else ():
        branch.check_encoder()
        encoder: Any = branch.plan.encoder
        if encoder.fingerprint not in encoded:
            by_text: Queries = {}
            if texts:
                vectors = as_float32(encoder.encode_queries(list(texts)))
                by_text = {number: vectors[texts[entry.query]] for number, entry in waiting.items() if entry.query}
            own = {n: e.vector for n, e in waiting.items() if e.vector is not None and e.encoder == encoder.fingerprint}
            encoded[encoder.fingerprint] = by_text | own
    return encoded


def _inside(collection: Collection, document: int) -> np.ndarray[Any, Any] | None:
    """The rows (rows,) of the document's namespace; None where there is no other."""
    backend = collection.state.backend
    return collection.state.filters.inside(backend.within(backend.documents.namespace(document)))


def _apply(
    branch: StoredBranch, waiting: dict[int, Entry], queries: dict[str, Queries], inside: Callable[[int], Any]
) -> int:
    """Take entries into the corrected vectors of a branch, up to the first that is not among `waiting`; how many moved a row."""
    backend, number, fingerprint = branch.backend, branch.number, branch.blocks.fingerprint
    done = reach(backend, number, fingerprint)
    if done is None:  # none yet, or those of another space
        backend.corrections.forget(number)
        done = 0
    corrections = read(backend, number, fingerprint, branch.space)
    moved: dict[int, Floats] = {}
    updates = 0
    by_number = queries[branch.plan.encoder.fingerprint]  # type: ignore[union-attr]
    for entry in list(backend.journal.entries(done, _AT_ONCE)):
        if entry.number not in waiting:
            break
        done = entry.number
        if done in by_number and (step := _step(branch, corrections, by_number[done], entry, inside)) is not None:
            row, vector = step
            corrections.put(row, vector)
            moved[row] = vector
            updates += 1
    for row, vector in moved.items():
        write(backend, number, row, vector)
    backend.corrections.set_reach(number, fingerprint, done)
    return updates


def _step(
    branch: StoredBranch, corrections: CorrectedVectors, query: Floats, entry: Entry, inside: Callable[[int], Any]
) -> tuple[int, Floats] | None:
    """The row of the entry's document that is nearest to the query, and its vector after the update."""
    rows = branch.backend.rows.of(entry.document)
    q = branch.prepared(query[None])
    start = branch.vectors(rows)
    theta = corrections.over(rows, start)
    own = corrections.space.scores(q, theta)[0]
    best = int(own.argmax())
    start, theta = start[best], theta[best]
    length, r = float(np.linalg.norm(q)), float(np.linalg.norm(start))
    if not length or not r:
        return None  # a zero vector has no direction
    near = corrections.search(q, RULE.neighbors, inside(entry.document), branch.synced, branch.stored)
    others = near.scores[0][(near.rows[0] >= 0) & (near.rows[0] != rows[best])][: RULE.neighbors - 1]
    # p = softmax(kappa s), s as cosines whatever the lengths: kappa is meant for unit vectors
    s = RULE.kappa * corrections.space.cosines(np.append(others, own[best]).astype(np.float64), length, r)
    p = np.exp(s - s.max())
    p /= p.sum()
    w = min(1 / max(float(p[-1]), 1e-12), RULE.clip)
    g = coefficients(p, len(p) - 1, 1.0 if entry.liked else -RULE.repel, w)[-1]
    towards = q[0] - theta if corrections.space.metric == "l2" else q[0] * (r / length)
    # theta -= lr (g q + anchor (theta - theta_0))
    return int(rows[best]), np.asarray(theta - RULE.lr * (g * towards + RULE.anchor * (theta - start)), np.float32)
