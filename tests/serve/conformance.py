"""What each client is asked to do with a server of ours: checks by client and route, run in tests and listed in docs/serve.md.

A check is a function of the server's address. It uses the client as its documentation says, and compares with the encoder itself.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import codomain as cd

TEXTS = ["a red fox", "the blue whale sings", "Zürich im Winter"]
ENCODER = cd.pipeline("static()")
KEY = "key-of-the-test"
DOCUMENTS = [
    {"id": "a", "text": "a red fox in the snow", "metadata": {"year": 2020, "url": "https://example.org/fox"}},
    {"id": "b/c", "text": "a blue whale", "title": "Whales", "metadata": {"year": 2021}},
]
"""What the collection `notes` holds."""


@dataclass(frozen=True)
class Check:
    """A client, the route that it asks, what is checked, and the check."""

    client: str
    route: str
    what: str
    run: Callable[[str], None]


CHECKS: list[Check] = []


def check(client: str, route: str) -> Callable[[Callable[[str], None]], Callable[[str], None]]:
    """Enter a function as a check; its docstring says what is checked."""

    def enter(run: Callable[[str], None]) -> Callable[[str], None]:
        CHECKS.append(Check(client, route, (run.__doc__ or "").strip().rstrip("."), run))
        return run

    return enter


def close(given: Any, texts: list[str] = TEXTS, queries: bool = False) -> None:
    np.testing.assert_allclose(np.array(given, np.float32), ENCODER.encode(texts, queries=queries), atol=2e-6)


# --- OpenAI ----------------------------------------------------------------------------------------------------------------


def _openai(url: str) -> Any:
    import openai

    return openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)


@check("openai", "POST /v1/embeddings")
def openai_base64(url: str) -> None:
    """Several texts, in base64 as the client asks by itself."""
    found = _openai(url).embeddings.create(model="static", input=TEXTS)
    assert [one.index for one in found.data] == [0, 1, 2]
    assert found.usage.prompt_tokens == found.usage.total_tokens > 5
    close([one.embedding for one in found.data])


@check("openai", "POST /v1/embeddings")
def openai_float(url: str) -> None:
    """One text, as numbers."""
    found = _openai(url).embeddings.create(model="static", input=TEXTS[0], encoding_format="float")
    close([found.data[0].embedding], TEXTS[:1])


@check("openai", "POST /v1/embeddings")
def openai_dimensions(url: str) -> None:
    """Fewer dimensions, of unit length; more than there are is an error of the client's own kind."""
    import openai

    found = _openai(url).embeddings.create(model="static", input=TEXTS[0], dimensions=64)
    whole = ENCODER.encode(TEXTS[:1])[0, :64]
    np.testing.assert_allclose(found.data[0].embedding, whole / np.linalg.norm(whole), atol=2e-6)
    try:
        _openai(url).embeddings.create(model="static", input=TEXTS[0], dimensions=5000)
    except openai.BadRequestError as error:
        assert error.param == "dimensions" and "384" in error.message
    else:
        raise AssertionError("5,000 dimensions were given")


@check("openai", "POST /v1/embeddings")
def openai_errors(url: str) -> None:
    """An unknown model and a wrong key raise what the client raises at OpenAI's."""
    import openai

    for call, kind, code in (
        (lambda: _openai(url).embeddings.create(model="nope", input="a"), openai.NotFoundError, "model_not_found"),
        (lambda: openai.OpenAI(base_url=f"{url}/v1", api_key="wrong", max_retries=0).models.list(), openai.AuthenticationError, "invalid_api_key"),
    ):  # fmt: skip
        try:
            call()
        except kind as error:
            assert error.code == code
        else:
            raise AssertionError(f"no {kind.__name__}")


@check("openai", "GET /v1/models")
def openai_models(url: str) -> None:
    """The list of models, and one of them."""
    client = _openai(url)
    assert "static" in [model.id for model in client.models.list()]
    assert client.models.retrieve("static").id == "static"


# --- Cohere ----------------------------------------------------------------------------------------------------------------


def _cohere(url: str) -> Any:
    import cohere

    return cohere.ClientV2(KEY, base_url=url, log_warning_experimental_features=False)


@check("cohere", "POST /v2/embed")
def cohere_embed(url: str) -> None:
    """Documents in several forms at once."""
    found = _cohere(url).embed(
        model="static",
        input_type="search_document",
        texts=TEXTS,
        embedding_types=["float", "int8", "ubinary", "base64"],
    )
    vectors = ENCODER.encode(TEXTS)
    close(found.embeddings.float_)
    close([np.frombuffer(base64.b64decode(one), "<f4") for one in found.embeddings.base64])
    assert np.array_equal(np.array(found.embeddings.ubinary, np.uint8), np.packbits(vectors > 0, axis=1))
    int8 = np.array(found.embeddings.int8, np.float32)
    cosines = (int8 * vectors).sum(axis=1) / np.linalg.norm(int8, axis=1)
    assert cosines.min() > 0.999


