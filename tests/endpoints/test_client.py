"""Requests until they are answered: recorded error sequences, over real sockets, with clocks that nobody waits for."""

from __future__ import annotations

import socket
import threading
import time
from email.utils import formatdate

import pytest
from tests.endpoints.conftest import Clock, client_of
from tests.endpoints.server import Server

from codomain.endpoints.client import LONGEST_WAIT, Client
from codomain.endpoints.dialects import DIALECTS
from codomain.endpoints.errors import EndpointError, Refused, TooLarge, Unreachable
from codomain.endpoints.service import service

ASK = {"input": ["a fox"], "model": "m"}
LIMITED = {"error": {"message": "Rate limit reached for requests", "type": "requests", "code": "rate_limit_exceeded"}}


def post(client: Client):
    return client.post("/embeddings", ASK)


def test_it_goes_on_after_what_passes(server: Server, clock: Clock) -> None:
    server.script = [
        (429, {"Retry-After": "7"}, LIMITED), (500, {}, {"error": {"message": "oops"}}), (503, {}, b"<html>"), (200, {}, b'{"da'),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\"", b"",
    ]  # fmt: skip
    answer = post(client_of(server, clock))
    assert answer.retries == 6 and answer.body["usage"]["total_tokens"] == 2
    assert len(server.requests) == 7
    # the first wait is the server's and up to a tenth more; then .5 2^n: 1, 2, 4, 8, 16
    assert sum(clock.slept[:2]) == 7 and clock.slept[2:] == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_pauses_are_shortened_at_random(server: Server, clock: Clock) -> None:
    server.script = [(500, {}, {})] * 3
    client = client_of(server, clock)
    client._timing = client._timing._replace(random=iter([0.0, 0.5, 1.0]).__next__)
    post(client)
    assert clock.slept == [0.25, 0.75, 2.0]


def test_a_server_that_never_recovers_is_said_with_what_it_answers(server: Server, clock: Clock) -> None:
    server.script = [(503, {}, {"error": {"message": "the model is loading."}})] * 50
    with pytest.raises(Unreachable, match=r"^the server 127.0.0.1:\d+ answers 503: the model is loading, 7 times\.$"):
        post(client_of(server, clock))
    assert len(server.requests) == 7


@pytest.mark.parametrize(("header", "value", "waited"), [("Retry-After", "0.5", 0.5), ("retry-after-ms", "1500", 1.5)])
def test_retry_after_in_seconds(server: Server, clock: Clock, header: str, value: str, waited: float) -> None:
    server.script = [(429, {header: value}, LIMITED)]
    began = clock.time
    post(client_of(server, clock))
    assert clock.time - began == pytest.approx(waited)


def test_retry_after_as_a_date(server: Server, clock: Clock) -> None:
    server.script = [(429, {"Retry-After": formatdate(clock.time + 20, usegmt=True)}, LIMITED)]
    began = clock.time
    post(client_of(server, clock))
    assert clock.time - began == pytest.approx(20)


@pytest.mark.parametrize("value", ["soon", "-5", "Mon, 99 Foo 2026", "nan"])
def test_a_retry_after_that_says_nothing_is_not_waited_for(server: Server, clock: Clock, value: str) -> None:
    server.script = [(429, {"Retry-After": value}, LIMITED)]
    if value == "nan":
        with pytest.raises(Unreachable):
            post(client_of(server, clock))
        return
    post(client_of(server, clock))
    assert clock.slept == [0.5]


def test_nobody_waits_for_an_hour(server: Server, clock: Clock) -> None:
    server.script = [(429, {"Retry-After": "3600"}, LIMITED)]
    with pytest.raises(Unreachable, match=r"Rate limit reached for requests.*it asks to wait 3,600 seconds"):
        post(client_of(server, clock))
    assert clock.slept == [] and LONGEST_WAIT < 3600


