"""The texts: how long they are, what repeats, and what the encoder never reads."""

from __future__ import annotations

import numpy as np

from codomain.diagnosis.report import Section
from codomain.diagnosis.subject import Subject
from codomain.errors import InputError
from codomain.measure.space.neighbors import exact_duplicates

_TOKENIZED = 2_000
_MUCH = 0.02
"""Share of duplicates or of cut texts that is worth a word."""


def texts(subject: Subject) -> Section:
    """Lengths, empty texts and exact duplicates, over every passage."""
    found = Section("Texts")
    lengths = np.array([len(text) for text in subject.passages])
    low, middle, high = np.quantile(lengths, [0.05, 0.5, 0.95])
    found.add("characters", "median length, in characters", middle, "the middle 90 %", low=low, high=high)
    empty = found.add(
        "empty_texts", "empty texts", sum(not text.strip() for text in subject.passages) / len(lengths), share=True
    )
    said = [text for text in subject.passages if text.strip()]
    repeats = exact_duplicates(said) / max(len(said), 1)
    same = found.add("exact_duplicates", "exact duplicates, but for case and spaces", repeats, share=True)
    if empty.value > 0:
        found.advise(f"{empty} of the passages are empty: leave them out.", "empty_texts")
    if same.value >= _MUCH:
        found.advise(
            f"{same} of the passages are exact duplicates: they take memory and places among the hits; index each once.",
            "exact_duplicates",
        )
    return found


def truncation(subject: Subject) -> Section:
    """Texts longer than what the encoder reads."""
    model = subject.encoder.network
    limit = getattr(model, "max_seq_length", None)
    if model is None or not limit:
        raise InputError(f"{subject.expression} reads texts of any length, as far as is known.")
    found = Section("Truncation")
    some = subject.texts(_TOKENIZED)
    # what a text needs, whatever the tokenizer is set to cut
    tokens = np.array([len(ids) for ids in model.tokenizer(some, truncation=False, verbose=False)["input_ids"]])
    lost = np.maximum(tokens - limit, 0).sum() / max(tokens.sum(), 1)
    cut = found.add(
        "truncated",
        f"passages longer than {limit} tokens",
        float((tokens > limit).mean()),
        f"of {len(some):,}",
        share=True,
    )
    never = found.add("tokens_lost", "tokens that are never read", float(lost), share=True)
    found.add("tokens", "median length, in tokens", float(np.median(tokens)))
    if cut.value >= _MUCH:
        found.advise(
            f"{cut} of the passages are longer than the {limit} tokens that {subject.expression} reads, and {never} of all "
            "tokens never reach a vector: index in smaller chunks.",
            "truncated",
            "tokens_lost",
        )
    return found
