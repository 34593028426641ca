"""LangChain's own standard tests, and what they leave out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import codomain as cd
from codomain.errors import InputError, StoreError

pytest.importorskip("langchain_core")
standard = pytest.importorskip("langchain_tests.integration_tests")
from langchain_core.documents import Document  # noqa: E402
from langchain_core.outputs import ChatGeneration, Generation  # noqa: E402

from codomain.adapters.langchain import (  # noqa: E402
    CodomainCache,
    CodomainCompressor,
    CodomainEmbeddings,
    CodomainRetriever,
    CodomainVectorStore,
)

pytestmark = pytest.mark.anyio  # runs what is asynchronous among LangChain's tests
TEXTS = ["a red fox", "a blue whale", "red wine", "a grey wolf"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[cd.Collection]:
    with cd.create(tmp_path / "notes", "fuse(static() >> flat(), bm25())") as collection:
        yield collection


class TestVectorStore(standard.VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[CodomainVectorStore]:
        with cd.create(tmp_path / "notes", "static() >> flat()") as collection:
            yield CodomainVectorStore(collection)


class TestNamespace(standard.VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[CodomainVectorStore]:
        with cd.create(tmp_path / "notes", "static() >> flat()") as collection:
            collection.add([{"id": "1", "text": "of somebody else"}])
            yield CodomainVectorStore(collection, namespace="acme")
            assert [one["text"] for one in collection] == ["of somebody else"]


class TestCache(standard.SyncCacheTestSuite):
    @pytest.fixture
    def cache(self, tmp_path: Path) -> Iterator[CodomainCache]:
        with cd.create(tmp_path / "cache", "static() >> flat()") as collection:
            yield CodomainCache(collection)


class TestAsyncCache(standard.AsyncCacheTestSuite):
    @pytest.fixture
    def cache(self, tmp_path: Path) -> Iterator[CodomainCache]:
        with cd.create(tmp_path / "cache", "static() >> flat()") as collection:
            yield CodomainCache(collection)


class TestEmbeddings(standard.EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[CodomainEmbeddings]:
        return CodomainEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"encoder": "static()"}


def test_embeddings_are_those_of_the_encoder() -> None:
    made = CodomainEmbeddings("static()")
    expected = cd.pipeline("static()").encode(TEXTS)
    np.testing.assert_allclose(made.embed_documents(TEXTS), expected, atol=1e-6)
    np.testing.assert_allclose(made.embed_query(TEXTS[0]), expected[0], atol=1e-6)


def test_searches_are_those_of_the_collection(notes: cd.Collection) -> None:
    store = CodomainVectorStore(notes)
    store.add_texts(TEXTS, [{"n": i} for i in range(4)], ids=list("abcd"))
    found = store.similarity_search_with_score("fox", k=2, filter="n < 3")
    assert [(one.id, score) for one, score in found] == [(hit.id, hit.score) for hit in notes.search("fox", 2, "n < 3")]
    assert found[0][0] == Document(id="a", page_content="a red fox", metadata={"n": 0})
    for _, score in store.similarity_search_with_relevance_scores("fox", k=4):
        assert 0 <= score <= 1
    vector = cd.pipeline("static()").encode(["whale"], queries=True)[0]
    assert store.similarity_search_by_vector(vector.tolist(), k=1)[0].id == "b"


def test_marginal_relevance_is_that_of_the_definition(notes: cd.Collection) -> None:
    store = CodomainVectorStore(notes)
    texts = [*TEXTS, "a red fox!", "one red fox", "the red foxes"]
    store.add_texts(texts, ids=[str(i) for i in range(len(texts))])
    found = [one.id for one in store.max_marginal_relevance_search("red fox", k=3, fetch_k=7, lambda_mult=0.3)]
    from langchain_core.vectorstores.utils import maximal_marginal_relevance

    hits = notes.search("red fox", 7)
    vectors = cd.pipeline("static()").encode([hit.text for hit in hits])
    query = cd.pipeline("static()").encode(["red fox"], queries=True)[0]
    expected = maximal_marginal_relevance(query, list(vectors), lambda_mult=0.3, k=3)
    assert found == [hits[i].id for i in expected]


def test_a_retriever_searches_with_what_it_was_given(notes: cd.Collection) -> None:
    notes.add([{"id": str(i), "text": text, "metadata": {"n": i}} for i, text in enumerate(TEXTS)])
    found = CodomainRetriever(collection=notes, k=3, where="n > 0", options={"min_similarity": 0.1}).invoke("red")
    assert [one.id for one in found] == [hit.id for hit in notes.search("red", 3, "n > 0", min_similarity=0.1)]


def test_a_compressor_keeps_the_most_similar() -> None:
    documents = [Document(page_content=text, metadata={"n": i}) for i, text in enumerate(TEXTS)]
    kept = CodomainCompressor(encoder="static()", top_n=2).compress_documents(documents, "fox")
    scores = cd.pipeline("static()").encode(TEXTS) @ cd.pipeline("static()").encode(["fox"])[0]
    assert [one.metadata["n"] for one in kept] == np.argsort(-scores)[:2].tolist()
    assert kept[0].metadata["relevance_score"] == pytest.approx(float(scores.max()), abs=1e-6)
    assert documents[0].metadata == {"n": 0}
    assert CodomainCompressor(encoder="static()").compress_documents([], "fox") == []


def test_a_cache_by_similarity_answers_a_prompt_that_is_alike(notes: cd.Collection) -> None:
    exact, alike = CodomainCache(notes), CodomainCache(notes, min_similarity=0.8)
    exact.update("What is the capital of France?", "model a", [Generation(text="Paris")])
    assert exact.lookup("what is the capital of france", "model a") is None
    assert alike.lookup("what is the capital of france", "model a") == [Generation(text="Paris")]
    assert alike.lookup("what is the capital of france", "model b") is None
    assert alike.lookup("how do I bake bread", "model a") is None
    notes.add([{"id": "kept", "text": "no answer of a model"}])
    exact.clear()
    assert exact.lookup("What is the capital of France?", "model a") is None and notes.ids() == ["kept"]


def test_answers_of_chat_models_are_kept(notes: cd.Collection) -> None:
    from langchain_core.messages import AIMessage

    cache = CodomainCache(notes)
    cache.update("hello", "chat", [ChatGeneration(message=AIMessage("hi"))])
    found = cache.lookup("hello", "chat")
    assert found is not None and isinstance(found[0], ChatGeneration) and found[0].message.content == "hi"


def test_from_texts_makes_a_collection_and_opens_it_again(tmp_path: Path) -> None:
    for texts in (TEXTS[:2], TEXTS[2:]):
        store = CodomainVectorStore.from_texts(texts, CodomainEmbeddings("static()"), path=tmp_path / "made")
        store.collection.close()
    with cd.open(tmp_path / "made") as made:
        assert len(made) == 4 and str(made.pipeline) == "static() >> flat()"
    for other in ({"embedding": CodomainEmbeddings("static(dim=64)")}, {"pipeline": "bm25()"}):
        with pytest.raises(StoreError, match=r"has the pipeline static\(\) >> flat\(\), not"):
            CodomainVectorStore.from_texts(TEXTS, path=tmp_path / "made", **other)
    with pytest.raises(InputError, match="path="):
        CodomainVectorStore.from_texts(TEXTS)
    with pytest.raises(InputError, match="3 texts have 1 metadatas"):
        CodomainVectorStore(tmp_path / "made").add_texts(["a", "b", "c"], [{}])
