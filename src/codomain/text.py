"""Text as every store and every encoder takes it."""

from __future__ import annotations


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
