"""The shape of the vectors: spread, offset, dimension, hubs, and vectors that lie nearly on one another."""

from __future__ import annotations

from typing import Any

import numpy as np

from codomain.arrays import Floats, Rows
from codomain.diagnosis.costs import FEW, answers, cheap, lost, relevant_documents, said
from codomain.diagnosis.report import Section
from codomain.diagnosis.subject import Subject
from codomain.errors import InputError
from codomain.index.flat import Flat
from codomain.measure.metrics.intervals import interval, wilson
from codomain.measure.space.geometry import (
    effective_rank,
    intrinsic_dimension,
    isoscore,
    local_dimension,
    mean_cosine,
    partition_isotropy,
)
from codomain.measure.space.neighbors import hubness, nearest

NEAR = 0.95
"""Cosine from which two passages count as nearly the same."""
_AROUND = 1_000
"""Rows whose neighbourhood is measured among all."""
_OFFSET = 0.2
"""Mean cosine from which a common direction takes a good part of every vector."""
_HUBBY = 1.4
"""Skewness from which "Hubs in Space" speaks of strong hubness."""
_NEIGHBORS = 10
_HUBS = 10
"""Hubs that are looked at by name."""
_OFTEN = 0.02
"""Share of the first hits that hubs have to take to be worth a word."""
_PAIRS = 20_000
"""Random pairs whose cosines are drawn."""


def isotropy(subject: Subject) -> Section:
    """Spread and offset: how evenly directions are used, and how much all vectors have in common."""
    found = Section("Isotropy")
    lengths = np.linalg.norm(subject.vectors, axis=1)
    X = subject.units[subject.some]
    d = X.shape[1]
    zero = found.add("zero_vectors", "vectors of length zero", float((lengths == 0).mean()), share=True)
    found.add("isoscore", "spread: IsoScore, debiased", isoscore(X, debiased=True), "1: all directions alike, 0: one")
    found.add("effective_rank", f"effective rank, of {d}", effective_rank(X), "directions that variance fills")
    offset = found.add("mean_cosine", "offset: mean cosine of two passages", mean_cosine(X), "0: no common direction")
    found.add("partition", "offset: I(W) of the partition function", partition_isotropy(X), "1: no common direction")
    found.name("zero", (subject.documents[subject.rows[i]] for i in np.flatnonzero(lengths == 0)))
    pairs = np.random.default_rng(subject.seed).integers(0, len(X), (2, _PAIRS))
    apart = pairs[0] != pairs[1]
    cosines = np.einsum("nd,nd->n", X[pairs[0][apart]], X[pairs[1][apart]])
    if len(cosines) and np.ptp(cosines) > 1e-6:  # of one passage, or of copies, there is nothing to draw
        found.draw("random pairs of passages by cosine", cosines)
    if zero.value > 0:
        found.advise(
            f"{zero} of the vectors are zero: their texts are empty or hold no word that {subject.expression} knows, and "
            "no search finds them by meaning.",
            "zero_vectors",
        )
    if offset.value > _OFFSET and len(X) >= 50:  # a few texts are alike by chance
        found.advise(
            f"These vectors have a strong common mean (mean cosine {offset}): a cosine alone says little, so compare it with that "
            "of random passages, and see below whether signs keep more with binary() or with binary(center=False).",
            "mean_cosine",
        )
    return found


def dimension(subject: Subject) -> Section:
    """Intrinsic dimension of the whole and around single passages."""
    found = Section("Intrinsic dimension")
    X = subject.units[subject.some]
    for key, label, value in (
        ("twonn", "TwoNN", intrinsic_dimension(X)),
        ("mle", "maximum likelihood, 50 neighbours", intrinsic_dimension(X, "mle", neighbors=50)),
    ):
        found.add(key, label, value, "compare at equal numbers of passages only")
    local = local_dimension(X, sample=_AROUND)
    if len(local):
        low, middle, high = np.quantile(local, [0.1, 0.5, 0.9])
        mean = dict(enumerate(local.astype(float).tolist()))
        a, b = interval(mean, draws=2_000)  # type: ignore[arg-type]
        found.add("local", "mean local dimension", float(local.mean()), "of 128 nearest passages each", low=a, high=b)
        found.add("local_range", "the middle 80 % of passages", middle, low=low, high=high)
        found.draw("passages by local dimension", local)
    return found


