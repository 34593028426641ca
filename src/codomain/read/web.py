"""Web pages and sitemaps, fetched as a polite visitor does: robots.txt is kept to, pages come one by one with a pause, and within limits."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.robotparser import RobotFileParser

from codomain import __version__
from codomain.errors import InputError
from codomain.read.encodings import by_name
from codomain.read.files import OnFault, ReadFault, SourceFile, format_of
from codomain.read.limits import limit, over
from codomain.text import brief

AGENT = f"codomain/{__version__}"
"""What robots.txt may call this program, and how it introduces itself."""

DELAY = 1.0
"""Seconds between two requests to one server, unless its robots.txt asks for more."""

_TIMEOUT = 30.0
_LONGEST_DELAY = 60.0
_REDIRECTS = 5
_NESTED_SITEMAPS = 3

_FORMATS = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/markdown": "markdown",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/pdf": "pdf",
    "application/epub+zip": "epub",
    "application/rtf": "rtf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
}


class _Answer(NamedTuple):
    """What a server said: the address after redirections, the body, and what its headers say of it."""

    url: str
    body: bytes
    kind: str
    charset: str
    changed: str
    etag: str = ""


class _NotModified(Exception):
    """The server says that a page is as it was (304)."""


Known = Callable[[str], tuple[str, str] | None]
"""ETag and time that a page had when it was read, as its server gave them; None where it has to be sent."""


class Gone(InputError):
    """A page that its server says is not there (404 or 410)."""


def pages(
    url: str,
    *,
    delay: float | None = None,
    on_bad: OnFault | None = None,
    known: Known | None = None,
    on_listed: Callable[[set[str]], None] | None = None,
) -> Iterator[SourceFile]:
    """The page at an address, or those that the sitemap there lists; links are not followed.

    A page that is `known` is sent only if it has changed. `on_listed` is told what a sitemap and those in it list, unless a part of it
    could not be read.

    Raises InputError for an address that cannot be fetched; of a sitemap's pages such are passed to `on_bad`.
    """
    with tempfile.TemporaryDirectory(prefix="codomain-") as folder:
        visitor = _Visitor(delay)
        for address, answer, root in _answers(url, visitor, on_bad, known, on_listed):
            if isinstance(answer, _NotModified):
                yield SourceFile("", "html", 0, 0, root, name=address, unchanged=True)
                continue
            if answer is None:
                yield SourceFile("", "html", -1, 0, root, name=address)
                continue
            kind = _FORMATS.get(answer.kind) or format_of(urllib.parse.urlsplit(answer.url).path)
            path = os.path.join(folder, "page")
            with open(path, "wb") as file:
                file.write(answer.body)
            stamp = _changed(answer)
            yield SourceFile(
                path,
                kind,
                len(answer.body),
                stamp,
                root,
                encoding=answer.charset if kind != "json" else "",
                name=address,
                etag=answer.etag,
                changed=answer.changed,
            )


def _changed(answer: _Answer) -> int:
    """When a page was changed, in nanoseconds; where its server does not say, a number that stands for its contents."""
    try:
        return int(parsedate_to_datetime(answer.changed).timestamp()) * 10**9
    except (ValueError, TypeError, IndexError, OverflowError):
        return int.from_bytes(hashlib.blake2b(answer.body, digest_size=7).digest(), "big")


def _answers(
    url: str,
    visitor: _Visitor,
    on_bad: OnFault | None,
    known: Known | None,
    on_listed: Callable[[set[str]], None] | None,
) -> Iterator[tuple[str, _Answer | _NotModified | None, str | None]]:
    """Each page's address, what came, and the sitemap that named it; None for one that is gone."""
    known = known or (lambda _: None)
    try:
        first = visitor.fetch(url, known(url))
    except _NotModified as same:
        yield url, same, None
        return
    except Gone:
        yield url, None, None
        return
    listed = _sitemap(first)
    if listed is None:
        yield url, first, None
        return
    host = urllib.parse.urlsplit(first.url).netloc
    waiting = [(address, 1) for address in reversed(listed.pages)]
    waiting += [(address, 1) for address in reversed(listed.sitemaps)]
    is_map = set(listed.sitemaps)
    seen: set[str] = set()
    fetched = 0
    whole = True

    def report(address: str, reason: str) -> None:
        if on_bad:
            on_bad(ReadFault(address, 0, "unreadable", reason))

    while waiting:
        address, depth = waiting.pop()
        if address in seen:
            continue
        seen.add(address)
        if urllib.parse.urlsplit(address).netloc != host:
            report(address, "was passed over: a sitemap speaks for its own server only")
            continue
        if fetched >= limit("pages"):
            report(url, str(over("", "pages")).strip().rstrip("."))
            return
        fetched += 1
        try:
            answer = visitor.fetch(address, None if address in is_map else known(address))
        except _NotModified as same:
            yield address, same, url
            continue
        except Gone:
            whole = whole and address not in is_map
            yield address, None, url
            continue
        except InputError as error:
            whole = whole and address not in is_map
            report(address, str(error).removeprefix(address).strip().rstrip("."))
            continue
        inner = _sitemap(answer) if address in is_map else None
        if inner is None:
            yield address, answer, url
        elif depth >= _NESTED_SITEMAPS:
            whole = False
            report(address, "was passed over: sitemaps are nested too deeply")
        else:
            is_map |= set(inner.sitemaps)
            waiting += [(a, depth + 1) for a in reversed([*inner.sitemaps, *inner.pages])]
    if whole and on_listed:
        on_listed(seen)


