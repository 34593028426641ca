"""The index that suits the size of the collection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from codomain.arrays import Floats, Hits, Packed, Rows
from codomain.codecs.codec import Codec
from codomain.index.array_files import fitting
from codomain.index.base import IndexStage
from codomain.index.flat import Flat
from codomain.index.scan import Metric, check_bits, check_metric, codes_of
from codomain.registry import stage
from codomain.stage import Stage, check_float

COMPONENTS = 40_000_000
"""Rows times dimensions up to which `flat` is chosen (about 100,000 x 384).

Scanning them takes about ten milliseconds of one core, exactly, with any filter; building a graph of them takes minutes.
"""
_SAMPLE = 20_000
"""Rows that the intrinsic dimensionality is measured on."""
_MOST_NEIGHBORS = 64


@stage("auto", takes=["dense", "codes", "packed"], gives="hits", papers=[125])
class Auto(IndexStage):
    """The index by size: flat while a scan takes a few milliseconds, then the graph that reaches a target recall.

    `target` is the recall@10 asked for of a graph: its degree follows the intrinsic dimensionality of the vectors, its
    efforts are measured (see `filtered`), the result is verified on queries of its own, and a graph that falls short is
    built again with a higher degree. Decided again by each build. Packed bits scan an eighth of the bytes of int8, stay
    flat ten times longer, and go to `hnsw`.
    "The Impacts of Data, Ordering, and Intrinsic Dimensionality on Recall in Hierarchical Navigable Small Worlds" (2024).

    >>> str(Auto().build(np.eye(3, dtype=np.float32)).chosen)
    'flat()'
    """

    chooses_by_size: ClassVar[bool] = True

    def __init__(self, metric: Metric = "ip", target: float = 0.95) -> None:
        check_metric(metric)
        self.metric = metric
        self.target = check_float("target", target, 0.5, 1)
        self.chosen: Any = Flat(metric)

    def check(self, before: Sequence[Stage]) -> None:
        """The metric hamming follows packed bits only."""
        check_bits(self.metric, before)

    def build(self, vectors: Floats | Packed | np.ndarray, codec: Codec | None = None) -> Self:
        """Choose by the number of rows and build; errors are those of the chosen index."""
        codes, codec = codes_of(vectors, codec)
        if len(codes) * codec.dim <= COMPONENTS * (10 if codec.kind == "binary" else 1):
            self.chosen = self._index("flat").build(codes, codec)
        elif codec.kind == "binary":
            self.chosen = self._index("hnsw").build(codes, codec)
        else:
            self.chosen = self._graph(codes, codec)
        return self

    def _graph(self, codes: np.ndarray, codec: Codec) -> Any:
        """A graph whose recall, verified, is not below the target, or the one of the highest degree."""
        from codomain.index.diagnostics import lid

        sample = np.sort(np.random.default_rng(0).choice(len(codes), min(len(codes), _SAMPLE), replace=False))
        hardness = lid(codec.decode(codes[sample]), sample=200)
        m = 16 if np.mean(hardness) < 10 else 32
        while True:
            index = self._index("filtered", m).build(codes, codec)
            # above the interval's end the shortfall is chance
            if index.verified is None or index.verified.high >= self.target or m >= _MOST_NEIGHBORS:
                return index
            m = m * 3 // 2

    def add(self, vectors: Floats | Packed | np.ndarray) -> None:
        """Append to the chosen index; the choice stands until the next build."""
        self.chosen.add(vectors)

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search."""
        self.chosen.remove(rows)

    def search(self, queries: Floats, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best of the allowed rows for each query (q, d)."""
        hits: Hits = self.chosen.search(queries, k, allow)
        return hits

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def nbytes(self) -> int:
        """Bytes of the chosen index."""
        return int(self.chosen.nbytes)

    def save(self, folder: Path) -> None:
        """Write the chosen index; its meta.json says which it is."""
        self.chosen.save(folder)

    @fitting
    def load(self, folder: Path) -> Self:
        """Open whichever index was saved; raises InputError for damaged files."""
        try:
            meta = json.loads((Path(folder) / "meta.json").read_text())
            name, m = meta["index"], meta["settings"].get("made", {}).get("m", 32)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            name, m = "flat", 32  # which reports what is wrong
        self.chosen = self._index(name if name in ("flat", "hnsw", "filtered") else "flat", m).load(folder)
        return self

    def _index(self, name: str, m: int = 32) -> Any:
        if name == "flat" or self.metric == "hamming":
            return Flat(self.metric)
        if name == "filtered":
            from codomain.index.filtered.filtered import Filtered

            return Filtered(self.target, m, metric=self.metric)
        from codomain.index.hnsw import HNSW

        return HNSW(metric=self.metric)
