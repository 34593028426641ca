"""Against another corpus, and against another encoder."""

from __future__ import annotations

import numpy as np

from codomain.arrays import Floats, unit_rows
from codomain.diagnosis.report import Section
from codomain.diagnosis.subject import Subject, encoder_of
from codomain.diagnosis.words import written
from codomain.errors import CodomainError, InputError
from codomain.measure.data.encoded import encoded
from codomain.measure.metrics.significance import interval
from codomain.measure.space.agreement import cka, jaccard_at_k, rank_similarity
from codomain.measure.space.drift import classifier_test, depth_test
from codomain.measure.space.geometry import isoscore, mean_cosine
from codomain.measure.space.neighbors import nearest

_ROWS = 2_000
"""Of each side: p-values shrink with more, and say no more."""
_TEXTS = 1_000
K = 10


def drift(subject: Subject, other: Subject) -> Section:
    """Whether another corpus lies where this one does, by the same encoder."""
    found = Section(f"Against {other.name}")
    F, G = _in_one_space(subject, other)
    test = depth_test(F, G)
    depth = found.add(
        "depth_q",
        "how deep it lies: Q of the depth test",
        test.value,
        "0.5: as deep as these",
        low=test.low,
        high=test.high,
    )
    found.add("depth_p", "p that both lie alike, by rank sums", test.p, f"{len(F):,} passages against {len(G):,}")
    found.add(
        "other_isoscore",
        "its spread: IsoScore, debiased",
        isoscore(G, debiased=True),
        f"these: {written(isoscore(F, debiased=True))}",
    )
    found.add("other_mean_cosine", "its offset: mean cosine", mean_cosine(G), f"these: {written(mean_cosine(F))}")
    try:
        told = classifier_test(F, G, subject.seed)
    except CodomainError as error:
        found.missing = f"whether a classifier tells them apart: {error}"
        return found
    apart = found.add(
        "other_auc", "a classifier tells them apart (AUC)", told.value, "0.5: not at all", low=told.low, high=told.high
    )
    where = "further out" if depth.value < 0.5 else "nearer the centre"
    if apart.value > 0.6 or (test.p < 0.01 and abs(depth.value - 0.5) > 0.05):
        found.advise(
            f"{other.name} is another kind of text than these (AUC {apart}; it lies {where}, Q {depth}): fit transforms, "
            "thresholds and compression again before you search it with what was fitted here.",
            "other_auc",
            "depth_q",
        )
    else:
        found.advise(
            f"{other.name} lies where these passages do (AUC {apart}, Q {depth}): nothing calls for fitting again.",
            "other_auc",
            "depth_q",
        )
    return found


def similarity(subject: Subject, expression: str) -> Section:
    """Whether another encoder finds the same neighbours among a sample of the passages."""
    if expression == subject.expression:
        raise InputError(f"{expression} is the encoder that it has.")
    texts = subject.texts(_TEXTS)
    if len(texts) <= 2 * K:
        raise InputError(f"it needs {2 * K + 1} different passages, and there are {len(texts)}.")
    found = Section(
        f"Against the encoder {expression}: what {len(texts):,} passages have as neighbours among each other"
    )
    X, Y = (np.asarray(encoded(one, texts), np.float32) for one in (subject.encoder, encoder_of(expression)))
    whole = found.add(
        "cka", "similarity of the spaces: debiased CKA", cka(X, Y), "1: the same up to rotation and scale"
    )
    A, B = nearest(X, K).rows, nearest(Y, K).rows
    for k in (1, K):
        each = jaccard_at_k(A, B, k)
        low, high = interval({str(i): float(v) for i, v in enumerate(each)}, draws=2_000)
        found.add(f"jaccard_{k}", f"shared of the {k} nearest: Jaccard", each.mean(), low=low, high=high)
    found.add("rank_similarity", f"rank similarity of the {K} nearest", rank_similarity(A, B, K).mean())
    shared = found.figures[2]
    if shared.value > 0.8:
        verdict = "it finds nearly the same; whether the cheaper one of the two will do, judged queries say"
    else:
        verdict = (
            "it finds other passages, however alike the spaces are: a change of encoder must be measured on queries"
        )
    found.advise(
        f"{expression} shares {shared} of the ten nearest (Jaccard) at a CKA of {whole}: {verdict}.",
        f"jaccard_{K}",
        "cka",
    )
    return found


def _rows(subject: Subject) -> Floats:
    rows = subject.some[np.linspace(0, len(subject.some) - 1, min(_ROWS, len(subject.some))).astype(int)]
    return np.asarray(subject.units[rows])


def _in_one_space(subject: Subject, other: Subject) -> tuple[Floats, Floats]:
    """Vectors of both: as they are where they are the same encoder's own, else of their texts by this one's encoder."""
    if subject.plain and other.plain and subject.encoder.fingerprint == other.encoder.fingerprint:
        return _rows(subject), _rows(other)
    F, G = (np.asarray(encoded(subject.encoder, one.texts(_ROWS)), np.float32) for one in (subject, other))
    return unit_rows(F), unit_rows(G)
