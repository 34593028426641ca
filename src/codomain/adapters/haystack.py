"""Haystack: a document store, embedders, retrievers and a ranker.

    store = CodomainDocumentStore("notes", pipeline="fuse(minilm() >> flat(), bm25())")
    store.write_documents([Document(content="a red fox")])
    CodomainRetriever(store, top_k=3).run("fox")["documents"]

The collection encodes by itself, by its whole pipeline: no embedder is needed. Where its pipeline starts from vectors(), it
takes the embeddings of documents instead. Asynchronous methods run the others in threads.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import numpy as np
from haystack import Document, component, default_from_dict, default_to_dict
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy, FilterPolicy, apply_filter_policy

from codomain.adapters.haystack_filters import needed_where, where_of
from codomain.errors import InputError
from codomain.pipeline import Pipeline, pipeline
from codomain.plan import modalities_of
from codomain.rank.similarity import rank_texts
from codomain.store import Collection, Hit, create, exists
from codomain.store import open as open_collection

log = logging.getLogger("codomain.adapters")


class CodomainDocumentStore:
    """A collection, or a namespace of one, as Haystack's document store; the folder is made with `pipeline` where it is not there.

    Without a policy a document whose id is there is refused, as by Haystack's own store. What a collection does not keep of a
    document (blob, score, sparse embedding, and the embedding unless its pipeline starts from vectors()) is left out, with a
    warning that counts it.
    """

    def __init__(self, path: str | Collection, pipeline: str | None = None, namespace: str | None = None) -> None:
        if isinstance(path, Collection):
            self.collection = path
        elif pipeline is not None and not exists(path):
            self.collection = create(path, pipeline)
        else:
            self.collection = open_collection(path)
        self._pipeline, self.namespace = pipeline, namespace

    def to_dict(self) -> dict[str, Any]:
        """The folder and the settings, as Haystack writes them."""
        return default_to_dict(
            self, path=str(self.collection.folder), pipeline=self._pipeline, namespace=self.namespace
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> CodomainDocumentStore:
        """The store that `to_dict` describes."""
        return default_from_dict(cls, data)

    def close(self) -> None:
        """Close the collection."""
        self.collection.close()

    def count_documents(self) -> int:
        """How many documents there are."""
        return self.collection.count(namespace=self.namespace)

    def count_documents_by_filter(self, filters: dict[str, Any]) -> int:
        """How many documents a filter matches."""
        return self.collection.count(where_of(filters), namespace=self.namespace)

    def filter_documents(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """The documents that a filter matches, in the order of adding; FilterError for one that cannot be read."""
        found = self.collection.documents(where_of(filters), namespace=self.namespace)
        return [_stored(one) for one in found]

    def write_documents(self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE) -> int:
        """Add documents; how many were written. ValueError for what is no list of documents.

        Raises DuplicateDocumentError, and writes none of them, where an id is there already and the policy is FAIL or NONE.
        """
        if not isinstance(documents, list) or not all(isinstance(one, Document) for one in documents):
            raise ValueError("write_documents takes a list of documents.")
        kept = {one.id: one for one in (documents if policy == DuplicatePolicy.OVERWRITE else reversed(documents))}
        if policy != DuplicatePolicy.OVERWRITE:
            there = [one["id"] for one in self.collection.get(list(kept), namespace=self.namespace) if one is not None]
            if policy != DuplicatePolicy.SKIP and (there or len(kept) < len(documents)):
                twice = there or [one.id for one in documents if kept[one.id] is not one]
                raise DuplicateDocumentError(f"the id {twice[0]!r:.80} is there already.")
            kept = {id: one for id, one in kept.items() if id not in {*there}}
        chosen = [one for one in documents if kept.get(one.id) is one]
        self.collection.add(self._items(chosen), namespace=self.namespace)
        return len(documents) if policy == DuplicatePolicy.OVERWRITE else len(chosen)

    def _items(self, documents: list[Document]) -> list[dict[str, Any]]:
        with_vectors = "vector" in modalities_of(self.collection.state.root)
        names = ["blob", "score", "sparse_embedding"] + ([] if with_vectors else ["embedding"])
        left_out = {n: sum(getattr(one, n) is not None for one in documents) for n in names}
        if any(left_out.values()):
            counted = ", ".join(f"{n} of {count:,} documents" for n, count in left_out.items() if count)
            log.warning("%s keeps no %s.", self.collection.folder.name, counted)
        items = []
        for one in documents:
            if one.content is None and not with_vectors:
                raise InputError(f"the document {one.id!r:.80} has no content, and a collection needs text.")
            item = {"id": one.id, "text": one.content, "metadata": one.meta}
            items.append(item | ({"vector": one.embedding} if with_vectors else {}))
        return items

    def delete_documents(self, document_ids: list[str]) -> None:
        """Delete documents by id; ids that are not there are passed over."""
        self.collection.delete(document_ids, namespace=self.namespace)

    def delete_all_documents(self) -> None:
        """Delete all documents; the collection stays."""
        self.collection.delete(self.collection.ids(namespace=self.namespace), namespace=self.namespace)

    def delete_by_filter(self, filters: dict[str, Any]) -> int:
        """Delete the documents that a filter matches; how many. FilterError for an empty filter."""
        return self.collection.delete_where(needed_where(filters), namespace=self.namespace)

    def update_by_filter(self, filters: dict[str, Any], meta: dict[str, Any]) -> int:
        """Change fields of the documents that a filter matches; how many. FilterError for an empty filter."""
        return self.collection.update_where(needed_where(filters), meta, namespace=self.namespace)

    async def count_documents_async(self) -> int:
        """`count_documents` in a thread."""
        return await asyncio.to_thread(self.count_documents)

    async def count_documents_by_filter_async(self, filters: dict[str, Any]) -> int:
        """`count_documents_by_filter` in a thread."""
        return await asyncio.to_thread(self.count_documents_by_filter, filters)

    async def filter_documents_async(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """`filter_documents` in a thread."""
        return await asyncio.to_thread(self.filter_documents, filters)

    async def write_documents_async(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """`write_documents` in a thread."""
        return await asyncio.to_thread(self.write_documents, documents, policy)

    async def delete_documents_async(self, document_ids: list[str]) -> None:
        """`delete_documents` in a thread."""
        await asyncio.to_thread(self.delete_documents, document_ids)

    async def delete_all_documents_async(self) -> None:
        """`delete_all_documents` in a thread."""
        await asyncio.to_thread(self.delete_all_documents)

    async def delete_by_filter_async(self, filters: dict[str, Any]) -> int:
        """`delete_by_filter` in a thread."""
        return await asyncio.to_thread(self.delete_by_filter, filters)

    async def update_by_filter_async(self, filters: dict[str, Any], meta: dict[str, Any]) -> int:
        """`update_by_filter` in a thread."""
        return await asyncio.to_thread(self.update_by_filter, filters, meta)


class _Retriever:
    """What both retrievers share: settings, and a search that answers with documents."""

    def __init__(
        self,
        document_store: CodomainDocumentStore,
        filters: dict[str, Any] | None = None,
        top_k: int = 10,
        filter_policy: str | FilterPolicy = FilterPolicy.REPLACE,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.document_store, self.filters, self.top_k, self.options = document_store, filters, top_k, options
        policy = filter_policy if isinstance(filter_policy, FilterPolicy) else FilterPolicy.from_str(filter_policy)
        self.filter_policy = policy

    def to_dict(self) -> dict[str, Any]:
        """The store and the settings, as Haystack writes them."""
        names = ("document_store", "filters", "top_k", "options")
        settings = {name: getattr(self, name) for name in names}
        return default_to_dict(self, **settings, filter_policy=self.filter_policy.value)

    def _found(self, filters: dict[str, Any] | None, top_k: int | None, **asked: Any) -> dict[str, list[Document]]:
        where = where_of(apply_filter_policy(self.filter_policy, self.filters, filters))
        store, k = self.document_store, self.top_k if top_k is None else top_k
        hits = store.collection.search(k=k, where=where, namespace=store.namespace, **asked, **(self.options or {}))
        return {"documents": [_hit(hit) for hit in hits]}


@component
class CodomainRetriever(_Retriever):
    """The best documents for a text, by the collection's whole pipeline; `options` are other arguments of `Collection.search`."""

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """Documents with their scores, the best first."""
        return self._found(filters, top_k, query=query)

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """`run` in a thread."""
        return await asyncio.to_thread(self.run, query, filters, top_k)


