"""The kinds of task besides retrieval, each measured on the vectors that a pipeline stores."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple, Protocol, TypeVar

import numpy as np

from codomain.arrays import Floats
from codomain.measure.data.datasets import Dataset
from codomain.measure.metrics.corpus_level import Ranked, Repeated
from codomain.measure.metrics.significance import Values, interval
from codomain.measure.tasks.bitext import bitext
from codomain.measure.tasks.vector_tasks import clusters, cosine_of_pairs, linear_probe, ranked
from codomain.registry import register


class Measured(NamedTuple):
    """A metric on a set: its value for each item (n,), over all items, and the 95% interval of that."""

    by_item: Values
    value: float
    interval: tuple[float, float]
    unaveraged: Ranked | Repeated | None = None
    """Where the metric is no mean over items: what it is made of."""


class Task(Protocol):
    """How sets of one kind are measured: which texts become vectors, and what is asked of the vectors.

    class Lengths:
        metrics = ("mean length",)
        def items(self, data): return list(data.documents)
        def texts(self, data): return list(data.documents.values())
        def measure(self, vectors, data, metric): ...
    """

    metrics: ClassVar[tuple[str, ...]]

    def items(self, data: Dataset) -> list[str]:
        """What has a value of its own, by id (n,)."""

    def texts(self, data: Dataset) -> list[str]:
        """The texts that the pipeline encodes (t,)."""

    def measure(self, vectors: Floats, data: Dataset, metric: str) -> Measured:
        """One of `metrics` from the vectors (t, d) of `texts`."""


T = TypeVar("T", bound=type)


def task(kind: str) -> Callable[[T], T]:
    """Register how data sets of a kind are measured. Raises RegistryError for a kind that is taken."""
    return register("task", kind)


class _Pairs:
    """What the kinds made of pairs share: an item is a pair, its texts are all left sides, then all right ones."""

    def items(self, data: Dataset) -> list[str]:
        """Pairs by position."""
        return [str(i) for i in range(len(data.pairs))]

    def texts(self, data: Dataset) -> list[str]:
        """Left sides, then right sides (2n,)."""
        return [str(pair[side]) for side in (0, 1) for pair in data.pairs]


@task("similarity")
class Similarity(_Pairs):
    """Spearman's correlation of cosines with scores of pairs."""

    metrics = ("Spearman",)

    def measure(self, vectors: Floats, data: Dataset, metric: str) -> Measured:
        """The cosine of each pair, and the correlation over all."""
        n = len(data.pairs)
        cosines = cosine_of_pairs(vectors[:n], vectors[n:])
        found = ranked(metric, cosines, data.pairs)
        return Measured(cosines, found.value, found.interval(), found)


@task("pairs")
class Pairs(Similarity):
    """Average precision of cosines at telling pairs of label 1 from those of label 0."""

    metrics = ("AP",)


@task("bitext")
class Bitext(_Pairs):
    """Whether the nearest right side is the translation."""

    metrics = ("accuracy",)

    def measure(self, vectors: Floats, data: Dataset, metric: str) -> Measured:
        """1 or 0 for each pair."""
        n = len(data.pairs)
        targets = [pair[1] for pair in data.pairs]
        nearest = bitext(vectors[:n], vectors[n:], margin=None).targets
        right = np.array([targets[row] == target for row, target in zip(nearest, targets, strict=True)], np.float64)
        return Measured(right, float(right.mean()), interval(dict(zip(self.items(data), right.tolist(), strict=True))))


@task("classification")
class Classification:
    """Labels told by a linear probe, and found again by k-means."""

    metrics = ("accuracy", "V-measure")

    def items(self, data: Dataset) -> list[str]:
        """Labeled documents."""
        return list(data.labels)

    def texts(self, data: Dataset) -> list[str]:
        """Their texts (n,)."""
        return [data.documents[id] for id in data.labels]

    def measure(self, vectors: Floats, data: Dataset, metric: str) -> Measured:
        """The mean over repeats for each document."""
        labels = list(data.labels.values())
        trials = linear_probe(vectors, labels) if metric == "accuracy" else clusters(vectors, labels)
        return Measured(trials.values.mean(axis=0), trials.value, trials.interval(), trials)
