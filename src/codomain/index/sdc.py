"""Symmetric distances between multi-bit binary codes: whole words of bits are compared, then the best are scored again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from codomain.arrays import Floats, Hits, Packed, Rows, allowed_rows, as_float32
from codomain.codecs.codec import GAUSSIAN_STEP, Codec
from codomain.errors import InputError, MissingExtra
from codomain.index._kernels.tiles import LANES, Tiles
from codomain.index.array_files import GrowableArray, codec_arrays, fitting, open_arrays, save_arrays, saved_codec
from codomain.index.base import IndexStage
from codomain.index.filtered.effort import ANSWERS, candidates
from codomain.index.rescore import PairScorer
from codomain.index.scan import Metric, check_metric, codes_of
from codomain.registry import stage
from codomain.stage import Stage, check_int
from codomain.trace import record

T = TypeVar("T")

_GATHER_BELOW = 0.1
"""Share of allowed rows below which they are copied out and the others not looked at."""
_STEP = 4096
"""Rows whose lengths are taken at a time."""
_PAIRS = 1024
"""Pairs of query and row scored again at a time."""
_SHARE = 1 << 20
"""Rows times queries from which a thread is worth starting: about a millisecond."""


@stage("sdc", takes=["codes", "packed"], gives="hits", papers=[42])
class SymmetricDistance(IndexStage):
    """Search over multi-bit binary codes by popcounts, then `rescore` * k rows, at least ten times `rescore`, again with the float32 query.

    "Binary Embedding-based Retrieval at Tencent" (2023): query and rows are both codes, their inner product is a
    weighted count of differing bits, `4^u <v_a, v_b> = sum_ij 2^((u-i) + (u-j)) (m - 2 popcount(a_i ^ b_j))`, as fast
    as Hamming distance. Takes recurrent_binary() and binary(); metrics ip and cosine. Scores are those that `flat` gives.
    Raises MissingExtra without numba.

    >>> from codomain.transform.recurrent import RecurrentBinary
    >>> X = np.random.default_rng(0).standard_normal((100, 64)).astype(np.float32)
    >>> quantizer = RecurrentBinary().fit(X)
    >>> index = SymmetricDistance().build(quantizer.encode(X), quantizer.codec)
    >>> index.search(X[7:9], k=1).rows
    array([[7],
           [8]])
    """

    def __init__(self, rescore: int = 4, metric: Metric = "ip") -> None:
        self.rescore = check_int("rescore", rescore)
        check_metric(metric, ("ip", "cosine"))
        self.metric = metric

    def check(self, before: Sequence[Stage]) -> None:
        """Follows bit planes only."""
        if before and not getattr(before[-1], "bit_planes", False):
            raise ValueError("needs bit planes: put recurrent_binary() or binary() before it")

    def build(self, vectors: Packed | np.ndarray, codec: Codec | None = None) -> Self:
        """Replace the contents by codes (n, width) of a codec of bit planes; raises InputError for others."""
        codes, codec = codes_of(vectors, codec)
        if not codec.planes:
            raise InputError(
                f"{self} needs bit planes, but got {codec.kind}: put recurrent_binary() or binary() before it."
            )
        self.codec = codec
        self._tiles = Tiles.of(self._pack(codes))
        self._reciprocal = GrowableArray(self._inverse_lengths(codes))
        self._removed = np.zeros(0, np.int64)
        return self

    def add(self, vectors: Packed | np.ndarray) -> None:
        """Append rows in the form that `build` got, at amortised cost."""
        codes, _ = codes_of(vectors, self.codec)
        self._tiles.append(self._pack(codes))
        self._reciprocal.append(self._inverse_lengths(codes))

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search; they keep their numbers, and others theirs."""
        wanted = allowed_rows(rows, self._stored)
        assert wanted is not None
        self._removed = np.union1d(self._removed, wanted)

    def search(self, queries: Floats, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best of the allowed rows for each query (q, d); raises InputError for another dimension."""
        queries = as_float32(queries, dim=self.codec.dim, what="queries")
        rows = allowed_rows(allow, self._stored)
        if len(self._removed):
            rows = np.setdiff1d(np.arange(self._stored) if rows is None else rows, self._removed, assume_unique=True)
        matches = self._stored if rows is None else len(rows)
        wanted = min(k, matches)
        hits = Hits.empty(len(queries), k)
        if wanted == 0 or len(queries) == 0:
            return hits
        depth = candidates(self.rescore * ANSWERS, wanted, matches)
        if depth < matches:
            near = self._nearest(queries, depth, rows)
        else:
            near = np.tile(np.arange(matches) if rows is None else rows, (len(queries), 1))
        record(queries=len(queries), scored=(matches + depth if depth < matches else matches) * len(queries))
        scores = self._scores(queries, near)
        # candidates come by row: a stable order leaves the lower one first among equals
        best = np.argsort(-scores, axis=1, kind="stable")[:, :wanted]
        hits.rows[:, :wanted] = np.take_along_axis(near, best, axis=1)
        hits.scores[:, :wanted] = np.take_along_axis(scores, best, axis=1)
        return hits

    def __len__(self) -> int:
        return self._stored - len(self._removed)

    @property
    def nbytes(self) -> int:
        """Bytes of the bit planes, padded to whole words and tiles, and what is kept beside them."""
        return self._tiles.array.nbytes + self._reciprocal.array.nbytes + self._removed.nbytes

    def save(self, folder: Path) -> None:
        """Write the bit planes, inverse lengths and removed rows to a folder."""
        arrays, settings = codec_arrays(self.codec)
        arrays |= {"tiles": self._tiles.array, "reciprocal": self._reciprocal.array, "removed": self._removed}
        save_arrays(folder, "sdc", arrays, settings | {"metric": self.metric, "rows": self._stored})

    @fitting
    def load(self, folder: Path) -> Self:
        """Map what `save` wrote; raises InputError for damaged files or another metric."""
        arrays, settings = open_arrays(folder, "sdc")
        if settings["metric"] != self.metric:
            raise InputError(f"{folder} was saved by sdc(metric={settings['metric']!r}), not by {self}.")
        if "tiles" not in arrays:
            raise InputError(f"{folder} holds rows one by one, as earlier versions laid them: rebuild the index.")
        self.codec = saved_codec(arrays, settings)
        self._tiles = Tiles(arrays["tiles"], settings["rows"])
        self._reciprocal, self._removed = GrowableArray(arrays["reciprocal"]), arrays["removed"]
        return self

    @property
    def _stored(self) -> int:
        return len(self._tiles)

    def _nearest(self, queries: Floats, depth: int, rows: Rows | None) -> Rows:
        """The sorted rows (q, depth) that are best by symmetric distance."""
        planes = kernels()
        n, tiles, reciprocal, allowed = self._stored, self._tiles.array, self._reciprocal.array, np.zeros(0, bool)
        gathered = rows if rows is not None and len(rows) < _GATHER_BELOW * n else None
        if gathered is not None:
            n, tiles = len(gathered), Tiles.of(self._tiles.rows(gathered)).array
            reciprocal = reciprocal[gathered] if len(reciprocal) else reciprocal
        elif rows is not None:
            allowed = np.zeros(n, bool)
            allowed[rows] = True
        bits = self.codec.planes
        asked = self._pack(self._query_codes(queries))
        most = self.codec.dim * (2**bits - 1) ** 2

        def nearest(start: int, stop: int) -> tuple[Floats, Rows]:
            scores = np.full((len(queries), depth), -np.inf, np.float32)
            found = np.full((len(queries), depth), -1, np.int64)
            planes.nearest(
                tiles[start // LANES :], stop - start, reciprocal[start:], allowed[start:],
                asked, planes.plane_numbers(bits), most, scores, found,
            )  # fmt: skip
            return scores, np.where(found < 0, n, found + start)

        found = _best_of(in_threads(nearest, n, len(queries), LANES), depth)
        return found if gathered is None else gathered[found]

    def _query_codes(self, queries: Floats) -> np.ndarray:
        """Queries as codes. Their length changes no ranking: first brought to that of rows, on which the steps depend."""
        if self.codec.kind == "binary":
            return np.packbits(queries > 0, axis=1)  # they come centred
        assert self.codec.scale is not None
        lengths = np.linalg.norm(queries, axis=1, keepdims=True)
        usual = np.linalg.norm(self.codec.scale) / GAUSSIAN_STEP[self.codec.planes]
        return self.codec.encode(queries * (usual / np.where(lengths > 0, lengths, 1)))

    def _scores(self, queries: Floats, near: Rows) -> Floats:
        """Scores (q, depth) of float32 queries against what the codes of the rows `near` (q, depth) stand for."""
        pairs, scores = PairScorer(queries, self.codec, self.metric), np.empty(near.size, np.float32)
        for start in range(0, near.size, _PAIRS):
            part = np.arange(start, min(start + _PAIRS, near.size))
            scores[part] = pairs.scores(part // near.shape[1], self._codes(near.ravel()[part]))
        return scores.reshape(near.shape)

    def _pack(self, codes: np.ndarray) -> np.ndarray:
        """Codes (n, planes * bytes) with every plane padded to whole 64-bit words: (n, planes * words) uint64."""
        planes, width = self.codec.planes, self.codec.width // self.codec.planes
        words = -(-width // 8)
        padded = np.zeros((len(codes), planes, 8 * words), np.uint8)
        padded[:, :, :width] = codes.reshape(len(codes), planes, width)
        return padded.reshape(len(codes), 8 * planes * words).view(np.uint64)

    def _codes(self, rows: Rows) -> np.ndarray:
        """Rows in the form of the codec, (n, width)."""
        width = self.codec.width // self.codec.planes
        words = self._tiles.rows(rows).view(np.uint8)
        return words.reshape(len(rows), self.codec.planes, -1)[:, :, :width].reshape(len(rows), -1)

    def _inverse_lengths(self, codes: np.ndarray) -> Floats:
        """2^u / |v| of every row, with v as integers 2c - (2^n - 1), which are odd: no length is zero."""
        if self.metric != "cosine":
            return np.zeros(0, np.float32)
        inverse = np.empty(len(codes), np.float32)
        for start in range(0, len(codes), _STEP):
            block = codes[start : start + _STEP]
            levels = 2 * self.codec.widen(block, np.empty((len(block), self.codec.dim), np.float32))
            levels -= 2**self.codec.planes - 1
            inverse[start : start + _STEP] = 1 / np.sqrt(np.einsum("ij,ij->i", levels, levels))
        return inverse


def kernels() -> Any:
    """The compiled kernels; raises MissingExtra without numba."""
    if find_spec("numba") is None:
        raise MissingExtra("sdc()", "engines")
    from codomain.index._kernels import bitplanes as planes

    return planes


def in_threads(scan: Callable[[int, int], T], n: int, queries: int, multiple: int) -> list[T]:
    """What `scan(start, stop)` gives for shares of 0..n that begin at multiples, each in a thread of its own.

    One share where the work is small, else as many as numba may use (NUMBA_NUM_THREADS, by default the processors).
    """
    from numba import config

    threads = max(1, min(config.NUMBA_NUM_THREADS, n * queries // _SHARE))
    share = -(-n // (threads * multiple)) * multiple
    shares = [(start, min(start + share, n)) for start in range(0, n, share)]
    if len(shares) == 1:
        return [scan(*shares[0])]
    with ThreadPoolExecutor(len(shares) - 1) as others:
        waiting = [others.submit(scan, *one) for one in shares[1:]]
        return [scan(*shares[0]), *(one.result() for one in waiting)]


def _best_of(parts: list[tuple[Floats, Rows]], depth: int) -> Rows:
    """The sorted rows (q, depth) of the highest scores of all parts, the lower row among equals."""
    scores, rows = (np.concatenate(arrays, axis=1) for arrays in zip(*parts, strict=True))
    if len(parts) > 1:
        best = np.lexsort((rows, -scores), axis=1)[:, :depth]
        rows = np.take_along_axis(rows, best, axis=1)
    return np.sort(rows, axis=1)
