"""The headings of a Markdown text, in time linear in its length."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator

_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\n|\r|\Z)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ATX = re.compile(r" {0,3}(#{1,6})(?![^ \t])")
_PARAGRAPH = re.compile(r" {0,3}(?![-*+>|][ \t]|\|)\S")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*")


def headings(text: str) -> Iterator[tuple[int, int, int, str]]:
    """Each heading outside code fences: its start, the end of its lines, its level and its words.

    >>> list(headings("# One #\\r\\ntext\\rTwo\\r---"))
    [(0, 9, 1, 'One'), (14, 21, 2, 'Two')]
    """
    position = after_front_matter(text)
    fence, before = "", (0, "")
    while position < len(text):
        line = _LINE.match(text, position)
        assert line is not None
        start, position, bare = position, line.end(), line.group(1)
        mark = _FENCE.fullmatch(bare)
        if fence:
            if mark and mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
            continue
        paragraph, before = before, (start, bare)
        if mark and not (mark[1][0] == "`" and "`" in mark[2]):
            fence, before = mark[1], (0, "")
        elif heading := _ATX.match(bare):
            before = (0, "")
            if words := _without_closing(bare[heading.end() :].strip()):
                yield start, position, len(heading[1]), words
        elif (line_under := _UNDERLINE.fullmatch(bare)) and _PARAGRAPH.match(paragraph[1]):
            before = (0, "")
            yield paragraph[0], position, 1 if line_under[1][0] == "=" else 2, paragraph[1].strip()


def _without_closing(words: str) -> str:
    """A heading without the # signs that may close it, which stand behind a space or alone."""
    opened = words.rstrip("#")
    return words if opened and opened[-1] not in " \t" else opened.rstrip()


def title(text: str) -> str | None:
    """The first heading of the first level; None without one.

    >>> title("```\\n# no title\\n```\\n# Title #\\r\\n\\r\\nText")
    'Title'
    """
    return next((words for _, _, level, words in headings(text) if level == 1), None)


def after_front_matter(text: str) -> int:
    """Where a text begins behind its block of settings between two lines of ---, if it has one."""
    front = re.match(r"---[ \t]*\r?\n(?:.*\n)*?---[ \t]*(?:\r?\n|$)", text[:20_000])
    return front.end() if front else 0


class Outline:
    """Where each Markdown heading of a text begins and its body starts, and the path of headings above any place."""

    def __init__(self, text: str) -> None:
        self.starts: list[int] = []
        self.bodies: list[int] = []
        self.paths: list[list[str]] = []
        self.text = text
        path: list[tuple[int, str]] = []
        for start, body, level, words in headings(text):
            path = [*((depth, name) for depth, name in path if depth < level), (level, words)]
            self.starts.append(start)
            self.bodies.append(body)
            self.paths.append([name for _, name in path])

    def above(self, start: int, end: int) -> list[str]:
        """The headings over the first line of text[start:end] that is not itself a heading."""
        i = bisect.bisect_right(self.starts, start) - 1
        here = max(start, self.bodies[i]) if i >= 0 else start
        while i + 1 < len(self.starts) and self.starts[i + 1] < end:
            if self.text[here : self.starts[i + 1]].strip():
                break
            i += 1
            here = self.bodies[i]
        return list(self.paths[i]) if i >= 0 else []
