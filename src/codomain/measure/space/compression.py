"""What fewer dimensions and fewer bits cost on one's own queries: comparisons, the best within a budget, redundancy.

Documents are compressed, queries are not; transforms are fitted on the documents, never on the queries.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, as_float32
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.index.flat import Flat
from codomain.measure.data.runs import Run
from codomain.measure.metrics.retrieval import per_query
from codomain.measure.metrics.significance import Comparison, interval
from codomain.measure.metrics.significance import compare as paired
from codomain.pipeline import pipeline
from codomain.transform.estimator import Estimator

Right = NDArray[np.integer] | Sequence[int] | Sequence[Mapping[int, int]]
"""For each query the row of its document, or rows with their grades."""

Method = str | tuple[str, str]
"""Transforms such as "pca(64) >> int8()", "" for none; or two: candidates by the first, rescored by the second."""

_DEPTH = 10
_CANDIDATES = 4
"""Times as many candidates as hits, for methods of two steps."""


class Line(NamedTuple):
    """One method: bits of a stored vector, mean of the metric with its 95 % interval, overlap of the ten best with float32's."""

    method: str
    bits: int
    mean: float
    low: float
    high: float
    overlap: float


@dataclass(frozen=True)
class Table:
    """The methods compared, in the order asked for, and their values for each query."""

    metric: str
    lines: tuple[Line, ...]
    values: dict[str, dict[str, float]]

    def __getitem__(self, method: str) -> Line:
        """The line of a method; raises InputError for one that was not compared."""
        for line in self.lines:
            if line.method == method:
                return line
        raise InputError(f"{method!r} was not compared: there is {', '.join(repr(one.method) for one in self.lines)}.")

    def against(self, baseline: str, method: str) -> Comparison:
        """Method minus baseline: paired bootstrap interval and permutation test over queries."""
        return paired(self.values[self[baseline].method], self.values[self[method].method])

    def t_test(self, baseline: str, method: str) -> float:
        """The p-value of Student's paired test, as CoRECT reports it; 1 where no query differs."""
        from scipy.stats import ttest_rel

        first, second = ([*self.values[self[name].method].values()] for name in (baseline, method))
        return float(ttest_rel(second, first).pvalue) if first != second else 1.0

    def pairs(self) -> dict[tuple[str, str], Comparison]:
        """`against` for every pair of methods."""
        return {pair: self.against(*pair) for pair in combinations([line.method for line in self.lines], 2)}

    def __str__(self) -> str:
        width = max(len(line.method or "float32") for line in self.lines)
        rows = [f"{'':{width}}{'bits':>8}{self.metric:>12}{'95 %':>16}{'overlap':>9}"]
        for method, bits, mean, low, high, overlap in self.lines:
            name, between = method or "float32", f"{low:.3f} to {high:.3f}"
            rows.append(f"{name:{width}}{bits:>8}{mean:>12.3f}{between:>16}{overlap:>9.3f}")
        return "\n".join(rows)


@dataclass(frozen=True)
class Compressed:
    """Documents as a chain of transforms stores them."""

    stages: list[Estimator]
    codes: np.ndarray
    codec: Codec | None
    bits: int

    @classmethod
    def fitted(cls, expression: str, X: Floats) -> Compressed:
        """Vectors (n, d) through the transforms of an expression, each fitted on what reaches it.

        >>> Compressed.fitted("truncate(2) >> float8()", np.eye(4, dtype=np.float32)).bits
        16
        """
        stages: list[Estimator] = [*pipeline(expression)] if expression else []
        codes: np.ndarray = X
        codec: Codec | None = None
        for stage in stages:
            stage.fit(X)
            codec = stage.codec
            codes = stage.encode(X) if codec else stage.transform(X)  # type: ignore[attr-defined]
            X = stage.transform(X)
        return cls(stages, codes, codec, codec.bits_per_vector if codec else 32 * X.shape[1])

    def queries(self, Q: Floats) -> Floats:
        """Queries (q, d) as the stored vectors want them."""
        for stage in self.stages:
            Q = stage.transform_queries(Q)
        return Q

    def search(self, Q: Floats, k: int) -> NDArray[np.integer]:
        """Rows (q, k) of the largest inner products."""
        return np.asarray(Flat().build(self.codes, self.codec).search(self.queries(Q), k).rows)

    def rescored(self, Q: Floats, candidates: NDArray[np.integer], k: int) -> NDArray[np.integer]:
        """The k best (q, k) of the candidates (q, c)."""
        asked, found = self.queries(Q), np.empty((len(Q), k), candidates.dtype)
        for i, rows in enumerate(candidates):
            held = self.codec.decode(self.codes[rows]) if self.codec else self.codes[rows]
            found[i] = rows[np.argsort(-(held @ asked[i]), kind="stable")[:k]]
        return found


