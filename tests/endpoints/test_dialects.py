"""What is sent in each dialect, field by field, and what else than vectors servers give."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tests.endpoints.conftest import Clock, client_of
from tests.endpoints.server import Server, vector

from codomain.endpoints import Generator, Judge, Reranker, collect
from codomain.endpoints.dialects import DIALECTS
from codomain.endpoints.dialects.dialect import Ask, Malformed
from codomain.endpoints.errors import EndpointError, Unreachable
from codomain.endpoints.usage import Usage
from codomain.errors import InputError

ASK = Ask("m", ["a", "b"], "query", 8)

SENT = {
    "openai": ("/embeddings", {"input": ["a", "b"], "model": "m", "encoding_format": "base64", "dimensions": 8}),
    "cohere": ("/v2/embed", {"model": "m", "texts": ["a", "b"], "input_type": "search_query", "embedding_types": ["float"], "truncate": "NONE", "output_dimension": 8}),
    "voyage": ("/embeddings", {"model": "m", "input_type": "query", "encoding_format": "base64", "output_dimension": 8, "input": ["a", "b"], "truncation": False}),
    "ollama": ("/api/embed", {"model": "m", "input": ["a", "b"], "truncate": False, "dimensions": 8}),
    "tei": ("/embed", {"inputs": ["a", "b"], "truncate": False, "dimensions": 8}),
}  # fmt: skip


@pytest.mark.parametrize("dialect", SENT)
def test_a_request_is_what_the_service_documents(dialect: str) -> None:
    """And what its own client sends: openai 3.57, cohere 7.3, voyageai 0.5 (which adds a null), ollama 0.6."""
    assert DIALECTS[dialect].embed(ASK) == SENT[dialect]


def test_documents_and_cutting_are_said_in_each_dialect() -> None:
    ask = ASK._replace(role="document", cuts=True, dimensions=None)
    assert DIALECTS["cohere"].embed(ask)[1]["input_type"] == "search_document"
    assert DIALECTS["cohere"].embed(ask)[1]["truncate"] == "END"
    assert DIALECTS["voyage"].embed(ask)[1]["input_type"] == "document"
    assert DIALECTS["voyage"].embed(ask)[1]["truncation"] is True
    assert DIALECTS["ollama"].embed(ask)[1]["truncate"] is True and DIALECTS["tei"].embed(ask)[1]["truncate"] is True
    told = ask._replace(input_types=("query", "passage"))
    assert DIALECTS["openai"].embed(told)[1]["input_type"] == "passage"
    assert DIALECTS["openai"].embed(told._replace(role="query"))[1]["input_type"] == "query"
    path, body = DIALECTS["voyage"].embed(ask._replace(model="voyage-context-3"))
    assert path == "/contextualizedembeddings" and body["inputs"] == [["a"], ["b"]]


def test_chunks_that_know_their_document(server: Server, clock: Clock) -> None:
    voyage = DIALECTS["voyage"]
    client = client_of(server, clock, "voyage")
    answer = client.post(*voyage.situate("voyage-context-3", [["a fox", "it ran"], ["a whale"]]))  # type: ignore[attr-defined]
    found = voyage.situated(answer.body, [2, 1])  # type: ignore[attr-defined]
    assert [[row.tolist() for row in rows] for rows in found] == [
        [vector("a fox"), vector("it ran")],
        [vector("a whale")],
    ]
    with pytest.raises(Malformed):
        voyage.situated(answer.body, [1, 1])  # type: ignore[attr-defined]


@pytest.mark.parametrize("dialect", ["cohere", "voyage", "jina", "tei"])
def test_scores_come_in_the_order_of_the_documents(server: Server, clock: Clock, dialect: str) -> None:
    reranker = Reranker("m", client=client_of(server, clock, dialect))
    documents = ["a whale", "a red fox", "red", "a red fox"]
    np.testing.assert_allclose(reranker.scores("red fox", documents), [0, 0.2, 0.1, 0.2], atol=1e-7)
    body = server.requests[0][1]
    assert (body.get("documents") or body["texts"]) == documents[:3]  # the same one is asked for once
    with collect() as spent:
        reranker.scores("red fox", [*documents, "new"])
    sent = server.requests[1][1]
    assert (sent.get("documents") or sent["texts"]) == ["new"] and spent["m"].cached == 3


def test_a_score_for_each_document_or_an_error(server: Server, clock: Clock) -> None:
    for answer, words in (
        ({"results": [{"index": 0, "relevance_score": 1}]}, "1 entries to 2"),
        ({"results": [{"index": i, "relevance_score": "x"} for i in range(2)]}, "no number"),
        ({"results": [{"index": i, "relevance_score": float("nan")} for i in range(2)]}, "NaN"),
    ):
        server.script = [(200, {}, answer)]
        with pytest.raises(EndpointError, match=words):
            Reranker("m", client=client_of(server, clock, "cohere")).scores("q", ["a", "b"])


def test_a_dialect_without_a_route_says_so(server: Server, clock: Clock) -> None:
    with pytest.raises(EndpointError, match="has no route that reranks in the dialect ollama"):
        Reranker("m", client=client_of(server, clock, "ollama")).scores("q", ["a"])
    with pytest.raises(EndpointError, match="has no language models in the dialect cohere"):
        Generator("m", client=client_of(server, clock, "cohere")).generate(["x"])


# --- language models ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
def test_prompts_to_texts(server: Server, clock: Clock, dialect: str) -> None:
    def generator() -> Generator:
        return Generator("m", system="be short", price=1.0, price_out=3.0, client=client_of(server, clock, dialect))

    with collect() as spent:
        assert generator().generate(["a", "b", "a"]) == ["echo a", "echo b", "echo a"]
    assert spent[generator().identity] == Usage(
        requests=2, texts=2, tokens=24, usd=pytest.approx(2 * (10 + 2 * 3) / 1e6)
    )
    assert server.requests[0][1]["messages"][0] == {"role": "system", "content": "be short"}
    with collect() as spent:
        assert generator().generate(["b"]) == ["echo b"]
    assert len(server.requests) == 2 and spent[generator().identity].cached == 1
    assert Generator("m", client=client_of(server, clock, dialect)).generate(["b"]) == [
        "echo b"
    ]  # another system prompt
    assert len(server.requests) == 3


def test_what_a_model_is_asked(server: Server, clock: Clock) -> None:
    openai = DIALECTS["openai"].chat("m", "p", "", 9, 0.5)
    assert openai == ("/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "p"}], "max_completion_tokens": 9, "temperature": 0.5})  # fmt: skip
    ollama = DIALECTS["ollama"].chat("m", "p", "s", 9, 0)
    assert "temperature" not in DIALECTS["openai"].chat("m", "p", "", 9, None)[1]
    assert ollama[1]["options"] == {"temperature": 0, "num_predict": 9} and ollama[1]["stream"] is False


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": None, "refusal": "I cannot."}},
        {"message": {"content": None}, "finish_reason": "content_filter"},
    ],
)
def test_a_refusal_is_no_answer(server: Server, clock: Clock, choice: dict[str, Any]) -> None:
    server.script = [(200, {}, {"choices": [choice], "usage": {}})]
    generator = Generator("m", client=client_of(server, clock))
    with pytest.raises(EndpointError, match="refuses the prompt 'x'"):
        generator.generate(["x"])
    assert [bool(answer.refusal) for answer in generator.answers(["x"])] == [True] and len(server.requests) == 1


def test_an_answer_before_a_failure_is_kept(server: Server, clock: Clock) -> None:
    server.script = [None, (400, {}, {"error": {"message": "bad"}})]
    generator = Generator("m", concurrency=1, client=client_of(server, clock))
    with pytest.raises(EndpointError, match="bad"):
        generator.generate(["a", "b", "c"])
    generator.generate(["a", "b"])
    assert [body["messages"][0]["content"] for _, body, _ in server.requests].count("a") == 1


def test_grades_and_refusals(server: Server, clock: Clock) -> None:
    said = {"fox": "3", "whale": "Grade: 0.", "crow": "I would rather not say."}
    server.chats = lambda prompt: next(answer for word, answer in said.items() if word in prompt)
    judge = Judge(Generator("m", client=client_of(server, clock)))
    assert judge.grades([("q", "a fox"), ("q", "a whale"), ("q", "a crow")]) == [3, 0, None]
    assert judge("q", "a fox") == 3 and judge.refused == 1 and len(server.requests) == 3


def test_what_a_document_says_does_not_change_the_prompt(server: Server, clock: Clock) -> None:
    judge = Judge(Generator("m", client=client_of(server, clock)), "Q {query} D {document}")
    judge("what {document} is", "a {query} {0}")
    assert server.requests[0][1]["messages"][0]["content"] == "Q what {document} is D a {query} {0}"
    judge("q", "x" * 50_000)
    assert judge.shortened == 1 and len(server.requests[1][1]["messages"][0]["content"]) < 12_100
    with pytest.raises(InputError, match="a place for"):
        Judge(judge.generator, "grade {document}")


def test_judges_differ_by_model_and_prompt(server: Server, clock: Clock) -> None:
    client = client_of(server, clock)
    judges = [Judge(Generator(model, client=client), prompt) for model in ("m", "n") for prompt in ("{query}{document}", "{query} {document}")]  # fmt: skip
    assert len({judge.identity for judge in judges}) == 4


def test_a_server_that_is_away_is_one_sentence(clock: Clock) -> None:
    with pytest.raises(Unreachable, match=r"^the server 127.0.0.1:9 cannot be reached"):
        Generator("m", base_url="http://127.0.0.1:9/v1", client=None, cache=False, timeout=1).client._attempts = 1
        generator = Generator("m", base_url="http://127.0.0.1:9/v1", cache=False)
        generator.client._attempts = 1
        generator.generate(["x"])


def test_errors_of_each_service_are_read() -> None:
    message = DIALECTS["openai"].message
    assert message({"error": {"message": "m", "type": "t", "code": "c"}}) == "m (c)"
    assert message({"error": "e", "error_type": "Validation"}) == "e"  # TEI, Ollama
    assert message({"message": "cohere", "id": "x"}) == "cohere"
    assert message({"detail": "voyage"}) == "voyage"
    assert message({"detail": [{"loc": ["body"], "msg": "pydantic"}]}) == "pydantic"
    assert [message(body) for body in (None, [], {}, {"error": 7}, json.loads('{"error": {"code": 3}}'))] == [""] * 5
