"""The stage `sparse`: inverted lists in parts that are merged by size, searched exactly or through Seismic."""

from __future__ import annotations

from copy import copy
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Hits, Rows, allowed_rows, as_sparse, merge_hits
from codomain.errors import InputError
from codomain.index.array_files import fitting, need, need_kinds, need_rows, need_starts, open_arrays, save_arrays
from codomain.index.base import IndexStage, Views
from codomain.index.sparse import exact
from codomain.index.sparse.exact import Part, Queries
from codomain.index.sparse.posting_lists import PostingLists, invert, join, revert
from codomain.index.sparse.seismic import Seismic, is_installed
from codomain.index.sparse.tuning import SparseSettings, SparseTrial, suggest, tune
from codomain.registry import stage
from codomain.stage import check_float, check_int
from codomain.trace import record

Weighting = Literal["dot", "idf", "bm25"]
Backend = Literal["auto", "exact", "seismic"]

_WORK = 10_000_000
"""Postings that a query reads, from which "auto" takes Seismic: about ten milliseconds."""
_ENTRIES = 50
"""Entries that such a query has at most: three words as n-grams, an expanded question."""
_DEEPEST = 100
"""Answers up to which Seismic is asked: its lists are cut, and at a thousand answers lack one in six."""
_SHARE = 0.1
"""Share of allowed rows below which they are searched exactly."""
_FILE = "lists.seismic"
_DIMS = "seismic_dims"


