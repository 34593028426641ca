"""text-embeddings-inference: /embed, /embed_sparse, /embed_all, /rerank, /info of a server of one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from codomain.arrays import Floats
from codomain.endpoints.dialects.dialect import (
    Ask,
    Dialect,
    Embedded,
    Malformed,
    Request,
    field,
    floats,
    scores_by_index,
    whole,
)


class TEI(Dialect):
    """`inputs`, `truncate`, `dimensions`; a list in the order of the texts. Tokens are told in a header."""

    name = "tei"
    most_texts = 32
    cuts = True
    route = "/embed"

    def embed(self, ask: Ask) -> Request:
        """POST /embed."""
        body: dict[str, Any] = {"inputs": [*ask.texts], "truncate": ask.cuts}
        if ask.dimensions is not None:
            body["dimensions"] = ask.dimensions
        return self.route, body

    def embedded(self, answer: Any, headers: Mapping[str, str], count: int) -> Embedded:
        """One entry a text."""
        if not isinstance(answer, list) or len(answer) != count:
            raise Malformed(
                f"answers with {len(answer) if isinstance(answer, list) else 'no'} entries to {count:,} texts"
            )
        told = headers.get("x-compute-tokens", "")
        return Embedded([self.row(entry) for entry in answer], int(told) if told.isdecimal() else None)

    def row(self, entry: Any) -> Any:
        """What stands for one text."""
        return floats(entry)

    def rerank(self, model: str, query: str, documents: Sequence[str]) -> Request:
        """POST /rerank."""
        return "/rerank", {"query": query, "texts": [*documents], "raw_scores": False}

    def reranked(self, answer: Any, count: int) -> Floats:
        """A list by `index`."""
        if not isinstance(answer, list):
            raise Malformed("answers with no list of scores")
        return scores_by_index(answer, count, "score")


class TEISparse(TEI):
    """/embed_sparse: entries (index, value) of each text."""

    name = "tei_sparse"
    route = "/embed_sparse"
    takes_dimensions = False

    def row(self, entry: Any) -> Any:
        """Columns (k,), which are different and sorted, and values (k,)."""
        if not isinstance(entry, list):
            raise Malformed("answers with a sparse vector that is no list")
        columns = [whole(field(one, "index")) for one in entry]
        if any(column is None for column in columns) or len({*columns}) < len(columns):
            raise Malformed("answers with a sparse vector whose index is no number, or the same twice")
        values = floats([field(one, "value") for one in entry]) if entry else np.empty(0, np.float32)
        order = np.argsort(np.array(columns, np.int64))
        return np.array(columns, np.int64)[order], values[order]


class TEIAll(TEI):
    """/embed_all: a vector of each token."""

    name = "tei_all"
    route = "/embed_all"
    takes_dimensions = False

    def row(self, entry: Any) -> Any:
        """Token vectors (t, d)."""
        if not isinstance(entry, list) or not entry:
            raise Malformed("answers with no vectors of tokens")
        rows = [floats(one) for one in entry]
        if len({len(row) for row in rows}) > 1:
            raise Malformed("answers with vectors of different lengths")
        return np.stack(rows)
