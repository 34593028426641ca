"""The part of a passage that shows best why it was found."""

from __future__ import annotations

import re

_WIDTH = 240


def snippet(text: str, query: str, width: int = _WIDTH) -> tuple[str, list[tuple[int, int]]]:
    """About `width` characters of a text with the most words of a query, and where those words stand in them.

    Words match as BM25 matches them: case and endings do not count.

    >>> shown, marks = snippet("Foxes are red. Whales are blue.", "a whale")
    >>> [shown[start:end] for start, end in marks]
    ['Whales']
    """
    from codomain.index.bm25 import BM25

    words = BM25()
    wanted = {term for term, _, _ in words.analyze(query)}
    places = [(start, end, term) for term, start, end in words.analyze(text) if term in wanted]
    start, stop = _window(text, places, width)
    shown, offset = _one_line(text[start:stop])
    marks = [(offset[a - start], offset[b - start]) for a, b, _ in places if a >= start and b <= stop]
    before = "... " if start > 0 else ""
    after = " ..." if stop < len(text) else ""
    return before + shown + after, [(a + len(before), b + len(before)) for a, b in marks]


def _window(text: str, places: list[tuple[int, int, str]], width: int) -> tuple[int, int]:
    """Bounds of the stretch with the most different words of the query, from a word's beginning to a word's end."""
    if len(text) <= width:
        return 0, len(text)
    best, most = 0, 0
    for start, _, _ in places:
        inside = {term for a, b, term in places if a >= start and b <= start + width}
        if len(inside) > most:
            best, most = start, len(inside)
    start = max(0, min(best - width // 4, len(text) - width))
    if start > 0:
        start = text.find(" ", start, best) + 1 or best
    stop = min(len(text), start + width)
    if stop < len(text):
        stop = max(text.rfind(" ", start, stop), start + width // 2)
    return start, stop


def _one_line(text: str) -> tuple[str, list[int]]:
    """White space squeezed to single spaces, and where each character went."""
    shown: list[str] = []
    offset: list[int] = []
    length = 0
    for part in re.split(r"(\s+)", text):
        squeezed = " " if part.isspace() else part
        offset += [length + min(i, len(squeezed)) for i in range(len(part))]
        shown.append(squeezed)
        length += len(squeezed)
    return "".join(shown), [*offset, length]
