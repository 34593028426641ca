"""What is refused before a route sees it, and bodies that no route can read: one sentence in the dialect's own shape."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import codomain as cd
from codomain.errors import StoreError
from codomain.serve import keys as keys_module
from codomain.serve.catalog import Catalog
from codomain.serve.errors import Refusal, refusal_of
from codomain.serve.guard import LOOPBACK, Limits
from codomain.serve.keys import Key, Keys, Rates
from codomain.serve.protocol import Protocol

from .server import served

ROUTES = [
    "/v1/embeddings",
    "/v2/embed",
    "/v2/rerank",
    "/v1/rerank",
    "/embed",
    "/embed_sparse",
    "/embed_all",
    "/rerank",
    "/similarity",
    "/tokenize",
    "/api/embed",
    "/api/embeddings",
    "/v1/contextualizedembeddings",
    "/search",
    "/collections/notes/search",
    "/collections/notes/documents",
    "/collections/notes/delete",
    "/collections/notes/feedback",
]
BODIES = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"3",
    b'"text"',
    b"{}",
    b"\xff\xfe",
    b'{"input": [], "inputs": [], "texts": [], "model": "static", "input_type": "search_query"}',
    b'{"input": [[]], "model": "static"}',
    b'{"input": [1, 2, 3], "model": "static"}',
    b'{"input": {"a": 1}, "inputs": {"a": 1}, "model": ["static"], "query": 5, "documents": 5, "texts": 5}',
    b'{"input": [null], "inputs": [null], "texts": [null], "model": "static"}',
    b'{"input": "\\ud800", "inputs": "\\ud800", "prompt": "\\ud800", "model": "\\ud800", "query": "\\ud800"}',
    b'{"model": "../../etc/passwd", "input": "a", "input_type": "search_query", "texts": ["a"], "prompt": "a"}',
    b'{"input": "a", "model": "static", "dimensions": -1, "output_dimension": 99999999999999999999}',
    b'{"input": "a", "inputs": "a", "model": "static", "dimensions": 1e400}',
    b'{"query": "a", "texts": ["a"], "documents": ["b"], "model": "static"}',
    b"[" * 100_000,
    b'{"a": ' * 2_000 + b"1" + b"}" * 2_000,
]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("guard") / "notes"
    with cd.create(folder, "static() >> flat()") as notes:
        notes.add([{"id": "a", "text": "a red fox"}])
    with served(Catalog([str(folder)]), Keys(write=True)) as url, httpx.Client(base_url=url) as client:
        yield client


def sentence(path: str, found: httpx.Response) -> str:
    """What a refusal says, where the dialect has it."""
    body = found.json()
    if path.startswith(("/v1/rerank", "/v1/context")):
        said = body["detail"]
    elif path.startswith("/v2/"):
        said = body["message"]
    elif path.startswith(("/embed", "/rerank", "/similarity", "/tokenize")):
        said = body["error"]
        assert body["error_type"] in {"Empty", "Validation", "Backend", "Overloaded"}
    elif path.startswith("/api/"):
        said = body["error"]
    else:
        said = body["error"]["message"]
    assert isinstance(said, str)
    return said


@pytest.mark.parametrize("path", ROUTES)
def test_a_body_that_cannot_be_read_is_one_sentence(client: httpx.Client, path: str) -> None:
    for body in BODIES:
        found = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert found.status_code < 500 or found.status_code == 501, (body[:80], found.text)
        if not found.is_success:
            said = sentence(path, found)
            assert said.endswith((".", ">")) and "\n" not in said and len(said) < 500, (body[:80], said)


def test_a_text_that_no_encoding_holds_is_answered(client: httpx.Client) -> None:
    body = {"model": "static", "query": "a", "documents": ["half \ud800 a pair"], "return_documents": True}
    found = client.post("/v1/rerank", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert found.json()["results"][0]["document"] == {"text": "half \ud800 a pair"}


def test_a_body_that_is_no_json_by_its_type_is_refused(client: httpx.Client) -> None:
    # a page elsewhere can send such a body without asking first
    found = client.post("/v1/embeddings", content=b'{"input": "a"}', headers={"Content-Type": "text/plain"})
    assert found.status_code == 415 and "application/json" in found.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/", "/v1/embeddings", "/collections", "/health", "/nothing", "/metrics"])
def test_a_host_that_the_server_is_not_known_by_is_refused(client: httpx.Client, path: str) -> None:
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", ""):
        found = client.get(path, headers={"Host": host})
        assert found.status_code == 421, host
    assert client.get("/health", headers={"Host": "localhost:1234"}).status_code == 200


@pytest.mark.parametrize(
    "heads",
    [
        ("Host: evil.example", "Host: localhost"),
        ("Host: localhost", "Origin: https://evil.example", "Origin: http://localhost"),
    ],
)
def test_headers_that_decide_are_there_once(client: httpx.Client, heads: tuple[str, ...]) -> None:
    request = "\r\n".join(["GET /collections HTTP/1.1", *heads, "Connection: close", "", ""])
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), 10) as raw:
        raw.sendall(request.encode())
        said = b"".join(iter(lambda: raw.recv(65_536), b"")).decode()
    assert said.startswith("HTTP/1.1 400"), said


@pytest.mark.parametrize("path", ROUTES)
def test_pages_of_elsewhere_get_nothing(client: httpx.Client, path: str) -> None:
    for origin in ("https://evil.example", "null", "http://localhost:1", f"http://{client.base_url.host}:1"):
        found = client.post(path, json={"query": "a"}, headers={"Origin": origin})
        assert found.status_code == 403 and "access-control-allow-origin" not in found.headers
    preflight = client.options(
        path, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    )
    assert preflight.status_code == 403


def test_its_own_pages_may_ask(client: httpx.Client) -> None:
    origin = str(client.base_url).rstrip("/")
    assert client.get("/collections", headers={"Origin": origin}).status_code == 200


def test_answers_carry_the_headers_that_browsers_heed(client: httpx.Client) -> None:
    for path in ("/health", "/nothing", "/collections"):
        headers = client.get(path).headers
        assert (
            headers["X-Content-Type-Options"] == "nosniff" and "script-src 'self'" in headers["Content-Security-Policy"]
        )
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin" and headers["X-Frame-Options"] == "DENY"


def test_a_path_of_a_request_reaches_no_file(client: httpx.Client) -> None:
    for name in ("../notes", "..%2Fnotes", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "notes%00"):
        assert client.get(f"/collections/{name}").status_code in (400, 404), name
        assert client.get(f"/static/{name}").status_code in (400, 404), name


def test_large_bodies_are_refused_before_they_are_read() -> None:
    limits = Limits(body=10_000)
    with served(Catalog(["static()"]), limits=limits) as url:
        found = httpx.post(f"{url}/v1/embeddings", json={"model": "static", "input": "a" * 20_000})
        assert found.status_code == 413 and found.json()["error"]["code"] == "body_too_large"

        def pieces() -> Iterator[bytes]:  # without a length at the head
            yield b'{"model": "static", "input": "'
            for _ in range(100):
                yield b"a" * 1000

        streamed = httpx.post(f"{url}/embed", content=pieces(), headers={"Content-Type": "application/json"})
        assert streamed.status_code == 413 and streamed.json()["error_type"] == "Validation"


def test_a_slow_client_is_told_and_others_are_served() -> None:
    with served(Catalog(["static()"]), limits=Limits(seconds=0.3)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 10) as slow:
            slow.sendall(b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n")
            slow.sendall(b"Content-Type: application/json\r\n\r\n{")
            assert httpx.post(f"{url}/v1/embeddings", json={"model": "static", "input": "a"}).status_code == 200
            slow.settimeout(30)
            said = slow.recv(65_536).decode()
        assert said.startswith("HTTP/1.1 408") and "the body was not there" in said


def test_a_head_that_does_not_come_closes_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Protocol, "head_seconds", 0.3)
    with served(Catalog(["hashed(8)"])) as url:
        host, port = url.removeprefix("http://").split(":")
        whole = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for start in (b"", b"GET / HTTP/1.1\r\nHost: loc", whole + b"GET / HTTP/1.1\r\nHo"):
            with socket.create_connection((host, int(port)), 10) as slow:
                slow.sendall(start)
                said = b"".join(iter(lambda raw=slow: raw.recv(65_536), b""))  # type: ignore[misc]
            assert said.startswith(b"HTTP/1.1 200") == start.startswith(whole)


def test_a_client_that_closes_its_side_gets_its_answer(client: httpx.Client) -> None:
    body = b'{"model": "static", "input": "a"}'
    head = f"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), 10) as raw:
        raw.sendall(head.encode() + b"\r\n\r\n" + body)
        raw.shutdown(socket.SHUT_WR)
        said = b"".join(iter(lambda: raw.recv(65_536), b""))
    assert said.startswith(b"HTTP/1.1 200") and b'"embedding"' in said


def test_more_requests_at_once_than_may_be_are_told_to_come_again() -> None:
    with served(Catalog(["hashed(8)"]), limits=Limits(requests=1)) as url:
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 10) as slow:
            slow.sendall(
                b"POST /embed HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
            )
            assert slow.recv(100).startswith(b"HTTP/1.1 100")  # it is under way
            found = httpx.post(f"{url}/embed", json={"inputs": "a"})
            assert found.status_code == 503 and found.json()["error_type"] == "Unhealthy"
            assert found.headers["Retry-After"] == "1"
            assert httpx.get(f"{url}/health").status_code == 200  # it is busy, not ill
        while httpx.post(f"{url}/embed", json={"inputs": "a"}).status_code == 503:
            pass


def test_pages_of_an_origin_that_is_allowed_may_ask_and_read() -> None:
    limits = Limits(origins=frozenset({"https://app.example"}))
    keys = Keys([Key("me", Keys.digest("me"))])
    with served(Catalog(["hashed(8)"]), keys, limits) as url:
        ask = {"Origin": "https://app.example"}
        before = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
        preflight = httpx.options(f"{url}/v1/embeddings", headers=ask | before)
        assert preflight.status_code == 204 and not preflight.content
        assert preflight.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
        found = httpx.get(f"{url}/v1/models", headers=ask | {"X-Api-Key": "me"})
        refused = httpx.get(f"{url}/v1/models", headers=ask)
        for answer, status in ((found, 200), (refused, 401)):
            assert answer.status_code == status and answer.headers["Vary"] == "Origin"
            assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
        for other in ("https://app.example.evil", "http://app.example", "https://APP.example"):
            answer = httpx.options(f"{url}/v1/embeddings", headers={"Origin": other} | before)
            assert answer.status_code == 403 and "access-control-allow-origin" not in answer.headers


def test_head_asks_for_all_that_get_does(client: httpx.Client) -> None:
    for path in ("/health", "/", "/v1/models", "/collections/notes/documents/a"):
        found, whole = client.head(path), client.get(path)
        assert found.status_code == whole.status_code == 200 and not found.content
        assert found.headers["Content-Length"] == str(len(whole.content))
    assert client.head("/nothing").status_code == 404


def test_a_connection_that_closes_half_way_hurts_nobody(client: httpx.Client) -> None:
    address = (client.base_url.host, client.base_url.port or 80)
    for head in (
        b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{",
        b"GET / HT",
        b"\x00\xff\r\n\r\n",
    ):
        with socket.create_connection(address, 10) as half:
            half.sendall(head)
    assert client.get("/health").status_code == 200


def test_callers_that_ask_too_often_are_told_when_to_come_again() -> None:
    keys = Keys([Key("slow", Keys.digest("slow"), rate=1.0), Key("fast", Keys.digest("fast"))])
    with served(Catalog(["static()"]), keys) as url:
        codes = [httpx.get(f"{url}/v1/models", headers={"X-Api-Key": "slow"}).status_code for _ in range(3)]
        assert codes[0] == 200 and 429 in codes
        refused = next(
            r
            for r in (httpx.get(f"{url}/v1/models", headers={"X-Api-Key": "slow"}) for _ in range(5))
            if r.status_code == 429
        )
        assert int(refused.headers["Retry-After"]) >= 1
        assert Refusal(429, "later.", retry_after=1.4).headers["Retry-After"] == "2"  # not before there is room
        assert httpx.get(f"{url}/v1/models", headers={"Authorization": "Bearer fast"}).status_code == 200


def test_a_request_costs_as_many_units_as_it_has_texts_or_searches(tmp_path: Path) -> None:
    with cd.create(tmp_path / "notes", "bm25()") as notes:
        notes.add(["a red fox"])
    asked: list[tuple[str, dict[str, object]]] = [
        ("/v1/embeddings", {"model": "hashed(8)", "input": ["a"] * 100}),
        ("/v2/rerank", {"model": "hashed(8)", "query": "a", "documents": ["b"] * 100}),
        ("/search", {"searches": [{"collection": "notes", "query": "fox"}] * 100}),
        ("/collections/notes/search", {"queries": ["fox"] * 100}),
        ("/collections/notes/documents", {"documents": [f"text {i}" for i in range(100)]}),
    ]
    keys = Keys([Key(path, Keys.digest(path), rate=1.0, write=True) for path, _ in asked])
    with served(Catalog(["hashed(8)", str(tmp_path / "notes")]), keys) as url:
        for path, body in asked:
            head = {"X-Api-Key": path}
            assert httpx.post(f"{url}{path}", json=body, headers=head).status_code == 200, path
            refused = httpx.get(f"{url}/v1/models", headers=head)
            assert refused.status_code == 429 and 90 < int(refused.headers["Retry-After"]) <= 101, path


def test_a_key_sees_neither_models_nor_counts_of_collections_that_it_does_not_see(tmp_path: Path) -> None:
    for name, pipe in (
        ("mine", "hashed(8) >> flat()"),
        ("hidden", "hashed(16) >> flat()"),
        ("both", "hashed(8) >> flat()"),
    ):
        cd.create(tmp_path / name, pipe).close()
    keys = Keys([Key("some", Keys.digest("some"), frozenset({"mine"})), Key("all", Keys.digest("all"))])
    names = ["named=hashed(32)", *(str(tmp_path / name) for name in ("hidden", "both", "mine"))]
    with served(Catalog(names), keys) as url:

        def ask(key: str, path: str, **body: object) -> httpx.Response:
            head = {"X-Api-Key": key}
            return httpx.post(url + path, json=body, headers=head) if body else httpx.get(url + path, headers=head)

        everything, some = (ask(key, "/v1/models").json()["data"] for key in ("all", "some"))
        assert {one["id"] for one in everything} == {"named", "hashed(8)", "hashed(16)"}
        assert {one["id"] for one in some} == {"named", "hashed(8)"}
        assert "16" not in ask("some", "/info").text + ask("some", "/api/tags").text + ask("some", "/collections").text
        assert ask("some", "/v1/embeddings", model="hashed(16)", input="a").status_code == 404
        assert ask("some", "/v1/embeddings", model="hashed(8)", input="a").status_code == 200
        assert ask("some", "/metrics").status_code == 403 and ask("all", "/metrics").status_code == 200


def test_parameters_and_fields_that_there_are_not_are_named(client: httpx.Client) -> None:
    for path in ("/collections", "/collections/notes/count", "/collections/notes/documents/a"):
        found = client.get(path, params={"wehre": "x"})
        assert found.status_code == 400 and "no parameter 'wehre'" in found.json()["error"]["message"], path
    searched = client.post("/collections/notes/search?k=5", json={"query": "fox"})
    assert searched.status_code == 400 and "there are none" in searched.json()["error"]["message"]
    # servers of OpenAI and Voyage refuse such fields, those of TEI, Cohere and Ollama do not
    assert client.post("/v1/embeddings", json={"model": "static", "input": "a", "nope": 1}).status_code == 400
    assert client.post("/embed", json={"inputs": "a", "nope": 1}).status_code == 200


def test_a_key_has_one_rate_whatever_address_its_caller_claims() -> None:
    keys = Keys([Key("slow", Keys.digest("slow"), rate=0.01)])
    with served(Catalog(["static()"]), keys) as url:
        codes = [
            httpx.get(f"{url}/v1/models", headers={"X-Api-Key": "slow", "X-Forwarded-For": f"192.0.2.{i}"}).status_code
            for i in range(3)
        ]
    assert codes == [200, 429, 429]


def test_an_encoder_whose_server_refuses_is_no_fault_of_the_client() -> None:
    # refused before anything is sent, since the variable is not there
    model = "away=cohere('m', base_url='http://127.0.0.1:9', dimensions=4, api_key_env='NOT_THERE_KEY')"
    with served(Catalog([model])) as url:
        found = httpx.post(f"{url}/v1/embeddings", json={"model": "away", "input": "a"})
        by_tei = httpx.post(f"{url}/embed", json={"model": "away", "inputs": "a"})
    assert found.status_code == by_tei.status_code == 502
    assert found.json()["error"]["param"] is None and "asks for a key" in found.json()["error"]["message"]
    assert by_tei.json()["error_type"] == "Backend"


def test_of_many_callers_those_that_asked_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "_CALLERS", 2)
    rates = Rates()
    assert [rates.take(caller, 1, 0.0) for caller in ("a", "b", "c", "c")] == [0, 0, 0, 1]
    assert rates.take("a", 1, 0.0) == 0


def test_a_collection_that_cannot_be_read_is_worth_another_try() -> None:
    refusal = refusal_of(StoreError("the collection is in use."))
    assert refusal is not None and refusal.status == 503 and refusal.headers["Retry-After"] == "1"


def test_hosts_that_are_allowed_are_known() -> None:
    with served(Catalog(["static()"]), limits=Limits(hosts=frozenset({*LOOPBACK, "search.example"}))) as url:
        assert httpx.get(f"{url}/health", headers={"Host": "search.example:443"}).status_code == 200


def test_keys_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from codomain.errors import InputError

    monkeypatch.setenv("ACME_KEY", "secret")
    monkeypatch.setenv("ODD_KEY", "schlüssel")
    file = tmp_path / "keys.toml"
    file.write_text('[[key]]\nname = "acme"\nenv = "ACME_KEY"\ncollections = ["notes"]\nnamespace = "acme"\nrate = 5\n')
    key = Keys.read(file=file).of("secret")
    assert key == Key("acme", Keys.digest("secret"), frozenset({"notes"}), False, "acme", 5)
    for text, words in (
        ("[[key]]\n", "needs env or sha256"),
        ('[[key]]\nenv = "ACME_KEY"\nsha256 = "00"\n', "one of them"),
        ('[[key]]\nsha256 = "zz"\n', "64 hexadecimal digits"),
        ('[[key]]\nenv = "NOT_THERE"\n', "NOT_THERE"),
        ('[[key]]\nenv = "ODD_KEY"\n', "ODD_KEY has characters"),
        ('[[key]]\nenv = "ACME_KEY"\nnope = 1\n', "field 'nope'"),
        ('[[key]]\nenv = "ACME_KEY"\nwrite = "yes"\n', "true or false"),
        ('[[key]]\nenv = "ACME_KEY"\nrate = 0\n', "requests a second"),
        ('[[key]]\nenv = "ACME_KEY"\nrate = nan\n', "requests a second"),
        ('[[key]]\nenv = "ACME_KEY"\nrate = inf\n', "requests a second"),
        ('[[key]]\nenv = "ACME_KEY"\n[[key]]\nname = "b"\nenv = "ACME_KEY"\nwrite = true\n', "one key twice"),
        ('[[key]]\nenv = "ACME_KEY"\ncollections = "notes"\n', "list of names"),
        ("key = 3\n", r"no \[\[key\]\]"),
        ("[[", "not TOML"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=words):
            Keys.read(file=file)


def test_a_document_that_lacks_a_field_is_told_which(client: httpx.Client) -> None:
    for document, said in (
        ({"id": "a"}, "text is missing."),
        ({"text": "a", "year": 2020}, "there is no field 'year' here."),
        (5, "documents.1: input should be"),
    ):
        body = {"documents": ["a text", document]}
        found = client.post("/collections/notes/documents", json=body).json()["error"]
        assert said in found["message"] and found["param"].startswith("documents.1"), found["message"]


def test_an_encoder_and_a_collection_with_it_are_served_in_any_order(tmp_path: Path) -> None:
    with cd.create(tmp_path / "notes", "static() >> flat()"):
        pass
    names = [str(tmp_path / "notes"), "static()", "own=hashed(8)"]
    for order in (names, names[::-1]):
        catalog = Catalog(order)
        assert sorted(catalog.models) == ["own", "static"]
        # named at the start, so that a key of no collection sees it, too
        assert "static" in catalog.seen_by(Key("k", collections=frozenset())).models
        catalog.close()
