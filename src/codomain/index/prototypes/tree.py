"""The tree as arrays: growing, the likelihood of every node, paths from the root."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from codomain.arrays import Floats, Rows
from codomain.index.prototypes import _kernels as kernels

_NODES = 2048
"""Nodes whose precisions are made at a time."""
_LONG = 1e9
"""Largest coordinate whose square, over the least prior and summed over a deep path, is a float32."""


class Prototype(NamedTuple):
    """A node of the tree: how many rows it stands for, how deep it lies (root 1) and the row nearest to its mean."""

    node: int
    rows: int
    depth: int
    medoid: int


class Tree:
    """Gaussian concepts over whitened rows, one leaf for every distinct row."""

    _TABLES = ("mean", "m2", "count", "entropy", "parent", "first", "following")

    def __init__(self, dims: int, prior: float) -> None:
        self.prior = prior
        self.mean, self.m2 = np.zeros((0, dims), np.float32), np.zeros((0, dims), np.float32)
        self.count, self.entropy = np.zeros(0, np.int64), np.zeros(0, np.float64)
        self.parent, self.first, self.following = (np.zeros(0, np.int64) for _ in range(3))
        self.shape = np.array([-1, 0, -1], np.int64)
        self.leaf_of = np.zeros(0, np.int64)
        self._walk()

    def insert(self, rows: Floats) -> None:
        """Add whitened rows (n, dims) in their order."""
        self._make_room(2 * len(rows))
        leaves = np.empty(len(rows), np.int64)
        kernels.insert(
            rows, self.mean, self.m2, self.count, self.entropy, self.parent, self.first, self.following, leaves,
            self.shape, float(self.prior),
        )  # fmt: skip
        self.leaf_of = np.concatenate([self.leaf_of, leaves])
        self._walk()

    def arrays(self) -> dict[str, np.ndarray]:
        """All that makes the tree, by name."""
        used = int(self.shape[1])
        tables = {name: getattr(self, name)[:used] for name in self._TABLES}
        return tables | {"shape": self.shape, "leaf_of": self.leaf_of}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take what `arrays` gave, perhaps mapped from files."""
        for name in (*self._TABLES, "leaf_of"):
            setattr(self, name, arrays[name])
        self.shape = np.array(arrays["shape"])
        self._walk()

    def path_sums(self, queries: Floats) -> Floats:
        """Scores (q, rows): the mean over the nodes from root to leaf of ln N(x; mean, sigma^2), its constant left out.

        -1/2 (x^2 A^T - 2 x B^T + c), A = 1 / sigma^2, B = mean / sigma^2, c = sum mean^2 / sigma^2 + ln sigma^2: two matrix
        products over all nodes. Queries so long that their squares leave float32 take float64; scores below float32 are its
        lowest number.
        """
        if np.abs(queries).max(initial=0) > _LONG:
            queries = queries.astype(np.float64)
        sums = np.empty((len(queries), len(self.count)), queries.dtype)
        squares = queries * queries
        for start in range(0, int(self.shape[1]), _NODES):
            part = slice(start, min(start + _NODES, int(self.shape[1])))
            precision = 1 / (self.m2[part] / np.maximum(self.count[part], 1)[:, None].astype(np.float32) + self.prior)
            scaled = self.mean[part] * precision
            constant = np.einsum("ij,ij->i", self.mean[part], scaled) + 2 * self.entropy[part]
            sums[:, part] = -0.5 * (squares @ precision.T - 2 * (queries @ scaled.T) + constant)
        kernels.sum_paths(self._order, self.parent, self._depth, sums)
        return _narrowed(sums[:, self.leaf_of])

    def best_first(self, query: Floats, wanted: int, most: int, allowed: Rows) -> tuple[Rows, Floats, int]:
        """Rows found below the nodes opened first, their scores, and the number of nodes scored."""
        rows_at = np.bincount(self.leaf_of[allowed], minlength=len(self.count))
        leaves, scores = np.empty(len(self.leaf_of), np.int64), np.empty(len(self.leaf_of), np.float64)
        found, scored = kernels.best_first(
            query, self.mean, self.m2, self.count, self.entropy, self.first, self.following, int(self.shape[0]),
            float(self.prior), rows_at, wanted, most, leaves, scores,
        )  # fmt: skip
        score_of = np.full(len(self.count), np.nan, np.float32)
        score_of[leaves[:found]] = _narrowed(scores[:found])
        rows = allowed[~np.isnan(score_of[self.leaf_of[allowed]])]
        return rows, score_of[self.leaf_of[rows]], scored

    def path(self, row: int) -> list[Prototype]:
        """The prototypes from the root down to a row."""
        node, nodes = int(self.leaf_of[row]), []
        while node >= 0:
            nodes.append(node)
            node = int(self.parent[node])
        return [self.prototype(node) for node in nodes[::-1]]

    def prototype(self, node: int) -> Prototype:
        """A node with the row below it that is nearest to its mean."""
        leaves = self._leaves_below(node)
        distances = ((self.mean[leaves] - self.mean[node]) ** 2).sum(axis=1)
        medoid = int(np.flatnonzero(self.leaf_of == leaves[np.argmin(distances)])[0])
        return Prototype(node, int(self.count[node]), int(self._depth[node]), medoid)

    def children(self, node: int) -> list[int]:
        """The nodes below a node, those of most rows first."""
        found, child = [], int(self.first[node])
        while child >= 0:
            found.append(child)
            child = int(self.following[child])
        return sorted(found, key=lambda child: (-int(self.count[child]), child))

    @property
    def root(self) -> int:
        """The node above all; -1 for none."""
        return int(self.shape[0])

    def _leaves_below(self, node: int) -> Rows:
        leaves, open_nodes = [], [node]
        while open_nodes:
            below = open_nodes.pop()
            children = self.children(below)
            open_nodes += children
            if not children:
                leaves.append(below)
        return np.sort(np.array(leaves, np.int64))

    def _make_room(self, more: int) -> None:
        used = int(self.shape[1])
        needed = used + more + 1
        for name in self._TABLES:
            table = getattr(self, name)
            if needed > len(table) or not table.flags.writeable:
                room = np.zeros((max(needed, 2 * used), *table.shape[1:]), table.dtype)
                room[:used] = table[:used]
                setattr(self, name, room)

    def _walk(self) -> None:
        """The order in which parents come first, and every node's depth."""
        order, self._depth = np.empty(len(self.count), np.int64), np.ones(len(self.count), np.int64)
        self._order = order[: kernels.breadth_first(self.first, self.following, self.root, order, self._depth)]


def _narrowed(scores: np.ndarray) -> Floats:
    """Scores as float32, clipped to its range."""
    limit = np.finfo(np.float32).max
    return scores if scores.dtype == np.float32 else scores.clip(-limit, limit).astype(np.float32)