@check("cohere", "POST /v2/embed")
def cohere_query(url: str) -> None:
    """A query, with fewer dimensions."""
    found = _cohere(url).embed(
        model="static", input_type="search_query", texts=TEXTS[:1], embedding_types=["float"], output_dimension=32
    )
    assert np.array(found.embeddings.float_).shape == (1, 32)


@check("cohere", "POST /v2/rerank")
def cohere_rerank(url: str) -> None:
    """The best two documents."""
    found = _cohere(url).rerank(model="static", query="fox", documents=TEXTS, top_n=2)
    assert found.results[0].index == 0 and len(found.results) == 2
    expected = float(ENCODER.encode(["fox"])[0] @ ENCODER.encode(TEXTS[:1])[0])
    assert abs(found.results[0].relevance_score - expected) < 1e-5


@check("cohere", "POST /v2/embed")
def cohere_errors(url: str) -> None:
    """An unknown model is the client's NotFoundError."""
    import cohere

    try:
        _cohere(url).embed(model="nope", input_type="search_query", texts=["a"], embedding_types=["float"])
    except cohere.NotFoundError as error:
        assert "nope" in error.body["message"]
    else:
        raise AssertionError("an unknown model was found")


# --- Voyage ----------------------------------------------------------------------------------------------------------------


def _voyage(url: str) -> Any:
    import voyageai

    return voyageai.Client(api_key=KEY, base_url=f"{url}/v1")


@check("voyageai", "POST /v1/embeddings")
def voyage_embed(url: str) -> None:
    """Documents as float and int8, and a query."""
    found = _voyage(url).embed(TEXTS, model="static", input_type="document")
    close(found.embeddings)
    assert found.total_tokens > 5
    small = _voyage(url).embed(TEXTS, model="static", input_type="query", output_dtype="int8", output_dimension=128)
    assert np.array(small.embeddings).shape == (3, 128) and np.abs(small.embeddings).max() <= 127


@check("voyageai", "POST /v1/contextualizedembeddings")
def voyage_contextualized(url: str) -> None:
    """Chunks of two documents: those of one are nearer to each other than by themselves; a lone chunk keeps its vector."""
    found = _voyage(url).contextualized_embed([TEXTS[:2], TEXTS[2:]], model="static", input_type="document")
    first, second = (np.array(one.embeddings) for one in found.results)
    close(second, TEXTS[2:])
    plain = ENCODER.encode(TEXTS[:2])
    assert first[0] @ first[1] > plain[0] @ plain[1]


@check("voyageai", "POST /v1/rerank")
def voyage_rerank(url: str) -> None:
    """Documents for a query, the best first."""
    found = _voyage(url).rerank("fox", TEXTS, model="static", top_k=2)
    assert found.results[0].index == 0 and found.results[0].document == TEXTS[0] and len(found.results) == 2


# --- Ollama ----------------------------------------------------------------------------------------------------------------


def _ollama(url: str) -> Any:
    import ollama

    return ollama.Client(host=url, headers={"Authorization": f"Bearer {KEY}"})


@check("ollama", "POST /api/embed")
def ollama_embed(url: str) -> None:
    """Several texts; fewer dimensions."""
    found = _ollama(url).embed(model="static", input=TEXTS)
    close(found.embeddings)
    assert found.prompt_eval_count > 5
    assert len(_ollama(url).embed(model="static:latest", input="fox", dimensions=16).embeddings[0]) == 16


@check("ollama", "POST /api/embeddings")
def ollama_embeddings(url: str) -> None:
    """The older route."""
    close([_ollama(url).embeddings(model="static", prompt=TEXTS[0]).embedding], TEXTS[:1])


@check("ollama", "GET /api/tags")
def ollama_list(url: str) -> None:
    """The list of models."""
    assert "static" in [model.model for model in _ollama(url).list().models]


@check("ollama", "POST /api/embed")
def ollama_errors(url: str) -> None:
    """An unknown model is the client's ResponseError with its sentence."""
    import ollama

    try:
        _ollama(url).embed(model="nope", input="a")
    except ollama.ResponseError as error:
        assert error.status_code == 404 and "nope" in error.error
    else:
        raise AssertionError("an unknown model was found")


# --- huggingface_hub ---------------------------------------------------------------------------------------------------------


@contextmanager
def _hub(url: str, path: str = "") -> Iterator[Any]:
    """A client; HF_HUB_OFFLINE, under which tests run, keeps it from every address, this machine's as well."""
    from huggingface_hub import InferenceClient, constants

    offline, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, False
    try:
        yield InferenceClient(base_url=url + path, api_key=KEY)
    finally:
        constants.HF_HUB_OFFLINE = offline


@check("huggingface_hub", "POST /embed")
def hub_embed(url: str) -> None:
    """feature_extraction of a text."""
    with _hub(url, "/embed") as client:
        close(client.feature_extraction(TEXTS[0], normalize=True), TEXTS[:1])


