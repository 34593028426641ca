"""What the approximate indexes share: vectors in a FAISS index in their stored form, filters, and the guarantee.

A search gives min(k, matches) hits whatever the filter: few matches are scanned exactly, and a search that comes back
short is run again exactly; `codomain.index.filtered.planner` chooses.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from codomain.arrays import Floats, Hits, Packed, Rows, allowed_rows, as_float32
from codomain.codecs.codec import Codec
from codomain.errors import InputError
from codomain.index.array_files import Arrays, codec_arrays, fitting, open_arrays, save_arrays, saved_codec
from codomain.index.base import IndexStage
from codomain.index.filtered.planner import Allowed, QueryCosts, Way, cheapest, milliseconds
from codomain.index.scan import Metric, check_bits, check_metric, codes_of
from codomain.stage import Stage
from codomain.trace import FilterChoice, record

_ROWS = 1 << 14
"""Rows decoded at a time on their way into FAISS."""
_FILE = "index.faiss"
_PROBE = 2_000
"""Rows that the cost of a scan is measured on."""
SCAN = "exact scan"
_TIES = 16
"""Rows that FAISS is asked for beyond k, to see whether the k-th ties with others."""
_ALIGNED = 64
_FILTERS = 4
"""Masks of which is kept what was made of them."""
_EARLY = 4096
_EFFORTS = 64


class _Filter(NamedTuple):
    """A mask, the rows that were removed when it came, and what they let pass."""

    given: np.ndarray | None
    removed: Rows
    allowed: Allowed


class FaissIndex(IndexStage):
    """An index of FAISS over codes; subclasses say how it is made and how it is asked.

    `_make(n)` gives an empty trained index, `_efforts(allowed, k)` the ways to search it, `_effort(selector, effort)` the
    settings of one search, `_exact(queries, k, rows)` the exact answer among some rows.
    """

    metric: Metric
    _trivial = 200_000
    """Allowed rows times dimensions below which a scan costs less than to think about it."""

    def __init__(self, metric: Metric) -> None:
        check_metric(metric)
        self.metric = metric

    def check(self, before: Sequence[Stage]) -> None:
        """The metric hamming follows packed bits only."""
        check_bits(self.metric, before)

    def build(self, vectors: Floats | Packed | np.ndarray, codec: Codec | None = None) -> Self:
        """Replace the contents by vectors (n, d), or by the codes (n, width) of a codec; raises InputError for others."""
        codes, codec = codes_of(vectors, codec)
        if self.metric == "hamming" and codec.kind != "binary":
            raise InputError(f"{self} needs packed bits, but got {codec.kind}: put binary() before it.")
        self.codec = codec
        self._removed = np.zeros(0, np.int64)
        self._mapped = False
        self._forget()
        self._index: Any = self._make(codes)
        self._insert(codes)
        return self

    def add(self, vectors: Floats | Packed | np.ndarray) -> None:
        """Append rows in the form that `build` got."""
        codes, _ = codes_of(vectors, self.codec)
        if len(codes) == 0:
            return
        if self._stored == 0:
            self.build(codes, self.codec)
            return
        if self._mapped:  # a mapped index cannot grow: take it into memory
            self._index, self._mapped = self._copy(), False
        self._insert(codes)

    def _forget(self) -> None:
        """Drop what was measured and made for the rows that were there."""
        for name in ("costs", "_filters", "_plain"):
            self.__dict__.pop(name, None)

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search; they stay in the structure until the next build."""
        wanted = allowed_rows(rows, self._stored)
        assert wanted is not None
        self._removed = np.union1d(self._removed, wanted)

    def search(self, queries: Floats, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best of the allowed rows for each query (q, d), approximately, and never fewer than min(k, matches)."""
        queries = as_float32(queries, dim=self.codec.dim, what="queries")
        allowed = self._allowed(allow)
        wanted = min(k, allowed.matches)
        if wanted <= 0 or len(queries) == 0:
            return Hits.empty(len(queries), k)
        if self.metric == "cosine":
            queries = unit(queries)
        record(queries=len(queries))
        answer = self._answer(queries, wanted, allowed)
        if wanted == k:
            return answer
        hits = Hits.empty(len(queries), k)
        hits.rows[:, :wanted], hits.scores[:, :wanted] = answer
        return hits

    def _allowed(self, allow: np.ndarray | None) -> Allowed:
        """What a filter lets pass; of the last few masks what was made of them is kept, for as long as no row changes."""
        stored, removed = self._stored, self._removed
        mask = isinstance(allow, np.ndarray) and allow.dtype == bool and len(allow) == stored
        if (allow is None and not len(removed)) or not (allow is None or mask):
            return Allowed(allow, stored, removed)
        known: list[_Filter] = self.__dict__.get("_filters", [])  # threads replace the list, none changes it
        for made in known:
            # a mask is known by what it says: its owner may have changed it, or made the same again
            if made.removed is removed and made.allowed.stored == stored and _same(made.given, allow):
                return made.allowed
        given = None if allow is None else allow.copy()
        fresh = _Filter(given, removed, Allowed(given, stored, removed))
        self._filters = [fresh, *known[: _FILTERS - 1]]
        return fresh.allowed

    def _answer(self, queries: Floats, k: int, allowed: Allowed) -> Hits:
        """k hits for each query, k no more than the matches."""
        way, plan = self._plan(allowed, k)
        record(plan=plan)
        return self._go(way, queries, k, allowed)

    def _go(self, way: Way, queries: Floats, k: int, allowed: Allowed) -> Hits:
        """The way that was chosen; where it comes back short, a scan."""
        if way.name == SCAN:
            return self._scan(queries, k, allowed)
        return self._completed(self._near(queries, k, allowed, way), queries, allowed)

    def _completed(self, hits: Hits, queries: Floats, allowed: Allowed) -> Hits:
        """The same hits; a query that came back short of k is scanned."""
        if hits.rows[:, -1].min() < 0:  # what is missing stands at the end
            short = np.flatnonzero(hits.rows[:, -1] < 0)
            record(plan=FilterChoice(f"{SCAN}, as a search came back short", allowed.matches, allowed.stored))
            hits.rows[short], hits.scores[short] = self._scan(queries[short], hits.rows.shape[1], allowed)
        return hits

    def _scan(self, queries: Floats, k: int, allowed: Allowed) -> Hits:
        record(scored=len(queries) * allowed.matches)
        return self._exact(queries, k, allowed.rows)

    def _plan(self, allowed: Allowed, k: int) -> tuple[Way, FilterChoice]:
        """Scan or search: without a filter a search, unless a scan is too short for that to matter."""
        if allowed.matches == k or allowed.matches * self.codec.dim <= self._trivial:
            return Way(SCAN, 0.0), FilterChoice(SCAN, allowed.matches, allowed.stored)
        if allowed.everything:
            (name, effort), *_ = self._efforts(allowed, k).items()
            return Way(name, 0.0, effort), FilterChoice(name, allowed.matches, allowed.stored)
        return cheapest([*self._ways(allowed, k), Way(SCAN, self.costs.scan(allowed))], allowed)

    def _ways(self, allowed: Allowed, k: int) -> list[Way]:
        """The ways to search other than a scan, with what they cost."""
        return [Way(name, self.costs.search(effort), effort) for name, effort in self._efforts(allowed, k).items()]

    @cached_property
    def costs(self) -> QueryCosts:
        """Measured on this machine with a few searches, by the first filtered search that has a choice."""
        rng = np.random.default_rng(0)
        # other rows in every turn: those of the last turn are still in the processor's cache
        samples = (np.sort(rng.choice(self._stored, min(self._stored, _PROBE), replace=False)) for _ in count())
        queries = self._probes()
        base = milliseconds(lambda: self._exact(queries[:1], 10, next(samples)[:16]))
        row = max(milliseconds(lambda: self._exact(queries[:1], 10, next(samples))) - base, 1e-6) / _PROBE
        everything = Allowed(None, self._stored, np.empty(0, np.int64))
        (name, effort), *_ = self._efforts(everything, 10).items()
        some, more = (
            milliseconds(partial(self._near, queries, 10, everything, Way(name, 0.0, e))) / len(queries)
            for e in (effort, 3 * effort)
        )
        slope = max(more - some, 1e-6) / (2 * effort)
        return QueryCosts(base, row, row, max(some - effort * slope, 0.0), slope)

    def __len__(self) -> int:
        return self._stored - len(self._removed)

    @property
    def nbytes(self) -> int:
        """Bytes of the FAISS index as it is saved."""
        return len(self._serialized()) + self._removed.nbytes

    def save(self, folder: Path) -> None:
        """Write the FAISS index, the codec and the removed rows to a folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f"{_FILE}.new"
        self._write(str(fresh))
        pad = -(fresh.stat().st_size - self._rows_at_end) % _ALIGNED if self._rows_at_end else 0
        if pad:
            _shift(fresh, pad)
        arrays, settings = codec_arrays(self.codec)
        more_arrays, learnt = self._learnt()
        settings |= {"metric": self.metric, "made": self._made(), "learnt": learnt, "pad": pad}
        save_arrays(folder, self.name, arrays | more_arrays | {"removed": self._removed}, settings, files=(_FILE,))

    @fitting
    def load(self, folder: Path) -> Self:
        """Map what `save` wrote; raises InputError for damaged files, another metric or other build parameters."""
        arrays, settings = open_arrays(folder, self.name)
        if settings["metric"] != self.metric or settings["made"] != self._made():
            raise InputError(
                f"{folder} was saved by {self.name}() with other parameters than {self}: rebuild the index."
            )
        self.codec = saved_codec(arrays, settings)
        self._removed = arrays["removed"]
        try:
            self._index = self._read(Path(folder) / _FILE, settings["pad"])
        except RuntimeError as error:
            raise InputError(f"{Path(folder) / _FILE} is damaged ({str(error)[:80]}): rebuild the index.") from None
        self._mapped = True
        self._forget()
        self._relearn(arrays, settings["learnt"])
        return self

    @property
    def _stored(self) -> int:
        return int(self._index.ntotal)

    def _insert(self, codes: np.ndarray) -> None:
        for start in range(0, len(codes), _ROWS):
            self._index.add(self._vectors(codes[start : start + _ROWS]))

    def _vectors(self, codes: np.ndarray) -> np.ndarray:
        """Codes as the float32 vectors that FAISS stores (and encodes to the same codes again)."""
        vectors = self.codec.decode(codes)
        return unit(vectors) if self.metric == "cosine" else vectors

    def _near(self, queries: Floats, k: int, allowed: Allowed, way: Way) -> Hits:
        """FAISS's own search, among the allowed rows only."""
        effort = self._settings(allowed, way.effort)

        def found(some: Floats, depth: int) -> Hits:
            return self._hits(*self._index.search(some, depth, params=effort))

        return by_row(found, queries, k, self._deepest(k, allowed.matches))

    def _settings(self, allowed: Allowed, effort: int) -> Any:
        """FAISS's parameters for a search with some effort among the allowed rows; made once for a filter."""
        settings = allowed.settings if not allowed.everything else self.__dict__.setdefault("_plain", {})
        found = settings.get(effort)
        if found is None:
            chosen = None if allowed.everything else selector(allowed.mask)
            if len(settings) >= _EFFORTS:
                settings.clear()
            found = settings[effort] = self._effort(chosen, effort)
        return found

    def _deepest(self, k: int, matches: int) -> int:
        """How many rows FAISS is asked for at most when the k-th ties with others."""
        return matches

    def _hits(self, distances: np.ndarray, found: np.ndarray) -> Hits:
        scores = np.negative(distances, out=distances) if self.metric == "l2" else distances
        if found[:, -1].min() < 0:
            scores[found < 0] = -np.inf
        return Hits(found, scores)

    def _make(self, codes: np.ndarray) -> Any:
        raise NotImplementedError

    def _made(self) -> dict[str, Any]:
        """The parameters that decide what is saved, as opposed to how it is searched."""
        raise NotImplementedError

    def _learnt(self) -> tuple[Arrays, dict[str, Any]]:
        """What else is saved: arrays, and plain values."""
        return {}, {}

    def _relearn(self, arrays: Arrays, learnt: dict[str, Any]) -> None:
        """Take back what `_learnt` gave."""

    def _efforts(self, allowed: Allowed, k: int) -> dict[str, int]:
        """The ways to search other than a scan, each with the effort (ef, nprobe) that such a filter needs."""
        raise NotImplementedError

    def _effort(self, chosen: Any, effort: int) -> Any:
        """FAISS's parameters for a search with a selector and an effort."""
        raise NotImplementedError

    def _probes(self) -> Floats:
        """A few typical queries (q, d), to measure costs with."""
        raise NotImplementedError

    def _exact(self, queries: Floats, k: int, rows: Rows | None) -> Hits:
        raise NotImplementedError

    def _write(self, path: str) -> None:
        import faiss

        faiss.write_index(self._index, path)

    _rows_at_end = 0
    """Bytes of stored rows that FAISS writes last, and that we read where they lie."""

    def _read(self, path: Path, pad: int) -> Any:
        import faiss

        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)

    def _reader(self, path: Path, pad: int) -> Any:
        """FAISS's reader of a mapped file, whose arrays stay views of it."""
        import faiss

        self._map = np.memmap(path, np.uint8, "r")[pad:]  # must live as long as the index
        return faiss.ZeroCopyIOReader(faiss.swig_ptr(self._map), len(self._map))

    def _serialized(self) -> Any:
        import faiss

        return faiss.serialize_index(self._index)

    def _copy(self) -> Any:
        import faiss

        return faiss.deserialize_index(self._serialized())


