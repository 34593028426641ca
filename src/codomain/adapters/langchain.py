"""LangChain: embeddings, a vector store, a retriever, a document compressor and a cache of a language model's answers.

    store = CodomainVectorStore.from_texts(["a red fox", "a blue whale"], path="notes")
    store.as_retriever(search_kwargs={"k": 3, "filter": "year > 2020"})

Asynchronous methods are those of LangChain, which run the others in threads: collections may be used from several.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from langchain_core.caches import BaseCache
from langchain_core.callbacks import CallbackManagerForRetrieverRun, Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from langchain_core.embeddings import Embeddings
from langchain_core.load import dumps, loads
from langchain_core.outputs import Generation
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict, Field

from codomain.arrays import unit_rows
from codomain.errors import InputError, StoreError
from codomain.pipeline import Pipeline, pipeline
from codomain.pipeline import pipeline as cd_pipeline
from codomain.rank.similarity import rank_texts
from codomain.stage import Stage
from codomain.store import Collection, Hit, create, exists
from codomain.store import open as open_collection


class CodomainEmbeddings(Embeddings):
    """An encoder, with transforms that need no fitting, as LangChain's embeddings.

    >>> embeddings = CodomainEmbeddings("static() >> truncate(64)")
    >>> len(embeddings.embed_query("a red fox"))
    64
    """

    def __init__(self, encoder: str | Stage | Pipeline = "minilm()") -> None:
        self.pipeline = pipeline(encoder)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Vectors of texts as documents."""
        return [[float(x) for x in row] for row in self.pipeline.encode(texts)]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a text as a query."""
        return [float(x) for x in self.pipeline.encode([text], queries=True)[0]]


class CodomainVectorStore(VectorStore):
    """A collection, or a namespace of one, as LangChain's vector store. The collection encodes by itself.

    `filter` of every search is a filter of codomain: "year > 2020", or JSON.
    """

    def __init__(self, collection: Collection | str | Path, *, namespace: str | None = None) -> None:
        self.collection = collection if isinstance(collection, Collection) else open_collection(collection)
        self._namespace = namespace

    @property
    def embeddings(self) -> Embeddings | None:
        """The first dense encoder of the collection; None where it has none."""
        branch = self.collection.first_dense
        return None if branch is None else CodomainEmbeddings(Pipeline(branch.plan.stages[0]))

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        path: str | Path = "",
        pipeline: str | Stage | Pipeline | None = None,
        **settings: Any,
    ) -> CodomainVectorStore:
        """Texts into a new collection at `path`, or into the one that is there.

        `embedding` is `CodomainEmbeddings`, by which the collection encodes unless `pipeline` says otherwise.
        Raises InputError without a path and for other embeddings, StoreError where the collection that is there has another
        pipeline.
        """
        if not str(path):
            raise InputError("a collection needs a folder: path=.")
        if pipeline is None and embedding is not None:
            if not isinstance(embedding, CodomainEmbeddings):
                raise InputError(
                    f"{type(embedding).__name__} cannot be stored in a collection: give pipeline=, such as 'minilm() >> hnsw()'."
                )
            pipeline = f"{embedding.pipeline} >> flat()"
        if exists(path):
            collection = open_collection(path)
            if pipeline is not None and str(collection.pipeline) != str(cd_pipeline(pipeline)):
                there = str(collection.pipeline)
                collection.close()
                raise StoreError(f"the collection {path} has the pipeline {there}, not {cd_pipeline(pipeline)}.")
        else:
            collection = create(path, pipeline, **settings) if pipeline is not None else create(path, **settings)
        store = cls(collection)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts, or replace those whose id is there; their ids."""
        listed = list(texts)
        fields = metadatas if metadatas else [{} for _ in listed]
        given: Sequence[str | None] = ids if ids else [None for _ in listed]
        if not len(listed) == len(fields) == len(given):
            raise InputError(f"{len(listed)} texts have {len(fields)} metadatas and {len(given)} ids.")
        keys = [key or str(uuid.uuid4()) for key in given]
        self.collection.add(
            [{"id": key, "text": text, "metadata": own} for key, text, own in zip(keys, listed, fields, strict=True)],
            namespace=self._namespace,
        )
        return keys

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Delete documents by id; without ids all of them."""
        keys = self.collection.ids(namespace=self._namespace) if ids is None else ids
        self.collection.delete(keys, namespace=self._namespace)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents that are there, in the order of their ids."""
        found = self.collection.get(list(ids), namespace=self._namespace)
        return [_stored(one) for one in found if one is not None]

    def similarity_search(self, query: str, k: int = 4, filter: Any = None, **kwargs: Any) -> list[Document]:
        """The best documents for a query, by the whole pipeline."""
        return [document for document, _ in self.similarity_search_with_score(query, k, filter, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, filter: Any = None, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The same with the pipeline's scores, higher ones first."""
        hits = self.collection.search(query, k, filter, namespace=self._namespace, **kwargs)
        return [(_found(hit), hit.score) for hit in hits]

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """With the similarity in the first dense branch, between 0 and 1; 0 where that branch did not find it."""
        hits = self.collection.search(query, k, kwargs.pop("filter", None), namespace=self._namespace, **kwargs)
        return [(_found(hit), min(1.0, max(0.0, hit.similarity or 0.0))) for hit in hits]

    def similarity_search_by_vector(
        self, embedding: list[float], k: int = 4, filter: Any = None, **kwargs: Any
    ) -> list[Document]:
        """The best documents for a vector of the first dense encoder."""
        vector = np.asarray(embedding, np.float32)
        return [
            _found(hit)
            for hit in self.collection.search(vector=vector, k=k, where=filter, namespace=self._namespace, **kwargs)
        ]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, filter: Any = None, **kwargs: Any
    ) -> list[Document]:
        """Documents that are near the query and unlike each other, out of the best `fetch_k`."""
        hits = self.collection.search(query, fetch_k, filter, namespace=self._namespace, **kwargs)
        embeddings = self.embeddings
        if embeddings is None or not hits:
            return [_found(hit) for hit in hits[:k]]
        return [_found(hits[i]) for i in _diverse(hits, embeddings.embed_query(query), k, lambda_mult, embeddings)]

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: list[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        filter: Any = None,
        **kwargs: Any,
    ) -> list[Document]:
        """The same for a vector of the first dense encoder."""
        vector = np.asarray(embedding, np.float32)
        hits = self.collection.search(vector=vector, k=fetch_k, where=filter, namespace=self._namespace, **kwargs)
        embeddings = self.embeddings
        assert embeddings is not None  # the search by a vector raises where there is none
        return [_found(hits[i]) for i in _diverse(hits, embedding, k, lambda_mult, embeddings)] if hits else []


class CodomainRetriever(BaseRetriever):
    """A search of a collection with all that `Collection.search` takes, as LangChain's retriever."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    collection: Collection
    k: int = 4
    where: Any = None
    namespace: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    """Other arguments of `Collection.search`."""

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None
    ) -> list[Document]:
        hits = self.collection.search(
            query, self.k if k is None else k, self.where, namespace=self.namespace, **self.options
        )
        return [_found(hit) for hit in hits]


class CodomainCompressor(BaseDocumentCompressor):
    """Documents of another retriever, ranked by an encoder's similarity to the query; the best `top_n` are kept."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    encoder: Any = "minilm()"
    top_n: int = 3

    def compress_documents(
        self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None
    ) -> Sequence[Document]:
        """The best documents, each with `relevance_score` in its metadata."""
        order = rank_texts(self.encoder, query, [document.page_content for document in documents], self.top_n)
        return [
            documents[i].model_copy(update={"metadata": {**documents[i].metadata, "relevance_score": score}})
            for i, score in order
        ]


class CodomainCache(BaseCache):
    """Answers of language models in a collection, found again by the same prompt of the same model.

    With `min_similarity` also by a prompt that is as similar as that in the first dense branch.
    """

    _SPACE = "llm "

    def __init__(self, collection: Collection | str | Path, min_similarity: float | None = None) -> None:
        self.collection = collection if isinstance(collection, Collection) else open_collection(collection)
        self.min_similarity = min_similarity

    def lookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """The answers to a prompt; None where there are none."""
        space = self._space(llm_string)
        found = self.collection.get(_digest(prompt), namespace=space)
        metadata = None if found is None else found["metadata"]
        if metadata is None and self.min_similarity is not None:
            hits = self.collection.search(prompt, 1, min_similarity=self.min_similarity, namespace=space)
            metadata = hits[0].metadata if hits else None
        if metadata is None:
            return None
        # only what LangChain wrote itself is read back, and only into types of langchain-core
        return [loads(one, allowed_objects="core") for one in json.loads(metadata["answers"])]

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep the answers to a prompt."""
        answers = json.dumps([dumps(one) for one in return_val])
        document = {"id": _digest(prompt), "text": prompt or " ", "metadata": {"answers": answers}}
        self.collection.add([document], namespace=self._space(llm_string))

    def clear(self, **kwargs: Any) -> None:
        """Forget all answers; other documents of the collection stay."""
        for name in self.collection.namespaces():
            if name.startswith(self._SPACE):
                self.collection.delete_namespace(name)

    def _space(self, llm_string: str) -> str:
        return self._SPACE + _digest(llm_string)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _diverse(hits: Sequence[Hit], query: list[float], k: int, weight: float, embeddings: Embeddings) -> list[int]:
    """Places of hits by maximal marginal relevance: near the query, far from what was taken (Carbonell and Goldstein, 1998)."""
    vectors = unit_rows(np.asarray(embeddings.embed_documents([hit.text for hit in hits]), np.float32))
    near = vectors @ unit_rows(np.asarray([query], np.float32))[0]
    taken: list[int] = []
    while len(taken) < min(k, len(hits)):
        like = (vectors @ vectors[taken].T).max(axis=1) if taken else np.zeros(len(hits), np.float32)
        scores = weight * near - (1 - weight) * like
        scores[taken] = -np.inf
        taken.append(int(scores.argmax()))
    return taken


def _found(hit: Hit) -> Document:
    return Document(id=hit.id, page_content=hit.text, metadata=hit.metadata)


def _stored(document: dict[str, Any]) -> Document:
    return Document(id=document["id"], page_content=document["text"], metadata=document["metadata"])
