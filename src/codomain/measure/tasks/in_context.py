"""Labels by a language model that is shown retrieved examples: the nearest labeled texts of a text, in its prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from codomain.arrays import Floats, Rows, unit_rows
from codomain.errors import InputError
from codomain.index.flat import Flat

Complete = Callable[[list[str]], Sequence[str]]
"""Prompts to what a language model writes after each."""


@dataclass(frozen=True)
class InContext:
    """The label (n,) of each text, None where the answer begins with none; the prompts; how many answers were none."""

    labels: list[str | None]
    prompts: list[str]
    unread: int


def nearest_examples(X: Floats, Q: Floats, k: int) -> Rows:
    """The k nearest of (n, d) for each of Q (q, d) by cosine, the nearest last: next to the question in a prompt.

    >>> nearest_examples(np.float32([[1, 0], [0, 1], [1, 1]]), np.float32([[2, 1]]), 2).tolist()
    [[0, 2]]

    Raises InputError for k below 1.
    """
    if k < 1:
        raise InputError(f"k is 1 at least, not {k!r}.")
    hits = Flat().build(unit_rows(X)).search(unit_rows(Q), min(k, len(X)))
    return np.asarray(hits.rows[:, ::-1])


def example_prompt(examples: Sequence[tuple[str, str]], text: str, names: tuple[str, str] = ("Text", "Label")) -> str:
    """Examples and their labels, then a text whose label is to be written.

    >>> print(example_prompt([("one dog", "animal")], "two cats"))
    Text: one dog
    Label: animal
    <BLANKLINE>
    Text: two cats
    Label:
    """
    given, asked = names
    shown = [f"{given}: {' '.join(example.split())}\n{asked}: {label}\n\n" for example, label in examples]
    return f"{''.join(shown)}{given}: {' '.join(text.split())}\n{asked}:"


def label_in_context(
    texts: Sequence[str],
    Q: Floats,
    examples: Sequence[str],
    labels: Sequence[str],
    X: Floats,
    complete: Complete,
    k: int = 4,
    names: tuple[str, str] = ("Text", "Label"),
    rows: Rows | None = None,
) -> InContext:
    """Label texts with vectors Q (q, d) by a language model that sees the k nearest of labeled examples with vectors X (n, d).

    The answer's label is the longest known one that it begins with, capitals aside. `rows` (q, k) are other examples, such as
    random ones, which a choice by an encoder is compared with. Examples in one language and texts in another are the
    cross-lingual test of "MINERS: Multilingual Language Models as Semantic Retrievers" (2024).

    >>> echo = lambda prompts: [prompt.split("Label: ")[1].split()[0] for prompt in prompts]  # the first example's label
    >>> X = np.float32([[1, 0], [0, 1]])
    >>> label_in_context(["a puppy"], np.float32([[1, 0.2]]), ["a dog", "a law"], ["animal", "code"], X, echo, k=1).labels
    ['animal']

    Raises InputError for sides that do not fit, or a model that loses prompts.
    """
    if len(examples) != len(labels) or len(examples) != len(X) or not len(examples):
        raise InputError(
            f"every example needs a label and a vector: there are {len(examples)}, {len(labels)} and {len(X)}."
        )
    if len(texts) != len(Q):
        raise InputError(f"every text needs a vector: there are {len(texts)} and {len(Q)}.")
    chosen = nearest_examples(X, Q, k) if rows is None else np.asarray(rows)
    if len(chosen) != len(texts):
        raise InputError(f"every text needs examples: there are {len(texts)} and {len(chosen)}.")
    prompts = [
        example_prompt([(examples[i], labels[i]) for i in own], text, names)
        for text, own in zip(texts, chosen.tolist(), strict=True)
    ]
    answers = list(complete(prompts))
    if len(answers) != len(prompts):
        raise InputError(f"the language model gave {len(answers)} answers to {len(prompts)} prompts.")
    known = sorted({*labels}, key=len, reverse=True)
    found = [
        next((label for label in known if answer.strip().lower().startswith(label.lower())), None) for answer in answers
    ]
    return InContext(found, prompts, sum(label is None for label in found))