@component
class CodomainEmbeddingRetriever(_Retriever):
    """The best documents for a vector of the collection's first dense encoder."""

    @component.output_types(documents=list[Document])
    def run(
        self, query_embedding: list[float], filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """Documents with their scores, the best first."""
        return self._found(filters, top_k, vector=np.asarray(query_embedding, np.float32))

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query_embedding: list[float], filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """`run` in a thread."""
        return await asyncio.to_thread(self.run, query_embedding, filters, top_k)


class _Encoder:
    """What embedders share: an encoder, with transforms that need no fitting."""

    def __init__(self, encoder: str = "minilm()") -> None:
        self.encoder = encoder
        self._pipeline: Pipeline = pipeline(encoder)

    def to_dict(self) -> dict[str, Any]:
        """The expression, as Haystack writes it."""
        return default_to_dict(self, encoder=self.encoder)


@component
class CodomainTextEmbedder(_Encoder):
    """An encoder of queries as Haystack's text embedder.

    >>> len(CodomainTextEmbedder("static() >> truncate(64)").run("a red fox")["embedding"])
    64
    """

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, list[float]]:
        """The vector of a text as a query."""
        return {"embedding": [float(x) for x in self._pipeline.encode([text], queries=True)[0]]}

    @component.output_types(embedding=list[float])
    async def run_async(self, text: str) -> dict[str, list[float]]:
        """`run` in a thread."""
        return await asyncio.to_thread(self.run, text)


