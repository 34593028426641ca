"""LlamaIndex on top of collections, compared with its own in-memory store and with the collection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError, WhereError

pytest.importorskip("llama_index.core")
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)

from codomain.adapters.llama_index import (
    CodomainEmbedding,
    CodomainRerank,
    CodomainRetriever,
    CodomainVectorStore,
)

TEXTS = ["a red fox", "a blue whale", "red wine", "a grey wolf", "white wine"]


def nodes() -> list[TextNode]:
    made = []
    for i, text in enumerate(TEXTS):
        metadata = {"n": i, "kind": "drink" if "wine" in text else "animal", "tags": ["x", f"t{i}"]}
        node = TextNode(id_=f"n{i}", text=text, metadata=metadata)
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=f"d{i % 2}")
        made.append(node)
    return made


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CodomainVectorStore]:
    with cd.create(tmp_path / "notes", "static() >> flat()") as collection:
        yield CodomainVectorStore(collection)


def only(*given: Any, condition: FilterCondition = FilterCondition.AND) -> MetadataFilters:
    return MetadataFilters(filters=list(given), condition=condition)


def one(key: str, value: Any, operator: FilterOperator = FilterOperator.EQ) -> MetadataFilter:
    return MetadataFilter(key=key, value=value, operator=operator)


FILTERS = [
    only(one("kind", "drink")),
    only(one("n", 1, FilterOperator.GT), one("n", 4, FilterOperator.LT)),
    only(one("n", 0), one("kind", "drink"), condition=FilterCondition.OR),
    only(one("n", [1, 2], FilterOperator.IN)),
    only(one("n", [1, 2], FilterOperator.NIN)),
    only(one("kind", "drink", FilterOperator.NE)),
    only(one("tags", ["t1", "t2"], FilterOperator.ANY)),
    only(one("tags", ["x", "t2"], FilterOperator.ALL)),
    only(one("tags", "t3", FilterOperator.CONTAINS)),
    only(one("kind", "rin", FilterOperator.TEXT_MATCH)),
]


@pytest.mark.parametrize("filters", FILTERS, ids=range(len(FILTERS)))
def test_filters_choose_what_the_store_of_llama_index_chooses(store: CodomainVectorStore, filters: Any) -> None:
    store.add(nodes())
    own = SimpleVectorStore()
    vectors = cd.pipeline("static()").encode(TEXTS)
    for node, vector in zip(nodes(), vectors, strict=True):
        node.embedding = vector.tolist()
        own.add([node])
    query = VectorStoreQuery(query_embedding=vectors[2].tolist(), similarity_top_k=5, filters=filters)
    expected, found = own.query(query), store.query(query)
    assert found.ids == expected.ids
    np.testing.assert_allclose(found.similarities, expected.similarities, atol=1e-5)
    assert {node.node_id for node in store.get_nodes(filters=filters)} == {*expected.ids}


def test_filters_may_hold_filters(store: CodomainVectorStore) -> None:
    store.add(nodes())
    inner = only(one("n", 3, FilterOperator.GTE), one("n", 0), condition=FilterCondition.OR)
    assert {node.node_id for node in store.get_nodes(filters=only(one("kind", "drink"), inner))} == {"n4"}
    no = only(one("kind", "drink"), one("n", 0), condition=FilterCondition.NOT)
    assert {node.node_id for node in store.get_nodes(filters=no)} == {"n1", "n3"}


def test_nodes_come_back_as_they_went(store: CodomainVectorStore) -> None:
    store.add(nodes())
    found = store.get_nodes(["n2", "n0"])
    assert sorted(found, key=lambda node: node.node_id) == [nodes()[0], nodes()[2]]
    result = store.query(VectorStoreQuery(query_str="whale", similarity_top_k=1))
    assert result.nodes == [nodes()[1]] and result.ids == ["n1"]


def test_nodes_go(store: CodomainVectorStore) -> None:
    store.add(nodes())
    store.delete("d1")
    assert {node.node_id for node in store.get_nodes()} == {"n0", "n2", "n4"}
    store.delete_nodes(["n0", "n2"], only(one("kind", "drink")))
    store.delete_nodes([], only(one("kind", "drink")))  # as in LlamaIndex's own store: none of these ids
    assert {node.node_id for node in store.get_nodes()} == {"n0", "n4"} and not store.get_nodes([])
    with pytest.raises(InputError, match="needs ids or a filter"):
        store.delete_nodes()
    store.clear()
    assert not store.get_nodes() and not len(store.client)


def test_an_index_of_llama_index_on_top(store: CodomainVectorStore) -> None:
    context = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex(nodes(), storage_context=context, embed_model=CodomainEmbedding(encoder="static()"))
    found = index.as_retriever(similarity_top_k=2).retrieve("wine")
    assert [one.node.node_id for one in found] == [hit.id for hit in store.client.search("wine", 2)]
    again = asyncio.run(index.as_retriever(similarity_top_k=2).aretrieve("wine"))
    assert [one.node_id for one in again] == [one.node_id for one in found]


def test_a_retriever_of_any_collection(tmp_path: Path) -> None:
    with cd.create(tmp_path / "notes", "fuse(static() >> flat(), bm25())") as notes:
        notes.add([{"id": str(i), "text": text, "metadata": {"n": i}} for i, text in enumerate(TEXTS)])
        found = CodomainRetriever(notes, k=3, where="n > 0").retrieve("red")
        hits = notes.search("red", 3, "n > 0")
        assert [(one.node_id, one.score) for one in found] == [(hit.id, hit.score) for hit in hits]
        assert found[0].metadata == hits[0].metadata


def test_a_postprocessor_keeps_the_most_similar() -> None:
    given = [NodeWithScore(node=node, score=0.0) for node in nodes()]
    kept = CodomainRerank(encoder="static()", top_n=2).postprocess_nodes(given, QueryBundle("fox"))
    scores = cd.pipeline("static()").encode(TEXTS) @ cd.pipeline("static()").encode(["fox"])[0]
    assert [one.node_id for one in kept] == [f"n{i}" for i in np.argsort(-scores)[:2]]
    assert kept[0].score == pytest.approx(float(scores.max()), abs=1e-6)


def test_what_cannot_be_asked_is_said(store: CodomainVectorStore) -> None:
    store.add(nodes())
    with pytest.raises(WhereError, match="text_match_insensitive"):
        store.query(
            VectorStoreQuery(query_str="a", filters=only(one("kind", "A", FilterOperator.TEXT_MATCH_INSENSITIVE)))
        )
    with pytest.raises(InputError, match="needs a text or a vector"):
        store.query(VectorStoreQuery())
