"""Queries without judgments: a sentence or the first line is taken out of a document and asks for it.

Such queries use the document's own words, which flatters lexical search; how well a choice made on them agrees with one
made on people's judgments is measured in proofs/tuning/synthetic_queries.py. A callable that writes queries does better.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from codomain.errors import InputError
from codomain.items import Item, key_of, texts_of
from codomain.measure.data.corpus import Corpus, Questions

Source = Literal["sentence", "first line"]
Generate = Callable[[str], Sequence[str]]

_WORDS = (4, 24)
"""Words of a sentence that can be a query."""
_RUN = 10
"""Words of a query where a passage has no sentence that fits, such as one without full stops."""
_LEFT = 15
"""Words that must be left of a passage."""


def synthetic(
    corpus: Corpus, number: int = 200, source: Source = "sentence", generate: Generate | None = None, seed: int = 0
) -> tuple[Corpus, Questions]:
    """A corpus without what its queries were made of, and the queries, each with the document that it is from.

    With `generate`, queries are what it gives for a passage, and the corpus stays whole.

    >>> body = "It runs over the hills at night and eats what it finds there, mice above all, and sleeps by day in a den."
    >>> corpus, questions = synthetic(Corpus([f"The fox is red and small. {body}"], [0], ["a"]), source="first line")
    >>> questions.texts
    {'a': 'The fox is red and small.'}

    Raises InputError when no document gives a query.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(corpus.documents))
    rows: dict[int, list[int]] = {}
    for row, document in enumerate(corpus.owner):
        rows.setdefault(document, []).append(row)
    passages = texts_of(corpus.passages)
    texts: dict[str, str] = {}
    for document in order.tolist():
        if len(texts) == number:
            break
        candidates = rows[document][:1] if source == "first line" else rng.permutation(rows[document]).tolist()
        query = ""
        for row in candidates:
            if generate is not None:
                query = next((text for text in generate(passages[row]) if text.strip()), "")
            else:
                query = " ".join(_taken(passages[row], source, rng).split())
            if query:
                break
        for other in rows[document] if query and generate is None else ():  # chunks overlap
            passages[other] = " ".join(" ".join(passages[other].split()).replace(query, " ").split())
        if query:
            texts[corpus.documents[document]] = query
    if not texts:
        if generate is not None:
            raise InputError("the callable wrote no query for any document.")
        raise InputError(
            f"no document has a {source} that could be a query: {_least(source)} to {_WORDS[1]} words, with {_LEFT} others left "
            "of the passage. Give queries, or a callable that writes them."
        )
    qrels = {id: {id: 1} for id in texts}
    cut = [
        Item(text, one.media) if isinstance(one, Item) else text
        for text, one in zip(passages, corpus.passages, strict=True)
    ]
    return replace(corpus, passages=cut), Questions(texts, qrels, "synthetic")


def documents_as_queries(corpus: Corpus, number: int, seed: int = 0) -> Questions:
    """Documents that ask for those like them, each left out of its own ranking: where nothing can be taken out of a passage.

    >>> documents_as_queries(Corpus(["red fox", "grey owl"], [0, 1], ["a", "b"]), 1).texts
    {'b': 'grey owl'}

    Raises InputError when all documents are empty.
    """
    first: dict[int, str | Item] = {}
    for owner, passage in zip(corpus.owner, corpus.passages, strict=True):
        if key_of(passage).strip():
            first.setdefault(owner, passage)
    if not first:
        raise InputError("no document has anything that could be a query: give queries.")
    drawn = sorted(np.random.default_rng(seed).permutation([*first])[:number].tolist())
    return Questions({corpus.documents[owner]: first[owner] for owner in drawn}, {}, "fidelity", exclude_self=True)


def _taken(passage: str, source: Source, rng: np.random.Generator) -> str:
    """A sentence of the passage, or its first, that can be a query and leaves enough; "" for none."""
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", passage) if part.strip()]
    words = len(passage.split())

    def fits(sentence: str) -> bool:
        length = len(sentence.split())
        return _least(source) <= length <= _WORDS[1] and words - length >= _LEFT

    candidates = sentences[:1] if source == "first line" else [s for s in sentences if fits(s)]
    if source == "sentence" and not candidates:
        return _run(passage, rng)
    if not candidates or not fits(candidates[0]):
        return ""
    return candidates[int(rng.integers(len(candidates)))]


def _least(source: Source) -> int:
    """Words that a query has at least."""
    return 2 if source == "first line" else _WORDS[0]


def _run(passage: str, rng: np.random.Generator) -> str:
    """Some words in a row out of a passage that leaves enough; "" for a short one."""
    words = passage.split()
    if len(words) < _RUN + _LEFT:
        return ""
    start = int(rng.integers(len(words) - _RUN + 1))
    return " ".join(words[start : start + _RUN])
