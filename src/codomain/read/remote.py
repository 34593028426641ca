"""What is read from elsewhere: web pages, sitemaps and databases, by their addresses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from codomain.errors import InputError
from codomain.read.files import OnFault, SourceFile

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def is_remote(name: str) -> bool:
    """Whether a name is an address rather than a path.

    >>> is_remote("https://example.org/a.html"), is_remote("sqlite:///shop.db"), is_remote("notes/a.md")
    (True, True, False)
    """
    return _ADDRESS.match(name) is not None


def fetched(
    name: str,
    *,
    query: str | None = None,
    delay: float | None = None,
    on_bad: OnFault | None = None,
    known: Callable[[str], tuple[str, str] | None] | None = None,
    on_listed: Callable[[set[str]], None] | None = None,
) -> Iterator[SourceFile]:
    """The pages at an address, or the rows of a `query` to a database, as sources that `records` reads.

    Each page is there until the next one is asked for. A page that its server calls gone has the size -1.
    Of a page that is `known` by the ETag and the time that its server gave, it is asked whether it has changed since; one that
    has not is `unchanged`. `on_listed` is told what a sitemap lists, once all of it was read.

    Raises InputError for an address that cannot be read, and MissingExtra where that needs a package.
    """
    if name.lower().startswith(("http://", "https://")):
        from codomain.read.web import pages

        yield from pages(name, delay=delay, on_bad=on_bad, known=known, on_listed=on_listed)
    elif name.lower().startswith(("file://", "ftp://", "data:")):
        raise InputError(f"{name} is an address of a kind that is not read: name the file.")
    elif query is None:
        raise InputError(f"{name.split('://')[0]}:// is the address of a database: say which rows with --sql.")
    else:
        from codomain.read.formats.database import query_source

        yield query_source(name, query)
