"""Haystack's own tests of document stores, its filters beside its own store, and its pipelines with our components."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError

pytest.importorskip("haystack")
from haystack import Document, Pipeline
from haystack.dataclasses import ByteStream
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError
from haystack.testing import document_store as standard
from haystack.testing import document_store_async as standard_async

from codomain.adapters.haystack import (
    CodomainDocumentEmbedder,
    CodomainDocumentStore,
    CodomainEmbeddingRetriever,
    CodomainRanker,
    CodomainRetriever,
    CodomainTextEmbedder,
)

TEXTS = ["a red fox", "a blue whale", "red wine", "a grey wolf"]
_tests = count()


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[cd.Collection]:
    with cd.create(tmp_path_factory.mktemp("haystack") / "notes", "bm25()") as collection:
        yield collection


@pytest.fixture
def document_store(notes: cd.Collection) -> CodomainDocumentStore:
    return CodomainDocumentStore(notes, namespace=f"test {next(_tests)}")  # sees nothing of the others


def without_vectors(documents: list[Document]) -> list[Document]:
    return [replace(one, embedding=None) for one in documents]


class _Compared:
    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        assert received == without_vectors(expected)  # the collection encodes by itself


class TestDocumentStore(
    _Compared,
    standard.DocumentStoreBaseExtendedTests,
    standard.CountDocumentsByFilterTest,
    standard_async.CountDocumentsAsyncTest,
    standard_async.CountDocumentsByFilterAsyncTest,
    standard_async.DeleteAllAsyncTest,
    standard_async.DeleteByFilterAsyncTest,
    standard_async.DeleteDocumentsAsyncTest,
    standard_async.UpdateByFilterAsyncTest,
    standard_async.FilterDocumentsAsyncTest,
    standard_async.WriteDocumentsAsyncTest,
):
    @pytest.fixture
    def document_store(self, notes: cd.Collection) -> CodomainDocumentStore:
        return CodomainDocumentStore(notes, namespace=f"test {next(_tests)}")

    def test_write_documents(self, document_store: CodomainDocumentStore) -> None:
        document = Document(content="test doc")
        assert document_store.write_documents([document]) == 1
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents([Document(content="another"), document])
        assert document_store.filter_documents() == [document]

    @pytest.mark.asyncio
    async def test_write_documents_async(self, document_store: CodomainDocumentStore) -> None:
        assert await document_store.write_documents_async([Document(content="test doc")]) == 1


META: list[dict[str, Any]] = [
    {"n": 1, "s": "a", "when": "2024-01-31", "by": {"name": "x"}},
    {"n": 2.5, "s": "1", "when": "2024-01-31T10:30:00", "flag": True},
    {"n": None, "s": "ä", "when": "2023-05-06T07:08:09+01:00", "flag": False},
    {"s": "", "n": 1.0},
]


def one(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def group(operator: str, *conditions: dict[str, Any]) -> dict[str, Any]:
    return {"operator": operator, "conditions": [*conditions]}


FILTERS = [
    *(one("meta.n", operator, value) for operator in ("==", "!=", ">", ">=", "<", "<=") for value in (1, 2.5, None)),
    *(one("meta.s", operator, value) for operator in ("==", "!=") for value in ("a", "1", 1, "", "ä", None)),
    *(one("meta.when", operator, "2024-01-31T00:00:00") for operator in (">", ">=", "<", "<=")),
    *(one("n", operator, [1, None, "a"]) for operator in ("in", "not in")),
    *(one("meta.flag", operator, [True]) for operator in ("in", "not in")),
    one("meta.by.name", "==", "x"),
    one("id", "in", ["1", "3"]),
    *(group(operator, one("meta.n", ">", 1), one("meta.s", "!=", "a")) for operator in ("AND", "OR", "NOT")),
    *(group(operator) for operator in ("AND", "OR", "NOT")),
    group("NOT", group("OR", one("meta.n", "==", 1), one("meta.flag", "==", True)), one("meta.s", "!=", "b")),
]


def test_filters_choose_what_haystacks_own_store_chooses(document_store: CodomainDocumentStore) -> None:
    documents = [Document(id=str(i), content=f"text {i}", meta=meta) for i, meta in enumerate(META)]
    own = InMemoryDocumentStore()
    for store in (document_store, own):
        store.write_documents([replace(one, meta=dict(one.meta)) for one in documents])
    for filters in FILTERS:
        expected = [one.id for one in own.filter_documents(filters)]
        assert [one.id for one in document_store.filter_documents(filters)] == expected, filters


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (one("content", "==", "a"), "content"),
        (one("meta.n", "~", 1), "comparison"),
        (group("XOR", one("n", "==", 1)), "AND, OR or NOT"),
        (one("meta.n", "==", float("nan")), "finite"),
        (one("meta.n", ">", "yesterday"), "yesterday"),
        ({"conditions": [], "operator": "AND", "field": "n"}, "'value' is missing"),
        (group("AND", "n == 1"), "dict"),  # type: ignore[arg-type]
    ],
)
def test_filters_that_cannot_be_read_are_errors_of_filters(
    document_store: CodomainDocumentStore, filters: dict[str, Any], words: str
) -> None:
    with pytest.raises(FilterError, match=words):
        document_store.filter_documents(filters)
    with pytest.raises(FilterError, match="empty"):
        document_store.delete_by_filter({})


def test_of_two_documents_with_one_id_the_policy_says_which_is_kept(document_store: CodomainDocumentStore) -> None:
    first, second = Document(id="1", content="first"), Document(id="1", content="second")
    with pytest.raises(DuplicateDocumentError):
        document_store.write_documents([first, second])
    assert document_store.count_documents() == 0
    assert document_store.write_documents([first, second], DuplicatePolicy.SKIP) == 1
    assert [one.content for one in document_store.filter_documents()] == ["first"]
    assert document_store.write_documents([first, second], DuplicatePolicy.OVERWRITE) == 2
    assert [one.content for one in document_store.filter_documents()] == ["second"]


def test_what_is_not_kept_is_counted(document_store: CodomainDocumentStore, caplog: pytest.LogCaptureFixture) -> None:
    given = [
        Document(content=text, embedding=[1.0], blob=ByteStream(b"x") if i else None) for i, text in enumerate("ab")
    ]
    document_store.write_documents(given)
    assert "blob of 1 documents, embedding of 2 documents" in caplog.text
    with pytest.raises(InputError, match="no content"):
        document_store.write_documents([Document(blob=ByteStream(b"x"))])


def test_a_pipeline_of_haystack_is_written_and_read(tmp_path: Path) -> None:
    path = str(tmp_path / "notes")
    store = CodomainDocumentStore(path, pipeline="fuse(static() >> flat(), bm25())", namespace="acme")
    store.write_documents([Document(id=str(i), content=text, meta={"n": i}) for i, text in enumerate(TEXTS)])
    made = Pipeline()
    made.add_component("retriever", CodomainRetriever(store, filters=one("meta.n", ">", 0), top_k=3))
    made.add_component("ranker", CodomainRanker("static()", top_k=2))
    made.connect("retriever.documents", "ranker.documents")
    again = Pipeline.loads(made.dumps(), allowed_modules=["codomain.adapters.*"])
    asked = {"retriever": {"query": "red"}, "ranker": {"query": "red"}}
    first, second = made.run(asked)["ranker"]["documents"], again.run(asked)["ranker"]["documents"]
    assert first == second and first[0].id == "2"
    hits = store.collection.search("red", 3, "n > 0", namespace="acme")
    found = CodomainRetriever(store, filters=one("meta.n", ">", 0), top_k=3).run("red")["documents"]
    assert [(one.id, one.score, one.meta) for one in found] == [(hit.id, hit.score, hit.metadata) for hit in hits]
    again.get_component("retriever").document_store.close()
    store.close()


def test_vectors_of_an_embedder_are_kept_and_searched(tmp_path: Path) -> None:
    documents = [Document(id=str(i), content=text) for i, text in enumerate(TEXTS)]
    embedded = CodomainDocumentEmbedder("static()").run(documents)["documents"]
    np.testing.assert_allclose([one.embedding for one in embedded], cd.pipeline("static()").encode(TEXTS), atol=1e-6)
    assert documents[0].embedding is None
    query = CodomainTextEmbedder("static()").run("wine")["embedding"]
    for pipe in (f"vectors({len(query)}) >> flat()", "static() >> flat()"):
        store = CodomainDocumentStore(str(tmp_path / pipe[:6]), pipeline=pipe)
        store.write_documents(embedded)
        retriever = CodomainEmbeddingRetriever(store, top_k=2)
        found = retriever.run(query)["documents"]
        own = InMemoryDocumentStore(embedding_similarity_function="cosine")
        own.write_documents([replace(one) for one in embedded])
        expected = own.embedding_retrieval(query, top_k=2)
        assert [one.id for one in found] == [one.id for one in expected]
        np.testing.assert_allclose([one.score for one in found], [one.score for one in expected], atol=1e-5)
        assert asyncio.run(retriever.run_async(query))["documents"] == found
        store.close()


def test_a_ranker_orders_by_similarity() -> None:
    documents = [Document(id=str(i), content=text) for i, text in enumerate(TEXTS)]
    found = CodomainRanker("static()", top_k=2).run("fox", documents)["documents"]
    scores = cd.pipeline("static()").encode(TEXTS) @ cd.pipeline("static()").encode(["fox"])[0]
    assert [one.id for one in found] == [str(i) for i in np.argsort(-scores)[:2]]
    assert found[0].score == pytest.approx(float(scores.max()), abs=1e-6) and documents[0].score is None
    assert CodomainRanker("static()").run("fox", [])["documents"] == []