def hubs(subject: Subject) -> Section:
    """Passages that are near everything, and passages that are near nothing."""
    found = Section("Hubness")
    X = subject.units[subject.some]
    if len(X) < 2:
        raise InputError("one passage has no others.")
    k = min(_NEIGHBORS, len(X) - 1)
    neighbors = nearest(X, k).rows
    skewness, largest, antihubs = hubness(neighbors, len(X))
    times = np.bincount(neighbors.ravel(), minlength=len(X))
    order = np.argsort(-times, kind="stable")
    note = f"passages it is among the {k} nearest of, of {len(X):,}"
    skew = found.add(
        "hub_skewness", "skewness of how often a passage is near", skewness, f"above {_HUBBY}: strong hubs"
    )
    most = found.add("largest_hub", "the largest hub is near to", largest, note)
    never = found.add("antihubs", "passages that are near to none", antihubs, share=True)

    def name(place: np.integer[Any]) -> str:
        return subject.documents[int(subject.rows[subject.some[place]])]

    if skew.value > _HUBBY:
        found.name("largest hubs", (f"{name(i)} ({times[i]:,})" for i in order[:_HUBS]))
    found.name("near to none", (name(i) for i in np.flatnonzero(times == 0)))
    found.draw("passages by how many they are near to", times, log=True)
    if skew.value <= _HUBBY:
        return found
    seen = f"A few passages turn up everywhere (skewness {skew}, one is near {most} others)"
    places = _places(subject, X, order[:_HUBS])
    if places is None:
        found.advise(
            f"{seen} and {never} are near none: look at the largest hubs, named under Hubness; boilerplate and cut texts are "
            "often among them (no judged queries say whether they are wrong).",
            "hub_skewness",
            "largest_hub",
            "antihubs",
        )
        return found
    taken = found.add(
        "hub_hits", f"of the first {k} hits of queries, the {_HUBS} largest hubs are", places[0], share=True
    )
    right = found.add("hub_relevant", "of the relevant pairs, theirs are", places[1], share=True)
    if taken.value >= _OFTEN and taken.value > 2 * right.value and cheap(right.value):
        found.advise(
            f"{seen}: the {_HUBS} largest hubs, named under Hubness, take {taken} of the first {k} places of the queries and have "
            f"{right} of the relevant pairs, which is what leaving them out would cost. Look at them.",
            "hub_skewness",
            "largest_hub",
            "hub_hits",
            "hub_relevant",
        )
    return found


def _places(subject: Subject, X: Floats, hubs: Rows) -> tuple[float, float] | None:
    """Shares of the first hits of judged queries, and of the relevant pairs, that hubs have; None for too few queries."""
    own = answers(subject, subject.some)
    judged = [i for i, rows in enumerate(own) if rows]
    if len(judged) < FEW:
        return None
    hits = Flat().build(X).search(subject.query_vectors[judged], min(_NEIGHBORS, len(X))).rows
    pairs = np.concatenate([own[i] for i in judged])
    return float(np.isin(hits, hubs).mean()), float(np.isin(pairs, hubs).mean())


def near_duplicates(subject: Subject) -> Section:
    """Passages with another one at almost the same place."""
    found = Section("Near duplicates")
    n = len(subject.units)
    rows = subject.some[np.linspace(0, len(subject.some) - 1, min(_AROUND, len(subject.some))).astype(int)]
    hits = nearest(subject.units, 1, rows)
    close = hits.scores[:, 0] >= NEAR
    low, high = wilson(int(close.sum()), len(close))
    near = found.add(
        "near_duplicates",
        f"passages with another at cosine {NEAR} or more",
        float(close.mean()),
        f"{len(rows):,} passages among {n:,}",
        share=True,
        low=low,
        high=high,
    )
    found.add("nearest_cosine", "median cosine to the nearest other", float(np.median(hits.scores)))
    own, others = subject.rows[rows[close]], subject.rows[hits.rows[close, 0]]
    found.name(
        "near duplicates",
        (subject.copy_of(i, j) for i, j in zip(own, others, strict=True)),
    )
    found.draw("passages by cosine to the nearest other", hits.scores[:, 0])
    cost = _deduplicated(subject)
    if near.value > 0.05 and cheap(cost):
        found.advise(
            f"{near} of the passages have another at cosine {NEAR} or more: ten hits may say the same thing. Keep the first "
            f"of each pair{said(cost)}, or keep all and put diversify() after the search.",
            "near_duplicates",
        )
    return found


def _deduplicated(subject: Subject) -> float | None:
    """The share of relevant pairs that are lost where of passages that are nearly the same the first is kept."""
    relevant = relevant_documents(subject)
    if len(relevant) < FEW:
        return None
    wanted = set().union(*relevant.values())
    rows = np.array([i for i, row in enumerate(subject.rows) if subject.documents[row] in wanted], np.int64)
    if not len(rows):
        return None
    hits = nearest(subject.units, 1, rows)
    gone = (hits.scores[:, 0] >= NEAR) & (hits.rows[:, 0] < rows)
    pairs = zip(subject.rows[rows[gone]].tolist(), subject.rows[hits.rows[gone, 0]].tolist(), strict=True)
    return lost(subject, dict(pairs))
