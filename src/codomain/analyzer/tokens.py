"""How many tokens a text has, without a tokenizer: an estimate, and whether a text is no prose."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LETTERS_AND_SPACES = bytes(b for b in range(128) if chr(b).isalpha() or chr(b).isspace())
_DENSE = 0.12
"""Share of digits and marks beyond which text is no prose: Debian descriptions have 0.05."""
_LONG_WORD = 40
_TOKEN = re.compile(r"[^\W\d_]{1,6}|\d{1,2}|[^\w\s]|_")
_ASCII_TOKEN = re.compile(r"[A-Za-z]{1,6}|[0-9]{1,2}|[!-/:-@[-`{-~\x00-\x08\x0e-\x1b\x7f]")
"""The same in plain ASCII, in a third of the time."""
_RUN = re.compile(rf"[!-~]{{{_LONG_WORD},}}")


def is_dense(text: str) -> bool:
    """Whether a text has many more tokens than prose of its length: code, tables of numbers, addresses, encoded data.

    >>> is_dense("A red fox sat down, and then it ran."), is_dense("x[i] += 17; y = 3.1415"), is_dense("Zm9v" * 99)
    (False, True, True)
    """
    length = len(text)
    data = text.encode("utf-8", "replace")
    others = len(data.translate(None, _LETTERS_AND_SPACES)) - len(data) + length
    return others > _DENSE * length or (text.count(" ") * _LONG_WORD < length - _LONG_WORD and text.isascii())


def estimate(texts: Sequence[str]) -> list[int]:
    """About as many tokens as WordPiece makes of each text, rather more than fewer.

    >>> estimate(["A red fox.", "k_17 = 3.1415"])
    [4, 8]
    """
    return [_estimated(text) for text in texts]


def _estimated(text: str) -> int:
    token = _ASCII_TOKEN if text.isascii() else _TOKEN
    if max(map(len, text.split()), default=0) < _LONG_WORD:
        return len(token.findall(text))
    # long words are addresses or encoded data: 100 characters are 50 to 60 tokens
    return len(token.findall(_RUN.sub(" ", text))) + sum(6 * len(run) // 10 for run in _RUN.findall(text))