@component
class CodomainDocumentEmbedder(_Encoder):
    """An encoder as Haystack's document embedder, for stores that take vectors."""

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """The documents, each with its embedding; InputError for one without content."""
        texts = [one.content for one in documents if one.content is not None]
        if len(texts) < len(documents):
            raise InputError(f"{len(documents) - len(texts):,} documents have no content to encode.")
        vectors = self._pipeline.encode(texts) if texts else []
        pairs = zip(documents, vectors, strict=True)
        return {"documents": [replace(one, embedding=[float(x) for x in row]) for one, row in pairs]}

    @component.output_types(documents=list[Document])
    async def run_async(self, documents: list[Document]) -> dict[str, list[Document]]:
        """`run` in a thread."""
        return await asyncio.to_thread(self.run, documents)


@component
class CodomainRanker:
    """Documents of another retriever, ranked by an encoder's similarity to the query; the best `top_k` are kept."""

    def __init__(self, encoder: str = "minilm()", top_k: int = 10) -> None:
        self.encoder, self.top_k = encoder, top_k

    @component.output_types(documents=list[Document])
    def run(self, query: str, documents: list[Document], top_k: int | None = None) -> dict[str, list[Document]]:
        """The best documents with their similarity as score."""
        texts = [one.content or "" for one in documents]
        order = rank_texts(self.encoder, query, texts, self.top_k if top_k is None else top_k)
        return {"documents": [replace(documents[i], score=score) for i, score in order]}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, documents: list[Document], top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """`run` in a thread."""
        return await asyncio.to_thread(self.run, query, documents, top_k)


def _stored(one: dict[str, Any]) -> Document:
    return Document(id=one["id"], content=one["text"], meta=one["metadata"])


def _hit(hit: Hit) -> Document:
    return Document(id=hit.id, content=hit.text, meta=hit.metadata, score=hit.score)
