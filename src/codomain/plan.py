"""A pipeline at work: the tree of branches behind an expression, and a retriever that holds everything in memory.

`plan` turns a pipeline into a tree. A branch is one way from text to hits (encoder >> transforms >> index, or a text index
such as bm25()); a fusion joins several. The durable collections of `codomain.store` run the same tree over their own branches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from codomain.arrays import Floats, Hits, Packed, as_float32, as_ragged, as_sparse
from codomain.codecs.codec import Codec
from codomain.contracts import Documents, Encoder, Index, Ranker, RowReader, TextIndex, Transform
from codomain.errors import InputError, PipelineError
from codomain.index.base import IndexStage
from codomain.items import Item, as_item, fits, given_to
from codomain.kinds import Kind, Modality, in_words
from codomain.pipeline import Pipeline, build_stage, pipeline
from codomain.progress import Progress
from codomain.registry import stage_class
from codomain.stage import Stage
from codomain.trace import collect


@dataclass(eq=False)
class Branch:
    """One retrieval branch: `encoder >> transforms >> index`, or a text index with no encoder."""

    stages: tuple[Stage, ...]
    rankers: tuple[Ranker, ...] = ()
    _dims_known: bool = field(default=False, init=False)

    @cached_property
    def name(self) -> str:
        """The branch as an expression."""
        return " >> ".join(str(stage) for stage in self.stages)

    @cached_property
    def identity(self) -> str:
        """The branch under the first names of its stages: its key in a collection, whatever stages are called now."""
        return " >> ".join(stage.identity for stage in self.stages)

    @property
    def encoder(self) -> Encoder | None:
        """None for a text index."""
        return cast(Encoder, self.stages[0]) if len(self.stages) > 1 else None

    @property
    def is_dense(self) -> bool:
        """Whether an encoder of dense vectors begins it."""
        return self.encoder is not None and self.stages[0].gives == "dense"

    @property
    def transforms(self) -> list[Transform]:
        """The stages between encoder and index."""
        return [cast(Transform, stage) for stage in self.stages[1:-1]]

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What the branch starts from."""
        return self.stages[0].modalities

    @property
    def index(self) -> IndexStage:
        """The last stage."""
        return cast(IndexStage, self.stages[-1])

    @property
    def kind(self) -> Kind | None:
        """What the index is given: "dense", "codes", "packed", "multi" or "sparse"; None for a text index."""
        return self.stages[-2].gives if len(self.stages) > 1 else None

    @property
    def codec(self) -> Codec | None:
        """How stored rows are written; None for plain float32."""
        self._infer_dims()
        return self.transforms[-1].codec if self.transforms else None

    @property
    def needs_fit(self) -> bool:
        """Whether a transform learns from a sample."""
        return any(transform.needs_fit for transform in self.transforms)

    @property
    def fingerprint(self) -> str:
        """Hash of all that decides a stored row: the encoder's fingerprint and those of the fitted transforms."""
        assert self.encoder is not None
        self._infer_dims()
        parts = [self.encoder.fingerprint, *(transform.fingerprint for transform in self.transforms)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def fit(self, vectors: Floats) -> None:
        """Fit the transforms in order, each on what the ones before it give."""
        for transform in self.transforms:
            vectors = transform.fit(vectors).transform(vectors)

    def codes(self, vectors: Any) -> Any:
        """What is stored for encoder output: float32 rows (n, d) or the codes of the last transform, Ragged, csr_array."""
        self._infer_dims()
        if not self.transforms:
            return vectors
        *first, last = self.transforms
        for transform in first:
            vectors = transform.transform(vectors)
        return last.transform(vectors) if last.codec is None else last.codec.encode(vectors)

    def query_vectors(self, vectors: Any) -> Any:
        """Encoded queries on their way to the index: float32 (q, d), never quantised, or Ragged or csr_array as they are."""
        self._infer_dims()
        for transform in self.transforms:
            vectors = transform.transform_queries(vectors)
        return vectors

    def _infer_dims(self) -> None:
        """Transforms that learn nothing still need to know the dimensions: a single zero vector tells them."""
        if not self._dims_known and self.encoder is not None and self.transforms and not self.needs_fit:
            self.fit(np.zeros((1, self.encoder.dim), np.float32))
        self._dims_known = True

    def encode_for_index(self, items: Sequence[str | Item]) -> Any:
        """Items as the float32 vectors that their stored form stands for, encoded again."""
        assert self.encoder is not None
        self._infer_dims()
        vectors = encode(self.encoder, items)
        for transform in self.transforms:
            vectors = transform.transform(vectors)
        return vectors

    def for_index(self, codes: Any) -> Any:
        """Codes in the form that an index takes."""
        codec = self.codec
        return Packed(codes, codec.dim) if codec is not None and codec.kind == "binary" else codes

    # --- the life of an index: made of stored rows, or opened; attached to who has the rows; added to -----------------

    @property
    def fixed_width(self) -> bool:
        """Whether stored rows are a table: dense vectors or codes, not lists of vectors or sparse ones."""
        return self.kind in ("dense", "codes", "packed")

    @property
    def scores_comparable(self) -> bool:
        """Whether a scan of stored rows gives the scores of the index, so that rows beside it can be merged with its own."""
        return not self.index.grows

    def build(self, rows: Any, owner: RowReader, index: IndexStage | None = None) -> IndexStage:
        """An index of stored rows, as `codes` gives them, or of texts, attached to their owner: `index`, else a fresh one."""
        built = self.index.fresh() if index is None else index
        if self.encoder is None:
            cast(TextIndex, built).build(rows)
        else:
            cast(Index, built).build(self.for_index(rows), self.codec)
        built.attach(owner)
        return built

    def open(self, folder: Path, owner: RowReader) -> IndexStage:
        """The index that was saved in a folder; raises InputError when its files are damaged."""
        opened = self.index.fresh()
        cast(Index, opened).load(folder)
        opened.attach(owner)
        return opened

    def add(self, index: IndexStage, rows: Any) -> None:
        """Append stored rows, or texts, to an index."""
        cast(Any, index).add(rows if self.encoder is None else self.for_index(rows))


@dataclass(eq=False)
class Fusion:
    """Several branches whose hits are joined by a `fuse(...)` stage."""

    fuse: Any
    nodes: tuple[PlanNode, ...]
    rankers: tuple[Ranker, ...] = ()


PlanNode = Branch | Fusion

DEFAULT_INDEX: dict[Kind, str] = {
    "dense": "auto", "codes": "auto", "packed": "auto", "multi": "multivector", "sparse": "sparse",
}  # fmt: skip
"""The index that a pipeline without one is given, by what its last stage gives."""


def plan(expression: str | Stage | Pipeline, shared: dict[str, Stage] | None = None) -> PlanNode:
    """The tree behind a pipeline that leads from text to hits; an encoder without an index is given the one of its kind.

    >>> plan("static() >> truncate(64)").name
    'static() >> truncate(64) >> auto()'

    Equal encoders are one object, in all branches and in `shared`, where they are kept by expression: models are slow to load.

    Raises PipelineError for a pipeline that does not start from items.
    """
    return _tree(expression, {} if shared is None else shared)


def _tree(expression: str | Stage | Pipeline, shared: dict[str, Stage]) -> PlanNode:
    pipe = pipeline(expression)
    if pipe.gives in DEFAULT_INDEX and pipe.is_source:
        default = stage_class(DEFAULT_INDEX[pipe.gives])
        metric = pipe.stages[0].asks_metric
        pipe = pipe >> (default() if metric is None else build_stage(default, metric=metric))
    if not pipe.is_source or pipe.gives != "hits":
        raise PipelineError(f"{pipe} cannot search: a pipeline starts with an encoder, bm25() or fuse(...).")
    end = next(i for i, stage in enumerate(pipe) if stage.gives == "hits") + 1
    rankers = tuple(cast(Ranker, stage) for stage in pipe.stages[end:])
    head = pipe.stages[0]
    if head.branches:
        return Fusion(head, tuple(_tree(branch, shared) for branch in head.branches), rankers)
    if end == 1:
        return Branch(pipe.stages[:end], rankers)
    asked, index = head.asks_metric, cast(IndexStage, pipe.stages[end - 1])
    if asked is not None and asked != index.metric:
        raise PipelineError(f"{head} needs an index with metric={asked!r}: {index} has {index.metric!r}.")
    return Branch((shared.setdefault(str(head), head), *pipe.stages[1:end]), rankers)


def branches(node: PlanNode) -> Iterator[Branch]:
    """All branches of a tree, left to right."""
    if isinstance(node, Branch):
        yield node
    else:
        for child in node.nodes:
            yield from branches(child)


def encode(encoder: Encoder, items: Sequence[str | Item], progress: Progress | None = None) -> Any:
    """Documents as an encoder gives them: dense (n, d), Ragged or csr_array, checked.

    Raises InputError for an item without anything that the encoder takes, and for vectors with NaN or of another dimension.
    """
    given = given_to(encoder.modalities, items, str(encoder))
    vectors = encoder.encode_documents(given, progress)
    return _CHECKED[encoder.gives](vectors, dim=encoder.dim, what=f"the vectors of {encoder}")


_CHECKED: dict[str, Callable[..., Any]] = {"dense": as_float32, "multi": as_ragged, "sparse": as_sparse}


def encode_queries(encoder: Encoder, items: Sequence[str | Item]) -> Any:
    """Queries as an encoder gives them."""
    return encoder.encode_queries(given_to(encoder.modalities, items, str(encoder)))


class EncodedOnce:
    """The same items as several encoders give them, each encoder asked once however many branches it begins.

    >>> calls = []
    >>> once = EncodedOnce(lambda encoder, items: calls.append(encoder.name))
    >>> for branch in branches(plan("fuse(static() >> flat(), static() >> truncate(8) >> flat())")):
    ...     _ = once(branch, ["a red fox"])
    >>> calls
    ['static']
    """

    def __init__(self, encode: Callable[[Encoder, Sequence[str | Item]], Any]) -> None:
        self._encode = encode
        self.by_fingerprint: dict[str, Any] = {}

    def __call__(self, branch: Branch, items: Sequence[str | Item]) -> Any:
        """What the branch's encoder gives for the items, which are the same in every call."""
        assert branch.encoder is not None
        key = branch.encoder.fingerprint
        if key not in self.by_fingerprint:
            self.by_fingerprint[key] = self._encode(branch.encoder, items)
        return self.by_fingerprint[key]


def as_queries(root: PlanNode, queries: Sequence[Any]) -> list[str | Item]:
    """Queries as items of what the branches start from; an array is of the one modality beside text.

    Raises InputError for a query that no branch can take.
    """
    modalities = modalities_of(root)
    items = [query if isinstance(query, str) else as_item(query, modalities) for query in queries]
    for item in items:
        if not fits(item, modalities):
            raise InputError(f"no branch of this pipeline takes the query: it starts from {in_words(*modalities)}.")
    return items


def modalities_of(root: PlanNode) -> tuple[Modality, ...]:
    """What the branches of a tree start from."""
    return tuple(dict.fromkeys(modality for branch in branches(root) for modality in branch.modalities))


def _search_fitting(branch: Branch, queries: Sequence[str | Item], k: int, search: SearchBranch) -> Hits:
    """Search a branch with the queries that it can take; the others have no hits there."""
    inside = [i for i, query in enumerate(queries) if fits(query, branch.modalities)]
    if len(inside) == len(queries):
        return search(branch, queries, k)
    hits = Hits.empty(len(queries), k)
    if inside:
        found = search(branch, [queries[i] for i in inside], k)
        hits.rows[inside], hits.scores[inside] = found.rows, found.scores
    return hits


def first_dense(node: PlanNode) -> Branch | None:
    """The first branch, left to right, that an encoder of dense vectors begins; None without one.

    >>> first_dense(plan("fuse(bm25(), static() >> flat())")).name
    'static() >> flat()'
    """
    return next((branch for branch in branches(node) if branch.is_dense), None)


SearchBranch = Callable[[Branch, Sequence[str | Item], int], Hits]


@dataclass
class BranchScores:
    """What each branch answered: `explain` shows a hit's score in every branch."""

    hits: dict[str, Hits] = field(default_factory=dict)

    def of_rows(self, query: int, rows: Sequence[int]) -> dict[int, dict[str, tuple[int, float]]]:
        """For each row its rank (from 1) and score in every branch that found it."""
        found: dict[int, dict[str, tuple[int, float]]] = {row: {} for row in rows}
        wanted = np.array(rows, np.int64)
        for name, hits in self.hits.items():
            # a few rows are compared one by one: np.isin would sort them, a twentieth of a whole search
            among = hits.rows[query]
            if len(wanted) <= 32:
                places = (among == wanted[:, None]).nonzero()[1]
            else:
                places = np.isin(among, wanted).nonzero()[0]
            scores = hits.scores[query, places].tolist()
            for place, row, score in zip(places.tolist(), among[places].tolist(), scores, strict=True):
                found[row][name] = (place + 1, score)
        return found


def run(
    node: PlanNode,
    queries: Sequence[str | Item],
    k: int,
    search: SearchBranch,
    documents: Documents,
    trace: BranchScores | None = None,
    unfiltered: SearchBranch | None = None,
) -> Hits:
    """Search a tree: branches through `search`, fusions joined, rankers applied in order.

    Where `search` keeps to a filter, `unfiltered` does not: fusions scale scores by what it finds, so that a document has one
    score whatever the filter.
    """
    depths = [k]
    for ranker in reversed(node.rankers):
        depths.append(max(depths[-1], ranker.depth(depths[-1])))
    deepest = depths.pop()
    if isinstance(node, Branch):
        with collect(node.name):
            hits = _search_fitting(node, queries, deepest, search)
        if trace is not None:
            trace.hits[node.name] = hits
    else:
        deep = node.fuse.depth(deepest)
        parts = [run(n, queries, deep, search, documents, trace, unfiltered) for n in node.nodes]
        scale = None
        if unfiltered is not None and node.fuse.scaled_by_scores:
            scale = [run(n, queries, deep, unfiltered, documents) for n in node.nodes]
        hits = node.fuse.combine(parts, deepest, scale)
    for ranker in node.rankers:
        hits = ranker.rank(queries, hits, documents, depths.pop())
    return hits
