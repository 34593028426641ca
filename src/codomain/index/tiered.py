"""Two tiers: small codes in memory find the candidates, full vectors elsewhere decide between them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, cast, get_args

import numpy as np

from codomain.arrays import Floats, Hits, Rows, as_float32, top_k
from codomain.codecs.codec import Codec, CodecKind
from codomain.contracts import FineStore, RowReader
from codomain.errors import InputError
from codomain.index.array_files import (
    GrowableArray,
    codec_arrays,
    fitting,
    open_arrays,
    part_folder,
    save_arrays,
    saved_codec,
)
from codomain.index.base import IndexStage
from codomain.index.filtered.effort import candidates
from codomain.index.rescore import PairScorer
from codomain.index.scan import check_metric, codes_of
from codomain.index.stores.mapped import MappedStore
from codomain.index.stores.stores import RamStore, SourceStore
from codomain.pipeline import Pipeline, pipeline
from codomain.registry import stage
from codomain.stage import Stage, check_float, check_int
from codomain.trace import record

Store = Literal["disk", "ram", "collection"]

PLANES = "recurrent_binary(2) >> sdc()"
"""What "auto" has as its coarse tier: two bits a dimension, compared by a compiled kernel."""
BITS = "binary() >> flat('hamming')"
"""The same without numba."""
_OF_PLANES, _OF_OTHERS, _WIDE = 160, 400, 160
"""Candidates for ten answers, by several bits a dimension and by anything else, and dimensions below which the first are more.

