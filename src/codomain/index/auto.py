"""The index that suits the size of the collection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from codomain.codecs import Codec
from codomain.index.flat import Flat
from codomain.index.scan import Metric, check_bits, check_metric, codes_of
from codomain.stages import Stage, stage
from codomain.vectors import Floats, Hits, Packed, Rows

COMPONENTS = 40_000_000
"""Rows times dimensions up to which `flat` is chosen (about 100,000 x 384).

Scanning them takes about ten milliseconds of one core, exactly, with any filter; building a graph of them takes minutes.
"""


@stage("auto", takes=["dense", "codes", "packed"], gives="hits")
class Auto(Stage):
    """The index by size: flat while a scan takes a few milliseconds, hnsw beyond; decided anew by each build.

    Packed bits scan an eighth of the bytes of int8 and stay flat ten times longer.

    >>> str(Auto().build(np.eye(3, dtype=np.float32)).chosen)
    'flat()'
    """

    def __init__(self, metric: Metric = "ip") -> None:
        check_metric(metric)
        self.metric = metric
        self.chosen: Any = Flat(metric)

    def check(self, before: Sequence[Stage]) -> None:
        """The metric hamming follows packed bits only."""
        check_bits(self.metric, before)

    def build(self, vectors: Floats | Packed | np.ndarray, codec: Codec | None = None) -> Self:
        """Choose by the number of rows and build; errors are those of the chosen index."""
        codes, codec = codes_of(vectors, codec)
        limit = COMPONENTS * (10 if codec.kind == "binary" else 1)
        self.chosen = self._index("flat" if len(codes) * codec.dim <= limit else "hnsw").build(codes, codec)
        return self

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

    def load(self, folder: Path) -> Self:
        """Open whichever index was saved; raises InputError for damaged files."""
        try:
            name = json.loads((Path(folder) / "meta.json").read_text())["index"]
        except (OSError, ValueError, KeyError, TypeError):
            name = "flat"  # which reports what is wrong
        self.chosen = self._index(name if name in ("flat", "hnsw") else "flat").load(folder)
        return self

    def _index(self, name: str) -> Any:
        if name == "flat" or self.metric == "hamming":
            return Flat(self.metric)
        from codomain.index.hnsw import HNSW

        return HNSW(metric=self.metric)
