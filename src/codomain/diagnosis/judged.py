"""Queries against documents: the gap between them, and what cosine is a match."""

from __future__ import annotations

import math

import numpy as np

from codomain.diagnosis.report import Section
from codomain.diagnosis.subject import Subject
from codomain.errors import CodomainError, InputError
from codomain.index.flat import Flat
from codomain.measure.space.drift import classifier_test
from codomain.measure.space.neighbors import nearest
from codomain.measure.space.threshold import auc, calibrate_threshold, similarity_profile

_FEW = 20
_PAIRS = 2_000


def gap(subject: Subject) -> Section:
    """How far queries lie from documents, as clouds and as neighbours."""
    Q, X = _queries(subject), subject.units[subject.some]
    found = Section("Gap between queries and documents")
    between = float(np.linalg.norm(Q.mean(axis=0, dtype=np.float64) - X.mean(axis=0, dtype=np.float64)))
    found.add("gap", "distance of the two means", between, "0: none, of unit vectors 2 at most")
    to_documents = float(np.median(Flat().build(X).search(Q, 1).scores[:, 0]))
    among = nearest(subject.units, 1, subject.some[np.linspace(0, len(X) - 1, min(500, len(X))).astype(int)])
    found.add("query_nearest", "median cosine of a query to its nearest passage", to_documents)
    found.add("passage_nearest", "median cosine of a passage to its nearest other", float(np.median(among.scores)))
    try:
        test = classifier_test(X[np.linspace(0, len(X) - 1, min(_PAIRS, len(X))).astype(int)], Q[:_PAIRS], subject.seed)
    except CodomainError as error:
        found.missing = f"whether a classifier tells them apart: {error}"
        return found
    told = found.add(
        "query_auc", "a classifier tells queries from passages (AUC)", test.value, low=test.low, high=test.high
    )
    if told.value > 0.95:
        found.advise(
            f"Queries lie elsewhere than passages (a classifier tells them apart with an AUC of {told}; the means are "
            f"{found.figures[0]} apart): judge compression on queries, not on passages, and try an encoder or prompt made "
            "for questions, or train an adapter on pairs (docs/align.md).",
            "query_auc",
            "gap",
        )
    return found


def threshold(subject: Subject) -> Section:
    """Which cosine is noise, which is an answer, and how sure that is."""
    if not subject.asked:
        raise InputError("it needs queries: give --queries and --qrels.")
    rows: dict[str, list[int]] = {}
    for i, row in enumerate(subject.rows.tolist()):
        rows.setdefault(subject.documents[row], []).append(i)
    answers = [
        [i for document, grade in subject.qrels.get(query, {}).items() if grade > 0 for i in rows.get(document, ())]
        for query in subject.asked
    ]
    judged = [i for i, own in enumerate(answers) if own]
    if len(judged) < _FEW:
        raise InputError(f"{len(judged)} queries with a relevant document are too few: {_FEW} at least.")
    profile = similarity_profile(
        subject.query_vectors[judged], subject.units, [answers[i] for i in judged], seed=subject.seed
    )
    found = Section("Thresholds")
    right = float(profile.right.mean())
    half = 1.959964 * math.sqrt(right * (1 - right) / len(judged))
    found.add(
        "top1",
        f"the first hit is relevant, of {len(judged)} queries",
        right,
        share=True,
        low=max(right - half, 0),
        high=min(right + half, 1),
    )
    found.add("relevant_cosine", "mean cosine of relevant pairs", profile.relevant.mean())
    found.add("random_cosine", "mean cosine of random pairs", profile.random.mean())
    noise = found.add("noise", "noise: 99 of 100 random pairs are below", profile.noise)
    pairs = found.add("pairs_auc", "relevant against random pairs (AUC)", profile.auc)
    found.add("pairs_overlap", "overlap of the two, 1 - |2 AUC - 1|", profile.overlap)
    if not 0 < profile.right.sum() < len(judged):
        found.missing = "a threshold for answers: every first hit is right, or every one is wrong."
        return found
    cut = calibrate_threshold(profile.best, profile.right, seed=subject.seed)
    value = found.add("threshold", "answer: accept the first hit from (best F1)", cut.value, low=cut.low, high=cut.high)
    hits = found.add(
        "answer_auc",
        "right against wrong first hits (AUC)",
        auc(profile.best[profile.right], profile.best[~profile.right]),
    )
    found.advise(
        f"A cosine below {noise} is noise: 99 of 100 random pairs reach no more (relevant pairs are told from random ones with "
        f"an AUC of {pairs}).",
        "noise",
        "pairs_auc",
    )
    word = "hardly tells" if hits.value < 0.8 else "tells"
    found.advise(
        f"The cosine of the first hit {word} right from wrong (AUC {hits}); the best cut by these queries is {value} "
        f"{value.interval}, with {100 * cut.precision:.0f} % of what it accepts right. It holds for this "
        "encoder and these documents only.",
        "answer_auc",
        "threshold",
    )
    return found


def _queries(subject: Subject) -> np.ndarray:
    if not subject.asked:
        raise InputError("it needs queries: give --queries.")
    if len(subject.asked) < _FEW:
        raise InputError(f"{len(subject.asked)} queries are too few: {_FEW} at least.")
    return subject.query_vectors
