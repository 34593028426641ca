"""The shape of the vectors: spread, offset, dimension, hubs, and vectors that lie nearly on one another."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from codomain.diagnosis.report import Section, written
from codomain.diagnosis.subject import Subject
from codomain.measure.metrics.significance import interval
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


def isotropy(subject: Subject) -> Section:
    """Spread and offset: how evenly directions are used, and how much all vectors have in common."""
    found = Section("Isotropy")
    lengths = np.linalg.norm(subject.vectors, axis=1)
    X = subject.units[subject.some]
    d = X.shape[1]
    zero = found.add("zero_vectors", "vectors of length zero", float((lengths == 0).mean()), share=True)
    found.add("isoscore", "spread: IsoScore, debiased", isoscore(X, debiased=True), "1: all directions alike, 0: one")
    rank = found.add("effective_rank", f"effective rank, of {d}", effective_rank(X), "directions that variance fills")
    offset = found.add("mean_cosine", "offset: mean cosine of two passages", mean_cosine(X), "0: no common direction")
    found.add("partition", "offset: I(W) of the partition function", partition_isotropy(X), "1: no common direction")
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
    if rank.value < d / 4 and len(X) >= 2 * d:  # fewer rows fill fewer directions
        found.advise(
            f"The variance fills about {rank} of {d} directions: try pca() to fewer dimensions.", "effective_rank"
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
        if high > 2 * low:
            found.advise(
                f"Some passages lie in much denser company than others (local dimension {written(low)} to {written(high)}): "
                "an approximate index finds less for queries near the high end, so measure its recall there.",
                "local_range",
            )
    return found


def hubs(subject: Subject) -> Section:
    """Passages that are near everything, and passages that are near nothing."""
    found = Section("Hubness")
    X = subject.units[subject.some]
    k = min(_NEIGHBORS, len(X) - 1)
    skewness, largest, antihubs = hubness(nearest(X, k).rows, len(X))
    note = f"passages it is among the {k} nearest of, of {len(X):,}"
    skew = found.add(
        "hub_skewness", "skewness of how often a passage is near", skewness, f"above {_HUBBY}: strong hubs"
    )
    most = found.add("largest_hub", "the largest hub is near to", largest, note)
    never = found.add("antihubs", "passages that are near to none", antihubs, share=True)
    if skew.value > _HUBBY:
        found.advise(
            f"A few passages turn up everywhere (skewness {skew}, one is near {most} others) and {never} are near none: look "
            "at the largest hubs (short or boilerplate texts, as a rule); a lexical branch (fuse with bm25()) finds the rest.",
            "hub_skewness",
            "largest_hub",
            "antihubs",
        )
    return found


def near_duplicates(subject: Subject) -> Section:
    """Passages with another one at almost the same place."""
    found = Section("Near duplicates")
    n = len(subject.units)
    rows = subject.some[np.linspace(0, len(subject.some) - 1, min(_AROUND, len(subject.some))).astype(int)]
    hits = nearest(subject.units, 1, rows)
    close = hits.scores[:, 0] >= NEAR
    among = binomtest(int(close.sum()), len(close)).proportion_ci(method="wilson")
    near = found.add(
        "near_duplicates",
        f"passages with another at cosine {NEAR} or more",
        float(close.mean()),
        f"{len(rows):,} passages among {n:,}",
        share=True,
        low=float(among.low),
        high=float(among.high),
    )
    found.add("nearest_cosine", "median cosine to the nearest other", float(np.median(hits.scores)))
    if near.value > 0.05:
        found.advise(
            f"{near} of the passages have another at cosine {NEAR} or more: ten hits may say the same thing, so deduplicate or "
            "put diversify() after the search.",
            "near_duplicates",
        )
    return found
