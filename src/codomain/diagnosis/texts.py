"""The texts: how long they are, what repeats, and what the encoder never reads."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import category

import numpy as np

from codomain.diagnosis.costs import cheap, lost, said
from codomain.diagnosis.report import Section
from codomain.diagnosis.subject import Subject
from codomain.encode.text.window import Windowed
from codomain.errors import InputError

_TOKENIZED = 2_000
_MUCH = 0.02
"""Share of duplicates or of cut texts that is worth a word."""
_ODD = 0.05
"""Share of signs that are no text, above which nobody can read it."""


def texts(subject: Subject) -> Section:
    """Lengths, empty and unreadable texts, and exact duplicates, over every passage."""
    found = Section("Texts")
    passages, n = subject.passages, len(subject.passages)
    lengths = np.array([len(text) for text in passages])
    low, middle, high = np.quantile(lengths, [0.05, 0.5, 0.95])
    found.add("characters", "median length, in characters", middle, "the middle 90 %", low=low, high=high)
    void = [i for i, text in enumerate(passages) if not text.strip()]
    empty = found.add("empty_texts", "empty texts", len(void) / n, share=True)
    odd = [i for i, text in enumerate(passages) if unreadable(text)]
    broken = found.add(
        "unreadable_texts",
        "unreadable: many signs that are no text",
        len(odd) / n,
        "a broken encoding, or bytes",
        share=True,
    )
    repeats = copies(passages)
    said_ones = max(n - len(void), 1)
    same = found.add(
        "exact_duplicates", "exact duplicates, but for case and spaces", len(repeats) / said_ones, share=True
    )
    found.name("empty", _ids(subject, void))
    found.name("unreadable", _ids(subject, odd))
    found.name("duplicates", (subject.copy_of(i, j) for i, j in repeats.items()))
    found.draw("passages by length, in characters", lengths, log=True)
    cost = lost(subject, dict.fromkeys(void))
    if void and cheap(cost):
        found.advise(f"{empty} of the passages are empty: leave them out{said(cost)}.", "empty_texts")
    if odd:
        found.advise(f"{broken} of the passages are unreadable: read their files again.", "unreadable_texts")
    cost = lost(subject, {**repeats})
    if same.value >= _MUCH and cheap(cost):
        found.advise(
            f"{same} of the passages are exact duplicates: they take memory and places among the hits; index each once"
            f"{said(cost)}.",
            "exact_duplicates",
        )
    return found


def copies(passages: Sequence[str]) -> dict[int, int]:
    """Passages that repeat an earlier one, but for case and white space, with that one; empty ones are none.

    >>> copies(["A cat", "a  cat ", "a dog", "", ""])
    {1: 0}
    """
    first: dict[str, int] = {}
    found = {}
    for i, text in enumerate(passages):
        key = " ".join(text.casefold().split())
        if key and first.setdefault(key, i) != i:
            found[i] = first[key]
    return found


def unreadable(text: str) -> bool:
    """Whether more than a twentieth of a text are replacement signs, controls, private or unassigned characters.

    >>> unreadable("caf\ufffd \ufffd\ufffd"), unreadable("a cafe, with one \ufffd in a long text")
    (True, False)
    """
    odd = sum(
        c == "\ufffd" or (not c.isprintable() and category(c) in ("Cc", "Co", "Cn") and not c.isspace()) for c in text
    )
    return odd > _ODD * max(len(text), 1)


def _ids(subject: Subject, passages: Sequence[int]) -> list[str]:
    return [subject.documents[i] for i in passages]


def truncation(subject: Subject) -> Section:
    """Texts longer than what the encoder reads."""
    subject.check_reads_texts()
    limit = subject.encoder.window if isinstance(subject.encoder, Windowed) else None
    if limit is None:
        raise InputError(f"{subject.expression} reads texts of any length, as far as is known.")
    found = Section("Truncation")
    some = subject.texts(_TOKENIZED)
    tokens = subject.encoder.count_tokens(some)
    unread = np.maximum(tokens - limit, 0).sum() / max(tokens.sum(), 1)
    cut = found.add(
        "truncated",
        f"passages longer than {limit} tokens",
        float((tokens > limit).mean()),
        f"of {len(some):,}",
        share=True,
    )
    never = found.add("tokens_lost", "tokens that are never read", float(unread), share=True)
    found.add("tokens", "median length, in tokens", float(np.median(tokens)))
    pieces = found.add(
        "pieces", "vectors in chunks of what is read, to one now", float(np.ceil(np.maximum(tokens, 1) / limit).mean())
    )
    numbers = {text: i for i, text in reversed([*enumerate(subject.passages)])}
    longest = np.argsort(-tokens, kind="stable")[: int((tokens > limit).sum())]
    found.name("longest", (f"{subject.documents[numbers[some[i]]]} ({tokens[i]:,} tokens)" for i in longest))
    found.draw("passages by length, in tokens", tokens, log=True)
    if cut.value >= _MUCH:
        found.advise(
            f"{cut} of the passages are longer than the {limit} tokens that {subject.expression} reads, and {never} of all "
            f"tokens never reach a vector: chunks of that size would be {pieces} times as many vectors.",
            "truncated",
            "tokens_lost",
            "pieces",
        )
    return found
