"""Text as every store and every encoder takes it."""

from __future__ import annotations

import unicodedata


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