.95 of the ten best sentences of the Brown corpus by static(), of 384 dimensions, were among 19 by two bits a dimension, and among
307 by one; of the hundred best, among 177 and 1,953; of the thousand best, among 1,555 and 9,777. With 128, 64 and 32 principal
components, two bits a dimension needed 37, 84 and 183 for ten. With 40 the ten best of short sentences of Tatoeba were found to
0.885, of products of a grocery to 0.929; with 160 to 0.978 and 0.998.
"""
_SAMPLE = 50_000
_FILE = "full.npy"
_COARSE = "coarse"
_DTYPES = ("float16", "float32")
_DECODED = 16_384
"""Rows of codes made float32 at a time."""


@stage("tiered", takes=["dense", "codes"], gives="hits")
class Tiered(IndexStage):
    """Candidates from compact codes in memory, verified with full vectors on disk, in memory or in the collection.

    `coarse` is any pipeline from vectors to hits, such as `pca(64) >> int8() >> flat()` or `ivfpq()`; "auto" is
    `recurrent_binary(2) >> sdc()`, or `binary() >> flat('hamming')` where numba is missing. For ten answers its `candidates`
    best, for more of them in proportion, are scored again with the full vectors and answer with that score, to which
    `coarse_weight` times the coarse one may be added; "auto" candidates are 160 by several bits
    a dimension (more below 160 dimensions), else 400. Vectors in few tight clusters need more: measure with `codomain tune`, or
    take `coarse="rabitq()"`.
    The vectors of the next query are read while one is scored.
    After a quantiser, as in `int8() >> tiered(store="collection")`, its codes are the full vectors: coarse codes are made
    from what they stand for, `dtype` has nothing to say, and nothing is kept in float32.
    "Progressively Optimized Bi-Granular Document Representation for Scalable Embedding Based Retrieval" (2022), serving side.

    >>> index = Tiered(candidates=3).build(np.eye(4, dtype=np.float32))
    >>> index.search(np.float32([[0, 2, 1, 0]]), k=2)
    Hits(rows=array([[1, 2]]), scores=array([[2., 1.]], dtype=float32))
    """

    needs_rows: ClassVar[bool] = True

    def __init__(
        self,
        coarse: str | Stage | Pipeline = "auto",
        candidates: int | Literal["auto"] = "auto",
        store: Store = "disk",
        dtype: Literal["float16", "float32"] = "float16",
        metric: Literal["ip", "cosine", "l2"] = "ip",
        coarse_weight: float = 0.0,
    ) -> None:
        self.coarse: Pipeline | Literal["auto"] = (
            "auto" if isinstance(coarse, str) and coarse == "auto" else pipeline(coarse)
        )
        self._tier = pipeline(PLANES if find_spec("numba") else BITS) if self.coarse == "auto" else self.coarse
        if "dense" not in self._tier.takes or self._tier.gives != "hits":
            raise ValueError(f"needs a coarse pipeline from vectors to hits, not {self._tier}")
        if getattr(self._tier.stages[-1], "needs_rows", False):
            raise ValueError(f"needs a coarse index that keeps what it needs, not {self._tier.stages[-1]}")
        self.candidates: int | Literal["auto"] = (
            candidates if candidates == "auto" else check_int("candidates", candidates)
        )
        if store not in get_args(Store):
            raise ValueError(f"needs a store among {', '.join(get_args(Store))}, not {store!r}")
        if dtype not in _DTYPES:
            raise ValueError(f"needs a dtype among {', '.join(_DTYPES)}, not {dtype!r}")
        check_metric(metric, ("ip", "cosine", "l2"))
        self.store, self.dtype, self.metric = store, dtype, metric
        self.coarse_weight = check_float("coarse_weight", coarse_weight)
        self._source: RowReader | None = None
        self._filed: MappedStore | None = None
        self._tail: GrowableArray | None = None

    def check(self, before: Sequence[Stage]) -> None:
        """What comes before must suit the coarse pipeline, too."""
        for place, part in enumerate(self._tier.stages):
            part.check((*before, *self._tier.stages[:place]))

    def output_dim(self, dim: int | None) -> int | None:
        """Unchanged; raises ValueError where the coarse pipeline cannot take `dim`."""
        inner = dim
        for part in self._tier.stages:
            inner = part.output_dim(inner)
        return dim

    def build(self, vectors: Floats | np.ndarray, codec: Codec | None = None) -> Self:
        """Fit the coarse transforms on the vectors (n, d), or a sample of them, and build both tiers.

        With a codec, `vectors` are its codes (n, width).
        """
        vectors, given = codes_of(vectors, codec)
        self._given = None if given.kind == "float32" else given
        self._dim = given.dim
        sample = vectors
        if len(vectors) > _SAMPLE:
            sample = vectors[np.sort(np.random.default_rng(0).choice(len(vectors), _SAMPLE, replace=False))]
        if self._given is not None:
            sample = self._given.decode(sample)
        for transform in self._transforms:
            sample = transform.fit(sample if len(sample) else np.zeros((1, sample.shape[1]), np.float32)).transform(
                sample
            )
        self._index.build(self._codes(vectors), self._codec)
        self._filed, self._file_rows = None, 0
        self._tail = None if self.store == "collection" else GrowableArray(self._full(vectors))
        self._stored = len(vectors)
        return self

    def add(self, vectors: Floats | np.ndarray) -> None:
        """Append rows to both tiers, in the form that `build` got; on disk they are with the next `save`."""
        vectors, _ = codes_of(vectors, self._given or Codec("float32", self._dim))
        self._index.add(self._codes(vectors))
        if self._tail is not None:
            self._tail.append(self._full(vectors))
        self._stored += len(vectors)

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search."""
        self._index.remove(rows)

    def attach(self, source: RowReader) -> None:
        """Where full vectors are read from that are kept in the collection."""
        self._source = source

    def search(self, queries: Floats, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best of the candidates among the allowed rows, by full vectors, for each query (q, d)."""
        queries = as_float32(queries, dim=self._dim, what="queries")
        asked = queries
        for transform in self._transforms:
            asked = transform.transform_queries(asked)
        found: Hits = self._index.search(asked, candidates(self._candidates, k, max(k, self._stored)), allow)
        hits = Hits.empty(len(queries), k)
        if k == 0:
            return hits
        stores = self._stores()
        for i, query in enumerate(queries):
            rows, coarse = found.rows[i], found.scores[i]
            rows, coarse = rows[rows >= 0], coarse[rows >= 0]
            if len(rows):
                vectors = _fetch(stores, rows)
                if i + 1 < len(queries):
                    ahead = found.rows[i + 1]
                    _prefetch(stores, ahead[ahead >= 0])
                # s(q, d) = <q, d> + w <q, d^>   (Bi-granular, serving)
                scores = self._scores(query, vectors)
                if self.coarse_weight:
                    scores = scores + self.coarse_weight * coarse
                best, best_scores = top_k(scores.astype(np.float32), rows, k)
                hits.rows[i, : len(best)], hits.scores[i, : len(best)] = best, best_scores
                record(scored=len(rows))
        return hits

    def __len__(self) -> int:
        return len(self._index)

    @property
    def nbytes(self) -> int:
        """Bytes in memory: the coarse index, and full vectors that are not on disk or in the collection."""
        return int(self._index.nbytes) + (0 if self._tail is None else self._tail.array.nbytes)

    def save(self, folder: Path) -> None:
        """Write both tiers to a folder; full vectors are read from there from now on, if they belong on disk."""
        folder = Path(folder)
        part = part_folder(folder, _COARSE)
        self._index.save(part)
        files = []
        if self._tail is not None:
            self._write(folder, self._tail.array)
            files.append(_FILE)
        arrays = {f"{i}.{name}": np.asarray(a) for i, t in enumerate(self._transforms) for name, a in t.state().items()}
        codec, coded = ({}, {}) if self._given is None else codec_arrays(self._given)
        settings = coded | {
            "coarse": str(self._tier), "dim": self._dim, "rows": self._stored, "store": self.store, "metric": self.metric,
            "dtype": self.dtype, "part": part.name,
        }  # fmt: skip
        save_arrays(folder, "tiered", arrays | codec, settings, tuple(files), (part,))
        if self.store == "disk":
            self._open(folder)

    @fitting
    def load(self, folder: Path) -> Self:
        """Open what `save` wrote; raises InputError for damaged files or other parameters."""
        folder = Path(folder)
        arrays, settings = open_arrays(folder, "tiered")
        if self.coarse == "auto" and settings["coarse"] == BITS:  # of an earlier version, or of a machine without numba
            self._tier = pipeline(BITS)
        same = ("store", "metric", "dtype")
        if settings["coarse"] != str(self._tier) or any(settings[name] != str(getattr(self, name)) for name in same):
            raise InputError(f"{folder} was saved by tiered() with other parameters than {self}: rebuild the index.")
        self._dim, self._stored = settings["dim"], settings["rows"]
        self._given = saved_codec(arrays, settings) if "codec" in settings else None
        for i, transform in enumerate(self._transforms):
            transform.restore({n.removeprefix(f"{i}."): a for n, a in arrays.items() if n.startswith(f"{i}.")})
        self._index.load(folder / settings["part"])
        self._filed, self._file_rows, self._tail = None, 0, None
        if self.store == "disk":
            self._open(folder)
        elif self.store == "ram":
            self._tail = GrowableArray(arrays[Path(_FILE).stem])
        return self

    @property
    def _candidates(self) -> int:
        """Candidates for ten answers."""
        if self.candidates != "auto":
            return self.candidates
        if getattr(self._codec, "planes", 0) < 2:
            return _OF_OTHERS
        return max(_OF_PLANES, _OF_PLANES * _WIDE // self._dim)

    # --- the coarse tier -------------------------------------------------------------------------------------------

    @property
    def _transforms(self) -> list[Any]:
        return list(self._tier.stages[:-1])

    @property
    def _index(self) -> Any:
        return self._tier.stages[-1]

    @property
    def _codec(self) -> Codec | None:
        codec: Codec | None = self._transforms[-1].codec if self._transforms else None
        return codec

    def _codes(self, vectors: np.ndarray) -> Any:
        """Rows in the form of the coarse index, block by block where they come as codes themselves."""
        if self._given is None:
            return self._coarse(vectors)
        starts = range(0, max(len(vectors), 1), _DECODED)
        return np.concatenate([self._coarse(self._given.decode(vectors[i : i + _DECODED])) for i in starts])

    def _coarse(self, vectors: Floats) -> Any:
        *first, last = [None, *self._transforms]
        for transform in first:
            if transform is not None:
                vectors = transform.transform(vectors)
        if last is None:
            return vectors
        return last.transform(vectors) if last.codec is None else last.codec.encode(vectors)

    # --- the fine tier ---------------------------------------------------------------------------------------------

    @property
    def _form(self) -> Codec:
        """How the fine tier holds its rows."""
        return self._given or Codec(cast(CodecKind, self.dtype), self._dim)

    def _full(self, vectors: np.ndarray) -> np.ndarray:
        if self._given is not None:
            return vectors
        if self.metric == "cosine":
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        return self._form.encode(vectors)  # clips what float16 cannot hold

    def _scores(self, query: Floats, vectors: Floats) -> Floats:
        pairs = PairScorer(query[None], Codec("float32", self._dim), self.metric)
        return pairs.scores(np.zeros(len(vectors), np.int64), vectors)

    def _stores(self) -> list[tuple[int, FineStore]]:
        """Stores with the first row that each holds."""
        if self.store == "collection":
            if self._source is None:
                raise InputError(f"{self} reads its vectors from a collection: use it in one, or attach() a source.")
            return [(0, SourceStore(self._source, self._stored))]
        stores: list[tuple[int, FineStore]] = [] if self._filed is None else [(0, self._filed)]
        assert self._tail is not None
        return [*stores, (self._file_rows, RamStore(self._tail.array, self._given))]

    def _write(self, folder: Path, tail: np.ndarray) -> None:
        fresh = folder / f"{_FILE}.new"
        with fresh.open("wb") as file:
            shape = (self._file_rows + len(tail), tail.shape[1])
            header: dict[str, Any] = {"descr": tail.dtype.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            if self._filed is not None:
                self._filed.copy(file)
            file.write(np.ascontiguousarray(tail).data)

    def _open(self, folder: Path) -> None:
        self._filed = MappedStore(folder / _FILE, self._given)
        self._file_rows = self._stored
        self._tail = GrowableArray(np.zeros((0, self._form.width), self._form.dtype))


def _fetch(stores: list[tuple[int, FineStore]], rows: Rows) -> Floats:
    """Vectors by row from whichever store holds each."""
    if len(stores) == 1:
        return _dense(stores[0][1], rows - stores[0][0])
    (_, filed), (first, added) = stores
    newer = rows >= first
    if not newer.any():
        return _dense(filed, rows)
    old, new = _dense(filed, rows[~newer]), _dense(added, rows[newer] - first)
    together = np.empty((len(rows), new.shape[1]), np.float32)
    together[~newer], together[newer] = old, new
    return together


def _prefetch(stores: list[tuple[int, FineStore]], rows: Rows) -> None:
    if len(stores) == 2:
        rows = rows[rows < stores[1][0]]
    stores[0][1].prefetch(rows - stores[0][0])


def _dense(store: FineStore, rows: Rows) -> Floats:
    vectors = store.fetch(rows)
    assert isinstance(vectors, np.ndarray)
    return vectors
