"""Web pages and sitemaps from a server of our own: polite, bounded, and in the order of the map."""

from __future__ import annotations

import gzip

import pytest
from tests.web_site import site

from codomain.errors import InputError
from codomain.read import records
from codomain.read.limits import LIMITS
from codomain.read.web import AGENT, pages

pytest.importorskip("lxml")

__all__ = ["site"]  # a fixture


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.slept.append(round(seconds, 6))


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("codomain.read.web.time", clock)
    return clock


def read(url, delay=0.0):
    bad = []
    return list(records(pages(url, delay=delay, on_bad=bad.append), on_bad=bad.append)), bad


def test_a_page_is_a_document_under_its_address(site):
    site.page("/fox", "<title>Fox</title><p>a réd fox <a href='/other'>more</a>")
    (record,), bad = read(f"{site.url}/fox")
    assert (record.id, record.source, record.title, record.text) == (f"{site.url}/fox",) * 2 + ("Fox", "a réd fox more")
    assert not bad and site.asked == ["/robots.txt", "/fox"] and site.agents == {AGENT}  # links are not followed


def test_the_kind_and_the_encoding_are_those_that_the_server_names(site):
    site.page("/a", "да".encode("koi8-r"), "text/plain; charset=koi8-r")
    site.page("/b", '[{"id": 1, "text": "x"}]', "application/json")
    site.page("/c.md", "# Head\n\ntext", "application/octet-stream")
    assert [r.text for r in read(f"{site.url}/a")[0]] == ["да"]
    assert [r.id for r in read(f"{site.url}/b")[0]] == ["1"]
    assert [r.title for r in read(f"{site.url}/c.md")[0]] == ["Head"]


def test_robots_are_kept_to(site):
    site.page("/private/x", "secret")
    site.page("/jump", "", "text/html", 302, ("Location", "/private/x"))
    for path in ("/private/x", "/jump"):
        with pytest.raises(InputError, match=r"may not be fetched: the robots\.txt of .* says so"):
            read(site.url + path)
    assert "/private/x" not in site.asked


@pytest.mark.parametrize(("code", "allowed"), [(404, True), (403, False), (503, False)])
def test_without_a_robots_file(site, code, allowed):
    site.page("/robots.txt", "", "text/plain", code)
    site.page("/x", "text")
    if allowed:
        assert [r.text for r in read(f"{site.url}/x")[0]] == ["text"]
    else:
        with pytest.raises(InputError, match="may not be fetched"):
            read(f"{site.url}/x")


def test_pages_of_a_sitemap_in_its_order_with_a_pause(site, clock):
    site.map(
        "/sitemap.xml",
        f"{site.url}/b",
        f"{site.url}/a",
        "http://elsewhere.invalid/x",
        f"{site.url}/gone",
        f"{site.url}/b",
    )
    site.page("/a", "page a")
    site.page("/b", "page b")
    bad = []
    sources = pages(f"{site.url}/sitemap.xml", delay=0.05, on_bad=bad.append)
    seen = []
    for source in sources:
        seen.append((source.label, source.size < 0))
    assert seen == [(f"{site.url}/b", False), (f"{site.url}/a", False), (f"{site.url}/gone", True)]
    assert ["its own server only" in b.reason for b in bad] == [True]
    assert clock.slept == [0.05] * 3  # before each page but the first


def test_the_delay_that_robots_ask_for(site, clock):
    site.page("/robots.txt", "User-agent: *\nCrawl-delay: 7\n", "text/plain")
    site.map("/sitemap.xml", f"{site.url}/a")
    site.page("/a", "x")
    read(f"{site.url}/sitemap.xml")
    assert clock.slept == [7.0]


def test_maps_of_maps_packed_ones_and_maps_without_end(site):
    site.map(
        "/index.xml",
        f"{site.url}/one.xml.gz",
        f"{site.url}/index.xml",
        f"{site.url}/deep1.xml",
        kind="sitemapindex",
        inner="sitemap",
    )
    listed = f'<urlset xmlns="x"><url><loc>{site.url}/a</loc></url></urlset>'
    site.page("/one.xml.gz", gzip.compress(listed.encode()), "application/gzip")
    for i in range(1, 9):
        site.map(f"/deep{i}.xml", f"{site.url}/deep{i + 1}.xml", kind="sitemapindex", inner="sitemap")
    site.page("/a", "page a")
    found, bad = read(f"{site.url}/index.xml")
    assert [r.text for r in found] == ["page a"]
    assert any("nested too deeply" in b.reason for b in bad) and len(site.asked) < 12


def test_more_pages_or_longer_ones_than_allowed(site, monkeypatch):
    monkeypatch.setenv(LIMITS["pages"].variable, "2")
    monkeypatch.setenv(LIMITS["page"].variable, "1k")
    site.map("/sitemap.xml", *(f"{site.url}/{i}" for i in range(5)))
    for i in range(5):
        site.page(f"/{i}", f"page {i}" if i else "x" * 2_000)
    found, bad = read(f"{site.url}/sitemap.xml")
    assert [r.text for r in found] == ["page 1"]
    assert [b.reason for b in bad] == [
        "is a web page of more than 1,024 bytes: set CODOMAIN_MAX_PAGE to read it",
        "leads to more than 2 web pages: set CODOMAIN_MAX_PAGES to read it",
    ]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((500, "text/html", b""), "its server answers 500"),
        ((302, "text/html", b"", ("Location", "/x")), "redirected more than 5 times"),
        ((302, "text/html", b"", ("Location", "file:///etc/passwd")), "which is no web page"),
        ((200, "application/xml", b"<urlset><url>"), "is not a sitemap that can be read"),
        ((200, "application/octet-stream", b"\0\1\2"), "is a binary file"),
    ],
)
def test_what_cannot_be_fetched_is_one_sentence(site, answer, says):
    site.answers["/x"] = answer
    with pytest.raises(InputError, match=says) as error:
        read(f"{site.url}/x")
    assert str(error.value).startswith(site.url) and str(error.value).endswith(".")


def test_a_server_that_is_not_there():
    with pytest.raises(InputError, match="may not be fetched"):
        read("http://127.0.0.1:9/x")


def test_an_encoding_that_there_is_not_is_seen_otherwise(site):
    site.page("/a", "<p>réd".encode(), "text/html; charset=klingon")
    assert [r.text for r in read(f"{site.url}/a")[0]] == ["réd"]
