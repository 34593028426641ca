"""The page of a map: one file that asks no other address, or the same page for a server."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from html import escape
from importlib.resources import files

MARK = "<!-- a map by codomain -->"
"""In the first line of every page, so that nothing else is written over."""
SCRIPTS = ("data.js", "drawing.js", "map.js")
PARTS = {"map.css": "text/css"} | dict.fromkeys(SCRIPTS, "text/javascript")


@cache
def part(name: str) -> str:
    """A file of the page."""
    return (files("codomain.maps") / "web" / name).read_text("utf-8")


def overhead() -> int:
    """Bytes of a page beside its data."""
    return len(standalone("", b"").encode())


def standalone(title: str, data: bytes) -> str:
    """The page of a map with its script, its style and its data (`Packer.finish`); it works from a file.

    Scripts and styles run by their hash alone, and nothing can be fetched: what a text says is never markup.
    """
    style, script = part("map.css"), "\n".join(part(name) for name in SCRIPTS)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return _page(
        title,
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>',
        f'<script type="text/plain" id="data">{base64.b64encode(data).decode()}</script>\n<script>{script}</script>',
    )


def served() -> str:
    """The page as a server gives it, which fetches the data of the collection in its address."""
    scripts = "\n".join(f'<script src="{name}" defer></script>' for name in SCRIPTS)
    return _page("Map", '<link rel="stylesheet" href="map.css">', scripts)


def _page(title: str, head: str, end: str) -> str:
    page = part("map.html")
    # one after the other, the title last: what it says is not replaced again
    for name, value in (("head", head), ("end", end), ("title", escape(title))):
        before, _, after = page.partition("{{" + name + "}}")
        page = before + value + after
    return page


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