@stage("sparse", takes=["sparse"], gives="hits", papers=(81, 95))
class SparseIndex(IndexStage):
    """Search among sparse vectors by inner product, idf-weighted inner product or BM25, exactly or through Seismic.

    - `weighting="dot"` gives min(k, matches) rows whatever they score, as an index of dense vectors does;
      "idf" multiplies the query's weights by the idf of the index's own rows; "bm25" takes rows of counts, as `bag_of_words()`
      gives them, and is Lucene's BM25. Both give only rows that score above 0, as `bm25()` does. Their statistics
      follow every addition and deletion.
    - `backend="exact"` scores term by term; "seismic" searches lists of blocks approximately and scores what
      it finds with values of two bytes; "auto" takes Seismic where a query of fifty entries would take some ten milliseconds (millions of rows).
      Seismic needs weights that are not negative. `n_postings`, `query_cut` and `heap_factor` are its own: see `suggest` and `tune`.

    "Efficient Inverted Indexes for Approximate Retrieval over Learned Sparse Representations" (2024).

    >>> from scipy.sparse import csr_array
    >>> index = SparseIndex().build(csr_array(np.float32([[1, 0, 2], [0, 3, 0], [1, 1, 0]])))
    >>> index.search(csr_array(np.float32([[1, 0.5, 0]])), k=2)
    Hits(rows=array([[1, 2]]), scores=array([[1.5, 1.5]], dtype=float32))
    """

    grows: ClassVar[bool] = True

    _parts: list[Part]
    _removed: Rows
    approximate: Seismic | None
    _saturated: list[Part] | None
    _kept: np.ndarray | None
    _left: Rows | None

    def __init__(
        self,
        weighting: Weighting = "dot",
        backend: Backend = "auto",
        k1: float = 1.2,
        b: float = 0.75,
        n_postings: int | Literal["auto"] = "auto",
        query_cut: int | Literal["auto"] = "auto",
        heap_factor: float = 0.7,
    ) -> None:
        if weighting not in ("dot", "idf", "bm25"):
            raise ValueError(f"needs a weighting among dot, idf, bm25, not {weighting!r}")
        if backend not in ("auto", "exact", "seismic"):
            raise ValueError(f"needs a backend among auto, exact, seismic, not {backend!r}")
        self.weighting, self.backend = weighting, backend
        self.k1, self.b = check_float("k1", k1), check_float("b", b, 0, 1)
        self.n_postings: int | Literal["auto"] = (
            n_postings if n_postings == "auto" else check_int("n_postings", n_postings)
        )
        self.query_cut: int | Literal["auto"] = query_cut if query_cut == "auto" else check_int("query_cut", query_cut)
        self.heap_factor = check_float("heap_factor", heap_factor, 0, 1)
        self._dim = 0
        self._reset([], np.zeros(0, np.int64), None)

    @property
    def complete(self) -> bool:
        """Not with weightings of words: a row without one of the query is no hit."""
        return self.weighting == "dot"

    # --- contents -----------------------------------------------------------------------------------------------

    def build(self, vectors: Any, codec: None = None) -> Self:
        """Replace the contents by sparse vectors (n, d).

        Raises InputError for others, for NaN, and for negative values where counts or Seismic cannot have them.
        """
        vectors = self._checked(vectors, None)
        if self.backend == "seismic" and vectors.data.min(initial=0) < 0:
            raise InputError(f"{self} cannot hold negative values, which Seismic's bounds do not allow: use exact.")
        exact.kernels()
        self._dim = vectors.shape[1]
        self._reset([Part(invert(vectors), 0, np.zeros(0, np.float32))], np.zeros(0, np.int64), None)
        if self._is_large():
            self._build_seismic()
        return self

    def add(self, vectors: Any) -> None:
        """Append rows: a part of their own, merged by size; with Seismic, the whole is rebuilt when it has doubled."""
        vectors = self._checked(vectors, self._dim)
        if self.approximate is not None and vectors.data.min(initial=0) < 0:
            raise InputError(f"{self} cannot hold negative values, which Seismic's bounds do not allow: use exact.")
        if not vectors.shape[0]:
            return
        if not self._stored:
            self.build(vectors)
            return
        lists = [part.lists for part in self._parts] + [invert(vectors)]
        fixed = 0 if self.approximate is None else 1  # the part that Seismic covers stays as it is
        while len(lists) > fixed + 1 and 2 * len(lists[-1].rows) >= len(lists[-2].rows):
            last = lists.pop()
            lists[-1] = join(lists[-1], last)
        self._reset(_parts(lists), self._removed, self.approximate)
        if self.approximate is not None and self._stored >= 2 * self.approximate.n:
            self._build_seismic()

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search and of all statistics; they stay in the lists until the next build."""
        wanted = allowed_rows(rows, self._stored)
        assert wanted is not None
        self._reset(self._parts, np.union1d(self._removed, wanted), self.approximate)

    def __len__(self) -> int:
        return self._stored - len(self._removed)

    @property
    def nbytes(self) -> int:
        """Bytes of the lists, and of Seismic's index as it is saved."""
        lists = sum(part.lists.nbytes for part in self._parts) + self._removed.nbytes
        return lists + (0 if self.approximate is None else self.approximate.nbytes)

    # --- search -------------------------------------------------------------------------------------------------

    def search(self, queries: Any, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best allowed rows of each sparse query (q, d); raises InputError for another kind or dimension."""
        return self._search(queries, k, allow, approximately=self.approximate is not None)

    def within(self, rows: NDArray[np.bool_]) -> SparseIndex:
        """The index as if only some rows, a mask (n,), were there: their statistics alone weigh terms."""
        if self.weighting == "dot":
            return self

        def make() -> SparseIndex:
            view = copy(self)
            kept = rows[: self._stored]
            view._reset(self._parts, np.flatnonzero(~kept), self.approximate)
            view._kept = kept
            return view

        return self._views.of(rows, make)

    def search_exactly(self, queries: Any, k: int, allow: np.ndarray | None = None) -> Hits:
        """The same without Seismic."""
        return self._search(queries, k, allow, approximately=False)

    def tune(self, queries: Any, k: int = 10, target: float = 0.95) -> list[SparseTrial]:
        """Set `query_cut` and `heap_factor` to the fastest that reach a recall on held-out queries; all that was tried."""
        return tune(self, as_sparse(queries, dim=self._dim, what="queries"), k, target)

    def settings(self) -> SparseSettings:
        """What Seismic is built with: suggested for the rows that are there, unless the arguments say otherwise."""
        entries = sum(len(part.lists.rows) for part in self._parts)
        dims = max((len(part.lists.terms) for part in self._parts), default=0)  # those that occur: others have no list
        found = suggest(max(self._stored, 1), max(dims, 1), entries / max(self._stored, 1))
        if self.n_postings == "auto":
            return found
        return SparseSettings(**{**vars(found), "n_postings": self.n_postings})

    def _search(self, queries: Any, k: int, allow: np.ndarray | None, approximately: bool) -> Hits:
        queries = as_sparse(queries, dim=self._dim or None, what="queries")
        allowed = allowed_rows(allow, self._stored)
        filtered = allowed is not None
        if len(self._removed):
            # what is left of all rows is remembered: without a filter, a search does no work for every row
            allowed = self._living() if allowed is None else allowed[self._alive()[allowed]]
        matches = self._stored if allowed is None else len(allowed)
        record(queries=queries.shape[0])
        if not matches or not k or not queries.shape[0]:
            return Hits.empty(queries.shape[0], k)
        asked = self._weighted(queries)
        if approximately and k <= _DEEPEST and matches >= _SHARE * self._stored:
            return self._search_near(asked, k, allowed, filtered)
        return exact.search(self._weighing(), asked, k, allowed, self._matching)

    def _search_near(self, asked: Queries, k: int, allowed: Rows | None, filtered: bool) -> Hits:
        """Seismic's rows with the rows that came after them; exactly where it finds too few."""
        assert self.approximate is not None
        covered = self.approximate.n
        first, *later = self._weighing()
        matches, mask, depth = covered, None, min(k, covered)
        if allowed is not None:
            matches = int(np.searchsorted(allowed, covered))
            mask = self._alive()
            if filtered:
                mask = np.zeros(covered, bool)
                mask[allowed[:matches]] = True
            depth = min(covered, int(np.ceil(1.2 * k * covered / max(matches, 1))))
        settings = self.settings() if self.query_cut == "auto" else None
        hits = Hits.empty(len(asked.offsets) - 1, k)
        short = []
        for q, (begin, end) in enumerate(pairwise(asked.offsets.tolist())):
            terms, weights = asked.terms[begin:end], asked.weights[begin:end]
            found: list[tuple[float, int]] = []
            if matches and len(weights) and weights.min() >= 0:
                cut = self.query_cut if settings is None else settings.query_cut(len(weights), k)
                found = self.approximate.search(terms, weights, depth, int(cut), self.heap_factor)
            if mask is not None:
                found = [(score, row) for score, row in found if mask[row]]
            if len(found) < min(k, matches):
                short.append(q)
                continue
            found.sort(key=_best_first)
            hits.rows[q, : len(found)] = [row for _, row in found[:k]]
            hits.scores[q, : len(found)] = [score for score, _ in found[:k]]
        if self.weighting == "bm25":  # by the statistics of the moment, not those of the build
            hits = exact.rescore(first, asked, [np.sort(rows[rows >= 0]) for rows in hits.rows], k)
        if later:
            hits = merge_hits([hits, exact.search(later, asked, k, allowed, self._matching)], k)
        if short:
            again = np.array(short)
            hits.rows[again], hits.scores[again] = exact.search(
                [first, *later], asked.only(again), k, allowed, self._matching
            )
        return hits

    @property
    def _matching(self) -> bool:
        return self.weighting != "dot"

    def _weighted(self, queries: Any) -> Queries:
        terms, offsets = queries.indices.astype(np.int32, copy=False), queries.indptr.astype(np.int64)
        weights = queries.data
        if self.weighting != "dot":
            frequencies = np.zeros(len(terms), np.int64)
            for part in self._parts:
                begins, ends = part.lists.find(terms)
                if len(self._removed):
                    here = self._alive()[part.first : part.first + len(part.lists.lengths)]
                    frequencies += exact.kernels().count_alive(begins, ends, part.lists.rows, here)
                else:
                    frequencies += ends - begins
            # ln(1 + (N - df + 0.5) / (df + 0.5)), on the side of the query only
            weights = weights * np.log1p((len(self) - frequencies + 0.5) / (frequencies + 0.5))
        return Queries(terms, np.ascontiguousarray(weights, np.float32), offsets)

    def _weighing(self) -> list[Part]:
        """The parts, for BM25 with the saturation of each row under the statistics of now."""
        if self.weighting != "bm25":
            return self._parts
        if self._saturated is None:
            lengths = np.concatenate([part.lists.lengths for part in self._parts])
            total = lengths.sum(dtype=np.float64) - lengths[self._removed].sum(dtype=np.float64)
            # k1 (1 - b + b dl / avgdl)
            ratio = lengths / np.float32(max(total / max(len(self), 1), 1e-9))
            saturation = np.asarray(self.k1 * (1 - self.b + self.b * ratio), np.float32)
            ends = np.cumsum([len(part.lists.lengths) for part in self._parts])
            pieces = np.split(saturation, ends[:-1])
            self._saturated = [part._replace(saturation=piece) for part, piece in zip(self._parts, pieces, strict=True)]
        return self._saturated

    # --- files --------------------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write the lists, the removed rows and Seismic's file to a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {f"{name}_{i}": a for i, part in enumerate(self._parts) for name, a in part.lists._asdict().items()}
        files: tuple[str, ...] = ()
        covered = 0
        if self.approximate is not None:
            files, covered = (_FILE,), self.approximate.n
            self.approximate.save(folder / f"{_FILE}.new")
            arrays[_DIMS] = self.approximate.dims
        settings = self._made() | {"dim": self._dim, "parts": len(self._parts), "seismic": covered}
        save_arrays(folder, self.name, arrays | {"removed": self._removed}, settings, files)

    @fitting
    def load(self, folder: Path) -> Self:
        """Map what `save` wrote; raises InputError for damaged files or other arguments of building."""
        arrays, settings = open_arrays(folder, self.name)
        if any(settings[name] != value for name, value in self._made().items()):
            raise InputError(f"{folder} was saved by sparse() with other parameters than {self}: rebuild the index.")
        lists = [
            PostingLists(*(arrays[f"{name}_{i}"] for name in PostingLists._fields)) for i in range(settings["parts"])
        ]
        _check(lists, settings["dim"], arrays["removed"])
        covered = settings["seismic"]
        near = None
        if covered:
            dims = arrays.get(_DIMS)
            if dims is None or not _are_dims(dims, settings["dim"]):
                raise InputError(f"{folder} does not say which dimensions Seismic's lists are of: rebuild the index.")
            near = Seismic(Path(folder) / _FILE, covered, dims)
        self._dim = settings["dim"]
        self._reset(_parts(lists), arrays["removed"], near)
        return self

    def _made(self) -> dict[str, Any]:
        """The arguments that decide what is saved, as opposed to how it is searched."""
        counts = [self.k1, self.b] if self.weighting == "bm25" else None
        return {"counts": counts, "backend": self.backend, "n_postings": self.n_postings}

    # --- state --------------------------------------------------------------------------------------------------

    def _reset(self, parts: list[Part], removed: Rows, near: Seismic | None) -> None:
        self._parts, self._removed, self.approximate = parts, removed, near
        self._saturated = self._kept = self._left = None
        self._views: Views[SparseIndex] = Views()

    @property
    def _stored(self) -> int:
        return sum(len(part.lists.lengths) for part in self._parts)

    def _alive(self) -> np.ndarray:
        if self._kept is None:
            self._kept = np.ones(self._stored, bool)
            self._kept[self._removed] = False
        return self._kept

    def _living(self) -> Rows:
        if self._left is None:
            self._left = np.flatnonzero(self._alive())
        return self._left

    def _checked(self, vectors: Any, dim: int | None) -> Any:
        vectors = as_sparse(vectors, dim=dim)
        if self.weighting == "bm25" and vectors.data.min(initial=0) < 0:
            bad = int(np.searchsorted(vectors.indptr, np.flatnonzero(vectors.data < 0)[0], side="right")) - 1
            raise InputError(f"{self} takes counts, but row {bad} has a negative value: put bag_of_words() before it.")
        return vectors

    def _is_large(self) -> bool:
        if self.backend != "auto":
            return self.backend == "seismic" and self._stored > 0
        if not self._stored or not is_installed():
            return False
        lists = self._parts[0].lists
        # a query with entries drawn as a document's reads sum(df^2) / sum(df) postings for each
        frequencies = np.diff(lists.starts).astype(np.float64)
        entries = min(_ENTRIES, len(lists.rows) / self._stored)
        postings = entries * float((frequencies**2).sum()) / max(len(lists.rows), 1)
        return postings > _WORK and float(lists.values.min()) >= 0

    def _build_seismic(self) -> None:
        """Index all rows that are there by what they weigh now, as one part."""
        lists = reduce(join, [part.lists for part in self._parts])
        self._reset(_parts([lists]), self._removed, None)
        if self.weighting == "bm25":
            # tf / (tf + k1 (1 - b + b dl / avgdl)); rows found are scored again with the statistics of the moment
            saturation = self._weighing()[0].saturation[lists.rows]
            lists = lists._replace(values=lists.values / (lists.values + saturation))
        near = Seismic.build(revert(lists, self._dim), self.settings())
        self._reset(self._parts, self._removed, near)


def _best_first(hit: tuple[float, int]) -> tuple[float, int]:
    return -hit[0], hit[1]


def _are_dims(dims: np.ndarray, dim: int) -> bool:
    """Whether they are an ascending selection of `dim` dimensions."""
    ascending = dims.ndim == 1 and dims.dtype == np.int32 and bool((np.diff(dims) > 0).all())
    return ascending and (not len(dims) or bool(dims[0] >= 0 and dims[-1] < dim))


def _parts(lists: list[PostingLists]) -> list[Part]:
    firsts = np.cumsum([0, *(len(one.lengths) for one in lists)]).tolist()
    nothing = np.zeros(0, np.float32)
    return [Part(one, first, nothing) for one, first in zip(lists, firsts, strict=False)]


def _check(parts: list[PostingLists], dim: int, removed: Rows) -> None:
    """Raises ValueError for postings that are none of these rows and dimensions."""
    for part in parts:
        need_kinds((part.values, "f", 1), (part.lengths, "f", 1))
        need_starts(part.starts, len(part.rows))
        need(len(part.starts) == len(part.terms) + 1 and len(part.values) == len(part.rows))
        need_rows(part.rows, len(part.lengths))
        need_rows(part.terms, dim)
        need(not (np.diff(part.terms) <= 0).any())
    need_rows(removed, sum(len(part.lengths) for part in parts))
