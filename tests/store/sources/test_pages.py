"""Web pages in a collection: what has not changed is not sent again, what left its sitemap is removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.web_site import site

import codomain as cd
from codomain.store import Collection
from codomain.store.sources.file_sync import IndexReport, index_files

pytest.importorskip("lxml")

__all__ = ["site"]  # a fixture


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Collection]:
    with cd.create(tmp_path / "c", "bm25()") as collection:
        yield collection


def read(collection: Collection, *urls: str, **options: Any) -> IndexReport:
    return index_files(collection, urls, delay=0, **options)


@pytest.mark.parametrize("headers", [[("ETag", '"one"')], [("Last-Modified", "Mon, 30 Nov 2026 10:00:00 GMT")]])
def test_a_page_that_has_not_changed_is_not_sent_again(pages: Collection, site: Any, headers: Any) -> None:
    site.page("/a", "<p>a red fox", "text/html", 200, *headers)
    url = f"{site.url}/a"
    assert read(pages, url).documents.added == 1
    assert site.conditional == []
    report = read(pages, url)
    assert (report.files, report.unchanged_files, report.bytes, report.bad) == (1, 1, 0, [])
    etag, changed = dict(headers).get("ETag"), dict(headers).get("Last-Modified")
    assert site.conditional == [("/a", etag, changed)] and pages.get(url)["text"] == "a red fox"
    # a new version is sent; what was deleted by hand and is wanted back, and what is forced, is asked for as if unknown
    site.page(
        "/a", "<p>a blue whale", "text/html", 200, ("ETag", '"two"'), ("Last-Modified", "Tue, 01 Dec 2026 10:00:00 GMT")
    )
    assert (read(pages, url).documents.updated, pages.get(url)["text"]) == (1, "a blue whale")
    asked = len(site.conditional)
    assert read(pages, url, force=True).documents.unchanged == 1
    assert len(site.conditional) == asked
    assert pages.verify() == []


def test_a_page_is_only_as_it_was_for_the_collection_and_the_namespace_that_has_it(
    pages: Collection, site: Any
) -> None:
    site.page("/a", "<p>a red fox", "text/html", 200, ("ETag", '"one"'))
    url = f"{site.url}/a"
    read(pages, url)
    assert read(pages.namespace("acme"), url).documents.added == 1
    assert site.conditional == []
    pages.delete(url)
    from codomain.store.sources.exclusions import take_back

    take_back(pages)
    assert read(pages, url).documents.added == 1 and site.conditional == []
    assert read(pages, url).unchanged_files == read(pages.namespace("acme"), url).unchanged_files == 1
    assert len(site.conditional) == 2


def test_pages_that_left_their_sitemap_are_removed_and_told_of(pages: Collection, site: Any) -> None:
    for name in "abcd":
        site.page(f"/{name}", f"<p>the page {name}", "text/html", 200, ("ETag", f'"{name}"'))
    a, b, c, d = (f"{site.url}/{name}" for name in "abcd")
    site.map("/sitemap.xml", a, b, c)
    assert read(pages, f"{site.url}/sitemap.xml", d).documents.added == 4
    site.map("/sitemap.xml", a, c)
    report = read(pages, f"{site.url}/sitemap.xml")
    assert (report.removed, report.left_sitemap, report.unchanged_files, report.faults) == (1, [b], 2, [])
    assert sorted(pages.ids()) == [a, c, d]  # one that was named itself is in no sitemap
    assert read(pages, f"{site.url}/sitemap.xml").left_sitemap == []
    # what cannot be fetched at the moment is listed still, and so is what is behind a limit or a map that cannot be read
    site.page("/c", "", "text/html", 500)
    assert read(pages, f"{site.url}/sitemap.xml").removed == 0
    site.map("/sitemap.xml", f"{site.url}/inner.xml", kind="sitemapindex", inner="sitemap")
    site.page("/inner.xml", "", "text/html", 500)
    assert read(pages, f"{site.url}/sitemap.xml").left_sitemap == []
    site.map("/inner.xml", c)
    assert read(pages, f"{site.url}/sitemap.xml").left_sitemap == [a]
    assert sorted(pages.ids()) == [c, d] and pages.verify() == []


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_a_page_that_another_sitemap_lists_now_stays(
    pages: Collection, site: Any, order: tuple[str, str], changed: bool
) -> None:
    for name in "ab":
        site.page(f"/{name}", f"<p>the page {name}", "text/html", 200, ("ETag", f'"{name}"'))
    a, b = f"{site.url}/a", f"{site.url}/b"
    maps = [f"{site.url}/{name}.xml" for name in order]
    site.map("/one.xml", a, b)
    site.map("/two.xml")
    read(pages, *maps)
    site.map("/one.xml", a)
    site.map("/two.xml", b)
    if changed:
        site.page("/b", "<p>another", "text/html", 200, ("ETag", '"new"'))
    report = read(pages, *maps)
    assert (report.left_sitemap, report.removed, report.documents.updated) == ([], 0, int(changed))
    assert sorted(pages.ids()) == [a, b]
    site.map("/two.xml")
    assert read(pages, f"{site.url}/one.xml").left_sitemap == []
    assert read(pages, f"{site.url}/two.xml").left_sitemap == [b] and pages.ids() == [a]


def test_pages_beyond_the_limit_have_not_left(pages: Collection, site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        site.page(f"/{name}", f"<p>the page {name}")
    site.map("/sitemap.xml", *(f"{site.url}/{name}" for name in "abc"))
    assert read(pages, f"{site.url}/sitemap.xml").documents.added == 3
    monkeypatch.setenv("CODOMAIN_MAX_PAGES", "2")
    assert (read(pages, f"{site.url}/sitemap.xml").removed, len(pages)) == (0, 3)


def test_a_server_that_says_not_modified_unasked_is_refused(pages: Collection, site: Any) -> None:
    site.page("/a", "", "text/html", 304)
    with pytest.raises(cd.CodomainError, match="304"):
        read(pages, f"{site.url}/a")
