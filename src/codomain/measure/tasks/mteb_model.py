"""Any pipeline as a model of mteb: it searches retrieval tasks, and encodes for all others where it has dense vectors.

mteb's protocols are structural (SearchProtocol, EncoderProtocol), so nothing here inherits from it; its own search is not
used: a retrieval task is answered by the pipeline's index, fusion and rankers as `codomain search` would.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from codomain.arrays import Floats, Hits, as_float32
from codomain.errors import InputError
from codomain.pipeline import Pipeline, pipeline
from codomain.plan import Branch, branches, first_dense, plan
from codomain.retriever import Retriever
from codomain.stage import Stage

_TOGETHER = 256
"""Queries searched at once."""


def as_mteb(expression: str | Stage | Pipeline, name: str | None = None, sample: Sequence[str] | None = None) -> Any:
    """A pipeline as a model for `mteb.evaluate`.

    It has `index` and `search` (retrieval, reranking), and with an encoder of dense vectors also `encode`, `similarity` and
    `similarity_pairwise` (classification, clustering, STS, pairs, bitext): the vectors that the first dense branch
    stores. Transforms that learn are fitted on the documents in a retrieval task; elsewhere on `sample`, or without one on
    the first texts that a task gives. mteb keeps results under `name` ("owner/model") and a revision that is a hash of the
    expression and its encoders.

    >>> model = as_mteb("static() >> truncate(64)")
    >>> model.mteb_model_meta.name, hasattr(model, "encode"), hasattr(as_mteb("bm25()"), "encode")
    ('codomain/static-truncate-64', True, False)

    Raises InputError without mteb, and PipelineError for a pipeline that cannot search.
    """
    pipe = pipeline(expression)
    dense = first_dense(plan(pipe))
    return SearchModel(pipe, name) if dense is None else DenseModel(pipe, dense, name, sample)


class SearchModel:
    """mteb's SearchProtocol over a `Retriever`."""

    def __init__(self, pipe: Pipeline, name: str | None = None) -> None:
        try:
            from mteb.models import ModelMeta
        except ImportError:
            raise InputError("a model of mteb needs mteb: pip install mteb.") from None
        nodes = list(branches(plan(pipe)))
        prints = [str(pipe), *(branch.encoder.fingerprint for branch in nodes if branch.encoder is not None)]
        unknown: dict[str, Any] = {key: None for key, field in ModelMeta.model_fields.items() if field.is_required()}
        slug = re.sub(r"[^A-Za-z0-9._]+", "-", str(pipe)).strip("-")[:100]
        self.pipeline = pipe
        self.mteb_model_meta = ModelMeta(
            **unknown
            | {
                "name": name or f"codomain/{slug}",
                "revision": hashlib.sha256("\n".join(prints).encode()).hexdigest()[:16],
                "embed_dim": next((branch.encoder.dim for branch in nodes if branch.encoder is not None), None),
                "framework": ["NumPy"],
                "similarity_fn_name": "cosine",
            }
        )
        self._retriever: Retriever | None = None
        self._ids: list[str] = []

    def index(self, corpus: Iterable[Mapping[str, Any]], **kwargs: Any) -> None:
        """Index a task's documents: rows with id, text and perhaps a title."""
        rows = [(str(row["id"]), _text(row, "title", "text")) for row in corpus]
        self._ids = [id for id, _ in rows]
        self._retriever = Retriever(self.pipeline).index([text for _, text in rows])

    def search(
        self,
        queries: Iterable[Mapping[str, Any]],
        *,
        top_k: int,
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> dict[str, dict[str, float]]:
        """The best documents of each query with their scores; in a reranking task among those named by `top_ranked`."""
        if self._retriever is None:
            raise InputError("index() comes before search().")
        asked = [(str(row["id"]), _text(row, "text", "instruction")) for row in queries]
        found: dict[str, dict[str, float]] = {}
        if top_ranked is not None:
            place = {id: row for row, id in enumerate(self._ids)}
            for id, text in asked:
                allow = np.array(sorted(place[d] for d in top_ranked.get(id, ()) if d in place), np.int64)
                if len(allow):
                    found |= self._answers([id], self._retriever.search([text], min(top_k, len(allow)), allow))
            return found
        k = min(top_k, len(self._ids))
        for start in range(0, len(asked), _TOGETHER):
            some = asked[start : start + _TOGETHER]
            found |= self._answers([id for id, _ in some], self._retriever.search([text for _, text in some], k))
        return found

    def _answers(self, queries: Sequence[str], hits: Hits) -> dict[str, dict[str, float]]:
        """Scores by document. trec_eval orders equal scores by id: each is put just below the one that we rank before it."""
        answers: dict[str, dict[str, float]] = {}
        for query, rows, scores in zip(queries, hits.rows, hits.scores, strict=True):
            above, own = np.float32(np.inf), answers.setdefault(query, {})
            for row, score in zip(rows.tolist(), scores, strict=True):
                if row >= 0:
                    above = min(np.float32(score), np.nextafter(above, np.float32(-np.inf)))
                    own[self._ids[row]] = float(above)
        return answers


class DenseModel(SearchModel):
    """mteb's EncoderProtocol besides: the vectors of one dense branch, quantised ones as what they stand for."""

    def __init__(
        self, pipe: Pipeline, branch: Branch, name: str | None = None, sample: Sequence[str] | None = None
    ) -> None:
        super().__init__(pipe, name)
        self._branch = branch
        self._fitted_for: tuple[str, str] | None = None
        self._sample = sample
        if sample is not None:
            assert branch.encoder is not None
            self._branch.fit(as_float32(branch.encoder.encode_documents(list(sample))))

    def encode(
        self,
        inputs: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        hf_subset: str = "default",
        prompt_type: Any = None,
        **kwargs: Any,
    ) -> Floats:
        """Vectors (n, d) of the texts in batches {"text": [...]}; as queries where mteb says that they are."""
        texts = [text for batch in inputs for text in batch["text"]]
        branch, encoder = self._branch, self._branch.encoder
        assert encoder is not None
        asks = getattr(prompt_type, "value", prompt_type) == "query"
        vectors = as_float32(encoder.encode_queries(texts) if asks else encoder.encode_documents(texts))
        task = (str(task_metadata.name), hf_subset)
        if branch.needs_fit and self._sample is None and self._fitted_for != task:
            branch.fit(vectors)
            self._fitted_for = task
        if asks:
            return as_float32(branch.query_vectors(vectors))
        for transform in branch.transforms:
            vectors = transform.transform(vectors)
        return vectors

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines of all with all, a tensor (n, m)."""
        import torch

        return torch.from_numpy(_unit(embeddings1) @ _unit(embeddings2).T)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Cosines of row with row, a tensor (n,)."""
        import torch

        return torch.from_numpy((_unit(embeddings1) * _unit(embeddings2)).sum(axis=1))


def _unit(vectors: Any) -> Floats:
    vectors = np.atleast_2d(np.asarray(vectors, np.float32))
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)


def _text(row: Mapping[str, Any], *columns: str) -> str:
    parts = [row.get(column) or "" for column in columns]
    if not all(isinstance(part, str) for part in parts):
        raise InputError("this task's documents are not plain text.")
    return " ".join(part for part in parts if part)
