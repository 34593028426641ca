"""Bulk encoding: batches that the server takes, several at once, nothing paid twice, every answer checked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.endpoints.conftest import Clock, client_of
from tests.endpoints.server import DIM, Server, vector

from codomain.endpoints.dialects.dialect import Ask
from codomain.endpoints.embedder import Embedder
from codomain.endpoints.errors import EndpointError, Refused
from codomain.endpoints.usage import Usage, collect

TEXTS = [f"{'word ' * (n % 7)}text {n}" for n in range(100)]
EXPECTED = np.float32([vector(text) for text in TEXTS])


@pytest.fixture
def made(server: Server, clock: Clock) -> Callable[..., Embedder]:
    def make(
        dialect: str = "openai", form: str = "dense", role: Any = "document", model: str = "m", **more: Any
    ) -> Embedder:
        dimensions = more.pop("dimensions", None)
        client = client_of(server, clock, dialect, attempts=2)
        return Embedder(client, Ask(model, (), role, dimensions), "who", form, **more)

    return make


def test_vectors_come_in_the_order_of_the_texts(server: Server, made: Callable[..., Embedder]) -> None:
    server.most_texts = 8
    told: list[tuple[str, int, int]] = []
    assert made(batch=8).embed([*TEXTS[:5], *TEXTS[:3]], lambda *step: told.append(step)).rows.shape == (8, DIM)
    assert told[-1] == ("encoding", 8, 8)  # those that are there twice are finished twice
    told.clear()
    found = made(batch=8).embed(TEXTS, lambda *step: told.append(step))
    np.testing.assert_array_equal(found.rows, EXPECTED)
    assert found.rows.dtype == np.float32 and not found.beyond.any()
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told) and told[-1] == ("encoding", 100, 100)


@pytest.mark.parametrize("dialect", ["openai", "cohere", "voyage", "ollama", "tei"])
def test_how_many_texts_a_server_takes_is_found_out_and_remembered(
    server: Server, made: Callable[..., Embedder], dialect: str
) -> None:
    server.most_texts = 10
    np.testing.assert_array_equal(made(dialect, concurrency=1).embed(TEXTS).rows, EXPECTED)
    sizes = [len(body.get("input") or body.get("texts") or body["inputs"]) for _, body, _ in server.requests]
    first = sizes[0]
    good = next(size for size in (first // 2**n for n in range(20)) if size <= 10)
    assert sizes.count(good) >= 100 // good and all(size <= good for size in sizes[sizes.index(good) :])
    server.requests.clear()
    made(dialect).embed([f"other {n}" for n in range(50)])  # another process, so to speak
    assert max(len(body.get("input") or body.get("texts") or body["inputs"]) for _, body, _ in server.requests) == good


@pytest.mark.parametrize(
    ("dialect", "beyond"), [("openai", 30), ("cohere", 30), ("voyage", 30), ("tei", 30), ("ollama", 1)]
)
def test_a_text_that_is_too_long_is_cut_alone_and_counted(
    server: Server, made: Callable[..., Embedder], dialect: str, beyond: int
) -> None:
    server.most_words = 20
    long = " ".join(f"w{n}" for n in range(50))
    with collect() as spent:
        found = made(dialect, concurrency=1).embed([*TEXTS[:30], long])
    np.testing.assert_array_equal(found.rows[:30], EXPECTED[:30])
    assert found.beyond.tolist() == [0] * 30 + [beyond] and spent["who"].cut == 1
    if dialect == "openai":  # cut here, to a little less than would go in
        assert len([text for text in server.sent() if text.startswith("w0 ")][-1].split()) in (18, 19, 20)
    else:
        np.testing.assert_array_equal(found.rows[30], np.float32(vector(" ".join(long.split()[:20]))))
    sizes = [len(body.get("input") or body.get("texts") or body["inputs"]) for _, body, _ in server.requests]
    assert sizes[-1] > 1  # one long text does not make a server slow for the others
    again = made(dialect).embed([long])
    assert again.beyond.tolist() == [beyond]  # told from the cache as well


def test_what_was_paid_for_is_not_paid_for_again(server: Server, made: Callable[..., Embedder]) -> None:
    with collect() as spent:
        made(price=2.0).embed([*TEXTS, *TEXTS[:10]])
    tokens = sum(len(text.split()) for text in TEXTS)
    assert spent["who"] == Usage(requests=1, texts=100, tokens=tokens, usd=tokens * 2 / 1e6)
    assert len(server.sent()) == 100
    with collect() as spent:
        found = made().embed([*TEXTS, "one more"])
    assert spent["who"].cached == 100 and spent["who"].texts == 1 and server.sent()[100:] == ["one more"]
    np.testing.assert_array_equal(found.rows[:100], EXPECTED)


def test_model_dimensions_role_and_server_have_answers_of_their_own(
    server: Server, made: Callable[..., Embedder]
) -> None:
    for more in ({}, {"model": "n"}, {"dimensions": 8}, {"role": "query"}, {"dialect": "jina"}):
        made(**more).embed(["a fox"])
    assert len(server.requests) == 5
    made(cached=False).embed(["a fox"])
    assert len(server.requests) == 6


WORKER = """
import sys
from codomain.encode import OpenAIEncoder
encoder = OpenAIEncoder("m", sys.argv[1], batch_size=4, concurrency=2)
encoder.encode_documents([f"text {n}" for n in range(400)], lambda step, done, total: print(done, flush=True))
"""


def test_after_kill_9_the_rest_is_asked_for_and_nothing_twice(server: Server, made: Callable[..., Embedder]) -> None:
    server.delay = 0.002
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, f"{server.url}/v1"], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    for line in worker.stdout:  # type: ignore[union-attr]
        if int(line) >= 100:
            worker.send_signal(signal.SIGKILL)
            break
    worker.wait()
    worker.stdout.close()  # type: ignore[union-attr]
    before = len(server.sent())
    assert 100 <= before < 400
    server.delay = 0
    encoder = made(batch=4, concurrency=2)
    texts = [f"text {n}" for n in range(400)]
    np.testing.assert_array_equal(encoder.embed(texts).rows, np.float32([vector(text) for text in texts]))
    # at most what was on its way when the process was killed: two requests of four
    assert len(server.sent()) - 400 <= 8 and {*server.sent()} == {*texts}


def test_no_more_requests_at_once_than_were_allowed(server: Server, made: Callable[..., Embedder]) -> None:
    server.delay = 0.01
    made(batch=5, concurrency=3).embed(TEXTS)
    assert server.most_at_once == 3


def test_an_error_keeps_what_came_before_it(server: Server, made: Callable[..., Embedder]) -> None:
    def fails(handler: Any, body: Any) -> Any:
        return (400, {}, {"error": {"message": "no such model"}})

    server.script = [None, None, fails]
    with pytest.raises(EndpointError, match="no such model"):
        made(batch=10, concurrency=1).embed(TEXTS)
    assert len(server.requests) == 3
    made(batch=10, concurrency=1).embed(TEXTS)
    assert len(server.requests) == 3 + 8


def test_a_key_that_is_refused_stops_all(server: Server, made: Callable[..., Embedder]) -> None:
    server.script = [(401, {}, {})] * 4
    with pytest.raises(Refused):
        made(batch=10, concurrency=2).embed(TEXTS)
    assert len(server.requests) <= 4


def entries(change: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    return lambda answer: answer | {"data": change(answer["data"])}


def edited(**fields: Any) -> Callable[[Any], Any]:
    return entries(lambda data: [*data[:-1], data[-1] | fields])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (entries(lambda data: data[:-1]), "answers with 2 entries to 3 texts"),
        (entries(lambda data: [*data, data[0]]), "answers with 4 entries to 3 texts"),
        (edited(index=0), "entries whose index is not each of 0 to 2 once"),
        (edited(index="2"), "entries whose index is not each of 0 to 2 once"),
        (edited(index=None), "entries whose index is not each of 0 to 2 once"),
        (edited(embedding=[1.0] * 7), "vectors of different lengths"),
        (edited(embedding=[float("nan")] * DIM), "NaN or infinity"),
        (edited(embedding=[1e999] * DIM), "NaN or infinity"),
        (edited(embedding="AAAA"), "base64 that holds no float32 vector"),
        (edited(embedding="*"), "base64 that holds no float32 vector"),
        (edited(embedding=["x"] * DIM), "vector that is no list of numbers"),
        (edited(embedding=[[1.0]]), "vector that is no list of numbers"),
        (edited(embedding=[]), "vector that is no list of numbers"),
        (edited(embedding=None), "vector that is no list of numbers"),
        (entries(lambda data: "x"), "a data that is no list"),
        (lambda answer: {}, "answers without data"),
        (lambda answer: {"error": {"message": "the model is gone."}}, "answers without data: the model is gone"),
        (lambda answer: [], "answers without data"),
        (entries(lambda data: [{"index": i} for i in range(3)]), "answers without embedding"),
    ],
)
def test_an_answer_that_cannot_be_used_is_said(
    server: Server, made: Callable[..., Embedder], change: Callable[[Any], Any], words: str
) -> None:
    server.change = change
    with pytest.raises(EndpointError, match=rf"^the server 127.0.0.1:\d+ .*{words}.*\.$"):
        made().embed(TEXTS[:3])


def test_a_shuffled_answer_is_put_in_order(server: Server, made: Callable[..., Embedder]) -> None:
    server.change = entries(lambda data: [data[2], data[0], data[1]])
    np.testing.assert_array_equal(made().embed(TEXTS[:3]).rows, EXPECTED[:3])


def test_numbers_are_read_as_well_as_base64(server: Server, made: Callable[..., Embedder]) -> None:
    server.change = entries(lambda data: [one | {"embedding": vector(TEXTS[0])} for one in data])
    np.testing.assert_array_equal(made().embed(TEXTS[:1]).rows, EXPECTED[:1])


def test_a_server_that_serves_another_model_now_is_noticed(server: Server, made: Callable[..., Embedder]) -> None:
    made().embed(["a"])
    server.change = entries(lambda data: [one | {"embedding": [1.0] * 5} for one in data])
    with pytest.raises(EndpointError, match="answers with 5 dimensions, and 16 before"):
        made().embed(["b"])
    with pytest.raises(EndpointError, match="5 dimensions where 8 were asked for: leave dimensions out"):
        made(dimensions=8).embed(["b"])


def test_what_a_server_cannot_be_brought_to_take_is_said(server: Server, made: Callable[..., Embedder]) -> None:
    server.script = [(413, {}, b"too large")] * 100
    with pytest.raises(EndpointError, match="answers 413: too large, to a text of 6 characters"):
        made().embed(["a b c "])


def test_odd_texts_arrive_as_they_are(server: Server, made: Callable[..., Embedder]) -> None:
    made().embed(['"quotes" \\ and \u2028', "東京 🦊", "tab\tnew\nline"])
    assert {*server.sent()} == {'"quotes" \\ and \u2028', "東京 🦊", "tab\tnew\nline"}
