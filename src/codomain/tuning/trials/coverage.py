"""How much of a corpus a budget allows: first what is judged and what cheap branches find, then more while time lasts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from codomain.contracts import Encoder
from codomain.errors import CodomainError
from codomain.items import Item
from codomain.measure.data.corpus import Corpus
from codomain.measure.threads import threads
from codomain.plan import branches, encode, plan
from codomain.tuning.labels import pipeline_of
from codomain.tuning.trials.evaluator import Evaluator

_LONG_ENOUGH = 0.5
"""Seconds of encoding that tell how long the rest takes."""
_FIRST, _TIMES = 4, 8
"""Passages that warm an encoder up, and how many times more are encoded next."""
SHARE = 0.5
"""Of the time that is left, what encoding may take: trials take time, too."""


@dataclass(frozen=True)
class Rate:
    """How long an encoder takes for a passage, warm, and how many passages it has not encoded yet."""

    seconds: float
    missing: int


def rates(evaluator: Evaluator, expressions: Sequence[str]) -> Iterator[tuple[str, Rate]]:
    """The rate of each encoder of some pipelines; what is encoded for it is kept."""
    encoders: dict[str, Encoder] = {}
    passages: dict[str, dict[int, list[str | Item]]] = {}
    for one in expressions:
        searched = evaluator.of(one).corpus.passages
        for branch in branches(plan(pipeline_of(one))):
            if branch.encoder is not None:
                encoders[str(branch.encoder)] = branch.encoder
                passages.setdefault(str(branch.encoder), {})[id(searched)] = searched
    for name, encoder in encoders.items():
        yield name, _rate(evaluator, encoder, [passage for some in passages[name].values() for passage in some])


def _rate(evaluator: Evaluator, encoder: Encoder, passages: list[str | Item]) -> Rate:
    dense = encoder.gives == "dense"
    missing = evaluator.cache.missing(encoder, passages) if dense else [*passages]
    order = np.random.default_rng(0).permutation(len(missing))
    number, done, seconds, took = _FIRST, 0, 0.0, 0.0
    while done < len(missing) and took < _LONG_ENOUGH / 2:
        some: list[Any] = [missing[i] for i in order[done : done + number]]
        began = time.perf_counter()
        with threads():
            if dense:
                evaluator.cache.documents(encoder, some)
            else:
                encode(encoder, some)
        spent = time.perf_counter() - began
        seconds = spent / len(some)  # the first portion loads the encoder: a later one tells, where there is one
        took = spent if done else 0.0
        done += len(some)
        number = max(_FIRST, min(_TIMES * number, int(_LONG_ENOUGH / max(seconds, 1e-9))))
    return Rate(seconds, len(missing) - done if dense else len(missing))


def survey(
    evaluator: Evaluator, expressions: Sequence[str], left: float, seed: int
) -> tuple[dict[str, Rate], list[int] | None]:
    """The rate of each encoder, and the order in which documents are taken where the time does not allow all of them."""
    found = dict(rates(evaluator, expressions))
    if sum(rate.seconds * rate.missing for rate in found.values()) <= SHARE * left:
        return found, None
    cheap = [one for one in expressions if all(branch.encoder is None for branch in branches(plan(pipeline_of(one))))]
    cheap += [f"{name} >> flat()" for name, rate in found.items() if rate.seconds * rate.missing <= 0.1 * left]
    return found, in_order(evaluator, cheap, seed)


def in_order(evaluator: Evaluator, cheap: Sequence[str], seed: int) -> list[int]:
    """Documents, as numbers: those with a judgment, those that cheap pipelines find, the others as a seed shuffles them."""
    corpus, questions = evaluator.corpus, evaluator.questions
    place = {id: number for number, id in enumerate(corpus.documents)}
    judged = [place[id] for grades in questions.qrels.values() for id in grades if id in place]
    found: list[int] = []
    for expression in cheap:
        try:
            candidate = evaluator.trial(expression)
            with threads(1):
                candidate.prepare()
                for query in range(len(questions)):
                    found += candidate.answer(query)[0]
            candidate.release()
        except CodomainError:
            continue  # as a trial it says why
    rest = np.random.default_rng(seed).permutation(len(corpus.documents)).tolist()
    return [*dict.fromkeys([*judged, *found, *rest])]


def part_of(corpus: Corpus, documents: Sequence[int]) -> Corpus:
    """Some documents with their passages, in the order that they have.

    >>> part_of(Corpus(["a", "b", "c"], [0, 1, 1], ["x", "y"]), [1]).passages
    ['b', 'c']
    """
    kept = {number: place for place, number in enumerate(sorted(documents))}
    rows = [row for row, owner in enumerate(corpus.owner) if owner in kept]
    return Corpus(
        [corpus.passages[row] for row in rows],
        [kept[corpus.owner[row]] for row in rows],
        [corpus.documents[number] for number in kept],
        corpus.situate,
        {one: [kept[number] for number in numbers if number in kept] for one, numbers in corpus.allowed.items()},
        {name: part_of(other, documents) for name, other in corpus.others.items()},
    )


def sizes(documents: int, least: int) -> list[int]:
    """How many documents are taken, level by level: halves of all, halves of them and so on, but `least` at least.

    >>> sizes(1000, 200)
    [250, 500, 1000]
    """
    found = [documents]
    while found[0] // 2 >= max(least, 1) and found[0] > 1:
        found.insert(0, found[0] // 2)
    return found


def time_for_people(seconds: float) -> str:
    """Seconds, or minutes.

    >>> time_for_people(90), time_for_people(600)
    ('90 s', '10 minutes')
    """
    return f"{max(1, seconds):.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
