"""The official MCP client over standard input and output, writing, and what keys see; see conformance.py for the rest."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import codomain as cd
from codomain.serve.catalog import Catalog
from codomain.serve.keys import Key, Keys

from .conformance import DOCUMENTS, connected, conversation
from .server import served

pytest.importorskip("mcp")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mcp") / "notes"
    with cd.create(made, "fuse(static() >> flat(), bm25())") as notes:
        notes.add(DOCUMENTS)
        notes.namespace("acme").add([{"id": "z", "text": "a fox of acme"}])
    return made


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    with served(Catalog([str(folder)]), Keys(write=True)) as address:
        yield f"{address}/mcp"


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
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
            for tool, given in (
                ("delete_documents", {"collection": "notes", "ids": ["z"]}),
                ("add_documents", {"collection": "notes", "documents": [{"text": "x"}]}),
            ):
                refused = await client.call_tool(tool, given)
                assert refused.is_error and "read only" in refused.content[0].text
            assert (
                await client.call_tool("similar_documents", {"collection": "notes", "id": DOCUMENTS[0]["id"]})
            ).is_error
            similar = await client.call_tool("similar_documents", {"collection": "notes", "id": "z"})
            assert not similar.structured_content["hits"]
            listed = (await client.call_tool("list_documents", {"collection": "notes"})).structured_content
            assert [one["id"] for one in listed["documents"]] == ["z"]
            field = next(iter(DOCUMENTS[0]["metadata"]))
            values = await client.call_tool("count_values", {"collection": "notes", "field": field})
            assert values.structured_content == {"values": []}
            named = (await client.call_tool("list_collections", {})).structured_content
            assert named == {"collections": [{"name": "notes", "documents": 1}]}

    with served(Catalog([str(folder)]), keys) as url:
        asyncio.run(run(f"{url}/mcp"))


def test_foreign_hosts_and_origins_reach_no_tool(url: str) -> None:
    import httpx

    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    head = {"Accept": "application/json, text/event-stream"}
    assert httpx.post(url, json=body, headers=head | {"Host": "evil.example"}).status_code == 421
    assert httpx.post(url, json=body, headers=head | {"Origin": "https://evil.example"}).status_code == 403
