"""The index of late interaction: candidates by one vector a document, then the score over all vectors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from codomain.arrays import Floats, Hits, Ragged, Rows, allowed_rows, as_ragged
from codomain.codecs.codec import Codec
from codomain.contracts import RowReader
from codomain.errors import InputError
from codomain.index.array_files import fitting, open_arrays, part_folder, save_arrays
from codomain.index.auto import Auto
from codomain.index.base import IndexStage
from codomain.index.filtered.effort import candidates
from codomain.index.multi.candidate_selection import SAMPLE, CandidateChoice, choose
from codomain.index.multi.candidates import Coarse, Encoding, Pooled
from codomain.index.multi.fde import FDE, LARGEST_K_SIM
from codomain.index.multi.scoring import maxsim, rounding
from codomain.index.multi.token_vectors import TokenLists, Where, as_queries, check_where, stored
from codomain.index.rescore import settled
from codomain.registry import stage
from codomain.stage import Stage, check_float, check_int
from codomain.trace import record

_EXACT = 1 << 22
"""Numbers of all documents together up to which the score itself takes a few milliseconds: no candidates are chosen."""
_ENCODED = 1024
"""Documents made one vector at a time."""
_SCORES = 1 << 24
"""Scores held at a time."""


@stage("multivector", takes=["multi"], gives="hits", papers=(93, 100, 189))
class MultiVector(IndexStage):
    """Late interaction (MaxSim) over many vectors a document: candidates by one vector, then the exact score.

    `candidates` are found by "pooled" mean vectors or by "fde" (fixed dimensional encodings, `fde` = k_sim, d_proj,
    repetitions; `whiten`, `d_final` and `fill` as of `FDE`) in the index `ann`, or all documents are scored ("exact"). "auto" scores all while that takes
    milliseconds, else takes the stage and the `n_candidates` whose recall, measured at build time on excerpts of
    documents, suffices for ten answers (more answers take more in proportion); `choose(queries)` measures with real ones. `rerank` scores only the first so many candidates.
    Vectors of `dtype` live in "ram", on "disk" once saved, or nowhere ("recompute", from the texts). With lists in `ann`,
    reading from disk begins after the first `ahead` of them. `anchor` adds that much of the pooled cosine.
    Scores are sums over the query's vectors: comparable for one query.

    "ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction over BERT" (2020), "MUVERA:
    Multi-Vector Retrieval via Fixed Dimensional Encodings" (2024), "ESPN: Memory-Efficient Multi-Vector Information
    Retrieval" (2024), "Your Embedding Model is SMARTer Than You Think" (2026).

    >>> documents = Ragged(np.float32([[1, 0], [0, 1], [0.75, 0.5]]), np.array([0, 2, 3]))
    >>> MultiVector().build(documents).search(Ragged(np.eye(2, dtype=np.float32), np.array([0, 2])), k=2)
    Hits(rows=array([[0, 1]]), scores=array([[2.  , 1.25]], dtype=float32))
    """

    grows: ClassVar[bool] = True
    needs_rows: ClassVar[bool] = True

    def __init__(
        self,
        candidates: Literal["auto", "pooled", "fde", "exact"] = "auto",
        n_candidates: int | Literal["auto"] = "auto",
        rerank: int | None = None,
        store: Where = "ram",
        dtype: Literal["float16", "float32"] = "float16",
        anchor: float = 0.0,
        fde: tuple[int, int, int] = (5, 16, 20),
        ann: Stage | None = None,
        ahead: float = 0.2,
        seed: int = 0,
        whiten: int | None = None,
        d_final: int | None = None,
        fill: Literal["auto", True, False] = "auto",
    ) -> None:
        if candidates not in ("auto", "pooled", "fde", "exact"):
            raise ValueError(f"needs candidates to be 'auto', 'pooled', 'fde' or 'exact', not {candidates!r}")
        if dtype not in ("float16", "float32"):
            raise ValueError(f"needs dtype to be 'float16' or 'float32', not {dtype!r}")
        if not isinstance(fde, tuple | list) or len(fde) != 3:
            raise ValueError(f"needs fde to be (k_sim, d_proj, repetitions), not {fde!r}")
        if ann is not None and not (isinstance(ann, IndexStage) and "dense" in ann.takes):
            raise ValueError(f"needs ann to be an index of dense vectors such as ivf(), not {ann!r}")
        check_where(store)
        self.candidates = candidates
        self.n_candidates = n_candidates if n_candidates == "auto" else check_int("n_candidates", n_candidates)
        self.rerank = None if rerank is None else check_int("rerank", rerank)
        self.store = store
        self.dtype = dtype
        self.anchor = check_float("anchor", anchor, 0)
        k_sim, d_proj, repetitions = fde
        check_int("fde's k_sim", k_sim, 0, LARGEST_K_SIM)
        self.fde = (k_sim, check_int("fde's d_proj", d_proj), check_int("fde's repetitions", repetitions))
        self.ann = ann
        self.ahead = check_float("ahead", ahead, 0, 1)
        self.seed = check_int("seed", seed, 0)
        self.whiten = None if whiten is None else check_int("whiten", whiten)
        self.d_final = None if d_final is None else check_int("d_final", d_final)
        if fill not in ("auto", True, False):
            raise ValueError(f"needs fill to be 'auto', True or False, not {fill!r}")
        self.fill = fill
        self._source: RowReader | None = None
        self._coarse: Coarse | None = None
        self.choice: CandidateChoice | None = None

    @property
    def keeps_vectors(self) -> bool:
        """Whether a collection keeps the vectors in its database as well."""
        return self.store != "recompute"

    def build(self, vectors: Ragged, codec: Codec | None = None) -> Self:
        """Replace the contents by lists of vectors; raises InputError for anything but Ragged."""
        vectors = as_ragged(vectors)
        self._lists = TokenLists(self.store, stored(vectors, self.dtype), self._source)
        self._removed = np.zeros(0, np.int64)
        self._decide(vectors)
        return self

    def add(self, vectors: Ragged) -> None:
        """Append lists; "auto" decides again when it no longer can score all of them."""
        if len(self._lists) == 0:
            self.build(vectors)
            return
        vectors = as_ragged(vectors, dim=self._lists.dim)
        self._lists.append(stored(vectors, self.dtype))
        if self._coarse is not None:
            self._coarse.add(vectors)
        elif self.candidates == "auto" and self.store != "recompute" and not self._few():
            self._decide(None)

    def remove(self, rows: Rows) -> None:
        """Leave rows out of every later search; they keep their numbers, and others theirs."""
        wanted = allowed_rows(rows, len(self._lists))
        assert wanted is not None
        self._removed = np.union1d(self._removed, wanted)
        if self._coarse is not None:
            self._coarse.index.remove(wanted)

    def attach(self, source: RowReader) -> None:
        """Where vectors come from that the index does not keep."""
        self._source = source
        self._lists.attach(source)

    def search(self, queries: Ragged, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best of the allowed rows for each query, never fewer than min(k, matches); few matches exactly."""
        queries = as_queries(queries, self._lists.dim)
        rows = self._live(allow)
        record(queries=len(queries.lengths))
        depth = candidates(self._depth, k, len(rows))
        if self._coarse is None or len(rows) <= depth or k == 0:
            return self._exact(queries, k, rows)
        hits = Hits.empty(len(queries.lengths), k)
        allowed = None if len(rows) == len(self) and allow is None else rows
        count = min(self.rerank or depth, depth)
        for i, found in enumerate(self._candidates(queries, depth, count, allowed)):
            scored = found.rows[0, :count]
            query = queries.take(np.array([i]))
            best, best_scores = self._best(query, self._scores(query, scored)[0], scored, k)
            if count < k:  # the others in the order of the coarse stage, none above one whose score is known
                best = np.concatenate([best, found.rows[0, count:k]])
                rest = np.minimum(found.scores[0, count:k], best_scores[-1])
                best_scores = np.concatenate([best_scores, rest])
            hits.rows[i], hits.scores[i] = best, best_scores
        return hits

    def search_exactly(self, queries: Ragged, k: int, allow: np.ndarray | None = None) -> Hits:
        """The k best rows with every allowed one scored."""
        return self._exact(as_queries(queries, self._lists.dim), k, self._live(allow))

    def candidates_of(self, queries: Ragged, depth: int) -> Hits:
        """What the coarse stage gives for each query, best first; the exact answer where there is none."""
        queries = as_queries(queries, self._lists.dim)
        if self._coarse is None:
            return self.search_exactly(queries, depth)
        return self._coarse.search(queries, depth, self._live(None))

    def choose(self, queries: Ragged) -> CandidateChoice | None:
        """Decide again what "auto" leaves open, by the recall of real queries; None where all documents are scored."""
        self._decide(None, as_queries(queries, self._lists.dim))
        return self.choice

    def __len__(self) -> int:
        return len(self._lists) - len(self._removed)

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""
        coarse = 0 if self._coarse is None else int(self._coarse.index.nbytes)
        return self._lists.nbytes + coarse + self._removed.nbytes

    @property
    def prefetched(self) -> tuple[int, int]:
        """Rows read from disk so far that were begun early, and that were not."""
        return self._lists.hits

    def save(self, folder: Path) -> None:
        """Write vectors, coarse stage and removed rows to a folder."""
        folder = Path(folder)
        arrays, files = self._lists.save(folder, "values")
        settings: dict[str, Any] = {"dim": self._lists.dim, "dtype": self.dtype, "store": self.store, "choice": None}
        settings |= {"candidates": self.candidates, "ann": str(self.ann)}
        parts: tuple[Path, ...] = ()
        if self._coarse is not None and self.choice is not None:
            parts = (part_folder(folder, "candidates"),)
            self._coarse.index.save(parts[0])
            settings["part"] = parts[0].name
            arrays |= {f"fde_{name}": array for name, array in self._coarse.encoding.state().items()}
            settings["choice"] = [self.choice.name, self.choice.n_candidates, self.choice.recall]
            settings["fde"] = list(self.fde)
            settings |= self._made()
            settings["fingerprint"] = self._coarse.encoding.fingerprint
        save_arrays(folder, "multivector", arrays | {"removed": self._removed}, settings, files, parts)
        self._lists.saved(folder, "values")

    @fitting
    def load(self, folder: Path) -> Self:
        """Open what `save` wrote; raises InputError for damaged files and other parameters."""
        folder = Path(folder)
        arrays, settings = open_arrays(folder, "multivector")
        mine: dict[str, Any] = {
            "dtype": self.dtype,
            "store": self.store,
            "candidates": self.candidates,
            "ann": str(self.ann),
        }
        if settings["choice"] is not None and settings["choice"][0] == "fde":
            mine |= {"fde": list(self.fde), **self._made()}
            settings = {"whiten": None, "d_final": None, "fill": "auto"} | settings  # earlier versions had no others
        differing = [name for name, value in mine.items() if settings[name] != value]
        if differing:
            raise InputError(f"{folder} was saved with another {differing[0]} than {self}: rebuild the index.")
        values = arrays["values"] if self.store == "ram" else np.zeros((0, settings["dim"]), self.dtype)
        self._lists = TokenLists.load(self.store, folder, Ragged(values, np.array(arrays["offsets"])), "values")
        self._removed, self._coarse, self.choice = arrays["removed"], None, None
        if settings["choice"] is not None:
            self.choice = CandidateChoice(*settings["choice"])
            self._coarse = self._empty(self.choice.name)
            self._coarse.encoding.restore({n[4:]: a for n, a in arrays.items() if n.startswith("fde_")})
            if self._coarse.encoding.fingerprint != settings["fingerprint"]:
                raise InputError(
                    f"{folder} holds another encoding than its candidates were made with: rebuild the index."
                )
            self._coarse.index.load(folder / settings["part"])
        return self

    @property
    def _depth(self) -> int:
        if self.n_candidates != "auto":
            return int(self.n_candidates)
        return self.choice.n_candidates if self.choice is not None else 0

    def _live(self, allow: np.ndarray | None) -> Rows:
        allowed = allowed_rows(allow, len(self._lists))
        rows = np.arange(len(self._lists)) if allowed is None else allowed
        return np.setdiff1d(rows, self._removed, assume_unique=True) if len(self._removed) else rows

    def _exact(self, queries: Ragged, k: int, rows: Rows) -> Hits:
        hits = Hits.empty(len(queries.lengths), k)
        if k == 0 or len(rows) == 0:
            return hits
        group = max(1, _SCORES // len(rows))
        for first in range(0, len(queries.lengths), group):
            asked = queries.take(np.arange(first, min(first + group, len(queries.lengths))))
            for i, row_scores in enumerate(self._scores(asked, rows), first):
                query = asked.take(np.array([i - first]))
                best, best_scores = self._best(query, row_scores, rows, k)
                hits.rows[i, : len(best)], hits.scores[i, : len(best)] = best, best_scores
        return hits

    def _best(self, query: Ragged, scores: Floats, rows: Rows, k: int) -> tuple[Rows, Floats]:
        """The k best rows by scores (n,) and their scores; those that a product could not tell apart are scored alone."""

        def alone(places: Rows) -> Floats:
            documents = self._lists.fetch(rows[places])
            each = (documents.take(np.array([i])) for i in range(len(places)))
            return np.array([maxsim(query, one, self.anchor)[0, 0] for one in each], np.float32)

        places, best_scores = settled(scores, rows, k, rounding(scores, self._lists.dim), alone)
        return rows[places], best_scores

    def _scores(self, queries: Ragged, rows: Rows) -> Floats:
        """MaxSim (q, n), some thousand vectors at a time: they are widened and multiplied while they are in the cache."""
        scores = np.empty((len(queries.lengths), len(rows)), np.float32)
        for start, stop, documents in self._lists.blocks(rows):
            scores[:, start:stop] = maxsim(queries, documents, self.anchor)
        record(scored=scores.size)
        return scores

    def _candidates(self, queries: Ragged, depth: int, count: int, allowed: Rows | None) -> Iterator[Hits]:
        """What the coarse stage gives for each query; reading the first `count` has begun when it is given."""
        assert self._coarse is not None
        lists_remain = self.store == "disk" and self._coarse.index.first(self.ahead) is not None
        found = None if lists_remain else self._coarse.search(queries, depth, allowed)
        for i in range(len(queries.lengths)):
            if found is not None:
                self._lists.prefetch(found.rows[i, :count])  # later ones are read while earlier ones are scored
                yield Hits(found.rows[i : i + 1], found.scores[i : i + 1])
            else:
                query = queries.take(np.array([i]))
                early = self._coarse.early(query, count, allowed, self.ahead)
                assert early is not None
                self._lists.prefetch(early.rows[early.rows >= 0])
                yield self._coarse.search(query, depth, allowed)

    def _few(self) -> bool:
        return bool(self._lists.lengths.sum() * self._lists.dim <= _EXACT)

    def _decide(self, vectors: Ragged | None, queries: Ragged | None = None) -> None:
        """Choose the coarse stage and build it, from all vectors or, where None, from those that are stored."""
        self._coarse = self.choice = None
        rows = len(self._lists)
        exact = self.candidates == "exact" or rows == 0
        if exact or (self.candidates == "auto" and queries is None and self._few() and self.store != "recompute"):
            return
        sample = self._sample(vectors)
        names = ("pooled", "fde") if self.candidates == "auto" else (self.candidates,)
        if self.candidates == "auto" or self.n_candidates == "auto":
            encodings = {name: self._encoding(name) for name in names}
            self.choice = choose(encodings, sample, queries, rows, self.anchor, self.seed)
        else:
            self.choice = CandidateChoice(names[0], int(self.n_candidates))
        self._coarse = self._empty(self.choice.name)
        encoding = self._coarse.encoding.fit(sample)
        encoded = np.empty((rows, encoding.dim), np.float16)
        for start in range(0, rows, _ENCODED):
            part = np.arange(start, min(start + _ENCODED, rows))
            encoded[part] = encoding.documents(self._lists.fetch(part) if vectors is None else vectors.take(part))
        self._coarse.build(encoded)
        self._coarse.index.remove(self._removed)

    def _sample(self, vectors: Ragged | None) -> Ragged:
        """Some documents, from all vectors or, where None, from those that are stored."""
        lengths = self._lists.lengths
        chosen = np.arange(len(lengths))
        if lengths.sum() > SAMPLE:
            number = int(SAMPLE / lengths.mean())
            chosen = np.sort(np.random.default_rng(self.seed).choice(chosen, number, replace=False))
        documents = self._lists.fetch(chosen) if vectors is None else vectors.take(chosen)
        return Ragged(documents.values.astype(np.float32, copy=False), documents.offsets)

    def _empty(self, name: str) -> Coarse:
        index = Auto() if self.ann is None else type(self.ann)(**self.ann.get_params())
        return Coarse(name, self._encoding(name), index)

    def _encoding(self, name: str) -> Encoding:
        if name == "pooled":
            return Pooled(self._lists.dim)
        k_sim, d_proj, repetitions = self.fde
        more: dict[str, Any] = self._made()
        return FDE(self._lists.dim, k_sim, d_proj, repetitions, seed=self.seed, **more)

    def _made(self) -> dict[str, Any]:
        """What is asked of encodings beside their sizes."""
        return {"whiten": self.whiten, "d_final": self.d_final, "fill": self.fill}