class _Listed(NamedTuple):
    pages: list[str]
    sitemaps: list[str]


def _sitemap(answer: _Answer) -> _Listed | None:
    """What a sitemap lists; None for any other page."""
    body = _unpacked(answer)
    start = body[:2048].lower()
    if b"<urlset" not in start and b"<sitemapindex" not in start:
        return None
    from codomain.read.formats.archive import local, parse

    try:
        root = parse(body)
    except Exception as error:  # whatever the parser finds wrong
        wrong = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise InputError(f"{answer.url} is not a sitemap that can be read: {wrong}.") from None
    found: dict[str, list[str]] = {"url": [], "sitemap": []}
    for entry in root:
        for child in entry:
            if local(child) == "loc" and child.text and local(entry) in found:
                try:
                    address = urllib.parse.urljoin(answer.url, child.text.strip())
                except ValueError:
                    raise InputError(f"{answer.url} lists {brief(child.text)}, which is no address.") from None
                found[local(entry)].append(address)
    return _Listed(found["url"], found["sitemap"])


def _unpacked(answer: _Answer) -> bytes:
    """A body, or what is packed in it, as far as a page may be long."""
    if not answer.body.startswith(b"\x1f\x8b"):
        return answer.body
    import zlib

    body = zlib.decompressobj(31)
    try:
        raw = body.decompress(answer.body, limit("page"))
    except zlib.error:
        return answer.body
    if body.unconsumed_tail:
        raise over(answer.url, "page")
    return raw


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Redirections come back to the visitor, who asks the robots.txt of the new place first."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Visitor:
    """Fetches pages one by one: who it is, what it may see, and when it was at a server last."""

    def __init__(self, delay: float | None) -> None:
        self._delay = DELAY if delay is None else delay
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._robots: dict[str, RobotFileParser] = {}
        self._last: dict[str, float] = {}

    def fetch(self, url: str, known: tuple[str, str] | None = None) -> _Answer:
        """A page, after redirections; raises Gone where it is not there, InputError for any other reason.

        With the ETag and time that it had, raises _NotModified where it is as it was.
        """
        at = url
        for _ in range(_REDIRECTS + 1):
            parts = urllib.parse.urlsplit(at)
            if parts.scheme not in ("http", "https") or not parts.netloc:
                raise InputError(f"{url} leads to {at}, which is no web page.")
            robots = self._rules(f"{parts.scheme}://{parts.netloc}")
            if not robots.can_fetch(AGENT, at):
                raise InputError(f"{url} may not be fetched: the robots.txt of {parts.netloc} says so.")
            asked = robots.crawl_delay(AGENT)
            self._wait(parts.netloc, min(max(self._delay, float(asked or 0)), max(self._delay, _LONGEST_DELAY)))
            try:
                return self._get(at, known)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code in (301, 302, 303, 307, 308) and error.headers.get("Location"):
                        at = urllib.parse.urljoin(at, error.headers["Location"])
                        continue
                    if error.code == 304 and known:
                        raise _NotModified from None
                    kind = Gone if error.code in (404, 410) else InputError
                    raise kind(f"{url} cannot be fetched: its server answers {error.code} {error.reason}.") from None
            except (OSError, HTTPException, ValueError) as error:
                why = getattr(error, "reason", None) or error
                raise InputError(f"{url} cannot be fetched: {str(why).rstrip('.')}.") from None
        raise InputError(f"{url} cannot be fetched: it is redirected more than {_REDIRECTS} times.")

    def _get(self, url: str, known: tuple[str, str] | None = None) -> _Answer:
        safe = urllib.parse.quote(url, safe="%/:=&?~#+!$,;'@()*[]")
        request = urllib.request.Request(safe, headers={"User-Agent": AGENT, "Accept-Encoding": "identity"})
        for name, value in zip(("If-None-Match", "If-Modified-Since"), known or (), strict=False):
            if value:
                request.add_header(name, value)
        most = limit("page")
        with self._opener.open(request, timeout=_TIMEOUT) as response:
            body = response.read(most + 1)
            if len(body) > most:
                raise over(url, "page")
            headers = response.headers
            charset = headers.get_content_charset() or ""
            charset = charset if by_name(charset) else ""
            return _Answer(
                url,
                body,
                headers.get_content_type(),
                charset,
                headers.get("Last-Modified", ""),
                headers.get("ETag", ""),
            )

    def _wait(self, host: str, delay: float) -> None:
        last = self._last.get(host)
        if last is not None and (rest := last + delay - time.monotonic()) > 0:
            time.sleep(rest)
        self._last[host] = time.monotonic()

    def _rules(self, server: str) -> RobotFileParser:
        """What a server's robots.txt allows: all of it where there is none, nothing where it cannot be had."""
        rules = self._robots.get(server)
        if rules is None:
            rules = self._robots[server] = RobotFileParser()
            rules.modified()
            try:
                rules.parse(self._get(f"{server}/robots.txt").body.decode("utf-8", "replace").splitlines())
            except urllib.error.HTTPError as error:
                with error:
                    refused = error.code in (401, 403) or error.code >= 500
                rules.disallow_all, rules.allow_all = refused, not refused  # type: ignore[attr-defined]
            except (OSError, HTTPException, ValueError, InputError):
                rules.disallow_all = True  # type: ignore[attr-defined]
        return rules
