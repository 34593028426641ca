"""The stage `prototypes`: search in a tree of prototypes, and the path that explains each hit."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from codomain.arrays import Floats, Hits, Rows, allowed_rows, as_float32, top_k
from codomain.codecs.codec import Codec
from codomain.errors import CodomainWarning, InputError, MissingExtra
from codomain.index.array_files import fitting, open_arrays, save_arrays
from codomain.index.base import IndexStage
from codomain.index.prototypes.whitening import Whitening
from codomain.registry import stage
from codomain.stage import check_float, check_int
from codomain.trace import record

if TYPE_CHECKING:
    from codomain.index.prototypes.tree import Prototype

_PRIOR = 1.0
"""Multiple of the mean variance that "auto" adds to every variance: a concept of one row still has a width.

With a tenth, leaves outweigh all prototypes above them, and a mean over paths of different lengths ranks by length.
"""
_TOLD = 1000
"""Rows from which a build tells what the tree costs."""
_COST = (
    "prototypes() ranks by likelihoods in a tree, which lost 0.08 to 0.26 of nDCG@10 against flat() on three judged sets: use it for "
    "its paths, and flat() or auto() to find."
)
_SCORES = 1 << 24
"""Nodes times queries scored at a time."""


@stage("prototypes", takes=["dense"], gives="hits", papers=[116])
class Prototypes(IndexStage):
    """A tree of Gaussian prototypes that grows row by row; hits are the most likely leaves, their paths explain them.

    "Hierarchical Semantic Retrieval with Cobweb" (2025). Vectors are whitened to `whiten` dimensions (0: not at all);
    `prior` is added to all variances ("auto": the mean variance). "pathsum" scores a row by the mean log
    likelihood of the query from root to leaf and reads all nodes; "bestfirst" opens the most likely nodes, at most
    `max_nodes` unless more are needed for min(k, matches) hits. The tree depends on the order of the rows; it holds
    about four times the bytes of the whitened vectors. Raises MissingExtra without numba.

    It explains, and it costs: nDCG@10 of static() on NPL, SciFact and Cranfield is 0.336, 0.564 and 0.449 by flat(), and 0.257,
    0.304 and 0.355 by prototypes(), of which `build` warns.

    >>> vectors = np.float32([[0, 0], [0, 1], [9, 9], [9, 8]])
    >>> index = Prototypes(whiten=0).build(vectors)
    >>> index.search(np.float32([[8, 8]]), k=2).rows
    array([[3, 2]])
    >>> [(step.rows, step.depth) for step in index.path(3)]
    [(4, 1), (2, 2), (1, 3)]
    """

    grows: ClassVar[bool] = True
    """A collection adds newer rows to the tree: their likelihoods cannot be compared with scores of a scan."""

    def __init__(
        self,
        whiten: int = 64,
        prior: float | Literal["auto"] = "auto",
        method: Literal["pathsum", "bestfirst"] = "pathsum",
        max_nodes: int = 2000,
    ) -> None:
        self.whiten = check_int("whiten", whiten, 0)
        self.prior: float | Literal["auto"] = prior if prior == "auto" else check_float("prior", prior, 1e-9)
        if method not in ("pathsum", "bestfirst"):
            raise ValueError(f"needs method 'pathsum' or 'bestfirst', not {method!r}")
        self.method = method
        self.max_nodes = check_int("max_nodes", max_nodes)

    def build(self, vectors: Floats, codec: Codec | None = None) -> Self:
        """Fit the whitening to vectors (n, d) and insert them in their order; raises InputError for others."""
        if codec is not None and codec.kind != "float32":
            raise InputError(f"{self} takes float32 vectors, but got {codec.kind}: leave the quantiser out.")
        vectors = as_float32(vectors)
        if len(vectors) >= _TOLD:
            warnings.warn(_COST, CodomainWarning, stacklevel=2)
        self._whitening = Whitening.fit(vectors, self.whiten)
        white = self._whitening.apply(vectors)
        prior = self.prior
        if prior == "auto":
            variance = float(white.var(axis=0).mean()) if len(white) > 1 else 0.0
            prior = _PRIOR * variance if variance > 1e-9 else _PRIOR
        self._tree = _tree_module().Tree(white.shape[1], prior)
        self._tree.insert(white)
        self._removed = np.zeros(0, np.int64)
        return self

    def add(self, vectors: Floats) -> None:
        """Insert rows (n, d), whitened as the rows of the build."""
        vectors = as_float32(vectors, dim=self._dim if self._stored else None)
        if self._stored == 0:
            self.build(vectors)
        elif len(vectors):
            self._tree.insert(self._whitening.apply(vectors))

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search; prototypes remember them until the next build."""
        wanted = allowed_rows(rows, self._stored)
        assert wanted is not None
        self._removed = np.union1d(self._removed, wanted)

    def search(self, queries: Floats, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k most likely of the allowed rows for each query (q, d), and never fewer than min(k, matches)."""
        queries = as_float32(queries, dim=self._dim, what="queries")
        rows = allowed_rows(allow, self._stored)
        if rows is None:
            rows = np.arange(self._stored)
        rows = np.setdiff1d(rows, self._removed, assume_unique=True)
        wanted = min(k, len(rows))
        hits = Hits.empty(len(queries), k)
        if wanted == 0 or len(queries) == 0:
            return hits
        white = self._whitening.apply(queries)
        group = max(1, _SCORES // len(self._tree.count))
        for start in range(0, len(queries), group):
            found = self._scored(white[start : start + group], rows, wanted)
            for i, (near, scores) in enumerate(found, start):
                hits.rows[i, :wanted], hits.scores[i, :wanted] = top_k(scores, near, wanted)
        record(queries=len(queries))
        return hits

    def path(self, row: int) -> list[Prototype]:
        """The prototypes from the root down to a row: what the search knew it by.

        Raises InputError for a row that is not there.
        """
        if not 0 <= row < self._stored:
            raise InputError(f"there is no row {row} in an index of {self._stored} rows.")
        steps: list[Prototype] = self._tree.path(row)
        return steps

    def outline(self, texts: Sequence[str] | None = None, depth: int = 3, width: int = 8) -> str:
        """The upper levels of the tree as indented text, the `width` largest children of each prototype.

        Each line has a prototype's number of rows and its medoid: the text where `texts` are given, else the row.
        """
        tree = self._tree
        lines: list[str] = []
        waiting = [tree.root] if tree.root >= 0 else []
        while waiting:
            step = tree.prototype(waiting.pop())
            told = f"row {step.medoid}" if texts is None else texts[step.medoid]
            lines.append(f"{'  ' * (step.depth - 1)}{step.rows:,}  {told}")
            if step.depth < depth:
                waiting += tree.children(step.node)[:width][::-1]
        return "\n".join(lines)

    def __len__(self) -> int:
        return self._stored - len(self._removed)

    @property
    def nbytes(self) -> int:
        """Bytes of the tree and the whitening."""
        return sum(array.nbytes for array in self._arrays().values())

    def save(self, folder: Path) -> None:
        """Write the tree to a folder."""
        settings = {"whiten": self.whiten, "prior": self.prior, "width": self._tree.prior}
        save_arrays(folder, "prototypes", self._arrays(), settings)

    @fitting
    def load(self, folder: Path) -> Self:
        """Map what `save` wrote; raises InputError for damaged files or other build parameters."""
        arrays, settings = open_arrays(folder, "prototypes")
        if (settings["whiten"], settings["prior"]) != (self.whiten, self.prior):
            raise InputError(
                f"{folder} was saved by prototypes() with other parameters than {self}: rebuild the index."
            )
        self._whitening = Whitening(arrays["white_mean"], arrays["white_directions"])
        self._tree = _tree_module().Tree(self._whitening.directions.shape[1], settings["width"])
        self._tree.restore(arrays)
        self._removed = arrays["removed"]
        return self

    def _arrays(self) -> dict[str, np.ndarray]:
        white = {"white_mean": self._whitening.mean, "white_directions": self._whitening.directions}
        return {**self._tree.arrays(), **white, "removed": self._removed}

    @property
    def _stored(self) -> int:
        return len(self._tree.leaf_of)

    @property
    def _dim(self) -> int:
        return len(self._whitening.mean)

    def _scored(self, queries: Floats, rows: Rows, wanted: int) -> list[tuple[Rows, Floats]]:
        """Rows and their scores for each whitened query."""
        if self.method == "pathsum":
            record(scored=len(queries) * len(self._tree.count))
            return [(rows, scores[rows]) for scores in self._tree.path_sums(queries)]
        found = []
        for query in queries:
            near, scores, scored = self._tree.best_first(query, wanted, self.max_nodes, rows)
            record(scored=scored)
            found.append((near, scores))
        return found


def _tree_module() -> Any:
    """The tree with its compiled kernels; raises MissingExtra without numba."""
    if find_spec("numba") is None:
        raise MissingExtra("prototypes()", "engines")
    from codomain.index.prototypes import tree

    return tree
