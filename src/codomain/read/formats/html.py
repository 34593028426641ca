"""Web pages: what stands apart on the page stands apart in the text, headings as in Markdown, code with its indentation.

The page is read as a stream of tags by libxml2, and no tree is built: time grows with the page, however deep it is nested
and however few of its tags are closed.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from codomain.read.encodings import by_name, marked
from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.limits import limit, over
from codomain.read.text.documents import Document, as_text, raw_bytes

_DROPPED = frozenset(
    [
        "script",
        "style",
        "noscript",
        "noframes",
        "template",
        "svg",
        "iframe",
        "object",
        "canvas",
        "audio",
        "video",
        "head",
    ]
)
_PREFORMATTED = frozenset(["pre", "listing", "xmp", "plaintext"])
_NOTHING, _SPACE, _CELL, _LINE, _PARAGRAPH = range(5)
_GAPS = ("", " ", "\t", "\n", "\n\n")
_APART = {
    **dict.fromkeys(["td", "th"], _CELL),
    **dict.fromkeys(
        ["button", "label", "input", "select", "textarea", "output", "meter", "progress", "rt", "rp"], _SPACE
    ),
    **dict.fromkeys(["br", "li", "dt", "dd", "tr", "option", "optgroup", "legend", "summary", "caption"], _LINE),
    **dict.fromkeys(
        [
            "p",
            "div",
            "section",
            "article",
            "header",
            "footer",
            "main",
            "aside",
            "nav",
            "ul",
            "ol",
            "dl",
            "menu",
            "dir",
            "table",
            "thead",
            "tbody",
            "tfoot",
            "blockquote",
            "figure",
            "figcaption",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "address",
            "form",
            "fieldset",
            "dialog",
            "details",
            "hgroup",
            "search",
            "center",
            "body",
            "html",
            "frameset",
            "frame",
            "pre",
            "listing",
            "xmp",
            "plaintext",
        ],
        _PARAGRAPH,
    ),
}
"""How far from its neighbours each element stands."""
_HEADING = re.compile("h[1-6]")
_WHITE = re.compile("[ \t\r\n\f\xa0]+")
_LOOKS_MARKED = re.compile(r"^ {0,3}(#{1,6}(\s|$)|`{3}|~{3}|=+[ \t]*$|-+[ \t]*$)", re.MULTILINE)

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s<>/]*)(?:[^<>]*>)?")
_META = re.compile(rb"<meta\s[^>]{0,500}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_XML = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]+)", re.IGNORECASE)
_XHTML = re.compile(r"\s*<\?xml|\s*<!DOCTYPE[^>]{0,200}XHTML", re.IGNORECASE)
_SELF_CLOSED = re.compile(
    r"<(a|b|div|em|i|iframe|p|script|span|strong|style|td|textarea|th|title)(\s[^<>]*)?/>", re.IGNORECASE
)


@reader("html", suffixes=(".html", ".htm", ".xhtml", ".xht", ".shtml"), what="a web page")
def read_html(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The text of a page, its headings as Markdown."""
    raw = raw_bytes(file)
    text, title = page_text(as_text(raw, file, on_bad, declared(raw)), file.label)
    return Document(text, title, True)


def declared(raw: bytes) -> str | None:
    """The encoding that a page names at its beginning; None where it names none.

    >>> declared(b'<meta http-equiv="Content-Type" content="text/html; charset=ISO-8859-1">')
    'cp1252'
    """
    if marked(raw):
        return None
    found = _XML.match(raw[:1024]) or _META.search(raw[:4096])
    return by_name(found[1].decode("ascii")) if found else None


def page_text(markup: str, label: str = "the page") -> tuple[str, str | None]:
    r"""The text of a page and its title.

    >>> page_text("<title>Foxes</title><h1>The  fox</h1><table><tr><td>red<td>quick</table><pre>if x:\n    y</pre>")
    ('# The fox\n\nred\tquick\n\nif x:\n    y', 'Foxes')

    Raises InputError at the limits.
    """
    if _XHTML.match(markup):
        markup = _SELF_CLOSED.sub(r"<\1\2></\1>", markup)
    if not markup.strip(" \t\r\n\f\0\ufeff"):
        return "", None
    from lxml import etree

    page = _Page(label)
    parser = etree.HTMLParser(target=page, huge_tree=True, encoding="utf-8")
    try:
        etree.HTML(_ended(markup.replace("\0", " ")).encode("utf-8", "replace"), parser)
    except etree.LxmlError as error:
        if "empty" not in str(error):
            raise
    return page.text(), page.title