def compare(methods: Sequence[Method], X: Floats, Q: Floats, right: Right, metric: str = "Success@1") -> Table:
    """Each method on documents (n, d) and queries (q, d): storage, the metric, and whether methods differ by more than chance.

    The protocol of "CoRECT: Evaluating Embedding Compression Techniques at Scale" (2025), with a paired bootstrap and
    permutation test next to its t-test. `right[i]` is the row that answers query i, or rows with grades. Metrics are those of
    `per_query`, over the ten best.

    >>> X = np.eye(16, dtype=np.float32)
    >>> compare(["float8()"], X, X, range(16))["float8()"][1:3]
    (128, 1.0)

    Raises InputError for vectors and answers that do not belong together, and what the transforms raise.
    """
    X, Q, qrels = _checked(X, Q, right)
    k = min(_DEPTH, len(X))
    exact = Compressed.fitted("", X).search(Q, k)
    lines, values = [], {}
    for method in methods:
        name, bits, rows = _searched(method, X, Q, k)
        each = _values(rows, qrels, metric)
        values[name] = each
        shared = (rows[:, :, None] == exact[:, None, :]).any(axis=2).mean()
        low, high = interval(each, draws=2_000)
        lines.append(Line(name, bits, float(np.mean([*each.values()])), low, high, float(shared)))
    return Table(metric, tuple(lines), values)


class Frontier(NamedTuple):
    """All that was tried, the lines that no other beats in both size and metric, and the best within the budget."""

    table: Table
    lines: tuple[Line, ...]
    best: Line | None


def frontier(
    X: Floats,
    Q: Floats,
    right: Right,
    budget_bytes: float,
    grid: Sequence[Method] | None = None,
    metric: str = "Success@1",
) -> Frontier:
    """The best transforms whose vectors take at most `budget_bytes` each, and the whole frontier of size against quality.

    After "Optimization of embeddings storage for RAG systems using quantization and dimensionality reduction techniques"
    (2025). The grid is all, a half, a quarter and "auto" dimensions by `pca`, each with every scalar quantiser. What is
    chosen on these queries has to be measured on others. Of equal metrics the smaller is the better; without any
    within the budget the best is None.

    >>> angles = np.arange(20) * np.pi / 10
    >>> circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    >>> frontier(circle, circle, range(20), 2, ["", "int8()", "binary()"]).best.method
    'int8()'
    """
    table = compare(default_grid(X.shape[1]) if grid is None else grid, X, Q, right, metric)
    kept: list[Line] = []
    for line in sorted(table.lines, key=lambda one: (one.bits, -one.mean)):
        if not kept or line.mean > kept[-1].mean:
            kept.append(line)
    within = [line for line in kept if line.bits <= 8 * budget_bytes]
    return Frontier(table, tuple(kept), within[-1] if within else None)


