"""The index of nested prefixes: few vectors are compared for many documents, then more for those that are left."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from codomain.arrays import Floats, Hits, Ragged, Rows, allowed_rows, as_ragged, top_k
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.index.array_files import fitting, open_arrays, part_folder, save_arrays
from codomain.index.auto import Auto
from codomain.index.base import IndexStage
from codomain.index.filtered.effort import candidates
from codomain.index.multi.candidates import inside
from codomain.index.multi.prefix import farthest_first, padded
from codomain.index.multi.scoring import rounding
from codomain.index.multi.token_vectors import TokenLists, Where, as_queries, check_where
from codomain.index.rescore import settled
from codomain.index.scan import best_rows
from codomain.registry import stage
from codomain.stage import check_int
from codomain.trace import record

_BLOCK = 1024
"""Documents scored at a time where all of them are."""


@stage("cascade", takes=["multi"], gives="hits")
class Cascade(IndexStage):
    """Late interaction in steps over vectors whose first few stand for all: one vector for all, 64 for a thousand.

    Each of `steps` is (vectors of the query, vectors of a document, documents kept); the first compares one vector of a
    document, in an index that is flat or a graph by size. Documents keep as many vectors as the last step compares, those
    of each step together, so that a search reads what its steps need and no more. `order` "farthest" brings any vectors
    into such an order (the mean first, then what is least like those before), "given" takes them as they come. Steps in
    between, such as (4, 8, 100), are for models that were trained to be cut there: untrained, they lose.
    Scores are MaxSim sums of the last step: comparable for one query and one choice of steps.

    "MetaEmbed: Scaling Multimodal Retrieval at Test-Time with Flexible Late Interaction" (2025).

    >>> documents = Ragged(np.float32([[1, 0], [0, 1], [0.75, 0.5]]), np.array([0, 2, 3]))
    >>> index = Cascade(((1, 1, 2), (2, 2, 1)), order="given").build(documents)
    >>> index.search(Ragged(np.eye(2, dtype=np.float32), np.array([0, 2])), k=1)
    Hits(rows=array([[0]]), scores=array([[2.]], dtype=float32))
    """

    grows: ClassVar[bool] = True
    recall: ClassVar[float] = 0.7
    """Of the k best by MaxSim over all vectors: the score of the last step counts the mean among a document's vectors."""

    def __init__(
        self,
        steps: tuple[tuple[int, int, int], ...] = ((1, 1, 1000), (16, 64, 10)),
        order: Literal["farthest", "given"] = "farthest",
        store: Where = "ram",
        dtype: Literal["float16", "float32"] = "float16",
    ) -> None:
        self.steps = _checked(steps)
        if order not in ("farthest", "given"):
            raise ValueError(f"needs order to be 'farthest' or 'given', not {order!r}")
        check_where(store)
        if store == "recompute":
            raise ValueError("needs store to be 'ram' or 'disk': parts of a document cannot be encoded again alone")
        if dtype not in ("float16", "float32"):
            raise ValueError(f"needs dtype to be 'float16' or 'float32', not {dtype!r}")
        self.order = order
        self.store = store
        self.dtype = dtype

    def build(self, vectors: Ragged, codec: Codec | None = None) -> Self:
        """Replace the contents by lists of vectors; raises InputError for anything but Ragged."""
        vectors = as_ragged(vectors)
        first, *slabs = self._cut(vectors)
        self._dim, self._rows = vectors.values.shape[1], len(vectors.lengths)
        self._first = Auto().build(first.values, Codec(self.dtype, self._dim))
        self._slabs = [TokenLists("ram", first), *(TokenLists(self.store, slab) for slab in slabs)]
        self._removed = np.zeros(0, np.int64)
        return self

    def add(self, vectors: Ragged) -> None:
        """Append lists."""
        vectors = as_ragged(vectors, dim=self._dim)
        if self._rows == 0:
            self.build(vectors)
            return
        slabs = self._cut(vectors)
        self._first.add(slabs[0].values)
        for held, slab in zip(self._slabs, slabs, strict=True):
            held.append(slab)
        self._rows += len(vectors.lengths)

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search; they keep their numbers, and others theirs."""
        wanted = allowed_rows(rows, self._rows)
        assert wanted is not None
        self._removed = np.union1d(self._removed, wanted)

    def search(self, queries: Ragged, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best of the allowed rows for each query; no step keeps fewer than k, so never fewer than min(k, matches)."""
        prefixes, rows = self._prefixes(queries), self._live(allow)
        record(queries=len(prefixes))
        hits = Hits.empty(len(prefixes), k)
        if k == 0 or len(rows) == 0:
            return hits
        kept = [candidates(keep, k, max(k, len(rows))) for _, _, keep in self.steps]
        for i, query in enumerate(prefixes):
            # one vector of a document: sum_i <q_i, c_1> is a single inner product
            summed = query[: self.steps[0][0]].sum(axis=0)[None]
            found, report = inside(self._first, summed, min(kept[0], len(rows)), rows)
            record(scored=report.scored)
            best, scores = found.rows[0], found.scores[0]
            vectors = self._slab(0, best)
            for g, (asked, _, _) in enumerate(self.steps[1:], 1):
                vectors = np.concatenate([vectors, self._slab(g, best)], axis=1)
                record(scored=len(best))
                scores = _scores(query[:asked], vectors)
                chosen, scores = _best(query[:asked], vectors, scores, best, min(kept[g], len(best)))
                best, vectors = best[chosen], vectors[chosen]
            order, scores = top_k(scores, best, k)
            hits.rows[i, : len(order)], hits.scores[i, : len(order)] = order, scores
        return hits

    def search_exactly(
        self, queries: Ragged, k: int, budget: tuple[int, int] | None = None, allow: np.ndarray | None = None
    ) -> Hits:
        """The k best rows with every allowed one scored, by the first (r_q, r_c) vectors; None: those of the last step."""
        asked, compared = budget or self.steps[-1][:2]
        prefixes, rows = self._prefixes(queries), self._live(allow)
        hits = Hits.empty(len(prefixes), k)
        slabs = sum(1 for _, r_c, _ in self.steps if r_c < compared) + 1
        scores = np.empty((len(prefixes), len(rows)), np.float32)
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            vectors = np.concatenate([self._slab(g, part) for g in range(min(slabs, len(self.steps)))], axis=1)
            for i, query in enumerate(prefixes):
                scores[i, start : start + len(part)] = _scores(query[:asked], vectors[:, :compared])
        for i, row_scores in enumerate(scores if k else ()):
            best, best_scores = best_rows(row_scores, rows, k)
            hits.rows[i, : len(best)], hits.scores[i, : len(best)] = best, best_scores
        return hits

    def __len__(self) -> int:
        return self._rows - len(self._removed)

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        return self._first.nbytes + sum(slab.nbytes for slab in self._slabs) + self._removed.nbytes

    def save(self, folder: Path) -> None:
        """Write the vectors of each step and the removed rows to a folder."""
        folder = Path(folder)
        first = part_folder(folder, "first")
        self._first.save(first)
        arrays = {"removed": self._removed}
        files: list[str] = []
        for g, slab in enumerate(self._slabs):
            files += slab.save(folder, f"step{g}")[1]
        settings: dict[str, Any] = {"dim": self._dim, "rows": self._rows, "part": first.name} | self._made()
        save_arrays(folder, "cascade", arrays, settings, tuple(files), (first,))
        for g, slab in enumerate(self._slabs):
            slab.saved(folder, f"step{g}")

    @fitting
    def load(self, folder: Path) -> Self:
        """Open what `save` wrote; raises InputError for damaged files and other parameters."""
        folder = Path(folder)
        arrays, settings = open_arrays(folder, "cascade")
        differing = [name for name, value in self._made().items() if settings[name] != value]
        if differing:
            raise InputError(f"{folder} was saved with another {differing[0]} than {self}: rebuild the index.")
        self._dim, self._rows, self._removed = settings["dim"], settings["rows"], arrays["removed"]
        self._first = Auto().load(folder / settings["part"])
        empty = np.zeros((0, self._dim), self.dtype)
        self._slabs = []
        for g, width in enumerate(self._widths):
            offsets = np.arange(self._rows + 1) * width
            where: Where = "ram" if g == 0 else self.store
            values = arrays[f"step{g}"] if where == "ram" else empty
            self._slabs.append(TokenLists.load(where, folder, Ragged(values, offsets), f"step{g}"))
        return self

    def _made(self) -> dict[str, Any]:
        return {
            "prefixes": [r_c for _, r_c, _ in self.steps],
            "order": self.order,
            "dtype": self.dtype,
            "store": self.store,
        }

    @property
    def _widths(self) -> list[int]:
        """Vectors that each step adds to those of the one before."""
        return [after - before for before, after in pairwise([0, *(r_c for _, r_c, _ in self.steps)])]

    def _cut(self, vectors: Ragged) -> list[Ragged]:
        """What each step compares beyond the one before."""
        most = self.steps[-1][1]
        ordered = farthest_first(vectors, most) if self.order == "farthest" else vectors
        dim = vectors.values.shape[1]
        every = Codec(self.dtype, dim).encode(padded(ordered, most).reshape(-1, dim)).reshape(-1, most, dim)
        edges = pairwise([0, *(r_c for _, r_c, _ in self.steps)])
        return [
            Ragged(every[:, start:stop].reshape(-1, dim), np.arange(len(every) + 1) * (stop - start))
            for start, stop in edges
        ]

    def _slab(self, g: int, rows: Rows) -> Floats:
        """What step g compares of the rows beyond the step before, float32 (n, width, d)."""
        return self._slabs[g].fetch(rows).values.reshape(len(rows), self._widths[g], self._dim)

    def _prefixes(self, queries: Ragged) -> list[Floats]:
        queries = as_queries(queries, self._dim)
        most = max(r_q for r_q, _, _ in self.steps)
        if self.order == "farthest":
            queries = farthest_first(queries, most)
        return np.split(queries.values, queries.offsets[1:-1]) if len(queries.lengths) else []

    def _live(self, allow: np.ndarray | None) -> Rows:
        allowed = allowed_rows(allow, self._rows)
        rows = np.arange(self._rows) if allowed is None else allowed
        return np.setdiff1d(rows, self._removed, assume_unique=True) if len(self._removed) else rows


