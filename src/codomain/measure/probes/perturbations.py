"""Small edits of a text: some that should change nothing, some that should change everything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np

Edit = Callable[[str, np.random.Generator, int], str]
"""A text, a random generator and a strength, which is the number of edits, to the edited text."""

_WORD = re.compile(r"[^\W\d_]{4,}")
_NUMBER = re.compile(r"\d+")
_VERB = re.compile(
    r"\b(is|are|was|were|am|be|been|can|could|will|would|should|must|may|might|do|does|did|has|have|had)( not|n't|not)?\b",
    re.IGNORECASE,
)


class Perturbation(NamedTuple):
    """An edit by name; `meaning` says whether it keeps what the text means or changes it."""

    name: str
    edit: Edit
    meaning: Literal["kept", "changed"]


def typo(text: str, rng: np.random.Generator, strength: int = 1) -> str:
    """Two inner neighbouring letters of `strength` words swapped.

    >>> typo("bread", np.random.default_rng(0))
    'braed'
    """

    def swap(word: str) -> str:
        places = [i for i in range(1, len(word) - 2) if word[i] != word[i + 1]]
        if not places:
            return word
        i = int(rng.choice(places))
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]

    return matches_changed(_WORD, text, rng, strength, swap)


def case(text: str, rng: np.random.Generator, strength: int = 1) -> str:
    """All in capitals."""
    return text.upper()


def whitespace(text: str, rng: np.random.Generator, strength: int = 1) -> str:
    """Every space `strength` times more."""
    return text.replace(" ", " " * (1 + strength))


def number(text: str, rng: np.random.Generator, strength: int = 1) -> str:
    """`strength` numbers replaced by others of as many digits.

    >>> number("no digits", np.random.default_rng(0))
    'no digits'
    """

    def other(digits: str) -> str:
        found = digits
        while found == digits:
            found = "".join(str(int(d)) for d in rng.integers(0, 10, len(digits)))
        return found

    return matches_changed(_NUMBER, text, rng, strength, other)


def negate(text: str, rng: np.random.Generator, strength: int = 1) -> str:
    """ "not" put after `strength` auxiliary verbs, or taken from them; before the whole where there is none.

    >>> rng = np.random.default_rng(0)
    >>> negate("it is good", rng), negate("it isn't", rng), negate("a good film", rng)
    ('it is not good', 'it is', 'not a good film')
    """
    if not _VERB.search(text):
        return f"not {text}" if text.strip() else text

    def turn(verb: str) -> str:
        plain = re.sub(r"( not|n't|not)$", "", verb, flags=re.IGNORECASE)
        return plain if plain != verb else f"{verb} not"

    return matches_changed(_VERB, text, rng, strength, turn)


def mask(text: str, rng: np.random.Generator, strength: int = 1) -> str:
    """`strength` of the longest words left out.

    >>> mask("a marvellous film", np.random.default_rng(0))
    'a film'
    """
    words = text.split()
    if len(words) <= strength:
        return text
    gone = {*sorted(range(len(words)), key=lambda i: -len(words[i]))[:strength]}
    return " ".join(word for i, word in enumerate(words) if i not in gone)


def order(text: str, rng: np.random.Generator, strength: int = 1) -> str:
    """Words in random order."""
    return " ".join(rng.permutation(text.split())) if text.strip() else text


def synonyms(dictionary: Mapping[str, str]) -> Edit:
    """An edit that replaces `strength` words by what a dictionary (lower case) has for them.

    >>> synonyms({"film": "movie"})("A good film", np.random.default_rng(0), 1)
    'A good movie'
    """

    def replaced(text: str, rng: np.random.Generator, strength: int = 1) -> str:
        known = [word for word in re.findall(r"[^\W\d_]+", text) if word.lower() in dictionary]
        if not known:
            return text
        pattern = re.compile(r"\b(" + "|".join(map(re.escape, {*known})) + r")\b")
        return matches_changed(pattern, text, rng, strength, lambda word: dictionary[word.lower()])

    return replaced


DEFAULT = (
    Perturbation("typo", typo, "kept"),
    Perturbation("case", case, "kept"),
    Perturbation("whitespace", whitespace, "kept"),
    Perturbation("order", order, "changed"),
    Perturbation("number", number, "changed"),
    Perturbation("mask", mask, "changed"),
    Perturbation("negate", negate, "changed"),
)
"""What `flip_rate` tries."""


def matches_changed(
    pattern: re.Pattern[str], text: str, rng: np.random.Generator, strength: int, change: Callable[[str], str]
) -> str:
    """`strength` random matches of a pattern changed."""
    found = [*pattern.finditer(text)]
    chosen = sorted(rng.permutation(len(found))[:strength].tolist(), reverse=True)
    for i in chosen:
        start, stop = found[i].span()
        text = text[:start] + change(found[i].group()) + text[stop:]
    return text