@check("huggingface_hub", "POST /similarity")
def hub_similarity(url: str) -> None:
    """sentence_similarity of a text with others."""
    with _hub(url, "/similarity") as client:
        found = client.sentence_similarity(TEXTS[0], other_sentences=TEXTS[1:])
    vectors = ENCODER.encode(TEXTS)
    np.testing.assert_allclose(found, vectors[1:] @ vectors[0], atol=1e-5)


# --- MCP -------------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def connected(server: Any, mode: str, key: str | None = None) -> AsyncIterator[Any]:
    """A client of a server, in one of the protocol's eras, with a key."""
    import httpx
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    if key is not None:
        async with (
            httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}) as http,
            Client(streamable_http_client(server, http_client=http), mode=mode) as client,
        ):
            yield client
        return
    async with Client(server, mode=mode) as client:
        yield client


async def conversation(client: Any) -> None:
    """List the tools, search, fetch, and make mistakes."""
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert {"search", "fetch", "search_documents", "list_collections"} <= {*tools}
    assert all(tools[name].annotations.read_only_hint for name in ("search", "fetch", "search_documents"))
    found = await client.call_tool("search", {"query": "fox"})
    assert len(found.content) == 1 and found.content[0].type == "text"
    results = json.loads(found.content[0].text)["results"]
    assert results[0]["id"] == "notes/a" and {*results[0]} == {"id", "title", "url"}
    assert results[0]["url"] == "https://example.org/fox"
    same = json.loads((await client.call_tool("fetch", {"id": "notes/a"})).content[0].text)
    assert same["url"] == results[0]["url"]
    fetched = json.loads((await client.call_tool("fetch", {"id": "notes/b/c"})).content[0].text)
    assert fetched == {
        "id": "notes/b/c",
        "title": "Whales",
        "text": "a blue whale",
        "url": "codomain://notes/b/c",
        "metadata": {"year": 2021},
    }
    richer = await client.call_tool(
        "search_documents", {"collection": "notes", "query": "fox", "k": 1, "where": "year = 2021"}
    )
    assert [hit["id"] for hit in richer.structured_content["hits"]] == ["b/c"]
    wrong = await client.call_tool("search_documents", {"collection": "notes", "query": "fox", "where": "year >"})
    assert wrong.is_error and "filter" in wrong.content[0].text
    assert (await client.call_tool("fetch", {"id": "notes/nobody"})).is_error


def _converse(url: str, mode: str) -> None:
    async def run() -> None:
        async with connected(f"{url}/mcp", mode, KEY) as client:
            await conversation(client)

    asyncio.run(run())


@check("mcp", "POST /mcp")
def mcp_new(url: str) -> None:
    """The protocol of 2026-07-28, which knows no session: tools, search, fetch, mistakes."""
    _converse(url, "2026-07-28")


@check("mcp", "POST /mcp")
def mcp_old(url: str) -> None:
    """The protocols before it, which begin with a handshake: the same."""
    _converse(url, "legacy")


@check("mcp", "POST /mcp")
def mcp_auto(url: str) -> None:
    """A client that finds out by itself which one it is."""
    _converse(url, "auto")


# --- frameworks ------------------------------------------------------------------------------------------------------------


@check("langchain_openai", "POST /v1/embeddings")
def langchain_openai(url: str) -> None:
    """OpenAIEmbeddings, with check_embedding_ctx_length=False."""
    from langchain_openai import OpenAIEmbeddings

    made = OpenAIEmbeddings(model="static", base_url=f"{url}/v1", api_key=KEY, check_embedding_ctx_length=False)
    close(made.embed_documents(TEXTS))
    close([made.embed_query(TEXTS[0])], TEXTS[:1])


@check("llama_index", "POST /v1/embeddings")
def llama_index_openai_like(url: str) -> None:
    """OpenAILikeEmbedding of texts, of a query, and with fewer dimensions."""
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding

    settings = {"model_name": "static", "api_base": f"{url}/v1", "api_key": KEY, "reuse_client": False}
    made = OpenAILikeEmbedding(**settings)
    close(made.get_text_embedding_batch(TEXTS))
    close([made.get_query_embedding(TEXTS[0])], TEXTS[:1])
    assert len(OpenAILikeEmbedding(**settings, dimensions=16).get_text_embedding(TEXTS[0])) == 16


@check("haystack", "POST /v1/embeddings")
def haystack(url: str) -> None:
    """OpenAIDocumentEmbedder and OpenAITextEmbedder."""
    from haystack import Document
    from haystack.components.embedders import OpenAIDocumentEmbedder, OpenAITextEmbedder
    from haystack.utils import Secret

    settings = {"model": "static", "api_base_url": f"{url}/v1", "api_key": Secret.from_token(KEY)}
    documents = [Document(content=text) for text in TEXTS]
    close([one.embedding for one in OpenAIDocumentEmbedder(**settings).run(documents)["documents"]])
    close([OpenAITextEmbedder(**settings).run(TEXTS[0])["embedding"]], TEXTS[:1])
