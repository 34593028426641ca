"""The part of a passage that shows best why it was found."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codomain.analyzer import Analyzer

_WIDTH = 240


def snippet(
    text: str, query: str, width: int = _WIDTH, analyzer: Analyzer | None = None
) -> tuple[str, list[tuple[int, int]]]:
    """About `width` characters of a text with the most words of a query, and where those words stand in them.

    Words match as BM25 matches them with its `analyzer`, else an English one: case, accents and endings do not count.

    >>> shown, marks = snippet("Foxes are red. Whales are blue.", "a whale")
    >>> [shown[start:end] for start, end in marks]
    ['Whales']
    """
    from codomain.analyzer import Analyzer

    analyzer = analyzer or Analyzer()
    wanted = {term for asked in analyzer.query(query) for term in asked.forms}
    places = [(start, end, term) for term, start, end in analyzer.spans(text) if term in wanted]
    start, stop = _window(text, places, width)
    shown, offset = _one_line(text[start:stop])
    marks: list[tuple[int, int]] = []
    for a, b in sorted((a - start, b - start) for a, b, _ in places if a >= start and b <= stop):
        if marks and offset[a] < marks[-1][1]:  # pairs of letters overlap
            marks[-1] = (marks[-1][0], max(marks[-1][1], offset[b]))
        else:
            marks.append((offset[a], offset[b]))
    before = "... " if start > 0 else ""
    after = " ..." if stop < len(text) else ""
    return before + shown + after, [(a + len(before), b + len(before)) for a, b in marks]


def _window(text: str, places: list[tuple[int, int, str]], width: int) -> tuple[int, int]:
    """Bounds of about `width` characters with the most different words of the query, at spaces where there are some."""
    if len(text) <= width:
        return 0, len(text)
    first, last = _densest(places, width)
    before = min(width // 4, width - (last - first))  # what comes before the words, at most
    start = max(0, min(first - before, len(text) - width))
    if start > 0:
        start = text.find(" ", start, first) + 1 or start
    stop = min(len(text), start + width)
    if stop < len(text) and (space := text.rfind(" ", start + width // 2, stop + 1)) >= 0:
        stop = max(space, last)
    return start, stop


def _densest(places: list[tuple[int, int, str]], width: int) -> tuple[int, int]:
    """Where the first stretch of at most `width` characters with the most different terms begins and ends."""
    best, most = (0, 0), 0
    inside: Counter[str] = Counter()
    left = 0
    for _, end, term in places:
        inside[term] += 1
        while left < len(places) and end - places[left][0] > width:
            inside[places[left][2]] -= 1
            left += 1
        different = sum(count > 0 for count in inside.values())
        if different > most:
            best, most = (places[left][0], end), different
    return best


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
