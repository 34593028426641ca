"""Stop words by language."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from codomain.analyzer.forms import normal

_ENGLISH = """
a an and are as at be but by for from had has have he her his i if in into is it its not of on or our she so such than
that the their them then there these they this those to was we were what when where which who why will with would you
your s t
"""
STOP_WORDS = frozenset(_ENGLISH.split())
"""Those of English."""


def stop_words(language: str | None) -> frozenset[str]:
    """The stop words of a language, in normal form; none of a language without a list.

    >>> "der" in stop_words("german"), len(stop_words("turkish"))
    (True, 0)
    """
    if language in ("english", "porter"):
        return STOP_WORDS
    return _lists().get("dutch" if language == "dutch_porter" else language or "", frozenset())


def languages() -> list[str]:
    """The languages that have stop words, sorted."""
    return sorted({"english", *_lists()})


@cache
def _lists() -> dict[str, frozenset[str]]:
    lists: dict[str, frozenset[str]] = {}
    text = Path(__file__).with_name("stop_words.txt").read_text(encoding="utf-8")
    for part in text.split("\n[")[1:]:
        language, _, words = part.partition("]")
        lists[language] = frozenset(map(normal, words.split()))
    return lists
