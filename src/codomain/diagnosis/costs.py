"""What an advice would cost: the share of the judged pairs that it would lose.

The rule of every advice that takes something away (passages, hits below a cosine, bits): it quotes what it costs on the judged
queries, where there are 20 or more, and is not given where it would lose more than `LARGE` of the relevant pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from codomain.diagnosis.subject import Subject
from codomain.diagnosis.words import written

LARGE = 0.05
"""Share of the relevant pairs whose loss is no advice."""
FEW = 20
"""Judged queries below which nothing is said."""


def relevant_documents(subject: Subject) -> dict[str, set[str]]:
    """The relevant documents of each query that is asked and has any among the passages."""
    known = set(subject.documents)
    found = {
        query: {document for document, grade in subject.qrels.get(query, {}).items() if grade > 0 and document in known}
        for query in subject.asked
    }
    return {query: documents for query, documents in found.items() if documents}


def answers(subject: Subject, rows: Sequence[int] | NDArray[np.integer]) -> list[list[int]]:
    """For each query that is asked the places, among some rows of `vectors`, of passages of its relevant documents."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(subject.documents[int(subject.rows[row])], []).append(place)
    relevant = relevant_documents(subject)
    return [[i for document in sorted(relevant.get(q, ())) for i in places.get(document, ())] for q in subject.asked]


def lost(subject: Subject, gone: Mapping[int, int | None]) -> float | None:
    """The share of relevant pairs (query, document) that are lost without some passages; None for fewer than 20 judged queries.

    `gone` names for each passage that goes the one that stays in its place, if any: a document is lost to a query when all its
    passages go and none that stays in their place is relevant to that query as well.
    """
    relevant = relevant_documents(subject)
    if len(relevant) < FEW:
        return None
    passages: dict[str, list[int]] = {}
    wanted = set().union(*relevant.values())
    for passage, document in enumerate(subject.documents):
        if document in wanted:
            passages.setdefault(document, []).append(passage)
    pairs = lost_pairs = 0
    for documents in relevant.values():
        for document in documents:
            pairs += 1
            own = passages[document]
            if all(passage in gone for passage in own):
                stay = (gone[passage] for passage in own)
                lost_pairs += not any(one is not None and subject.documents[one] in documents for one in stay)
    return lost_pairs / pairs


def cheap(share: float | None) -> bool:
    """Whether a loss is small enough for an advice; one that is not known does not silence it."""
    return share is None or share <= LARGE


def said(share: float | None) -> str:
    """The loss as the end of a sentence: " (...)"."""
    if share is None:
        return " (no judged queries say what that costs)"
    return f" (that drops {written(share, True) if share else 'none'} of the relevant pairs)"