def _shift(path: Path, pad: int) -> None:
    """Put zeros before a file, so that what ends it begins at a multiple of a cache line: numpy copies what does not."""
    shifted = path.with_suffix(".shifted")
    with path.open("rb") as source, shifted.open("wb") as target:
        target.write(bytes(pad))
        shutil.copyfileobj(source, target, 1 << 20)
    os.replace(shifted, path)


def scalar_storage(codec: Codec, metric: Metric) -> tuple[str | None, Codec]:
    """How FAISS stores what a codec stands for: a type of its ScalarQuantizer (None: float32), and our reading of it.

    int4 and int2 take a byte for each dimension. What has no such type is held as float16, which has every float8 value;
    so are normalised vectors.
    """
    if codec.kind == "float32":
        return None, codec
    if codec.kind in ("int8", "int4", "int2") and metric != "cosine":
        return "QT_8bit", Codec("int8", codec.dim, codec.scale, codec.offset)
    return "QT_fp16", Codec("float16", codec.dim)


def calibrate(quantizer: Any, codec: Codec) -> None:
    """Give FAISS's 8-bit quantiser the calibration of our codec, so that it stores the very same codes."""
    import faiss

    assert codec.scale is not None and codec.offset is not None
    # FAISS reads vmin + vdiff (c + 1/2) / 255, we read offset + scale c
    ranges = np.concatenate([codec.offset - codec.scale / 2, codec.scale * 255]).astype(np.float32)
    faiss.copy_array_to_vector(ranges, quantizer.trained)


