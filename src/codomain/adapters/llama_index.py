"""LlamaIndex: an embedding, a vector store, a retriever and a postprocessor that ranks again.

    store = CodomainVectorStore(cd.open("notes"))
    index = VectorStoreIndex.from_vector_store(store, embed_model=CodomainEmbedding(encoder="static()"))

The collection encodes by itself, by its whole pipeline: queries reach it as text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import BaseNode, MetadataMode, NodeWithScore, QueryBundle, TextNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryResult,
)
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from codomain.errors import InputError, WhereError
from codomain.pipeline import pipeline
from codomain.rank.similarity import rank_texts
from codomain.store import Collection

_NODE = "_node_id"
"""The field with a node's id, by which filters find it."""

_OPERATORS = {
    FilterOperator.EQ: "$eq",
    FilterOperator.NE: "$ne",
    FilterOperator.GT: "$gt",
    FilterOperator.GTE: "$gte",
    FilterOperator.LT: "$lt",
    FilterOperator.LTE: "$lte",
    FilterOperator.IN: "$in",
    FilterOperator.NIN: "$nin",
    FilterOperator.ANY: "$in",  # a comparison with a list is true where it is true of a member
    FilterOperator.CONTAINS: "$contains",
    FilterOperator.TEXT_MATCH: "$contains",
}


class CodomainEmbedding(BaseEmbedding):
    """An encoder, with transforms that need no fitting, as LlamaIndex's embedding.

    >>> len(CodomainEmbedding(encoder="static() >> truncate(64)").get_query_embedding("a red fox"))
    64
    """

    encoder: str = "minilm()"
    _pipeline: Any = PrivateAttr(default=None)

    def model_post_init(self, context: Any, /) -> None:
        """Read the expression; PipelineError where it cannot be read."""
        super().model_post_init(context)
        self._pipeline = pipeline(self.encoder)

    def _get_query_embedding(self, query: str) -> list[float]:
        return [float(x) for x in self._pipeline.encode([query], queries=True)[0]]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [[float(x) for x in row] for row in self._pipeline.encode(texts)]


class CodomainVectorStore(BasePydanticVectorStore):
    """A collection, or a namespace of one, as LlamaIndex's vector store; a node is a document."""

    stores_text: bool = True
    is_embedding_query: bool = False
    namespace: str | None = None
    _collection: Any = PrivateAttr()

    def __init__(self, collection: Collection, namespace: str | None = None) -> None:
        super().__init__(stores_text=True)
        self.namespace, self._collection = namespace, collection

    @classmethod
    def class_name(cls) -> str:
        """The name by which LlamaIndex knows it."""
        return "CodomainVectorStore"

    @property
    def client(self) -> Collection:
        """The collection."""
        found: Collection = self._collection
        return found

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes, or replace those whose id is there; their ids. Vectors that they carry are left out."""
        documents = [
            {
                "id": node.node_id,
                "text": node.get_content(MetadataMode.NONE),
                "metadata": {**node_to_metadata_dict(node, remove_text=True), _NODE: node.node_id},
            }
            for node in nodes
        ]
        self.client.add(documents, namespace=self.namespace)
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete the nodes of a document."""
        self.client.delete_where({"ref_doc_id": ref_doc_id}, namespace=self.namespace)

    def delete_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None, **delete_kwargs: Any
    ) -> None:
        """Delete nodes by id, by a filter, or by both."""
        if node_ids is not None and not node_ids:  # none of them, whatever the filter says
            return
        where = _where(filters, node_ids=node_ids)
        if where is None:
            raise InputError("delete_nodes needs ids or a filter; clear deletes all.")
        self.client.delete_where(where, namespace=self.namespace)

    def clear(self) -> None:
        """Delete all nodes."""
        self.client.delete(self.client.ids(namespace=self.namespace), namespace=self.namespace)

    def get_nodes(self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None) -> list[BaseNode]:
        """Nodes by id, by a filter, or by both; all of them without."""
        if node_ids is not None and not node_ids:
            return []
        where = _where(filters, node_ids=node_ids)
        return [_node(one) for one in self.client.documents(where, namespace=self.namespace)]

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The best nodes: for the text of the query by the whole pipeline, for a vector alone by the first dense branch."""
        where = _where(query.filters, query.node_ids, query.doc_ids)
        k = query.similarity_top_k
        if query.query_str is not None:
            hits = self.client.search(query.query_str, k, where, namespace=self.namespace)
        elif query.query_embedding is not None:
            vector = np.asarray(query.query_embedding, np.float32)
            hits = self.client.search(vector=vector, k=k, where=where, namespace=self.namespace)
        else:
            raise InputError("a query needs a text or a vector.")
        found = self.client.get([hit.id for hit in hits], namespace=self.namespace)
        pairs = [(_node(one), hit) for one, hit in zip(found, hits, strict=True) if one is not None]
        return VectorStoreQueryResult(
            nodes=[node for node, _ in pairs],
            similarities=[hit.score for _, hit in pairs],
            ids=[hit.id for _, hit in pairs],
        )

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """`query` in a thread."""
        return await asyncio.to_thread(self.query, query, **kwargs)

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """`add` in a thread."""
        return await asyncio.to_thread(self.add, nodes, **kwargs)


class CodomainRetriever(BaseRetriever):
    """A search of any collection, of nodes or not, as LlamaIndex's retriever."""

    def __init__(
        self, collection: Collection, k: int = 4, where: Any = None, namespace: str | None = None, **options: Any
    ) -> None:
        super().__init__()
        self.collection, self.k, self.where, self.namespace, self.options = collection, k, where, namespace, options

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self.collection.search(
            query_bundle.query_str, self.k, self.where, namespace=self.namespace, **self.options
        )
        return [
            NodeWithScore(node=TextNode(id_=hit.id, text=hit.text, metadata=_own(hit.metadata)), score=hit.score)
            for hit in hits
        ]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


