"""A server for each test, a cache of its own, and clocks that nobody waits for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.endpoints.server import Server, serving

from codomain.endpoints.client import Client, Timing
from codomain.endpoints.service import service

KEYS = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "CO_API_KEY",
    "CO_API_URL",
    "VOYAGE_API_KEY",
    "OLLAMA_HOST",
    "JINA_API_KEY",
)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CODOMAIN_CACHE", str(tmp_path / "cache"))
    for name in (*KEYS, "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.time = 1_000.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds

    @property
    def timing(self) -> Timing:
        return Timing(self.sleep, lambda: self.time, lambda: self.time, lambda: 1.0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


PATHS = {"openai": "/v1", "voyage": "/v1", "jina": "/v1"}


def client_of(server: Server, clock: Clock, dialect: str = "openai", key_env: str | None = None, **more) -> Client:
    found = service(dialect, server.url + PATHS.get(dialect, ""), key_env)
    return Client(found.dialect, found.address, found.key_env, timing=clock.timing, **{"timeout": 5.0, **more})
