"""The query syntax: phrases, words that must or must not occur, beginnings of words, words of the title."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from codomain.analyzer.words import words
from codomain.errors import InputError

Sign = Literal["", "+", "-"]

_PART = re.compile(
    r'(?P<sign>[+-]?)(?:(?P<field>[^\W\d]\w*):)?(?:"(?P<phrase>[^"]*)(?P<end>"?)|(?P<word>[^\s"]*))(?P<rest>[^\s]?)'
)

_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'))
"""The quotes that keyboards and word processors write."""


@dataclass(frozen=True)
class Clause:
    """A part of a query: a word, the beginning of one (`prefix`) or a phrase, anywhere or in the `title`."""

    text: str
    sign: Sign = ""
    phrase: bool = False
    prefix: bool = False
    title: bool = False

    @property
    def filters(self) -> bool:
        """Whether it decides which documents are answers at all."""
        return self.sign != "" or self.phrase or self.title


@dataclass(frozen=True)
class Parsed:
    """A query as its clauses."""

    clauses: tuple[Clause, ...]

    @property
    def plain(self) -> str:
        """The words that are asked for, without signs: what encoders are given."""
        return " ".join(clause.text for clause in self.clauses if clause.sign != "-")

    @property
    def prefixes(self) -> tuple[str, ...]:
        """The beginnings of words that are asked for."""
        return tuple(clause.text for clause in self.clauses if clause.prefix and clause.sign != "-")


def parse(query: str) -> Parsed:
    """Read a query: `fox "red fox" +must -not begin* title:word title:"some words"`.

    >>> [clause.text for clause in parse('+red -blue "quick fox" jump*').clauses]
    ['red', 'blue', 'quick fox', 'jump']
    >>> parse('+red -blue "quick fox" jump*').plain
    'red quick fox jump'

    Raises InputError, one sentence, for what is none.
    """
    clauses = []
    position = 0
    query = query.translate(_QUOTES)
    while position < len(query):
        if query[position].isspace():
            position += 1
            continue
        found = _PART.match(query, position)
        assert found is not None  # any character but white space begins a part
        clauses.append(_clause(found, query))
        position = found.end()
    if not any(clause.sign != "-" for clause in clauses):
        raise InputError(
            f"cannot read the query {query!r}: it needs a word that is asked for, not only words that are not."
        )
    return Parsed(tuple(clauses))


def _clause(found: re.Match[str], query: str) -> Clause:
    shown = f"cannot read the query {query!r:.200}:"
    sign, field, phrase, word = found["sign"], found["field"], found["phrase"], found["word"]
    if phrase is not None and not found["end"]:
        raise InputError(
            f'{shown} the " at character {found.start() + found.group().index(chr(34)) + 1} is never closed.'
        )
    if found["rest"]:
        raise InputError(f"{shown} a space is missing before or after the quotes at character {found.end()}.")
    if field is not None and field != "title":
        written = found.group()
        raise InputError(
            f'{shown} there is no field {field!r}, only title:; a word with a colon is written "{written}".'
        )
    text = word if phrase is None else phrase
    prefix = phrase is None and len(text) > 1 and text.endswith("*")
    if prefix:
        text = text[:-1]
    if phrase is None and "*" in text:
        raise InputError(f"{shown} a * stands at the end of a word, after at least one letter.")
    if not words(text):
        after = f"{sign}{'title:' if field else ''}"
        what = f"{after} stands without a word." if after else f"{found.group()!r} holds no word."
        raise InputError(f"{shown} {what}")
    return Clause(text, sign, phrase is not None, prefix, field is not None)  # type: ignore[arg-type]


class LexicalQuery(str):
    """The plain words of a query, with what only an index of words can use: beginnings of words, and tolerance of typing errors.

    >>> LexicalQuery("red fox", typos=True).typos
    True
    """

    prefixes: tuple[str, ...]
    typos: bool

    def __new__(cls, text: str, prefixes: tuple[str, ...] = (), typos: bool = False) -> LexicalQuery:
        """A text that is one to everybody else."""
        made = super().__new__(cls, text)
        made.prefixes, made.typos = prefixes, typos
        return made
