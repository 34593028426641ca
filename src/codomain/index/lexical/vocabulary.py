"""Terms of an index that begin with some letters, or are one typing error away from a word."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np

from codomain.index.lexical.postings import Segment

_LEAST = 4
"""Letters of a word in which a typing error is looked for."""


def beginning_with(segments: Sequence[Segment], prefix: str) -> list[str]:
    """The terms that begin with a prefix, sorted."""
    wanted, found = prefix.encode(), set()
    for part in segments:
        count = len(part.ends) - 1
        i = bisect_left(range(count), wanted, key=part.term)
        while i < count and (term := part.term(i)).startswith(wanted):
            found.add(term.decode())
            i += 1
    return sorted(found)


def holds(segments: Sequence[Segment], term: str) -> bool:
    """Whether some row holds a term."""
    return any(len(part.postings(term)[0]) for part in segments)


def near(segments: Sequence[Segment], term: str) -> list[str]:
    """The terms that one letter more, fewer or other, or two neighbors exchanged make of a term, sorted.

    "A technique for computer detection and correction of spelling errors" (1964).
    """
    if len(term) < _LEAST:
        return []
    scripts = {_script(letter) for letter in term}
    alphabet = [letter for letter in _alphabet(segments) if _script(letter) in scripts]
    return sorted({other for other in _edits(term, alphabet) if other != term and holds(segments, other)})


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _edits(term: str, alphabet: Sequence[str]) -> Iterator[str]:
    for i in range(len(term) + 1):
        before, after = term[:i], term[i:]
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in alphabet)
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        yield from (before + letter + after for letter in alphabet)


def _alphabet(segments: Sequence[Segment]) -> list[str]:
    """The letters that occur in terms."""
    found: set[str] = set()
    for part in segments:
        if len(part.letters) and int(part.letters.max()) < 128:
            found |= {chr(letter) for letter in np.unique(part.letters)}
        else:
            found |= {*part.letters.tobytes().decode()}
    return sorted(found)