def selector(mask: np.ndarray) -> Any:
    """FAISS's selector of the rows in a mask (n,). It keeps the bits alive."""
    import faiss

    return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))


def by_row(found: Callable[[Any, int], Hits], queries: Any, k: int, most: int) -> Hits:
    """The k best of each query as FAISS finds them, the lower row first among equal scores.

    FAISS scores each row by itself, so equal rows have equal scores, but of those that tie it returns any. So it is asked
    for more, until the last is not as good as the k-th or there are `most`.
    """
    depth = min(k + _TIES, most)
    rows, scores = found(queries, depth)
    if not (scores[:, 1:] == scores[:, :-1]).any():
        return Hits(rows[:, :k], scores[:, :k])
    hits = Hits.empty(len(queries), k)
    left = np.arange(len(queries))
    while True:
        order = np.lexsort((rows, -scores), axis=1)
        rows, scores = np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)
        hits.rows[left], hits.scores[left] = rows[:, :k], scores[:, :k]
        tied = (rows[:, -1] >= 0) & (scores[:, -1] == scores[:, k - 1])
        left = left[tied & (depth < most)]
        if not len(left):
            return hits
        depth = min(4 * depth, most)
        rows, scores = found(queries[left], depth)


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Whether two masks of one length say the same; most that do not differ early."""
    if one is None or other is None:
        return one is other
    return bool((one[:_EARLY] == other[:_EARLY]).all()) and bool((one == other).all())


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, d) at length one; zeros stay."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1), np.float32)
