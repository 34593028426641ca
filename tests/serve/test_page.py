"""The page in a real browser: Debian's Chromium, driven by Playwright. Skipped where one of them is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import codomain as cd
from codomain.serve.catalog import Catalog
from codomain.serve.keys import Key, Keys

from .server import served

CHROMIUM = shutil.which("chromium")
DOCUMENTS = [
    {"id": "a", "text": "a red fox\n\n" + "and much more of foxes. " * 200, "metadata": {"kind": "animal", "year": 2020}},
    {"id": "b/c?d", "text": "a blue whale", "title": "Whales", "metadata": {"kind": "animal", "year": 2021}},
    {"id": "c", "text": "<img src=x onerror=\"document.title='broken'\"> fox wine <script>alert(1)</script>", "title": "<b>bold</b>", "metadata": {"kind": "drink", "tags": ["x", "y"]}},
    {"id": "e", "text": "white wine", "metadata": {"kind": "drink", "tags": ["x"]}},
]  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("page")
    for name, pipeline in (("notes", "fuse(static() >> flat(), bm25())"), ("words", "bm25()")):
        with cd.create(folder / name, pipeline) as collection:
            collection.add(DOCUMENTS)
    return [folder / "notes", folder / "words"]


@pytest.fixture(scope="module")
def url(folders: list[Path]) -> Iterator[str]:
    with served(Catalog(map(str, folders)), Keys(write=True)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium here (Debian: apt-get install chromium)")
    with api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture
def page(url: str, browser: Any) -> Iterator[Any]:
    opened = browser.new_page()  # with a storage of its own
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda asked: None if asked.url.startswith(url) else complaints.append(asked.url))
    opened.goto(url)
    opened.wait_for_selector("#filters fieldset")
    opened.set_default_timeout(60_000)
    yield opened
    assert not complaints
    opened.close()


def ids(page: Any) -> list[str]:
    return [title.split("\n")[0] for title in page.locator(".column:first-child .hit h3").all_inner_texts()]


def hits(page: Any, words: str) -> None:
    """Wait until so many are said to be found."""
    page.wait_for_selector(f"#status span:has-text('{words}')")


def test_words_are_searched_while_they_are_typed(page: Any) -> None:
    page.fill("#query", "whale")
    page.wait_for_selector(".hit")
    assert ids(page)[0] == "Whales" and page.locator("mark").first.inner_text() == "whale"
    assert "q=whale" in page.url
    page.press("#query", "Enter")
    page.fill("#query", "wi")
    page.wait_for_url("**q=wi")
    page.fill("#query", "wine")
    page.wait_for_selector("mark:text-is('wine')")
    page.go_back()
    page.wait_for_selector("mark:text-is('whale')")


def test_what_documents_hold_is_shown_as_text(page: Any) -> None:
    page.fill("#query", "fox wine script")
    page.wait_for_selector(".hit")
    page.locator(".hit", has_text="<b>bold</b>").click()
    page.wait_for_selector("#document:not([hidden])")
    assert "<script>alert(1)</script>" in page.locator("#document").inner_text()
    assert page.title() == "codomain" and page.locator("#document img, .hit img").count() == 0


def test_filters_are_made_of_the_fields_that_exist(page: Any) -> None:
    assert page.locator("#filters h2").all_inner_texts() == ["kind", "tags"]
    page.fill("#query", "wine")
    page.wait_for_selector(".hit")
    page.locator("#filters label", has_text="drink").click()
    hits(page, "2 hits")
    page.locator("#filters label", has_text="y").last.click()
    hits(page, "1 hit")
    page.get_by_text("no filter").click()
    hits(page, "4 hits")


def test_all_of_it_by_keyboard(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("fox")
    page.wait_for_selector(".hit")
    page.keyboard.press("Enter")
    page.keyboard.press("j")
    assert page.locator(".hit.current").count() == 1
    page.keyboard.press("k")
    page.keyboard.press("e")
    page.wait_for_selector(".branches code")
    page.keyboard.press("Enter")
    page.wait_for_selector("#document .chunk.best")
    assert page.locator("#document .chunk").count() > 1
    page.keyboard.press("Escape")
    page.wait_for_selector("#document", state="hidden")
    page.keyboard.press("m")
    page.wait_for_selector("#status .chip")
    theme = page.locator("html").get_attribute("data-theme")
    page.keyboard.press("t")
    assert page.locator("html").get_attribute("data-theme") != theme


def test_tab_leads_through_hits_and_their_buttons_and_back(page: Any) -> None:
    def focused() -> str:
        return str(page.evaluate("document.activeElement.className || document.activeElement.id"))

    def shows_focus() -> bool:
        return bool(page.evaluate("getComputedStyle(document.activeElement).outlineStyle !== 'none'"))

    page.fill("#query", "fox")
    page.wait_for_selector(".hit")
    page.press("#query", "Enter")
    assert focused() == "hit current" and shows_focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "More like this" and shows_focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("j")
    assert page.evaluate("[...document.querySelectorAll('.hit')].indexOf(document.activeElement)") == 1
    page.keyboard.press("Enter")
    page.wait_for_selector("#document:not([hidden])")
    assert focused() == "document"
    page.keyboard.press("Escape")
    page.wait_for_selector("#document", state="hidden")
    assert page.evaluate("[...document.querySelectorAll('.hit')].indexOf(document.activeElement)") == 1
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # a button does what it says: more like this, not the document
    page.wait_for_selector("#status .chip")
    assert page.locator("#document").is_hidden()


def test_thumbs_are_feedback(page: Any, folders: list[Path]) -> None:
    page.fill("#query", "a drink")
    page.wait_for_selector(".hit")
    page.locator("[aria-label='right for this query']").first.click()
    page.wait_for_selector(".said[aria-pressed='true']")
    assert (
        page.locator(".hit").first.locator("[aria-label='wrong for this query']").get_attribute("aria-pressed")
        == "false"
    )
    with cd.open(folders[0]) as notes:
        assert notes.feedback_journal()[-1]["query"] == "a drink"


def test_an_address_that_somebody_changed_is_read_as_far_as_it_goes(page: Any, url: str) -> None:
    for filters in ("null", '{"kind":null}', '{"kind":"drink"}', "[1]", "{"):
        page.goto("about:blank")
        page.goto(f"{url}/#q=whale&f={filters}")
        page.wait_for_selector("#filters fieldset")
        page.wait_for_selector(".hit")
        assert ids(page)[0] == "Whales"


def test_two_collections_side_by_side(page: Any) -> None:
    page.fill("#query", "fox")
    page.wait_for_selector(".hit")
    page.select_option("#beside", "words")
    page.wait_for_selector(".column:nth-child(2)")
    assert page.locator(".column h2").all_inner_texts() == ["notes: fuse(static() >> flat(), bm25())", "words: bm25()"]
    assert page.locator(".moved.only").count() > 0


def test_a_document_whose_id_has_signs_is_opened(page: Any) -> None:
    page.fill("#query", "whale")
    page.wait_for_selector(".hit")
    page.locator(".hit").first.click()
    page.wait_for_selector("#document:not([hidden])")
    assert "b/c?d" in page.locator("#document dd").first.inner_text()


def test_a_phone_shows_it_without_scrolling_sideways(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.fill("#query", "fox")
    page.wait_for_selector(".hit")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_server_with_a_key_asks_for_it(folders: list[Path], browser: Any) -> None:
    keys = Keys([Key("me", Keys.digest("secret"))])
    with served(Catalog([str(folders[0])]), keys) as url:
        opened = browser.new_page()
        opened.goto(url)
        opened.wait_for_selector("#ask-key[open]")
        assert opened.locator("#key-error").is_hidden()
        opened.fill("#key", "wrong")
        opened.keyboard.press("Enter")
        opened.get_by_text("The server does not know this key.").wait_for()
        opened.fill("#key", "secret")
        opened.keyboard.press("Enter")
        opened.wait_for_selector("#filters fieldset")
        opened.fill("#query", "fox")
        opened.wait_for_selector(".hit")  # this key may not write
        assert opened.locator(".tools button").count() == opened.locator(".hit").count()
        opened.goto(f"{url}/docs")
        opened.wait_for_selector(".route")
        opened.close()


def test_the_routes_are_a_page(page: Any, url: str) -> None:
    page.goto(f"{url}/docs")
    page.wait_for_selector(".route")
    described = httpx.get(f"{url}/openapi.json").json()["paths"]
    assert page.locator(".route").count() == sum(len(methods) for methods in described.values())
    page.keyboard.press("/")
    page.keyboard.type("rerank top_n")
    page.wait_for_selector("#status:has-text('3 routes')")
    page.locator(".route:not([hidden]) summary").first.click()
    inside = page.locator(".route[open] .inside").inner_text()
    assert "max_tokens_per_doc" in inside and "429" in inside and "Retry-After" in inside
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_page_is_served_by_name_alone(url: str) -> None:
    assert httpx.get(url).headers["Content-Type"].startswith("text/html")
    assert httpx.get(f"{url}/static/page.js").headers["Content-Type"].startswith("text/javascript")
    assert httpx.get(f"{url}/static/__init__.py").status_code == 404
