"""No answer tells a path or an address of this machine, and what is told instead is understood again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import codomain as cd
from codomain.maps.packing import unpacked
from codomain.serve.about.places import Places, told
from codomain.serve.catalog import Catalog
from codomain.serve.keys import Keys
from codomain.store.sources.file_sync import index_files

from .conformance import connected
from .server import served

FILES = {"a.txt": "a red fox", "old/b.txt": "a blue whale", "old/c.txt": "a grey wolf"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / "papers" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "papers" / name).write_text(text)
    with cd.create(tmp_path / "notes", "fuse(static() >> flat(), bm25())") as notes:
        index_files(notes, [tmp_path / "papers"])
        notes.add([{"id": "/wiki/Fox", "text": "an id that is no file"}])
    return tmp_path / "notes"


@pytest.fixture
def client(folder: Path) -> Iterator[httpx.Client]:
    with served(Catalog([str(folder)]), Keys(write=True)) as url, httpx.Client(base_url=url) as client:
        yield client


def test_ids_and_sources_are_told_below_the_folder_and_understood_everywhere(
    client: httpx.Client, folder: Path
) -> None:
    seen: list[str] = []

    def ask(method: str, path: str, **given: Any) -> Any:
        found = client.request(method, path, **given)
        seen.append(found.text)
        return found.json()

    base = "/collections/notes"
    hit = ask("POST", f"{base}/search", json={"query": "whale", "explain": True})["hits"][0]
    assert (hit["id"], hit["source"]) == ("old/b.txt", "old/b.txt")
    listed = ask("GET", f"{base}/documents")["documents"]
    assert {one["id"] for one in listed} == {*FILES, "/wiki/Fox"}
    for id in FILES:
        assert ask("GET", f"{base}/documents/{id}")["text"] == FILES[id]
        assert ask("GET", f"{base}/document", params={"id": id})["id"] == id
        assert len(ask("GET", f"{base}/chunks", params={"id": id})["chunks"]) == 1
        assert [
            one["id"] for one in ask("GET", f"{base}/documents", params={"where": f"_id = '{id}'"})["documents"]
        ] == [id]
        assert ask("GET", f"{base}/count", params={"where": f"not _source in ['{id}', 'x']"}) == {"count": 3}
    drawn = unpacked(client.get(f"{base}/map").content)
    assert {*drawn["ids"]} == {*FILES, "/wiki/Fox"} and str(folder.parent) not in str(drawn)
    assert ask("GET", f"{base}/documents/wiki/Fox")["error"]["code"] == "document_not_found"
    assert ask("GET", f"{base}/document", params={"id": "/wiki/Fox"})["text"] == "an id that is no file"
    assert ask("POST", f"{base}/search", json={"like": ["a.txt"], "k": 1})["hits"]
    assert ask("POST", f"{base}/search", json={"like": {"a.txt": 1.0, "old/b.txt": -0.5}, "k": 1})["hits"]
    sources = ask("GET", f"{base}/facets", params={"field": "_source"})["values"]
    assert {one["value"] for one in sources} - {None} == {*FILES}
    assert ask("PATCH", f"{base}/documents/a.txt", json={"metadata": {"year": 1}}) == {"updated": 1}
    assert ask("POST", f"{base}/feedback", json={"query": "sea", "good": ["old/b.txt"]})["entries"]
    ask("POST", f"{base}/feedback", json={"query": "sea", "good": ["nobody"]})
    assert ask("POST", f"{base}/documents", json={"documents": [{"id": "a.txt", "text": "another"}]})["updated"] == 1
    assert ask("DELETE", f"{base}/documents/old/b.txt") == {"deleted": 1}
    assert ask("POST", f"{base}/delete", json={"ids": ["old/c.txt"]}) == {"deleted": 1}
    ask("GET", base)
    ask("GET", "/info")
    with cd.open(folder) as notes:
        whole = str(folder.parent / "papers" / "a.txt")
        assert notes.get(whole)["text"] == "another" and {*notes.ids()} == {whole, "/wiki/Fox"}
        assert ask("GET", f"{base}/document", params={"id": whole})["id"] == "a.txt"  # an id of before stays valid
    assert str(folder.parent) not in "".join(seen)


def test_tools_tell_and_take_the_same_ids(client: httpx.Client, folder: Path) -> None:
    pytest.importorskip("mcp")

    async def run() -> None:
        async with connected(f"{client.base_url}/mcp", "2026-07-28") as tools:

            async def call(tool: str, **arguments: Any) -> str:
                found = str(await tools.call_tool(tool, arguments))
                assert str(folder.parent) not in found and "is_error=False" in found, found
                return found

            assert "notes/old/b.txt" in await call("search", query="whale")
            assert "a blue whale" in await call("fetch", id="notes/old/b.txt")
            assert "'id': 'a.txt'" in await call("search_documents", collection="notes", query="fox")
            assert "old/b.txt" in await call("similar_documents", collection="notes", id="a.txt", k=4)
            assert "a red fox" in await call("list_documents", collection="notes", where="_id = 'a.txt'")
            assert "old/c.txt" in await call("count_values", collection="notes", field="_source")
            assert "'deleted': 1" in await call("delete_documents", collection="notes", ids=["a.txt"])

    asyncio.run(run())


def test_files_without_a_folder_of_their_own_are_told_by_the_shortest_end() -> None:
    paths = ["/home/ann/notes/a.txt", "/home/ann/notes/b.txt", "/srv/old/a.txt", "/srv/new/c.txt"]
    places = Places(paths)
    shown = [places.source(path) for path in paths]
    assert shown == ["notes/a.txt", "b.txt", "old/a.txt", "c.txt"]
    assert places.meant([str(one) for one in shown], {*paths}) == paths
    assert places.source("https://example.org/x") == "https://example.org/x" and places.source("/etc/other") == "other"


def test_an_id_stays_valid_when_the_files_share_another_folder() -> None:
    first = Places(["/srv/docs/old/a.txt"])
    id = first.id("/srv/docs/old/a.txt", "/srv/docs/old/a.txt")
    later = Places(["/srv/docs/old/a.txt", "/srv/docs/b.txt"])
    assert id == "a.txt" and later.meant([id], {"/srv/docs/old/a.txt"}) == ["/srv/docs/old/a.txt"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("tei('m', base_url='http://10.1.2.3:80', dimensions=8)", "tei('m', dimensions=8)"),
        ("openai(base_url='http://u/v1')", "openai()"),
        ("fuse(static('/srv/m') >> flat(), bm25())", "fuse(static('m') >> flat(), bm25())"),
        ("st('org/name') >> flat()", "st('org/name') >> flat()"),
        ("onnx('C:/models/e5')", "onnx('e5')"),
        ("static('../x/y')", "static('y')"),
    ],
)
def test_expressions_have_neither_addresses_nor_paths(expression: str, expected: str) -> None:
    assert told(expression) == expected


def test_a_search_that_takes_too_long_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    asked, going = threading.Event(), threading.Event()

    def slow(*_: Any, **__: Any) -> Any:
        asked.set()
        going.wait(60)
        return []

    with served(Catalog([str(folder)], seconds=0.05)) as url, httpx.Client(base_url=url) as client:
        with monkeypatch.context() as patched:
            patched.setattr(cd.Collection, "search", slow)
            found = client.post("/collections/notes/search", json={"query": "fox"})
            assert asked.is_set() and found.status_code == 504
            assert "no answer after 0.05 s" in found.json()["error"]["message"]
            going.set()
        while client.get("/collections/notes/count").status_code == 504:  # the thread gives its connection back
            pass
        assert json.loads(client.get("/collections/notes/count").text) == {"count": 4}


def test_each_namespace_is_told_below_its_own_folder_and_follows_what_is_added(folder: Path, tmp_path: Path) -> None:
    for name in ("first/x.txt", "second/deep/y.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a red fox")
    with cd.open(folder) as notes:
        index_files(notes.namespace("one"), [tmp_path / "first"])
        index_files(notes.namespace("two"), [tmp_path / "second" / "deep"])
    with served(Catalog([str(folder)]), Keys(write=True)) as url, httpx.Client(base_url=url) as client:

        def sources(namespace: str) -> list[str]:
            found = client.get("/collections/notes/documents", params={"namespace": namespace})
            assert str(tmp_path) not in found.text
            return sorted(one["source"] for one in found.json()["documents"])

        assert sources("one") == ["x.txt"] and sources("two") == ["y.txt"]
        (tmp_path / "second" / "z.txt").write_text("a blue whale")
        with cd.open(folder) as notes:
            index_files(notes.namespace("two"), [tmp_path / "second"])
        assert sources("two") == ["deep/y.txt", "z.txt"] and sources("one") == ["x.txt"]
