"""Queries against documents: the gap between them, and what cosine is a match."""

from __future__ import annotations

import math

import numpy as np

from codomain.diagnosis.costs import FEW, answers, cheap
from codomain.diagnosis.report import Section
from codomain.diagnosis.subject import Subject
from codomain.errors import CodomainError, InputError
from codomain.index.flat import Flat
from codomain.measure.metrics.significance import interval
from codomain.measure.space.drift import classifier_test
from codomain.measure.space.neighbors import nearest
from codomain.measure.space.threshold import Profile, auc, calibrate_threshold, similarity_profile

_PAIRS = 2_000
_DROPPED = 0.02
"""Share of the relevant pairs that a threshold may drop."""
_WORTH, _OFTEN = 0.9, 0.1
"""Shares of random pairs, or of the ten nearest, that a threshold has to drop to be worth a word."""
_TELLS = 0.7
"""AUC from which a first hit's cosine says something about it."""


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
            f"{found.figures[0]} apart): judge compression and thresholds on queries, not on passages.",
            "query_auc",
            "gap",
        )
    return found


def threshold(subject: Subject) -> Section:
    """Cosines of relevant, random and nearest pairs, what a threshold drops of each, and from where a first hit is an answer."""
    if not subject.asked:
        raise InputError("it needs queries: give --queries and --qrels.")
    own = answers(subject, range(len(subject.rows)))
    judged = [i for i, rows in enumerate(own) if rows]
    if len(judged) < FEW:
        raise InputError(f"it needs {FEW} queries with a relevant document, and there are {len(judged)}.")
    profile = similarity_profile(
        subject.query_vectors[judged], subject.units, [own[i] for i in judged], seed=subject.seed
    )
    found = Section("Thresholds")
    right = {str(i): float(one) for i, one in enumerate(profile.right)}
    low, high = interval(right)
    found.add(
        "top1",
        f"the first hit is relevant, of {len(judged)} queries",
        float(profile.right.mean()),
        share=True,
        low=low,
        high=high,
    )
    found.add("relevant_cosine", "mean cosine of relevant pairs", profile.relevant.mean())
    found.add("random_cosine", "mean cosine of random pairs", profile.random.mean())
    noise = found.add("noise", "99 of 100 random pairs are below", profile.noise)
    found.add("noise_cost", "relevant pairs below that", float((profile.relevant < noise.value).mean()), share=True)
    found.add("pairs_auc", "relevant against random pairs (AUC)", profile.auc)
    found.add("pairs_overlap", "overlap of the two, 1 - |2 AUC - 1|", profile.overlap)
    drawn = {"relevant pairs": profile.relevant, "random pairs": profile.random, "the ten nearest": profile.top}
    every = np.concatenate([*drawn.values()])
    least, most = math.floor(10 * every.min()), max(math.ceil(10 * every.max()), math.floor(10 * every.min()) + 1)
    for label, cosines in drawn.items():
        found.draw(f"{label} by cosine", cosines, edges=tuple(tenth / 10 for tenth in range(least, most + 1)))
    _floor(found, profile)
    if not 0 < profile.right.sum() < len(judged):
        found.missing = "a threshold for answers: every first hit is right, or every one is wrong."
        return found
    _cut(found, profile, subject.seed)
    return found


def _floor(found: Section, profile: Profile) -> None:
    """The cosine that 98 of 100 relevant pairs reach; advised where most random pairs, or many of the nearest, are below."""
    value = _rounded_down(float(np.quantile(profile.relevant, _DROPPED)))
    cost, gain = (float((one < value).mean()) for one in (profile.relevant, profile.random))
    nearest_gone = float((profile.top < value).mean())
    floor = found.add("floor", "98 of 100 relevant pairs reach", value)
    dropped = found.add("floor_cost", "relevant pairs below that", cost, share=True)
    others = found.add("floor_gain", "random pairs below that", gain, share=True)
    hits = found.add("floor_hits", "of the ten nearest of each query, below that", nearest_gone, share=True)
    if cheap(cost) and (gain >= _WORTH or nearest_gone >= _OFTEN):
        found.advise(
            f"A threshold of {floor} drops {dropped} of the relevant pairs, {others} of random ones, and {hits} of the "
            "ten nearest of the queries.",
            "floor",
            "floor_cost",
            "floor_gain",
            "floor_hits",
        )


def _cut(found: Section, profile: Profile, seed: int) -> None:
    """The cosine to accept the first hit from; advised where it tells, and loses few of the right ones."""
    cut = calibrate_threshold(profile.best, profile.right, seed=seed)
    value = found.add("threshold", "answer: accept the first hit from (best F1)", cut.value, low=cut.low, high=cut.high)
    hits = found.add(
        "answer_auc",
        "right against wrong first hits (AUC)",
        auc(profile.best[profile.right], profile.best[~profile.right]),
    )
    accepted = profile.best >= cut.value
    cost = found.add("answer_cost", "right first hits below that", float((~accepted[profile.right]).mean()), share=True)
    gain = found.add(
        "answer_gain", "wrong first hits below that", float((~accepted[~profile.right]).mean()), share=True
    )
    if hits.value < _TELLS:
        found.advise(
            f"The cosine of the first hit hardly tells right from wrong (AUC {hits}): no threshold of it is advised.",
            "answer_auc",
        )
    elif cheap(cost.value) and gain.value > cost.value:
        found.advise(
            f"The cosine of the first hit tells right from wrong (AUC {hits}): accepted from {value} {value.interval} on, "
            f"{cost} of the right first hits are lost and {gain} of the wrong ones are gone. It holds for this encoder and "
            "these documents only.",
            "answer_auc",
            "threshold",
            "answer_cost",
            "answer_gain",
        )


def _rounded_down(cosine: float) -> float:
    """To the two digits that are printed: what is said of a threshold is true of the number that is read."""
    return math.floor(100 * cosine + 1e-9) / 100


def _queries(subject: Subject) -> np.ndarray:
    if not subject.asked:
        raise InputError("it needs queries: give --queries.")
    if len(subject.asked) < FEW:
        raise InputError(f"it needs {FEW} queries, and there are {len(subject.asked)}.")
    return subject.query_vectors
