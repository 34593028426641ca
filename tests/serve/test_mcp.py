"""The official MCP client, in both eras of the protocol, over HTTP and over standard input and output."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import codomain as cd
from codomain.serve.catalog import Catalog
from codomain.serve.keys import Key, Keys

from .server import served

pytest.importorskip("mcp")
MODES = ["2026-07-28", "legacy", "auto"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mcp") / "notes"
    with cd.create(made, "fuse(static() >> flat(), bm25())") as notes:
        notes.add(
            [
                {
                    "id": "a",
                    "text": "a red fox in the snow",
                    "metadata": {"year": 2020, "url": "https://example.org/fox"},
                },
                {"id": "b/c", "text": "a blue whale", "title": "Whales", "metadata": {"year": 2021}},
            ]
        )
        notes.namespace("acme").add([{"id": "z", "text": "a fox of acme"}])
    return made


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with served(Catalog([str(folder)]), Keys(write=True)) as address:
        yield f"{address}/mcp"


@asynccontextmanager
async def connected(server: Any, mode: str, key: str | None = None) -> AsyncIterator[Any]:
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
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert {"search", "fetch", "search_documents", "list_collections"} <= {*tools}
    assert all(tools[name].annotations.read_only_hint for name in ("search", "fetch", "search_documents"))
    found = await client.call_tool("search", {"query": "fox"})
    assert len(found.content) == 1 and found.content[0].type == "text"
    results = json.loads(found.content[0].text)["results"]
    assert results[0]["id"] == "notes/a" and {*results[0]} == {"id", "title", "url"}
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


@pytest.mark.parametrize("mode", MODES)
def test_over_http(url: str, mode: str) -> None:
    async def run() -> None:
        async with connected(url, mode) as client:
            await conversation(client)

    asyncio.run(run())


@pytest.mark.parametrize("mode", MODES[:2])
def test_over_standard_input_and_output(folder: Path, mode: str) -> None:
    from mcp.client.stdio import StdioServerParameters

    async def run() -> None:
        command = StdioServerParameters(
            command=sys.executable, args=["-m", "codomain", "mcp", str(folder)], env=dict(os.environ)
        )
        async with connected(command, mode) as client:
            await conversation(client)
            assert "add_documents" not in {tool.name for tool in (await client.list_tools()).tools}

    asyncio.run(run())


def test_a_writable_server_takes_documents(tmp_path: Path) -> None:
    with cd.create(tmp_path / "notes", "bm25()") as notes:
        notes.add([{"id": "a", "text": "one"}])

    async def run(url: str) -> None:
        async with connected(url, "auto") as client:
            new = [{"id": "b", "text": "two"}]
            added = await client.call_tool("add_documents", {"collection": "notes", "documents": new})
            assert added.structured_content["counts"]["added"] == 1
            deleted = await client.call_tool("delete_documents", {"collection": "notes", "ids": ["a"]})
            assert deleted.structured_content["counts"] == {"deleted": 1}

    with served(Catalog([str(tmp_path / "notes")]), Keys(write=True)) as url:
        asyncio.run(run(f"{url}/mcp"))
    with cd.open(tmp_path / "notes") as notes:
        assert notes.ids() == ["b"]


def test_a_key_sees_its_namespace_and_may_not_write(folder: Path) -> None:
    keys = Keys([Key("acme", Keys.digest("acme"), namespace="acme"), Key("all", Keys.digest("all"), write=True)])

    async def run(url: str) -> None:
        async with connected(url, "auto", "acme") as client:
            found = json.loads((await client.call_tool("search", {"query": "fox"})).content[0].text)
            assert [one["id"] for one in found["results"]] == ["notes/z"]
            assert (await client.call_tool("fetch", {"id": "notes/a"})).is_error
            refused = await client.call_tool("delete_documents", {"collection": "notes", "ids": ["z"]})
            assert refused.is_error and "read only" in refused.content[0].text

    with served(Catalog([str(folder)]), keys) as url:
        asyncio.run(run(f"{url}/mcp"))


def test_foreign_hosts_and_origins_reach_no_tool(url: str) -> None:
    import httpx

    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    head = {"Accept": "application/json, text/event-stream"}
    assert httpx.post(url, json=body, headers=head | {"Host": "evil.example"}).status_code == 421
    assert httpx.post(url, json=body, headers=head | {"Origin": "https://evil.example"}).status_code == 403
