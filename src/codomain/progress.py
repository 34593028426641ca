"""Progress: one shape everywhere, `progress(step, done, total)`."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how much of it is done and how much there is, 0 where that is not known."""


def shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Progress of a part as progress of the whole: `before` items came first, `total` there are.

    >>> shifted(print, 100, 300)("encoding", 20, 100)
    encoding 120 300
    """
    return None if progress is None else lambda step, done, _: progress(step, before + done, total)


def counter(progress: Progress | None, step: str, total: int = 0) -> Callable[[int], None]:
    """A function that is called with each number of items that is finished, and reports all that are.

    >>> advance = counter(print, "encoding", 10)
    >>> advance(4); advance(6)
    encoding 4 10
    encoding 10 10
    """
    done = 0

    def advance(items: int) -> None:
        nonlocal done
        done += items
        if progress is not None:
            progress(step, done, total)

    return advance
