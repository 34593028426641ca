"""Text of documents on its way to a terminal: no control character of it takes effect there."""

from __future__ import annotations

import re
from typing import Any

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def shown(text: str) -> str:
    """Text with control characters, and those that turn the direction of writing, as visible signs, one each.

    >>> shown("red\\x1b[31m fox")
    'red\u241b[31m fox'
    """
    return _CONTROL.sub(_sign, text)


def json_line(value: Any) -> str:
    """A value as JSON with the same characters as escapes of JSON: whoever reads it gets the text as it was.

    >>> json_line({"text": "red\\x9b31m fox"})
    '{"text": "red\\\\u009b31m fox"}'
    """
    import json

    return escaped(json.dumps(value, ensure_ascii=False))


def escaped(text: str) -> str:
    """JSON that was written already, the same way."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _sign(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
