"""The tokens of texts with their places, as an encoder's tokenizer cuts them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Token(NamedTuple):
    """A token: its number, what it stands for in the text, from where to where; a special one stands for nothing."""

    id: int
    text: str
    special: bool
    start: int | None
    stop: int | None


def tokens(tokenizer: Any, texts: Sequence[str], special: bool = True) -> list[list[Token]]:
    """Tokens of each text, however long, by a tokenizer of `tokenizers` that neither cuts nor pads; places are of characters."""
    found = []
    for text, one in zip(texts, tokenizer.encode_batch(list(texts), add_special_tokens=special), strict=True):
        parts = zip(one.ids, one.tokens, one.special_tokens_mask, one.offsets, strict=True)
        found.append(
            [
                Token(number, name, True, None, None) if mask else Token(number, text[start:stop], False, start, stop)
                for number, name, mask, (start, stop) in parts
            ]
        )
    return found
