"""Manual pages, in the macros man and mdoc: sections as headings, words without their fonts."""

from __future__ import annotations

import re

from codomain.read.files import OnFault, SourceFile, reader
from codomain.read.text.documents import Document, decoded

_REQUEST = re.compile(r"^[.'][ \t]*(\\\"|[A-Za-z0-9%]+)[ \t]*(.*)$")
_ROFF = re.compile(r"^[.'](TH|Dd|Dt|SH|Sh|so)\b", re.MULTILINE)
_REFERENCE = re.compile(r"\bXr (\S+) (\d\w*)")
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|(\S+)')

_SECTIONS = {"SH": "## ", "Sh": "## ", "SS": "### ", "Ss": "### "}
_PARAGRAPHS = frozenset(["PP", "P", "LP", "TP", "TQ", "IP", "HP", "Pp", "sp", "Lp"])
_SILENT = frozenset(
    [
        "Dd",
        "Os",
        "AT",
        "UC",
        "PD",
        "RS",
        "RE",
        "Bl",
        "El",
        "Bd",
        "Ed",
        "Bf",
        "Ef",
        "Bk",
        "Ek",
        "EX",
        "EE",
        "EQ",
        "EN",
        "TS",
        "TE",
        "UE",
        "ME",
        "YS",
        "DT",
        "IX",
        "Vb",
        "Ve",
        "Rs",
        "Re",
        "Sm",
        "Ud",
        "INDENT",
        "UNINDENT",
    ]
)
"""Macros that only lay out; all requests of roff itself, which have small letters, do no more."""
_ENCLOSED = {
    "Op": "[]",
    "Oo": "[",
    "Oc": "]",
    "Dq": "“”",
    "Sq": "‘’",
    "Pq": "()",
    "Bq": "[]",
    "Brq": "{}",
    "Aq": "<>",
    "Qq": '""',
}
_MDOC = frozenset(
    [
        "Ar",
        "Fl",
        "Cm",
        "Nm",
        "Pa",
        "Ev",
        "Va",
        "Vt",
        "Ft",
        "Fn",
        "Fa",
        "Xr",
        "Em",
        "Sy",
        "Li",
        "Ic",
        "Dv",
        "Er",
        "Ns",
        "No",
        "Ql",
        "Dl",
        "Tn",
        "Ux",
        "Bx",
        "Nx",
        "Fx",
        "Ox",
        "St",
        "Lb",
        "In",
        "Fd",
        "An",
        "Ad",
        "Mt",
        "Lk",
        "Cd",
        "Ms",
        "Tg",
        "Oo",
        "Oc",
        "Op",
        "Dq",
        "Sq",
        "Pq",
        "Bq",
        "Brq",
        "Aq",
        "Qq",
        "Ap",
        "Bc",
        "Bo",
        "Dc",
        "Do",
        "Ec",
        "Eo",
        "Pc",
        "Po",
        "Qc",
        "Qo",
        "So",
        "Sc",
    ]
)
_CHARACTERS = dict(
    pair.split(" ")
    for pair in r"""
aq '  dq "  lq “  rq ”  oq ‘  cq ’  em —  en –  hy -  mi −  bu •  co ©  rg ®  tm ™  ga `  ha ^  ti ~
rs \  sl /  ba |  at @  sh #  <= ≤  >= ≥  != ≠  -> →  <- ←  mu ×  di ÷  +- ±  de °  12 ½  14 ¼  :a ä
:o ö  :u ü  :A Ä  :O Ö  :U Ü  ss ß  'e é  `e è  ^e ê  ,c ç  'a á  `a à  'o ó  'u ú  'i í  ~n ñ  oA Å
oa å  /o ø  /O Ø  ae æ  Do $  eu €  Po £  Ye ¥  sc §  dg †  pl +  eq =  lB [  rB ]  la ⟨  ra ⟩  lC {
rC }  Fo «  Fc »  .. …
""".replace("\n", "  ")
    .strip()
    .split("  ")
)
"""Characters by their names in roff."""
_STRINGS = {"lq": "“", "rq": "”", "Tm": "™", "R": "®", "Aq": "'", 'L"': "“", 'R"': "”", "--": "–", "C+": "C++"}
_ESCAPE = re.compile(
    r"\\(?:\((..)|\[([^\]\n]{1,40})\]|\*(?:\((..)|\[([^\]\n]{1,40})\]|(.))|f(?:\(..|\[[^\]\n]{0,40}\]|.)"
    r"|s[+-]?(?:\d|\[[^\]\n]{0,40}\])|[mFgkMnVY](?:\(..|\[[^\]\n]{0,40}\]|[+-]?.)|[hvwlLDXZbxoNRSB]'[^'\n]{0,200}'|(.))"
)


@reader("man", suffixes=(".man", ".mdoc"), what="a manual page")
def read_man(file: SourceFile, on_bad: OnFault | None) -> Document:
    """The words of a page, its sections as headings; a file without the macros of manual pages is plain text."""
    source = decoded(file, on_bad)
    if not _ROFF.search(source[:20_000]):
        return Document(source, None, False)
    text, title = page_words(source)
    return Document(text, title, True)