def _ended(markup: str) -> str:
    """A page without the end tags of what is not open: the parser would look for each one in all that is."""
    opened: Counter[str] = Counter()

    def keep(found: re.Match[str]) -> str:
        name = found[2].lower()
        if not found[1]:
            opened[name] += 1
        elif opened[name]:
            opened[name] -= 1
        else:
            return "<br>" if name in ("p", "br") else ""
        return found[0]

    return _TAG.sub(keep, markup)


class _Page:
    """What the tags of a page say, in their order: the text so far, and how far apart the next word stands."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._most = limit("open")
        self._parts: list[str] = []
        self._gap = _NOTHING
        self._open = 0
        self._dropped = 0  # how many elements that do not count are open
        self._heads = 0
        self._pre = 0
        self._code: list[str] = []
        self._heading = ""
        self._in_heading = 0
        self._title: list[str] | None = None
        self.title: str | None = None

    def start(self, tag: str, attributes: Any) -> None:
        self._open += 1
        if self._open > self._most:
            raise over(self._label, "open")
        self._heads += tag == "head"
        if tag == "title" and self.title is None and self._dropped <= self._heads:  # not that of a drawing
            self._title = []
        if tag in _DROPPED:
            self._dropped += 1
        if self._dropped:
            return
        self._apart(tag)
        if _HEADING.fullmatch(tag):
            self._in_heading += 1
            self._heading = "#" * int(tag[1]) + " "
        elif tag in _PREFORMATTED:
            self._pre += 1
        elif tag == "br" and self._pre:
            self._code.append("\n")

    def end(self, tag: str) -> None:
        self._open -= 1
        if tag == "title" and self._title is not None:
            self.title = " ".join("".join(self._title).split()) or None
            self._title = None
        self._heads -= tag == "head"
        if tag in _DROPPED:
            self._dropped -= 1
            return
        if self._dropped:
            return
        if tag in _PREFORMATTED and self._pre:
            self._pre -= 1
            if not self._pre:
                self._write_code()
        elif _HEADING.fullmatch(tag) and self._in_heading:
            self._in_heading -= 1
            self._heading = ""
        if tag != "br":
            self._apart(tag)

    def data(self, text: str) -> None:
        if self._title is not None:
            self._title.append(text)
        elif self._dropped:
            return
        elif self._pre:
            self._code.append(text)
        else:
            self._words(text)

    def comment(self, text: str) -> None:
        pass

    def pi(self, target: str, data: str | None = None) -> None:
        pass

    def close(self) -> _Page:
        self._write_code()
        return self

    def text(self) -> str:
        return "".join(self._parts)

    def _apart(self, tag: str) -> None:
        gap = _APART.get(tag, _NOTHING)
        if self._in_heading and gap > _SPACE and not _HEADING.fullmatch(tag):
            gap = _SPACE  # a heading is one line
        self._gap = max(self._gap, gap)

    def _words(self, text: str) -> None:
        text = _WHITE.sub(" ", text)
        if text.startswith(" "):
            self._gap = max(self._gap, _SPACE)
        words = text.strip(" ")
        if words:
            self._write(words)
            self._gap = _SPACE if text.endswith(" ") else _NOTHING

    def _write(self, text: str) -> None:
        if self._parts:
            self._parts.append(_GAPS[self._gap])
        self._parts += (self._heading, text)
        self._heading, self._gap = "", _NOTHING

    def _write_code(self) -> None:
        """Preformatted text as it stands, between fences where Markdown would see headings in it."""
        code = "".join(self._code).replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ")
        self._code = []
        code = re.sub(r"\A([ \t]*\n)+", "", code).rstrip()
        if code:
            fence = "```" if _LOOKS_MARKED.search(code) else ""
            while fence and fence in code:
                fence += "`"
            self._write(f"{fence}\n{code}\n{fence}" if fence else code)
            self._gap = _PARAGRAPH
