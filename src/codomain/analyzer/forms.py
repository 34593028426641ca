"""One form for every way to write the same word: Unicode's compatibility forms, case, invisible characters, accents."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from codomain.analyzer.characters import INVISIBLE
from codomain.lazy import lazy_pattern

_INVISIBLE = lazy_pattern(f"[{INVISIBLE}\u0640]")
"""What is not shown, and the Arabic stroke that only stretches a word."""

_ASCII_DIGITS = re.compile(r"[^\W\x00-\x7f]")

_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"}
    | {"\u06a9": "\u0643", "\u06cc": "\u064a"}
)
"""Latin letters whose accent is part of their shape, and Persian letters that Arabic keyboards write otherwise."""

_CYRILLIC_VOWELS = frozenset("аеиоуыэюяіїєѣ")
_COMMON_MARKS = ((0x300, 0x36F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))
_POINTS = (
    (0x591, 0x5C7), (0x610, 0x61A), (0x64B, 0x652), (0x656, 0x65F), (0x670, 0x670), (0x6D6, 0x6DC), (0x6DF, 0x6E4),
    (0x6E7, 0x6E8), (0x6EA, 0x6ED), (0x8D3, 0x8FF),
)  # fmt: skip
"""Vowels and signs of recitation: the points of Hebrew, the harakat of Arabic."""


def normal(text: str) -> str:
    """The text in the form in which words are compared: NFKC, case folded, without invisible characters.

    >>> normal("Stra\u00dfe"), normal("ＡＢＣ"), normal("H₂O"), normal("infor\u00admation"), normal("٣")
    ('strasse', 'abc', 'h2o', 'information', '3')
    """
    if text.isascii():
        return text.lower()
    form = _INVISIBLE.sub("", text)
    for _ in range(3):  # case folding may take a text out of NFKC: at most twice in all of Unicode
        again = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", form).casefold())
        if again == form:
            break
        form = again
    # the dot that a Turkish capital leaves over its small letter
    form = form.replace("i\u0307", "i")
    return _ASCII_DIGITS.sub(_digit, form)


def _digit(found: re.Match[str]) -> str:
    """A decimal digit of any script as that of ASCII, any other character as it is."""
    character = found.group()
    return str(unicodedata.decimal(character)) if character.isdecimal() else character


def folded(word: str) -> str:
    """A word in normal form without the marks that readers leave out.

    Those are accents of Latin and Greek letters, points of Hebrew, harakat of Arabic, stress and diaeresis of Cyrillic;
    marks that make another letter stay: vowel signs of Indic scripts, the breve of и, voicing of kana.

    >>> folded("café"), folded("łódź"), folded("مُحَمَّد"), folded("йод"), folded("हिन्दी")
    ('cafe', 'lodz', 'محمد', 'йод', 'हिन्दी')
    """
    if word.isascii():
        return word
    kept: list[str] = []
    base = ""
    for character in unicodedata.normalize("NFD", word):
        if not unicodedata.combining(character):
            base = character
        elif _left_out(base, ord(character)):
            continue
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept)).translate(_LETTERS)


def _left_out(base: str, mark: int) -> bool:
    if any(low <= mark <= high for low, high in _POINTS):
        return True
    if 0x653 <= mark <= 0x655:  # madda and hamza
        return base == "\u0627"
    if not any(low <= mark <= high for low, high in _COMMON_MARKS):
        return False
    script = _script(base)
    if script == "CYRILLIC":
        return (mark in (0x300, 0x301) and base in _CYRILLIC_VOWELS) or (mark == 0x308 and base == "е")
    return script in ("LATIN", "GREEK")


@lru_cache(maxsize=1_024)
def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0] if character else ""
