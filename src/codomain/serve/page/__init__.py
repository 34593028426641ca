"""The page at /: a search box, filters, documents; files of the wheel, read once.

index.html, page.css, page.js, icon.svg: no other address is asked, nothing is inline. docs.html, docs.css and docs.js are the
page of the routes.

map.py        the map of a collection: its page and what it draws
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from fastapi import APIRouter, Response

from codomain.serve.errors import Refusal
from codomain.serve.page import map as drawn

router = APIRouter(include_in_schema=False)
router.include_router(drawn.router)  # before /static/, which takes any name

_TYPES = {
    **dict.fromkeys(("index.html", "docs.html"), "text/html"),
    **dict.fromkeys(("page.css", "docs.css"), "text/css"),
    **dict.fromkeys(("page.js", "docs.js"), "text/javascript"),
    "icon.svg": "image/svg+xml",
}


@cache
def _file(name: str) -> bytes:
    return Path(__file__).with_name(name).read_bytes()


@router.get("/")
async def page() -> Response:
    """The page."""
    return _answer("index.html")


@router.get("/docs")
async def docs() -> Response:
    """The page of the routes, drawn from /openapi.json."""
    return _answer("docs.html")


@router.get("/static/{name:path}")
async def static(name: str) -> Response:
    """A file of the page, by its name; no other file is reached."""
    if name not in _TYPES:
        raise Refusal(404, f"there is no file {name!r:.80} here.")
    return _answer(name)


def _answer(name: str) -> Response:
    kind = f"{_TYPES[name]}; charset=utf-8" if name != "icon.svg" else _TYPES[name]
    return Response(_file(name), media_type=kind, headers={"Cache-Control": "no-cache"})
