"""One vector for many: fixed dimensional encodings, whose inner product estimates the score of late interaction.

Every vector falls into one of 2^k cells by the signs of k random projections. A query's cell holds the sum of its vectors,
a document's cell their mean; vectors that are alike share a cell, so

    sum_c <q_c, p_c>  ~  sum_i max_j <q_i, d_j>

"MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings" (2024).
"""

from __future__ import annotations

import hashlib
from typing import Literal, Self

import numpy as np

from codomain.arrays import Floats, Ragged, Rows
from codomain.stage import check_int

LARGEST_K_SIM = 16
"""65,536 cells."""
_DOCUMENTS = 1024
"""Documents encoded at a time."""
_FILLED = 32
"""Vectors of a document for each cell from which "auto" fills empty ones.

Of MaxSim's ten among 30 candidates, MiniLM's tokens, 2 to 127 of them a cell: filling never found more, and up to 16 a cell
it lost .02 to .12.
"""
_SAMPLE = 50_000
"""Vectors that whitening is learnt from."""


class FDE:
    """Lists of vectors (n lists of dimension dim) to one vector each, (n, repetitions * 2^k_sim * d_proj) or (n, d_final).

    `k_sim` sign bits name a cell; `d_proj` numbers are kept of a cell by a +-1 projection (all at d_proj >= dim); a final
    Count-Sketch adds up coordinates to `d_final`. An empty cell of a document is filled with its nearest vector; "auto"
    does so only where the median list has 32 times as many vectors as there are cells, since shorter ones lose by it.
    `whiten` projects vectors to so many principal components of a sample, scaled alike, and to length one: states of
    transformers point all in one direction and fall into few cells.

    Compare encodings by inner product, never by cosine: a document's length carries meaning. Divided by `repetitions` it
    is the estimate.

    >>> fde = FDE(2, k_sim=0, d_proj=2, repetitions=1).fit(Ragged(np.eye(2, dtype=np.float32), np.array([0, 2])))
    >>> fde.queries(Ragged(np.eye(2, dtype=np.float32), np.array([0, 2]))), fde.dim
    (array([[1., 1.]], dtype=float32), 2)
    """

    def __init__(
        self,
        input_dim: int,
        k_sim: int = 5,
        d_proj: int = 16,
        repetitions: int = 20,
        d_final: int | None = None,
        fill: Literal["auto", True, False] = "auto",
        whiten: int | None = None,
        seed: int = 0,
    ) -> None:
        self.input_dim = check_int("input_dim", input_dim)
        self.k_sim = check_int("k_sim", k_sim, 0, LARGEST_K_SIM)
        self.d_proj = check_int("d_proj", d_proj)
        self.repetitions = check_int("repetitions", repetitions)
        self.d_final = None if d_final is None else check_int("d_final", d_final)
        if fill not in ("auto", True, False):
            raise ValueError(f"needs fill to be 'auto', True or False, not {fill!r}")
        self.fill = fill
        self.whiten = None if whiten is None else min(check_int("whiten", whiten), input_dim)
        self.seed = check_int("seed", seed, 0)
        rng = np.random.default_rng(seed)
        dim = self.whiten or input_dim
        self._arrays: dict[str, np.ndarray] = {"planes": rng.standard_normal((repetitions, dim, k_sim), np.float32)}
        if d_proj < dim:
            signs = rng.integers(0, 2, (repetitions, dim, d_proj)) * 2 - 1
            self._arrays["projections"] = (signs / np.sqrt(d_proj)).astype(np.float32)
        if d_final is not None:
            wide = repetitions * self._cells * min(d_proj, dim)
            self._arrays["buckets"] = rng.integers(0, d_final, wide)
            self._arrays["signs"] = (rng.integers(0, 2, wide) * 2 - 1).astype(np.float32)

    def fit(self, sample: Ragged) -> Self:
        """Decide what "auto" leaves open, and learn the whitening, from some documents."""
        median = float(np.median(sample.lengths)) if len(sample.lengths) else 0.0
        self._arrays["fills"] = np.array(median >= _FILLED * self._cells if self.fill == "auto" else self.fill)
        if self.whiten is not None:
            self._arrays |= _whitening(sample.values, self.whiten, self.seed)
        return self

    @property
    def dim(self) -> int:
        """Numbers in an encoding."""
        return self.d_final or self.repetitions * self._cells * min(self.d_proj, self.whiten or self.input_dim)

    @property
    def fingerprint(self) -> str:
        """Hash of every number that decides an encoding: queries and documents must be encoded by equal ones."""
        digest = hashlib.sha256()
        for name, array in sorted(self._arrays.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def state(self) -> dict[str, np.ndarray]:
        """The drawn and the learnt arrays by name; `restore(state)` on an instance with equal arguments brings them back."""
        return dict(self._arrays)

    def restore(self, state: dict[str, np.ndarray]) -> Self:
        """Take over what another instance had drawn and learnt."""
        self._arrays = dict(state)
        return self

    def queries(self, queries: Ragged) -> Floats:
        """Encodings (n, dim) of queries: the sum of the vectors of each cell."""
        return self._encoded(queries, documents=False)

    def documents(self, documents: Ragged) -> Floats:
        """Encodings (n, dim) of documents: the mean of the vectors of each cell."""
        return self._encoded(documents, documents=True)

    @property
    def _cells(self) -> int:
        return 1 << self.k_sim

    def _encoded(self, vectors: Ragged, documents: bool) -> Floats:
        n = len(vectors.lengths)
        out = np.empty((n, self.dim), np.float32)
        for start in range(0, n, _DOCUMENTS):
            stop = min(start + _DOCUMENTS, n)
            first, last = vectors.offsets[start], vectors.offsets[stop]
            values = vectors.values[first:last].astype(np.float32, copy=False)
            out[start:stop] = self._block(Ragged(values, vectors.offsets[start : stop + 1] - first), documents)
        return out

    def _block(self, vectors: Ragged, documents: bool) -> Floats:
        arrays, cells, lists = self._arrays, self._cells, len(vectors.lengths)
        x = self._whitened(vectors.values)
        owner = np.repeat(np.arange(lists), vectors.lengths)
        width = min(self.d_proj, x.shape[1])
        out = np.zeros((lists, self.repetitions, cells, width), np.float32)
        for r in range(self.repetitions if len(x) else 0):
            codes = (x @ arrays["planes"][r] > 0) @ (1 << np.arange(self.k_sim))
            projected = x @ arrays["projections"][r] if "projections" in arrays else x
            # one run of equal (list, cell) after another: sums of runs are what is added up in a cell
            key = owner * cells + codes
            order = np.argsort(key, kind="stable")
            starts = np.flatnonzero(np.diff(key[order], prepend=-1))
            sums = np.add.reduceat(projected[order], starts, axis=0)
            if documents:
                sums /= np.diff(starts, append=len(order))[:, None]
            used = key[order[starts]]
            out[used // cells, r, used % cells] = sums
            if documents and arrays["fills"]:
                self._fill(out[:, r], vectors, codes, projected, used)
        flat = out.reshape(lists, -1)
        return flat if self.d_final is None else self._sketched(flat)

    def _fill(self, out: Floats, vectors: Ragged, codes: Rows, projected: Floats, used: Rows) -> None:
        """Empty cells of a document take its vector whose sign bits differ least from the cell's, the first of equals."""
        cells, tokens = self._cells, len(codes)
        held = np.flatnonzero(vectors.lengths)
        differing = np.bitwise_count(codes[:, None] ^ np.arange(cells)).astype(np.int64)
        nearest = np.minimum.reduceat(differing * tokens + np.arange(tokens)[:, None], vectors.offsets[held]) % tokens
        empty = np.ones((len(out), cells), bool)
        empty[used // cells, used % cells] = False
        where, cell = np.nonzero(empty[held])
        out[held[where], cell] = projected[nearest[where, cell]]

    def _sketched(self, flat: Floats) -> Floats:
        """y_j = sum over the coordinates i in bucket j of sign_i x_i."""
        buckets = self._arrays["buckets"]
        order = np.argsort(buckets, kind="stable")
        starts = np.flatnonzero(np.diff(buckets[order], prepend=-1))
        out = np.zeros((len(flat), self.dim), np.float32)
        out[:, buckets[order[starts]]] = np.add.reduceat((flat * self._arrays["signs"])[:, order], starts, axis=1)
        return out

    def _whitened(self, values: Floats) -> Floats:
        if "basis" not in self._arrays:
            return values
        projected = (values - self._arrays["mean"]) @ self._arrays["basis"]
        return np.asarray(projected / np.maximum(np.linalg.norm(projected, axis=1, keepdims=True), 1e-12), np.float32)


def _whitening(values: np.ndarray, dim: int, seed: int) -> dict[str, np.ndarray]:
    """Mean (d,) and basis (d, dim): the first principal components, each divided by its standard deviation."""
    if len(values) > _SAMPLE:
        values = values[np.sort(np.random.default_rng(seed).choice(len(values), _SAMPLE, replace=False))]
    if len(values) < 2:
        return {"mean": np.zeros(values.shape[1], np.float32), "basis": np.eye(values.shape[1], dim, dtype=np.float32)}
    wide = values.astype(np.float64)
    mean = wide.mean(axis=0)
    variance, directions = np.linalg.eigh(np.cov(wide, rowvar=False))
    first = np.argsort(-variance)[:dim]
    scale = np.sqrt(np.maximum(variance[first], 1e-6 * max(variance.max(), 1e-12)))
    return {"mean": mean.astype(np.float32), "basis": (directions[:, first] / scale).astype(np.float32)}
