"""The coarse stage of late interaction: one vector for each document, in a codomain index."""

from __future__ import annotations

from contextvars import Context
from typing import Any, Protocol, Self

import numpy as np

from codomain.arrays import Floats, Hits, Ragged, Rows
from codomain.codecs.codec import Codec
from codomain.index.multi.scoring import pooled
from codomain.trace import SearchStats, collect, record


class Encoding(Protocol):
    """Lists of vectors to one vector each, so that inner products find what MaxSim puts first."""

    @property
    def dim(self) -> int:
        """Of the one vector."""

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides it."""

    def fit(self, sample: Ragged) -> Self:
        """Learn what there is to learn from some documents."""

    def queries(self, queries: Ragged) -> Floats:
        """Vectors (n, dim)."""

    def documents(self, documents: Ragged) -> Floats:
        """Vectors (n, dim)."""

    def state(self) -> dict[str, np.ndarray]:
        """What was drawn and learnt."""

    def restore(self, state: dict[str, np.ndarray]) -> Self:
        """Take it over from another instance."""


class Pooled:
    """The mean vector at length one, on both sides."""

    fingerprint = "pooled"

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def fit(self, sample: Ragged) -> Self:
        """Nothing to learn."""
        return self

    def queries(self, queries: Ragged) -> Floats:
        """Mean vectors (n, dim)."""
        return pooled(queries)

    documents = queries

    def state(self) -> dict[str, np.ndarray]:
        """Nothing."""
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> Self:
        """Nothing to take over."""
        return self


class Coarse:
    """Documents as single vectors, held as float16 in an index such as flat(), auto() or ivf()."""

    def __init__(self, name: str, encoding: Encoding, index: Any) -> None:
        self.name = name
        self.encoding = encoding
        self.index = index

    def build(self, documents: np.ndarray) -> None:
        """Replace the contents by encoded documents (n, dim)."""
        codec = Codec("float16", self.encoding.dim)
        self.index.build(codec.encode(documents), codec)

    def add(self, documents: Ragged) -> None:
        """Append documents."""
        self.index.add(Codec("float16", self.encoding.dim).encode(self.encoding.documents(documents)))

    def search(self, queries: Ragged, k: int, allow: Rows | None) -> Hits:
        """The k documents among `allow` that look best to each query."""
        hits, report = inside(self.index, self.encoding.queries(queries), k, allow)
        record(scored=report.scored)
        for plan in report.plans:
            record(plan=plan)
        return hits

    def early(self, queries: Ragged, k: int, allow: Rows | None, share: float) -> Hits | None:
        """The same after the first `share` of the lists, unreported; None where the index has no lists to stop between."""
        first = self.index.first(share)
        if first is None:
            return None
        return inside(first, self.encoding.queries(queries), k, allow)[0]


def inside(index: Any, queries: Floats, k: int, allow: Rows | None) -> tuple[Hits, SearchStats]:
    """The hits of an index that another one owns, and its report: the owner counts queries, once."""

    def ask() -> tuple[Hits, SearchStats]:
        with collect() as report:
            return index.search(queries, k, allow), report

    return Context().run(ask)
