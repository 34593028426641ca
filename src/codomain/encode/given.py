"""Vectors of one's own as the start of a pipeline: nothing is encoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from codomain.arrays import Floats, as_float32, unit_rows
from codomain.errors import InputError
from codomain.progress import Progress, counter
from codomain.registry import stage
from codomain.stage import Stage, check_int

SourceMetric = Literal["cosine", "ip", "l2"]


@stage("vectors", modalities=["vector"], gives="dense")
class GivenVectors(Stage):
    """Vectors (d,) that come with the documents and with the queries, float32 (n, dim).

    `metric` says how they are compared: "cosine" scales them to length one, "ip" and "l2" leave them as they are; "l2" needs
    an index of that metric. A document is given as {"id": ..., "vector": ..., "text": ...}, its text is optional; a query as
    `search(vector=...)`.

    >>> GivenVectors(2).encode_documents([np.array([3.0, 4.0])]).tolist()
    [[0.6000000238418579, 0.800000011920929]]

    Raises ValueError for another metric, InputError for a vector of another number of dimensions, NaN or infinity.
    """

    def __init__(self, dim: int, metric: SourceMetric = "cosine") -> None:
        self.dim = check_int("dim", dim)
        if metric not in get_args(SourceMetric):
            raise ValueError(f"metric must be one of {', '.join(get_args(SourceMetric))}, not {metric!r}")
        self.metric = metric

    @property
    def asks_metric(self) -> str | None:
        """The metric that the index must have; unit vectors are ranked alike by all of them."""
        return None if self.metric == "cosine" else self.metric

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides a vector."""
        return f"vectors {self.dim} {self.metric}"

    def encode_documents(self, items: Sequence[Any], progress: Progress | None = None) -> Floats:
        """The vectors as they were given, or scaled to length one."""
        advance = counter(progress, "encoding", len(items))
        rows = np.empty((len(items), self.dim), np.float32)
        for place, item in enumerate(items):
            vector = np.asarray(item)
            if vector.shape != (self.dim,):
                raise InputError(f"vector {place} has the shape {vector.shape}, and {self} takes ({self.dim},).")
            rows[place] = vector
        advance(len(items))
        checked = as_float32(rows, what="the vectors")
        return unit_rows(checked) if self.metric == "cosine" else checked

    def encode_queries(self, items: Sequence[Any], progress: Progress | None = None) -> Floats:
        """Queries as documents."""
        return self.encode_documents(items, progress)