def test_who_is_told_to_wait_makes_all_threads_wait(server: Server, clock: Clock) -> None:
    client = client_of(server, clock)
    server.script = [(429, {"Retry-After": "9"}, LIMITED)]
    until: list[float] = []
    client._pause = lambda attempt, wait: until.append(client._waits_until) or Client._pause(client, attempt, wait)  # type: ignore[method-assign]
    post(client)
    assert client._waits_until == 1_009.0
    clock.time = 1_003.0
    clock.slept.clear()
    post(client)  # of another thread: the time that is left
    assert clock.slept == [6.0]


def test_no_money_left_is_not_waited_for(server: Server, clock: Clock) -> None:
    server.script = [
        (429, {}, {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}})
    ]
    with pytest.raises(EndpointError, match="answers 429: You exceeded your current quota"):
        post(client_of(server, clock))
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_refused_is_named_and_not_shown(
    server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret-123")
    server.script = [(status, {}, {"error": {"message": "Incorrect API key provided: sk-secret-123."}})]
    with pytest.raises(Refused) as refused:
        post(client_of(server, clock, key_env="MY_KEY"))
    assert "the key in the environment variable MY_KEY" in str(refused.value) and "secret" not in str(refused.value)
    assert server.requests[0][2]["Authorization"] == "Bearer sk-secret-123" and len(server.requests) == 1


def test_a_key_that_a_server_quotes_is_not_shown(server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret-123")
    server.script = [(400, {}, {"error": {"message": "bad organization of sk-secret-123"}})]
    with pytest.raises(EndpointError, match=r"bad organization of \*\*\*\.$"):
        post(client_of(server, clock, key_env="MY_KEY"))


def test_a_missing_key_is_said_before_anything_is_sent(server: Server, clock: Clock) -> None:
    with pytest.raises(Refused, match="asks for a key: set the environment variable OPENAI_API_KEY"):
        post(client_of(server, clock, key_env="OPENAI_API_KEY"))
    assert server.requests == []


def test_a_server_that_asks_for_a_key_which_has_no_name_yet(server: Server, clock: Clock) -> None:
    server.script = [(401, {}, {})]
    with pytest.raises(Refused, match="name the environment variable that holds yours as api_key_env"):
        post(client_of(server, clock))


def test_the_key_of_a_service_goes_nowhere_else(server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    post(client_of(server, clock))
    assert "Authorization" not in server.requests[0][2]
    assert service("openai").key_env == "OPENAI_API_KEY"
    monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/v1")  # the user's own word
    assert service("openai").key_env == "OPENAI_API_KEY" and str(service("openai").address) == server.url + "/v1"


def test_a_redirection_is_not_followed(server: Server, clock: Clock) -> None:
    server.script = [(307, {"Location": "http://evil.example/"}, b"")]
    with pytest.raises(EndpointError, match=r"leads elsewhere \(307, http://evil.example/\)"):
        post(client_of(server, clock))
    assert len(server.requests) == 1


def test_a_wrong_route_shows_the_address(server: Server, clock: Clock) -> None:
    with pytest.raises(EndpointError, match=r"answers 404: Invalid URL .*/v1/nowhere\): is base_url right"):
        client_of(server, clock).post("/nowhere", ASK)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (413, b"Payload Too Large"),
        (422, {"error": "batch size 100 > maximum allowed batch size 32", "error_type": "Validation"}),
        (422, {"detail": [{"msg": "List should have at most 32 items after validation, not 100", "type": "too_long"}]}),
        (
            400,
            {
                "error": {
                    "message": "This model's maximum context length is 8192 tokens, however you requested 9000 tokens"
                }
            },
        ),
        (429, {"error": {"message": "Request too large for m on tokens per min (TPM): Limit 10, Requested 20."}}),
    ],
)
def test_what_is_too_large_is_told_from_what_is_wrong(server: Server, clock: Clock, status: int, body: object) -> None:
    server.script = [(status, {}, body)]
    with pytest.raises(TooLarge):
        post(client_of(server, clock))
    assert len(server.requests) == 1 and clock.slept == []


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            400,
            {"error": {"message": "Invalid value for 'dimensions': exceeds 1024.", "code": "bad"}},
            r"exceeds 1024\. \(bad\)",
        ),
        (422, {"detail": [{"msg": "Field required"}]}, "Field required"),
        (400, {"message": "model 'x' not found"}, "model 'x' not found"),
        (501, {}, "answers 501"),
        (400, b"\xff\x00 no text", "answers 400"),
    ],
)
def test_what_is_wrong_is_said_once(server: Server, clock: Clock, status: int, body: object, words: str) -> None:
    server.script = [(status, {}, body)]
    with pytest.raises(EndpointError, match=words) as refused:
        post(client_of(server, clock))
    assert not isinstance(refused.value, TooLarge | Unreachable) and len(server.requests) == 1
    assert str(refused.value).isprintable()


