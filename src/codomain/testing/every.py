"""What every stage promises."""

from __future__ import annotations

from collections.abc import Iterator

from codomain.kinds import KINDS, MODALITIES
from codomain.pipeline import pipeline
from codomain.registry import stage_class
from codomain.stage import Stage
from codomain.testing.checks import Check


def checks(stage: Stage) -> Iterator[Check]:
    """Registration, expression, arguments."""
    yield Check("is registered under its name, with a summary", lambda: registered(stage))
    yield Check("its expression reads back as an equal stage", lambda: reads_back(stage))
    yield Check("its arguments make an equal stage", lambda: copies(stage))


def registered(stage: Stage) -> None:
    """The registry knows the class, and what it takes and gives are known kinds."""
    assert stage_class(stage.name) is type(stage), f"the name {stage.name!r} stands for another class"
    assert stage.summary.strip(), "the class has no docstring"
    assert len(stage.summary) <= 160, "the first line of the docstring is longer than 160 characters"
    assert stage.gives in KINDS
    assert set(stage.takes) <= {*KINDS} and set(stage.modalities) <= {*MODALITIES}
    assert bool(stage.takes) != bool(stage.modalities), "a stage takes kinds or starts from modalities"
    assert all(isinstance(paper, int) for paper in stage.papers)


def reads_back(stage: Stage) -> None:
    """str() is an expression of the same stage; equal stages have equal hashes."""
    again = pipeline(str(stage)).stages[0]
    assert again == stage and hash(again) == hash(stage) and str(again) == str(stage)
    assert again.identity == stage.identity
    assert stage != object()


def copies(stage: Stage) -> None:
    """The constructor keeps each argument as an attribute of the same name."""
    if stage.branches:
        return
    parameters = stage.get_params()
    assert type(stage)(**parameters) == stage