def _scores(query: Floats, documents: Floats) -> Floats:
    """sum_i max_j <q_i, c_j> (n,) for one query (r_q, d) and documents (n, r_c, d)."""
    n, compared, dim = documents.shape
    products = (query @ documents.reshape(-1, dim).T).reshape(len(query), n, compared)
    return np.asarray(products.max(axis=2).sum(axis=0), np.float32)


def _best(query: Floats, documents: Floats, scores: Floats, rows: Rows, k: int) -> tuple[Rows, Floats]:
    """Places of the k best scores (n,) and the scores; documents that a product could not tell apart are scored alone."""

    def alone(places: Rows) -> Floats:
        return np.concatenate([_scores(query, documents[i : i + 1]) for i in places])

    return settled(scores, rows, k, rounding(scores, documents.shape[2]), alone)


def _checked(steps: Any) -> tuple[tuple[int, int, int], ...]:
    if (
        not isinstance(steps, tuple | list)
        or not steps
        or any(not isinstance(s, tuple | list) or len(s) != 3 for s in steps)
    ):
        raise ValueError(f"needs steps of (query vectors, document vectors, documents kept), not {steps!r}")
    names = ("the vectors of a query", "the vectors of a document", "the documents kept")
    found = tuple(tuple(check_int(name, value) for name, value in zip(names, step, strict=True)) for step in steps)
    if found[0][1] != 1:
        raise ValueError(f"needs the first step to compare one vector of a document, not {found[0][1]}")
    for (r_q, r_c, keep), (next_q, next_c, next_keep) in pairwise(found):
        if next_q < r_q or next_c <= r_c or next_keep > keep:
            raise ValueError(
                "needs each step to compare more vectors of a document, and to keep no more documents, than the last"
            )
    return found  # type: ignore[return-value]
