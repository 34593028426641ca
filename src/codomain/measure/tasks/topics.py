"""Groups of like documents in a collection, each named by the words that tell it from the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.arrays import unit_rows
from codomain.errors import InputError, MissingExtra
from codomain.measure.tasks.duplicates import vectors_of

if TYPE_CHECKING:
    from codomain.store import Collection

_DIMENSIONS = 16
_WORDS = 4
_SEED = 0


@dataclass(frozen=True)
class Topic:
    """A group of documents: the words that name it, and the ids, the most typical first."""

    words: tuple[str, ...]
    ids: list[str]

    @property
    def name(self) -> str:
        """The words as one label."""
        return ", ".join(self.words)


@dataclass(frozen=True)
class Topics:
    """Groups, the largest first, and the ids of documents that belong to none."""

    topics: list[Topic]
    outliers: list[str]


def topics_of(
    collection: Collection,
    groups: int | None = None,
    smallest: int | None = None,
    where: str | Mapping[str, Any] | None = None,
) -> Topics:
    """Group documents by their vectors: so many `groups` by k-means, or as many as are dense enough by HDBSCAN.

    Without `groups` a group has at least `smallest` documents (a hundredth of all, 5 at least) and documents between groups
    belong to none. Names are the words with the highest class-based TF-IDF ("BERTopic", Grootendorst 2022).

    Raises InputError for numbers that cannot be, PipelineError without a dense branch, MissingExtra without scikit-learn.
    """
    try:
        from sklearn.cluster import HDBSCAN, KMeans
        from sklearn.decomposition import PCA
    except ImportError:
        raise MissingExtra("grouping documents", "measure") from None
    ids, vectors, _ = vectors_of(collection, where)
    if groups is not None and not 1 <= groups <= len(ids):
        raise InputError(f"{len(ids)} documents cannot be {groups} groups.")
    if smallest is not None and smallest < 2:
        raise InputError(f"a group has 2 documents or more, not {smallest}.")
    if len(ids) < 2:
        return Topics([], ids)
    units = unit_rows(vectors)
    if groups is not None:
        labels = KMeans(groups, n_init=4, random_state=_SEED).fit_predict(units)
    else:
        few = PCA(min(_DIMENSIONS, *units.shape), random_state=_SEED).fit_transform(units)
        least = min(smallest or max(5, len(ids) // 100), len(ids))
        labels = HDBSCAN(min_cluster_size=least, copy=True).fit_predict(few)
    members = [np.flatnonzero(labels == label) for label in range(int(labels.max(initial=-1)) + 1)]
    members = sorted((places for places in members if len(places)), key=lambda places: (-len(places), places[0]))
    names = _names(collection, [[ids[place] for place in places] for places in members])
    topics = []
    for places, words in zip(members, names, strict=True):
        typical = np.argsort(-(units[places] @ units[places].mean(axis=0)), kind="stable")
        topics.append(Topic(words, [ids[place] for place in places[typical]]))
    return Topics(topics, [ids[place] for place in np.flatnonzero(labels < 0)])


def _names(collection: Collection, groups: list[list[str]]) -> list[tuple[str, ...]]:
    """For each group the words that are frequent in it and rare in the others."""
    from sklearn.feature_extraction.text import CountVectorizer

    from codomain.analyzer import STOP_WORDS, words

    def terms(text: str) -> list[str]:
        return [
            w for word in words(text) if (w := word.casefold()) not in STOP_WORDS and not w.isdigit() and len(w) > 1
        ]

    texts = [" ".join(d["text"] for d in collection.get(ids) if d is not None) for ids in groups]
    if not any(terms(text) for text in texts):
        return [()] * len(groups)
    counter = CountVectorizer(analyzer=terms)
    counts = counter.fit_transform(texts).toarray().astype(np.float64)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    weight = share * np.log1p(counts.sum() / len(groups) / counts.sum(axis=0))
    vocabulary = counter.get_feature_names_out()
    named = []
    for row in weight:
        best = np.argsort(-row, kind="stable")[:_WORDS]
        named.append(tuple(str(vocabulary[place]) for place in best if row[place] > 0))
    return named
