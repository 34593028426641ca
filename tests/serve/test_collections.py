"""codomain's own routes: search and documents of collections, what keys see, what is refused."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import codomain as cd
from codomain.serve.catalog import Catalog
from codomain.serve.keys import Key, Keys

from .server import served

DOCUMENTS = [
    {"id": "a", "text": "a red fox", "metadata": {"year": 2020, "tags": ["animal", "red"]}},
    {"id": "b", "text": "a blue whale", "title": "Whales", "metadata": {"year": 2021, "tags": ["animal"]}},
    {"id": "c/d", "text": "red wine from Porto", "metadata": {"year": 2022}},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with cd.create(tmp_path / "notes", "fuse(static() >> flat(), bm25())") as notes:
        notes.add(DOCUMENTS)
        notes.namespace("acme").add([{"id": "z", "text": "a secret fox of acme"}])
    return tmp_path / "notes"


@pytest.fixture
def client(folder: Path) -> Iterator[httpx.Client]:
    with served(Catalog([str(folder)]), Keys(write=True)) as url, httpx.Client(base_url=url) as client:
        yield client


def test_a_search_finds_what_the_collection_finds(client: httpx.Client, folder: Path) -> None:
    with cd.open(folder) as notes:
        expected = notes.search("fox", 2, where="year < 2022", context=5)
    found = client.post(
        "/collections/notes/search",
        json={"query": "fox", "k": 2, "where": "year < 2022", "context": 5, "explain": True},
    ).json()
    assert [(hit["id"], hit["score"], hit["text"]) for hit in found["hits"]] == [
        (hit.id, hit.score, hit.text) for hit in expected
    ]
    assert found["hits"][0]["branches"]["bm25()"]["rank"] == 1 and found["explain"]
    assert found["hits"][0]["metadata"] == DOCUMENTS[0]["metadata"]


def test_other_kinds_of_queries(client: httpx.Client, folder: Path) -> None:
    vector = cd.pipeline("static()").encode(["a blue whale"], queries=True)[0]
    by_vector = client.post("/collections/notes/search", json={"vector": [float(x) for x in vector], "k": 1}).json()
    assert [hit["id"] for hit in by_vector["hits"]] == ["b"]
    like = client.post("/collections/notes/search", json={"like": {"a": 1.0, "b": -0.5}, "k": 2}).json()
    with cd.open(folder) as notes:
        assert [hit["id"] for hit in like["hits"]] == [hit.id for hit in notes.search(like={"a": 1.0, "b": -0.5}, k=2)]
    several = client.post("/collections/notes/search", json={"queries": ["fox", "whale"], "k": 1}).json()
    assert [[hit["id"] for hit in hits] for hits in several["answers"]] == [["a"], ["b"]]
    both = client.post(
        "/search",
        json={
            "searches": [{"collection": "notes", "query": "fox", "k": 1}, {"collection": "notes", "like": "b", "k": 1}]
        },
    ).json()
    assert [one["collection"] for one in both["answers"]] == ["notes", "notes"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "one of query"),
        ({"query": "a", "like": "b"}, "query and like"),
        ({"query": "a", "k": 0}, "k:"),
        ({"query": "a", "nope": 1}, "there is no field 'nope'"),
        ({"query": "a", "where": "year >"}, "the filter needs a value"),
        ({"like": "nobody"}, "nobody"),
        ({"vector": [1.0, 2.0]}, "384"),
    ],
)
def test_searches_that_are_refused(client: httpx.Client, body: dict[str, Any], words: str) -> None:
    found = client.post(
        "/collections/notes/search", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert found.status_code == 400 and words in found.json()["error"]["message"]


def test_no_number_is_a_vector_of_nan(client: httpx.Client) -> None:
    found = client.post(
        "/collections/notes/search",
        content='{"vector": [' + ", ".join(["NaN"] * 384) + "]}",
        headers={"Content-Type": "application/json"},
    )
    assert found.status_code == 400 and found.json()["error"]["message"]


def test_documents_come_and_go(client: httpx.Client, folder: Path) -> None:
    found = client.post(
        "/collections/notes/documents", json={"documents": [{"id": "e", "text": "an owl"}, "a text alone"]}
    )
    assert found.json()["added"] == 2
    assert client.get("/collections/notes/count").json() == {"count": 5}
    assert client.get("/collections/notes/documents/e").json()["text"] == "an owl"
    assert client.get("/collections/notes/documents/c/d", params={"vector": True}).json()["vector"][0] != 0
    changed = client.patch("/collections/notes/documents/e", json={"metadata": {"year": 1}, "title": "Owls"})
    assert changed.json() == {"updated": 1}
    listed = client.get("/collections/notes/documents", params={"where": "year = 1"}).json()["documents"]
    assert [(one["id"], one["title"], one["text"]) for one in listed] == [("e", "Owls", "an owl")]
    assert client.delete("/collections/notes/documents/e").json() == {"deleted": 1}
    assert client.get("/collections/notes/documents/e").status_code == 404
    assert client.patch("/collections/notes/documents/e", json={"title": "x"}).status_code == 404
    assert client.post("/collections/notes/delete", json={"where": "year = 2020"}).json() == {"deleted": 1}
    with cd.open(folder) as notes:
        assert {one["id"] for one in notes} >= {"b", "c/d"} and notes.get("a") is None


def test_facets_and_lists(client: httpx.Client) -> None:
    found = client.get("/collections/notes/facets", params={"field": "tags"}).json()
    assert found["values"] == [{"value": "animal", "count": 2}, {"value": "red", "count": 1}]
    newest = client.get("/collections/notes/documents", params={"sort": "-year", "limit": 1, "offset": 1}).json()
    assert [one["id"] for one in newest["documents"]] == ["b"]


def test_feedback_moves_what_is_found(client: httpx.Client, folder: Path) -> None:
    entries = client.post("/collections/notes/feedback", json={"query": "a drink", "good": ["c/d"]}).json()["entries"]
    with cd.open(folder) as notes:
        assert [one["id"] for one in notes.feedback_journal() if one["entry"] in entries] == ["c/d"]


def test_a_sentence_does_not_tell_where_the_collection_is(client: httpx.Client, folder: Path) -> None:
    told = client.post("/collections/notes/feedback", json={"query": "a drink", "good": ["nobody"]})
    assert told.status_code == 400 and "'nobody' in notes" in told.text
    by_like = client.post("/collections/notes/search", json={"like": "nobody"})
    assert str(folder) not in told.text + by_like.text


def test_progress_of_an_add_is_sent_as_events(client: httpx.Client) -> None:
    documents = [{"id": f"n{i}", "text": f"number {i}"} for i in range(3000)]
    with client.stream(
        "POST", "/collections/notes/documents", json={"documents": documents}, headers={"Accept": "text/event-stream"}
    ) as answer:
        events = [block.split("\n") for block in answer.read().decode().strip().split("\n\n")]
    assert [event[0] for event in events][-1] == "event: done" and len(events) > 2
    assert json.loads(events[-1][1].removeprefix("data: "))["added"] == 3000


def test_what_another_process_writes_is_found_by_the_next_search(client: httpx.Client, folder: Path) -> None:
    assert not client.get("/collections/notes/documents/new").is_success
    with cd.open(folder) as notes:
        notes.add([{"id": "new", "text": "a heron from elsewhere"}])
    found = client.post("/collections/notes/search", json={"query": "heron", "k": 1}).json()
    assert [hit["id"] for hit in found["hits"]] == ["new"]


def test_searches_go_on_while_documents_are_added(client: httpx.Client) -> None:
    documents = [{"id": f"n{i}", "text": f"number {i} of many " * 20} for i in range(4000)]
    done = threading.Event()

    def add() -> None:
        client.post("/collections/notes/documents", json={"documents": documents}, timeout=120).raise_for_status()
        done.set()

    thread = threading.Thread(target=add)
    thread.start()
    answered = 0
    while not done.is_set():
        assert client.post("/collections/notes/search", json={"query": "fox", "k": 1}).json()["hits"][0]["id"] == "a"
        answered += 1
    thread.join()
    assert answered > 1
    assert client.get("/collections/notes/count").json() == {"count": 4003}


def test_no_route_leads_a_key_out_of_its_namespace_or_its_collections(folder: Path, tmp_path: Path) -> None:
    with cd.create(tmp_path / "other", "bm25()") as other:
        other.add([{"id": "o", "text": "another fox", "metadata": {"year": 1}}])
    key = Key("acme", Keys.digest("acme"), frozenset({"notes"}), write=True, namespace="acme")
    with (
        served(Catalog([str(folder), str(tmp_path / "other")]), Keys([key])) as url,
        httpx.Client(base_url=url, headers={"X-Api-Key": "acme"}) as client,
    ):

        def get(path: str, **params: Any) -> Any:
            return client.get(f"/collections/notes/{path}", params=params).json()

        assert [one["id"] for one in get("documents")["documents"]] == ["z"] and get("count") == {"count": 1}
        assert get("fields") == {"fields": []} and get("facets", field="year")["values"] == []
        assert (
            "there is no document 'a'" in get("chunks", id="a")["error"]["message"]
            and len(get("chunks", id="z")["chunks"]) == 1
        )
        assert client.get("/collections/notes/document", params={"id": "a"}).status_code == 404
        assert client.post("/collections/notes/search", json={"like": "a"}).status_code == 400

        # what it writes stays inside, too
        documents = "/collections/notes/documents"
        assert client.patch(f"{documents}/a", json={"title": "x"}).status_code == 404
        assert client.delete(f"{documents}/a").json() == {"deleted": 0}
        assert client.post("/collections/notes/delete", json={"ids": ["a", "b"]}).json() == {"deleted": 0}
        assert client.post("/collections/notes/delete", json={"where": "year > 0"}).json() == {"deleted": 0}
        assert client.post("/collections/notes/feedback", json={"query": "fox", "bad": ["a"]}).status_code == 400
        assert client.post(documents, json={"documents": [{"id": "a", "text": "mine"}]}).json()["added"] == 1
        events = client.post(documents, json={"documents": ["more"]}, headers={"Accept": "text/event-stream"})
        assert '"added": 1' in events.text and get("count") == {"count": 3}

        # another namespace, or another collection, by name
        for path in (
            "documents",
            "count",
            "fields",
            "facets?field=year",
            "chunks?id=a",
            "document?id=a",
            "documents/a",
        ):
            joint = "&" if "?" in path else "?"
            assert client.get(f"/collections/notes/{path}{joint}namespace=beta").status_code == 403, path
            assert client.get(f"/collections/other/{path}").status_code == 404, path
        assert client.delete(f"{documents}/a?namespace=beta").status_code == 403
        assert client.delete("/collections/other/documents/o").status_code == 404
        assert client.patch(f"{documents}/a", json={"namespace": "beta"}).status_code == 403
        assert client.patch("/collections/other/documents/o", json={"title": "x"}).status_code == 404
        for path, body in (
            ("documents", {"documents": ["x"]}),
            ("delete", {"ids": ["o"]}),
            ("feedback", {"query": "fox", "bad": ["o"]}),
            ("search", {"query": "fox"}),
        ):
            assert client.post(f"/collections/notes/{path}", json=body | {"namespace": "beta"}).status_code == 403
            assert client.post(f"/collections/other/{path}", json=body).status_code == 404
        several = {"searches": [{"collection": "other", "query": "fox"}]}
        assert client.post("/search", json=several).status_code == 404
        assert client.get("/collections/other").status_code == 404
    with cd.open(folder) as notes, cd.open(tmp_path / "other") as other:
        assert notes.get("a")["text"] == "a red fox" and len(notes) == 3 and len(other) == 1


def test_a_busy_collection_leaves_threads_to_the_others(folder: Path, tmp_path: Path) -> None:
    with cd.create(tmp_path / "other", "bm25()") as other:
        other.add(["another fox"])

    async def run() -> None:
        catalog, go = Catalog([str(folder), str(tmp_path / "other")], threads=4), threading.Event()
        slow = [asyncio.create_task(catalog.collections["notes"].read(lambda c: go.wait(30))) for _ in range(8)]
        await asyncio.sleep(0)
        try:
            assert await asyncio.wait_for(catalog.collections["other"].read(lambda c: c.count()), 10) == 1
        finally:
            go.set()
        assert all(await asyncio.gather(*slow))
        catalog.close()

    asyncio.run(run())


def test_a_key_sees_its_collections_and_its_namespace_alone(folder: Path, tmp_path: Path) -> None:
    with cd.create(tmp_path / "other", "bm25()") as other:
        other.add(["another fox"])
    keys = Keys(
        [
            Key("all", Keys.digest("all"), write=True),
            Key("acme", Keys.digest("acme"), frozenset({"notes"}), namespace="acme"),
        ]
    )
    with served(Catalog([str(folder), str(tmp_path / "other")]), keys) as url:

        def ask(key: str, method: str, path: str, **body: Any) -> httpx.Response:
            return httpx.request(method, url + path, headers={"Authorization": f"Bearer {key}"}, **body)

        assert [one["name"] for one in ask("all", "GET", "/collections").json()["collections"]] == ["notes", "other"]
        assert ask("acme", "GET", "/collections").json()["collections"] == [
            {"name": "notes", "documents": 1, "pipeline": "fuse(static() >> flat(), bm25())"}
        ]
        hidden = ask("acme", "POST", "/collections/other/search", json={"query": "fox"})
        assert hidden.status_code == 404
        own = ask("acme", "POST", "/collections/notes/search", json={"query": "fox"}).json()
        assert [hit["id"] for hit in own["hits"]] == ["z"]
        told = ask("acme", "POST", "/collections/notes/search", json={"query": "fox", "explain": True}).json()
        assert told["hits"][0]["branches"] and "explain" not in told  # which counts the rows of all namespaces
        assert ask("acme", "GET", "/collections/notes/documents/a").status_code == 404
        assert ask("acme", "GET", "/collections/notes").json()["documents"] == 1
        for namespace in ("", "other"):
            asked = ask("acme", "POST", "/collections/notes/search", json={"query": "fox", "namespace": namespace})
            assert asked.status_code == 403
        for method, path, body in (
            ("POST", "/collections/notes/documents", {"documents": ["x"]}),
            ("PATCH", "/collections/notes/documents/z", {"title": "x"}),
            ("DELETE", "/collections/notes/documents/z", None),
            ("POST", "/collections/notes/delete", {"ids": ["z"]}),
            ("POST", "/collections/notes/feedback", {"query": "fox", "bad": ["z"]}),
        ):
            assert ask("acme", method, path, json=body).status_code == 403
        assert httpx.get(f"{url}/collections").status_code == 401
        assert ask("wrong", "GET", "/collections").status_code == 401
        assert httpx.get(f"{url}/health").status_code == 200


def test_only_query_may_follow_the_name_of_a_model(client: httpx.Client) -> None:
    for name, status in (("static", 200), ("static()", 200), ("static:query", 200), ("static:qurey", 404)):
        assert client.post("/v1/embeddings", json={"model": name, "input": "a fox"}).status_code == status, name