def page_words(source: str) -> tuple[str, str | None]:
    r"""The words of a manual page and its name.

    >>> page_words('.TH FOX 1\n.SH NAME\nfox \\- a \\fBred\\fP animal\n.TP\n.BR \\-v ", " \\-\\-verbose\nSay more.')
    ('## NAME\n\nfox - a red animal\n\n-v, --verbose\nSay more.', 'FOX(1)')
    """
    page = _Page()
    for line in source.replace("\\\n", " ").split("\n"):
        page.line(line)
    return "\n".join(page.lines).strip("\n"), page.title


class _Page:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.title: str | None = None
        self._name = ""
        self._macro = False  # inside the definition of one
        self._heading = ""  # of a section whose words are on the next line
        self._fresh = True

    def line(self, line: str) -> None:
        request = _REQUEST.match(line)
        if self._macro:
            self._macro = line.strip() != ".."
        elif request is None:
            if line.startswith("."):
                return  # the end of a condition, or nothing
            self._say(_plain(line))
        else:
            self._request(request[1], request[2])

    def _request(self, name: str, rest: str) -> None:
        if name in ("de", "de1", "am", "ig"):
            self._macro = True
        elif name in ("TH", "Dt"):
            words = _arguments(rest)
            self.title = f"{words[0]}({words[1]})" if len(words) > 1 else words[0] if words else None
        elif name in _SECTIONS:
            self._gap()
            self._heading = _SECTIONS[name]
            if heading := " ".join(_arguments(rest)):
                self._say(heading)
        elif name in _PARAGRAPHS or name == "Sp":
            self._gap()
            if name in ("IP", "HP") and (words := _arguments(rest)):
                self._say(words[0])
        elif name in ("It", "D1", "Dl"):
            self._gap()
            self._say(self._mdoc(rest))
        elif name == "br":
            self._fresh = True
        elif name in ("BR", "RB", "IR", "RI", "BI", "IB"):
            self._say("".join(_arguments(rest)))
        elif name == "Nd":
            self._say("- " + " ".join(_arguments(rest)))
        elif name in ("UR", "MT"):
            self._say(" ".join(_arguments(rest)))
        elif name.startswith("%"):
            self._say(self._mdoc(rest))
        elif name in _MDOC:
            self._say(self._mdoc(f"{name} {rest}"))
        elif name not in _SILENT and name[0].isupper():
            self._say(" ".join(_arguments(rest)))

    def _mdoc(self, rest: str) -> str:
        """The words of a line whose macros may stand in the line."""
        said: list[str] = []
        closing: list[str] = []
        flag, glued = "", False
        rest = _REFERENCE.sub(r"\1(\2)", rest)
        for word in _arguments(rest):
            if word == "Ns":
                glued = True
                continue
            if word in _ENCLOSED:
                marks = _ENCLOSED[word]
                said.append(marks[0])
                glued = len(marks) == 2 or marks in ("[",)
                if len(marks) == 2:
                    closing.append(marks[1])
                continue
            if word in _MDOC:
                flag = "-" if word == "Fl" else ""
                if word == "Nm" and rest.strip() == "Nm" and self._name:
                    said.append(self._name)
                continue
            is_mark = len(word) == 1 and word in ".,:;)]?!"
            text = word if is_mark else flag + word
            if glued or is_mark:
                said[-1:] = [(said[-1] if said else "") + text]
            else:
                said.append(text)
            glued = False
        if rest.startswith("Nm ") and said and not self._name:
            self._name = said[0]
        return " ".join(said) + "".join(reversed(closing))

    def _gap(self) -> None:
        self._heading = ""
        if self.lines and self.lines[-1]:
            self.lines.append("")

    def _say(self, text: str) -> None:
        text = text.rstrip()
        if not text:
            self._gap()
        elif self._heading:
            heading, self._heading = self._heading, ""
            self.lines += [heading + text.strip(), ""]
        else:
            self.lines.append(text)


def _arguments(rest: str) -> list[str]:
    return [
        _plain(found[1].replace('""', '"') if found[1] is not None else found[2]) for found in _ARGUMENT.finditer(rest)
    ]


def _plain(text: str) -> str:
    """Text without the escapes of roff."""
    if '\\"' in text:
        text = text[: text.index('\\"')]
    return _ESCAPE.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    named = found[1] or found[2]
    if named:
        if named in _CHARACTERS:
            return _CHARACTERS[named]
        code = re.fullmatch(r"u([0-9A-F]{4,6})", named)
        return chr(int(code[1], 16)) if code and int(code[1], 16) < 0x110000 else ""
    string = found[3] or found[4] or found[5]
    if string:
        return _STRINGS.get(string, "")
    single = found[6] or ""
    return {"e": "\\", "-": "-", " ": " ", "~": " ", "0": " ", "'": "'", "`": "`", ".": ".", "\\": "\\", "t": "\t"}.get(
        single, ""
    )
