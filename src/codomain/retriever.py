"""A pipeline at work in memory: the same tree of branches as in a collection, over indexes that nothing outlives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np

from codomain.contracts import Index, Progress, TextIndex
from codomain.errors import InputError, PipelineError
from codomain.pipeline import Pipeline
from codomain.plan import Branch, BranchScores, branches, plan, run
from codomain.stage import Stage
from codomain.vectors import Floats, Hits, Ragged, Rows, as_float32


class Retriever:
    """A searchable pipeline in memory: `index(texts)` once, then `search(queries, k)`.

    >>> retriever = Retriever("bm25()").index(["a red fox", "a blue whale"])
    >>> retriever.search(["whales"], k=1).rows
    array([[1]])
    """

    def __init__(self, expression: str | Stage | Pipeline) -> None:
        self.root = plan(expression)
        self._texts: list[str] = []

    def index(self, texts: Sequence[str], progress: Progress | None = None) -> Self:
        """Encode the documents once per distinct encoder, fit the transforms on them and build every index."""
        self._texts = list(texts)
        encoded: dict[str, Any] = {}
        for branch in branches(self.root):
            if branch.encoder is None:
                cast(TextIndex, branch.index).build(self._texts)
                continue
            key = branch.encoder.fingerprint
            if key not in encoded:
                encoded[key] = branch.encoder.encode_documents(self._texts, progress)
            if branch.needs_fit:
                branch.fit(as_float32(encoded[key]))
            index: Any = branch.index
            index.build(branch.for_index(branch.codes(encoded[key])), branch.codec)
            if hasattr(index, "attach"):
                index.attach(InMemoryRows(branch, self._texts, encoded[key]))
        return self

    def search(
        self,
        queries: Sequence[str],
        k: int = 10,
        allow: np.ndarray[Any, Any] | None = None,
        trace: BranchScores | None = None,
    ) -> Hits:
        """The k best documents of each query: rows are positions in the list that was indexed."""
        if isinstance(queries, str):
            raise InputError("search takes a list of queries; a single one is written [query].")
        encoded: dict[str, Any] = {}  # the queries, once per distinct encoder

        def search_branch(branch: Branch, texts: Sequence[str], depth: int) -> Hits:
            if branch.encoder is None:
                return cast(TextIndex, branch.index).search(texts, depth, allow)
            key = branch.encoder.fingerprint
            if key not in encoded:
                encoded[key] = branch.encoder.encode_queries(texts)
            return cast(Index, branch.index).search(branch.query_vectors(encoded[key]), depth, allow)

        return run(self.root, queries, k, search_branch, self, trace)

    def texts(self, rows: Rows) -> list[str]:
        """Documents by row."""
        return [self._texts[row] for row in rows]

    def vectors(self, rows: Rows) -> Floats:
        """Vectors (n, d) of documents by row, in the first dense branch's encoder space."""
        for branch in branches(self.root):
            if branch.encoder is not None and branch.stages[0].gives == "dense":
                return cast(Floats, branch.encoder.encode_documents(self.texts(rows)))
        raise PipelineError("this pipeline has no encoder of dense vectors, so its documents have none.")


class InMemoryRows:
    """What an index may ask of a retriever: the texts, and their encoded form, which stays in memory."""

    def __init__(self, branch: Branch, texts: list[str], encoded: Any) -> None:
        self._branch, self._texts, self._encoded = branch, texts, encoded

    def texts(self, rows: Rows) -> list[str]:
        """What the rows say."""
        return [self._texts[row] for row in rows]

    def vectors(self, rows: Rows) -> Any:
        """The rows behind the transforms."""
        taken: Any = self._encoded.take(rows) if isinstance(self._encoded, Ragged) else self._encoded[rows]
        for transform in self._branch.transforms:
            taken = transform.transform(taken)
        return taken

    def encode(self, rows: Rows) -> Any:
        """The rows made anew from their texts."""
        return self._branch.encode_for_index(self.texts(rows))