def test_a_slow_server_is_given_up(server: Server, clock: Clock) -> None:
    server.script = [lambda handler, body: time.sleep(0.3) or (200, {}, {})] * 2
    with pytest.raises(Unreachable, match=r"did not answer within 0.05 seconds, 2 times"):
        post(client_of(server, clock, timeout=0.05, attempts=2))


def test_a_server_that_drips_is_given_up(server: Server, clock: Clock) -> None:
    def drips(handler, body):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(50):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            clock.time += 1
            time.sleep(0.001)
        handler.close_connection = True

    server.script = [drips]
    with pytest.raises(Unreachable, match="did not answer within 5 seconds"):
        post(client_of(server, clock, attempts=1))


def test_an_answer_without_end_is_not_read(server: Server, clock: Clock) -> None:
    server.script = [(200, {}, b" " * 5_000_000)]
    with pytest.raises(Unreachable, match="answers more than 1 MB"):
        post(client_of(server, clock, most_bytes=1 << 20))
    assert len(server.requests) == 1


def test_nobody_at_home(clock: Clock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        found = service("openai", f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        client = Client(found.dialect, found.address, timing=clock.timing)
        with pytest.raises(Unreachable, match=r"cannot be reached .*refused.*, 7 times"):
            post(client)


def test_a_connection_serves_many_requests_and_one_that_was_closed_meanwhile_is_made_again(clock: Clock) -> None:
    """A server that closes every connection after its first answer, without a word: no pause, no retry is counted."""
    accepted = []

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            accepted.append(connection)
            data = b""
            while b'"m"' not in data:
                data += connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        found = service("openai", f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        client = Client(found.dialect, found.address, timing=clock.timing)
        assert [post(client).retries, post(client).retries] == [0, 0]
        thread.join(5)
    assert len(accepted) == 2 and clock.slept == []


def test_open_connections_are_used_again(server: Server, clock: Clock) -> None:
    client = client_of(server, clock)
    for _ in range(5):
        post(client)
    assert len(client._connections._idle) == 1
    client.close()
    assert client._connections._idle == []


def test_a_proxy_of_the_environment_is_used(server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url.replace("//", "//me:pass%20word@"))
    monkeypatch.setenv("no_proxy", "")
    server.script = [lambda handler, body: (200, {}, {"asked": handler.path})]
    found = service("openai", "http://models.example/v1")
    client = Client(DIALECTS["openai"], found.address, timing=clock.timing)
    assert post(client).body == {"asked": "http://models.example/v1/embeddings"}
    headers = server.requests[0][2]
    assert headers["Host"] == "models.example" and headers["Proxy-Authorization"] == "Basic bWU6cGFzcyB3b3Jk"
    monkeypatch.setenv("no_proxy", "models.example")
    with pytest.raises(Unreachable):
        post(Client(DIALECTS["openai"], found.address, timing=clock.timing, attempts=1))
    assert len(server.requests) == 1


def test_a_failure_tells_no_key_however_it_is_looked_at(
    server: Server, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import traceback

    monkeypatch.setenv("MY_KEY", "sk-secret-123")
    caplog.set_level(0)
    client = client_of(server, clock, key_env="MY_KEY", attempts=2)
    server.script = [(500, {}, b"you sent Bearer sk-secret-123")] * 2
    with pytest.raises(EndpointError) as failed:
        post(client)
    shown = "".join(traceback.format_exception(failed.value)) + caplog.text + repr(vars(client)) + repr(failed.value)
    assert "secret" not in shown
