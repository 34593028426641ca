"""Text as every store and every encoder takes it."""

from __future__ import annotations

import unicodedata

from codomain.lazy import lazy_pattern

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What is not shown: soft hyphens, zero-width characters, marks of direction (Unicode's Default_Ignorable_Code_Point)."""

_JOINERS = "\u200c\u200d"
_UNSEEN = lazy_pattern(
    f"(?![{_JOINERS}])[{INVISIBLE}]|(?<![\u0600-\U0010ffff])[{_JOINERS}]|[{_JOINERS}](?![\u0600-\U0010ffff])"
)
"""Zero-width joiners stay between letters of the scripts that are spelt with them, and between emoji."""

_PRESENTATION = lazy_pattern(
    "[\u0132\u0133\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb4f\ufb50-\ufdff\ufe70-\ufefc\uff00-\uffef]+"
)
"""Ligatures, presentation forms of Arabic and Hebrew, full-width and half-width forms."""


def nfc(text: str) -> str:
    """Text in Unicode's form NFC, in which filters compare: one code point for a letter with its accent.

    >>> nfc("e\u0301") == "\u00e9"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def clean(text: str) -> str:
    """Text that every store takes: NUL becomes a space, half of a surrogate pair a question mark.

    >>> clean("a\\0b \\ud800")
    'a b ?'
    """
    if "\0" in text:
        text = text.replace("\0", " ")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-8", "replace").decode()
    return text


def brief(value: object) -> str:
    """A value as an error shows it, 60 characters at most; Python refuses to write whole numbers of over 4,300 digits.

    >>> brief("x"), len(brief([1] * 1_000)), brief(10**5_000)
    ("'x'", 60, 'a number of over 4,300 digits')
    """
    try:
        text = repr(value)
    except ValueError:
        return "a number of over 4,300 digits"
    return text if len(text) <= 60 else f"{text[:57]}..."


def for_encoders(text: str) -> str:
    """Clean text as encoders read it: NFC, without invisible characters, ligatures and full-width forms resolved.

    >>> for_encoders("o\ufb03ce"), for_encoders("ＡＢＣ"), for_encoders("ｶﾞ"), for_encoders("x\u00b2 infor\u00admation")
    ('office', 'ABC', 'ガ', 'x² information')
    """
    text = clean(text)
    if text.isascii():
        return text
    text = _PRESENTATION.sub(lambda found: unicodedata.normalize("NFKC", found.group()), _UNSEEN.sub("", text))
    return unicodedata.normalize("NFC", text)