class CodomainRerank(BaseNodePostprocessor):
    """Nodes of another retriever, ranked by an encoder's similarity to the query; the best `top_n` are kept."""

    encoder: str = "minilm()"
    top_n: int = 3

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise InputError("ranking needs the query.")
        texts = [one.node.get_content(MetadataMode.NONE) for one in nodes]
        order = rank_texts(self.encoder, query_bundle.query_str, texts, self.top_n)
        return [NodeWithScore(node=nodes[i].node, score=score) for i, score in order]


def _where(
    filters: MetadataFilters | None, node_ids: list[str] | None = None, doc_ids: list[str] | None = None
) -> dict[str, Any] | None:
    """LlamaIndex's filters as one of codomain; None where there is nothing to filter by."""
    parts = [] if filters is None or not filters.filters else [_group(filters)]
    parts += [] if not node_ids else [{_NODE: {"$in": node_ids}}]
    parts += [] if not doc_ids else [{"ref_doc_id": {"$in": doc_ids}}]
    return {"$and": parts} if parts else None


def _group(filters: MetadataFilters) -> dict[str, Any]:
    parts = [_group(one) if isinstance(one, MetadataFilters) else _one(one) for one in filters.filters]
    if filters.condition == FilterCondition.OR:
        return {"$or": parts}
    return {"$nor": parts} if filters.condition == FilterCondition.NOT else {"$and": parts}


def _one(given: MetadataFilter) -> dict[str, Any]:
    if given.operator == FilterOperator.IS_EMPTY:
        return {given.key: {"$exists": False}}
    if given.operator == FilterOperator.ALL and isinstance(given.value, list):
        return {"$and": [{given.key: {"$contains": value}} for value in given.value]}
    if given.operator not in _OPERATORS:
        raise WhereError(f"a collection has no filter for {given.operator.value!r}.")
    return {given.key: {_OPERATORS[given.operator]: given.value}}


def _node(document: dict[str, Any]) -> BaseNode:
    if "_node_content" in document["metadata"]:
        return metadata_dict_to_node(document["metadata"], document["text"])
    return TextNode(id_=document["id"], text=document["text"], metadata=_own(document["metadata"]))


def _own(metadata: dict[str, Any]) -> dict[str, Any]:
    """What a user wrote, without what describes the node."""
    added = {_NODE, "_node_content", "_node_type", "document_id", "doc_id", "ref_doc_id"}
    return {name: value for name, value in metadata.items() if "_node_content" not in metadata or name not in added}
