"""A pipeline at work in memory: the same tree of branches as in a collection, over indexes that nothing outlives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np

from codomain.arrays import Floats, Hits, Ragged, Rows
from codomain.contracts import Index, TextIndex
from codomain.errors import InputError, PipelineError
from codomain.items import Item, as_item, texts_of
from codomain.pipeline import Pipeline
from codomain.plan import (
    Branch,
    BranchScores,
    EncodedOnce,
    as_queries,
    branches,
    encode,
    encode_queries,
    first_dense,
    modalities_of,
    plan,
    run,
)
from codomain.progress import Progress
from codomain.stage import Stage


class Retriever:
    """A searchable pipeline in memory: `index(items)` once, then `search(queries, k)`.

    >>> retriever = Retriever("bm25()").index(["a red fox", "a blue whale"])
    >>> retriever.search(["whales"], k=1).rows
    array([[1]])
    """

    def __init__(self, expression: str | Stage | Pipeline) -> None:
        self.root = plan(expression)
        self._items: list[str | Item] = []

    def index(self, items: Sequence[Any], progress: Progress | None = None) -> Self:
        """Encode the documents once for each distinct encoder, fit the transforms on them and build every index.

        An item is a text, an array for a pipeline that starts from one other modality, or a `codomain.items.Item`.
        """
        modalities = modalities_of(self.root)
        self._items = [item if isinstance(item, str) else as_item(item, modalities) for item in items]
        encoded = EncodedOnce(lambda encoder, items: encode(encoder, items, progress))
        for branch in branches(self.root):
            if branch.encoder is None:
                branch.build(texts_of(self._items), InMemoryRows(branch, self._items, None), branch.index)
                continue
            vectors = encoded(branch, self._items)
            if branch.needs_fit:
                branch.fit(vectors)
            branch.build(branch.codes(vectors), InMemoryRows(branch, self._items, vectors), branch.index)
        return self

    def search(
        self,
        queries: Sequence[Any],
        k: int = 10,
        allow: np.ndarray[Any, Any] | None = None,
        trace: BranchScores | None = None,
    ) -> Hits:
        """The k best documents of each query, a text or another item: rows are positions in the list that was indexed."""
        if isinstance(queries, str):
            raise InputError("search takes a list of queries; a single one is written [query].")
        encoded = EncodedOnce(encode_queries)

        def search_branch(branch: Branch, asked: Sequence[str | Item], depth: int) -> Hits:
            if branch.encoder is None:
                return cast(TextIndex, branch.index).search(texts_of(asked), depth, allow)
            vectors = branch.query_vectors(encoded(branch, asked))
            return cast(Index, branch.index).search(vectors, depth, allow)

        return run(self.root, as_queries(self.root, queries), k, search_branch, self, trace)

    def items(self, rows: Rows) -> list[str | Item]:
        """Documents by row, as they were given."""
        return [self._items[row] for row in rows]

    def texts(self, rows: Rows) -> list[str]:
        """Their texts; empty where a document has none."""
        return texts_of(self.items(rows))

    def vectors(self, rows: Rows) -> Floats:
        """Vectors (n, d) of documents by row, as the first dense branch would store them: what a collection has."""
        branch = first_dense(self.root)
        if branch is None or branch.encoder is None:
            raise PipelineError("this pipeline has no encoder of dense vectors, so its documents have none.")
        return cast(Floats, branch.encode_for_index(self.items(rows)))


class InMemoryRows:
    """What an index may ask of a retriever: the items, and their encoded form, which stays in memory."""

    def __init__(self, branch: Branch, items: Sequence[str | Item], encoded: Any) -> None:
        self._branch, self._items, self._encoded = branch, items, encoded

    def items(self, rows: Rows) -> list[str | Item]:
        """The rows as they were given."""
        return [self._items[row] for row in rows]

    def texts(self, rows: Rows) -> list[str]:
        """What the rows say."""
        return texts_of(self.items(rows))

    def vectors(self, rows: Rows) -> Any:
        """The rows behind the transforms."""
        taken: Any = self._encoded.take(rows) if isinstance(self._encoded, Ragged) else self._encoded[rows]
        for transform in self._branch.transforms:
            taken = transform.transform(taken)
        return taken

    def encode(self, rows: Rows) -> Any:
        """The rows encoded again."""
        return self._branch.encode_for_index(self.items(rows))
