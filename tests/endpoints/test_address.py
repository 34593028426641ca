"""Addresses of servers: one spelling, nothing secret inside."""

from __future__ import annotations

import pytest

from codomain.endpoints.address import parse, proxy_for
from codomain.endpoints.service import service


@pytest.mark.parametrize(
    ("url", "one"),
    [
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("HTTP://LocalHost:8000", "http://localhost:8000"),
        ("https://x.example:443/a%20b/", "https://x.example/a%20b"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://bücher.example/v1", "http://xn--bcher-kva.example/v1"),
    ],
)
def test_an_address_has_one_spelling(url: str, one: str) -> None:
    assert str(parse(url)) == one == str(parse(one))


@pytest.mark.parametrize(
    "url",
    ["", "localhost:8000", "ftp://x/", "http://", "http://x:port/", "http://x:99999/", "http://a b/", "file:///etc/passwd", "http://x/\n", None, 7],
)  # fmt: skip
def test_what_is_no_address_is_said(url: object) -> None:
    with pytest.raises(ValueError, match="needs base_url to be an address"):
        parse(url)  # type: ignore[arg-type]


def test_an_address_holds_no_secret() -> None:
    with pytest.raises(ValueError, match="without a password") as refused:
        parse("https://me:secret@x.example/v1")
    assert "secret" not in str(refused.value)
    with pytest.raises(ValueError, match=r"without '\?' and '#'"):
        parse("https://x.example/v1?key=1")


def test_this_machine_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("https_proxy", "socks5://proxy.example:1080")
    monkeypatch.setenv("no_proxy", "")
    assert [proxy_for(parse(f"http://{host}/")) for host in ("localhost", "127.0.0.1", "[::1]")] == [None] * 3
    found = proxy_for(parse("http://models.example/"))
    assert found is not None and (found.host, found.port) == ("proxy.example", 3128)
    with pytest.raises(ValueError, match="is no http address"):
        proxy_for(parse("https://models.example/"))


def test_which_server_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "192.168.1.7:11434")
    assert str(service("ollama").address) == "http://192.168.1.7:11434"
    with pytest.raises(ValueError, match="needs base_url, the address of your server"):
        service("tei")
    with pytest.raises(ValueError, match="the name of an environment variable, not a key"):
        service("openai", api_key_env="sk-proj-123")