def default_grid(dim: int) -> list[str]:
    """What `frontier` tries for vectors of `dim` dimensions.

    >>> len(default_grid(384))
    24
    """
    reducers = [
        "",
        *(f"pca({k}) >> normalize()" for k in sorted({dim // 2, dim // 4} - {0})),
        "pca('auto') >> normalize()",
    ]
    quantizers = ["", "float8()", "int8()", "int4()", "int2()", "binary()"]
    return [" >> ".join(part for part in (reducer, last) if part) for reducer in reducers for last in quantizers]


class Point(NamedTuple):
    """A share of the dimensions, how many those are, and what was scored with them."""

    share: float
    dim: int
    score: float


def redundancy_curve(
    X: Floats,
    score: Callable[[Callable[[Floats], Floats]], float],
    shares: Sequence[float] = (1, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005),
    method: Literal["truncate", "random", "pca"] = "truncate",
    seed: int = 0,
) -> list[Point]:
    """A task's score with ever fewer dimensions of vectors (n, d): the first ones, random ones, or principal ones.

    "Redundancy, Isotropy, and Intrinsic Dimensionality of Prompt-based Text Embeddings" (2025). `score` gets a function that
    reduces vectors (m, d), so that a task can reduce documents, queries and test data alike.

    >>> X = np.float32([[1, 0], [0, 1]])
    >>> redundancy_curve(X, lambda reduce: float(np.ptp(reduce(X))), shares=(1, 0.5))
    [Point(share=1, dim=2, score=1.0), Point(share=0.5, dim=1, score=1.0)]
    """
    X = as_float32(X)
    dim = X.shape[1]
    order = np.random.default_rng(seed).permutation(dim) if method == "random" else np.arange(dim)
    points = []
    for share in shares:
        kept = max(1, math.ceil(share * dim))
        if method == "pca":
            reduce: Callable[[Floats], Floats] = Compressed.fitted(f"pca({kept}) >> normalize()", X).queries
        elif method in ("truncate", "random"):
            chosen = np.sort(order[:kept])
            reduce = lambda Z, chosen=chosen: Compressed.fitted("normalize()", Z[:, chosen]).codes  # type: ignore[misc]  # noqa: E731
        else:
            raise InputError(f"there is no method {method!r} to drop dimensions: take 'truncate', 'random' or 'pca'.")
        points.append(Point(share, kept, float(score(reduce))))
    return points


def _searched(method: Method, X: Floats, Q: Floats, k: int) -> tuple[str, int, NDArray[np.integer]]:
    """The method's name, the bits that it stores for a vector, and the rows (q, k) that it finds."""
    if isinstance(method, str):
        stored = Compressed.fitted(method, X)
        return method, stored.bits, stored.search(Q, k)
    coarse, fine = (Compressed.fitted(expression, X) for expression in method)
    candidates = coarse.search(Q, min(_CANDIDATES * k, len(X)))
    return f"{method[0]} rescored by {method[1] or 'float32'}", coarse.bits + fine.bits, fine.rescored(Q, candidates, k)


def _values(rows: NDArray[np.integer], qrels: dict[str, dict[str, int]], metric: str) -> dict[str, float]:
    found = {str(i): [(str(row), float(-j)) for j, row in enumerate(own)] for i, own in enumerate(rows.tolist())}
    return per_query(Run("compressed", found), qrels, [metric])[metric]


def _checked(X: Floats, Q: Floats, right: Right) -> tuple[Floats, Floats, dict[str, dict[str, int]]]:
    X = as_float32(X)
    Q = as_float32(Q, dim=X.shape[1])
    if len(right) != len(Q) or not len(Q) or not len(X):
        raise InputError(f"{len(Q)} queries need as many answers among the documents, not {len(right)} among {len(X)}.")
    graded = [one if isinstance(one, Mapping) else {int(one): 1} for one in right]
    if any(not 0 <= row < len(X) for one in graded for row in one):
        raise InputError(f"an answer is not among the {len(X)} documents.")
    return X, Q, {str(i): {str(row): int(grade) for row, grade in one.items()} for i, one in enumerate(graded)}
