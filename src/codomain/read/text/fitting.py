"""Chunks that fit what encoders read: those that are too long are cut again, by the encoders' own tokenizers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Count = Callable[[Sequence[str]], Sequence[int]]
"""The tokens of each text."""

Span = tuple[int, int]
Split = Callable[[str, Callable[[str], int], int], list[Span]]
"""Called with a text, a measure and a capacity: spans of the text that measure at most that much each."""

_LEAST = 8
"""Tokens that are left to a text, however long its title and headings are."""
_ROUNDS = 4


class Limit(NamedTuple):
    """The most tokens that a passage may have, and who counts them."""

    tokens: int
    tokens_of: Count


def fitted(
    text: str,
    pieces: Sequence[Span],
    limits: Sequence[Limit],
    passages: Callable[[Sequence[Span]], list[str]],
    split: Split,
) -> list[Span]:
    """Spans of a text in which none has a passage beyond a limit, as far as titles and headings leave room.

    `passages` says what encoders see of spans.
    """
    found = list(pieces)
    for _ in range(_ROUNDS):  # a piece that is cut may stand under other headings than it did
        seen = passages(found)
        counts = [np.asarray(limit.tokens_of(seen)) for limit in limits]
        beyond = np.any([count > limit.tokens for limit, count in zip(limits, counts, strict=True)], axis=0)
        if not beyond.any():
            break
        again: list[Span] = []
        for i, (start, stop) in enumerate(found):
            if not beyond[i]:
                again.append((start, stop))
                continue
            body = text[start:stop]
            rooms = _rooms(body, [int(count[i]) for count in counts], limits)
            again += [(start + a, start + b) for a, b in _cut(body, rooms, split)]
        again = _in_order(again)
        if again == found:
            break
        found = again
    return found


def cut_again(
    text: str, pieces: Sequence[Span], some: Sequence[Span], limits: Sequence[Limit], split: Split
) -> list[Span]:
    """Pieces of a text, of which `some` are cut where they are too long."""
    chosen = {*some}
    found: list[Span] = []
    for start, stop in pieces:
        parts = _cut(text[start:stop], limits, split) if (start, stop) in chosen else [(0, stop - start)]
        found += [(start + a, start + b) for a, b in parts]
    return _in_order(found)


def _in_order(spans: Sequence[Span]) -> list[Span]:
    """Spans by their start, without those that lie in another: neighbors that overlap were cut one by one."""
    kept: list[Span] = []
    for start, stop in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or stop > kept[-1][1]:
            kept.append((start, stop))
    return kept


def _rooms(body: str, passage_tokens: Sequence[int], limits: Sequence[Limit]) -> list[Limit]:
    """What the title and the headings of a piece leave to its text."""
    rooms = []
    for tokens, limit in zip(passage_tokens, limits, strict=True):
        above = tokens - limit.tokens_of([body])[0]
        rooms.append(Limit(max(limit.tokens - above, min(_LEAST, limit.tokens)), limit.tokens_of))
    return rooms


def _cut(body: str, rooms: Sequence[Limit], split: Split) -> list[Span]:
    """A text in about equal parts, each of which has room."""

    full = min(room.tokens for room in rooms)

    def measure(piece: str) -> int:
        """Tokens of the smallest room; never more than characters, which the splitter relies on."""
        return max(math.ceil(full * room.tokens_of([piece])[0] / room.tokens) for room in rooms)

    load = measure(body)
    if load <= full:
        return [(0, len(body))]
    parts = math.ceil(load / full)
    # a little more than its share, so that a sentence more or less does not make another part
    return split(body, measure, min(full, math.ceil(1.15 * load / parts)))
