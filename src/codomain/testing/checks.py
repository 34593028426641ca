"""`check_stage`: does a stage keep the promises of its role?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from codomain.errors import CodomainError, PipelineError
from codomain.pipeline import pipeline
from codomain.stage import Stage


class ContractError(CodomainError, AssertionError):
    """A promise that a stage does not keep."""


class Check(NamedTuple):
    """One promise: its name, and a call that raises AssertionError where it is broken."""

    name: str
    run: Callable[[], None]


def check_stage(stage: Stage | type[Stage] | str) -> int:
    """Check a stage, a class whose arguments have defaults, or an expression of one stage; how many promises it kept.

    >>> check_stage("truncate(4)") > 5
    True

    Raises ContractError, naming the stage and the promise, at the first one that is broken.
    """
    found = as_stage(stage)
    number = 0
    for check in checks(found):
        try:
            check.run()
        except AssertionError as error:
            raise ContractError(f"{found} breaks the promise {check.name!r}: {_first(error)}") from error
        except Exception as error:
            raise ContractError(
                f"{found} breaks the promise {check.name!r} with {type(error).__name__}: {error}"
            ) from error
        number += 1
    return number


def checks(stage: Stage) -> Iterator[Check]:
    """Every promise of the stage's role."""
    from codomain.testing import encoders, every, indexes, rankers, transforms

    yield from every.checks(stage)
    if stage.branches:
        yield from rankers.fusion_checks(stage)
    elif stage.is_source and stage.gives != "hits":
        yield from encoders.checks(stage)
    elif stage.is_source:
        yield from indexes.text_checks(stage)
    elif stage.gives != "hits":
        yield from transforms.checks(stage)
    elif stage.takes == ("hits",):
        yield from rankers.checks(stage)
    else:
        yield from indexes.checks(stage)


def as_stage(stage: Stage | type[Stage] | str) -> Stage:
    """The stage to check; raises PipelineError for a class that cannot be made without arguments."""
    if isinstance(stage, str):
        found = pipeline(stage)
        if len(found) != 1:
            raise PipelineError(f"{found} is {len(found)} stages: one is checked at a time.")
        return found.stages[0]
    if isinstance(stage, type):
        try:
            return stage()
        except TypeError as error:
            raise PipelineError(
                f"{stage.__name__} needs arguments to be checked: pass an instance ({error})."
            ) from None
    return stage


def _first(error: AssertionError) -> str:
    return (str(error).strip().splitlines() or ["an assertion failed"])[0]
