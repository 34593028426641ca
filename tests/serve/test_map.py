"""The map of a served collection: who may see it, when it is drawn again, and its page in a browser."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import codomain as cd
from codomain.maps.packing import unpacked
from codomain.serve.catalog import Catalog
from codomain.serve.keys import Key, Keys
from codomain.serve.page import map as page_map

from .server import served

CHROMIUM = shutil.which("chromium")
SUBJECTS = ("a red fox in the forest", "white wine from a cellar")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("served")
    with cd.create(folder / "notes", "static() >> flat()") as notes:
        notes.add([{"id": f"d{i}", "text": f"{SUBJECTS[i % 2]}, number {i}", "metadata": {"kind": "ab"[i % 2]}} for i in range(40)])  # fmt: skip
        notes.namespace("other").add(["an engine", "a ship"])
    with cd.create(folder / "words", "bm25()") as words:
        words.add(["a fox"])
    return [str(folder / "notes"), str(folder / "words")]


@pytest.fixture(scope="module")
def url(catalog: list[str]) -> Iterator[str]:
    with served(Catalog(catalog), Keys(write=True)) as address:
        yield address


def test_a_map_follows_its_collection(url: str) -> None:
    def ids() -> set[str]:
        answer = httpx.get(f"{url}/collections/notes/map")
        assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
        return set(unpacked(answer.content)["ids"])

    first = ids()
    assert first == {f"d{i}" for i in range(40)}
    httpx.post(f"{url}/collections/notes/documents", json={"documents": [{"id": "new", "text": "a blue whale"}]})
    assert ids() == {*first, "new"}
    httpx.patch(f"{url}/collections/notes/documents/new", json={"metadata": {"kind": "c"}})
    assert "c" in unpacked(httpx.get(f"{url}/collections/notes/map").content)["fields"][0]["values"]
    httpx.delete(f"{url}/collections/notes/documents/new")
    assert ids() == first
    other = unpacked(httpx.get(f"{url}/collections/notes/map", params={"namespace": "other"}).content)
    assert other["documents"] == 2 and other["title"] == "notes / other"


def test_a_map_that_takes_longer_than_a_search_may_is_drawn_once_and_kept(
    catalog: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, going, draw = [], threading.Event(), page_map._drawn

    def slow(*arguments: Any) -> bytes:
        begun.append(arguments)
        assert going.wait(60)
        return draw(*arguments)

    monkeypatch.setattr(page_map, "_drawn", slow)
    with served(Catalog(catalog, seconds=0.1)) as url:
        for _ in range(6):  # more than readers: a search still finds one
            answer = httpx.get(f"{url}/collections/notes/map")
            assert answer.status_code == 503 and answer.headers["retry-after"] == "5"
            assert answer.json()["error"]["message"] == "the map of notes is still being drawn: ask again."
        while httpx.get(f"{url}/collections/notes/count").status_code != 200:
            pass
        assert len(begun) == 1
        going.set()
        while (answer := httpx.get(f"{url}/collections/notes/map")).status_code == 503:
            pass
        assert len(unpacked(answer.content)["ids"]) == 40 and len(begun) == 1


def test_a_map_that_was_drawn_waits_for_no_other(catalog: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    going, draw = threading.Event(), page_map._drawn
    with served(Catalog(catalog, seconds=60)) as url:
        first = httpx.get(f"{url}/collections/notes/map").content
        began = threading.Event()

        def slow(*arguments: Any) -> bytes:
            began.set()
            assert going.wait(60)
            return draw(*arguments)

        monkeypatch.setattr(page_map, "_drawn", slow)
        other = threading.Thread(
            target=httpx.get, args=(f"{url}/collections/notes/map?namespace=other",), kwargs={"timeout": 60}
        )
        other.start()
        assert began.wait(60) and httpx.get(f"{url}/collections/notes/map", timeout=60).content == first
        going.set()
        other.join(60)


def test_what_has_no_vectors_has_no_map_and_the_sentence_names_no_folder(url: str, catalog: list[str]) -> None:
    answer = httpx.get(f"{url}/collections/words/map")
    assert answer.status_code == 400 and "no encoder of dense vectors" in answer.json()["error"]["message"]
    assert httpx.get(f"{url}/collections/nothing/map").status_code == 404
    empty = httpx.get(f"{url}/collections/notes/map", params={"namespace": "none"})
    assert empty.status_code == 400 and str(Path(catalog[0]).parent) not in empty.text


def test_a_key_sees_the_maps_of_its_collections_and_its_namespace(catalog: list[str]) -> None:
    mine = Key("mine", Keys.digest("mine"), collections=frozenset({"notes"}), namespace="other")
    theirs = Key("theirs", Keys.digest("theirs"), collections=frozenset({"words"}))

    with served(Catalog(catalog), Keys([mine, theirs])) as address:

        def asked(key: str | None, **params: str) -> httpx.Response:
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            return httpx.get(f"{address}/collections/notes/map", headers=headers, params=params)

        assert asked(None).status_code == 401 and asked("theirs").status_code == 404
        assert unpacked(asked("mine").content)["documents"] == 2
        assert asked("mine", namespace="").status_code == 403
        for name in ("map.html", "map.css", "data.js"):  # they hold nothing
            assert httpx.get(f"{address}/static/map/{name}").status_code == 200
        assert httpx.get(f"{address}/static/map/..%2fpage.py").status_code == 404


def test_the_map_of_a_collection_opens_from_the_page_and_searches_by_meaning(url: str) -> None:
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium here (Debian: apt-get install chromium)")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page: Any = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("request", lambda asked: None if asked.url.startswith((url, "data:")) else complaints.append(asked.url))
        page.goto(url)
        page.wait_for_selector("#filters fieldset")
        page.click("#map")
        page.wait_for_selector("body[data-ready]", state="attached")
        assert page.locator("#title").inner_text() == "notes"
        page.fill("#query", "vineyard")
        page.keyboard.press("Enter")
        page.wait_for_selector("#results button")
        page.locator("#results button").first.click()
        page.wait_for_selector("#card a:text-is('More like it')")
        assert "wine" in page.locator("#card .text").inner_text()
        page.click("#card a:text-is('More like it')")
        page.wait_for_selector(".hit")
        browser.close()
    assert not complaints
