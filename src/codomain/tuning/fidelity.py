"""Without any judgment: how much of what exact float32 search by the same encoder finds is still found.

This ranks dimensions, quantizations and indexes well. It takes every gain of another encoder, a fusion or a ranker for
damage, so those parts stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from codomain.errors import InputError
from codomain.measure.data.corpus import Questions
from codomain.measure.threads import threads
from codomain.plan import branches, plan
from codomain.tuning.search_space import as_written, parts
from codomain.tuning.trials.evaluator import Evaluator

_FROZEN = (
    "without judgments the encoder, fusion and ranker stay as they are: a better one finds other documents, which "
    "looks like damage when the measure is agreement"
)

_NEAREST = 10
"""Documents of exact search that are looked for: the metric is R@10."""


def space(expressions: Sequence[str], now: str | None) -> tuple[list[str], str]:
    """The pipelines that agreement can compare, plain searches with one encoder, and a sentence about the others.

    >>> space(["static() >> flat()", "bm25()", "fuse(static() >> flat(), bm25())"], None)[0]
    ['static() >> flat()']
    """
    labels = {expression: parts(expression) for expression in expressions}
    encoders = [own["encoder"] for own in labels.values() if own["encoder"] != "none"]
    if not encoders:
        raise InputError("none of the pipelines has an encoder of dense vectors, which is what fidelity compares.")
    own = parts(now)["encoder"] if now is not None else "none"
    encoder = own if own != "none" else encoders[0]
    plain = [e for e, p in labels.items() if (p["encoder"], p["fusion"], p["ranker"]) == (encoder, "none", "none")]
    exact = f"{encoder} >> flat()"
    return [*dict.fromkeys([exact, *plain])], _FROZEN


def branch(now: str) -> tuple[str, str]:
    """The dense branch of a pipeline, and the pipeline with {} in its place.

    >>> branch("fuse(static() >> flat(), bm25())")
    ('static() >> flat()', 'fuse({}, bm25())')

    Raises InputError for a pipeline without one.
    """
    dense = next((branch for branch in branches(plan(now)) if parts(branch.name)["encoder"] != "none"), None)
    if dense is None:
        raise InputError(f"{now} has no dense branch, and agreement with exact search can choose nothing else.")
    return dense.name, now.replace(as_written(dense, now), "{}", 1)


def check_enough(documents: int, exclude_self: bool) -> None:
    """Raise InputError for so few documents that the ten nearest are all of them, whatever finds them.

    >>> check_enough(11, exclude_self=False)
    """
    if documents - exclude_self <= _NEAREST:
        others = " others" if exclude_self else ""
        raise InputError(
            f"agreement in the {_NEAREST} nearest says nothing of {documents} document{'s' * (documents != 1)}: every pipeline finds "
            f"all{others}. It needs {_NEAREST + 1 + exclude_self} documents."
        )


def questions(evaluator: Evaluator, expressions: Sequence[str]) -> Questions:
    """The evaluator's queries with what the first pipeline, exact float32 search, finds as their answers."""
    trial = evaluator.trial(expressions[0])
    ids = evaluator.corpus.documents
    with threads(1):
        trial.prepare()
        qrels = {
            query: {ids[document]: 1 for document in trial.answer(i)[0]}
            for i, query in enumerate(evaluator.questions.texts)
        }
    trial.release()
    return replace(evaluator.questions, qrels=qrels, kind="fidelity")
