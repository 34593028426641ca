"""What `--to` asks for, as a whole pipeline: another encoder, other transforms, another index, or all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codomain.errors import PipelineError
from codomain.pipeline import Pipeline, pipeline
from codomain.plan import DEFAULT_INDEX
from codomain.stage import Stage

Change = Callable[[tuple[Stage, ...]], tuple[Stage, ...]]


def target(current: Pipeline, to: str | Stage | Pipeline) -> Pipeline:
    """The pipeline that a collection is to have.

    An encoder replaces the encoder and transforms replace the transforms of every branch that has vectors; a pipeline
    from text to hits replaces everything.

    >>> from codomain import pipeline
    >>> print(target(pipeline("fuse(static() >> float16() >> auto(), bm25())"), "minilm"))
    fuse(minilm() >> float16() >> auto(), bm25())
    >>> print(target(pipeline("static() >> int8() >> hnsw()"), "binary() >> flat('hamming')"))
    static() >> binary() >> flat('hamming')

    Raises PipelineError where that is no pipeline, or there is nothing to replace.
    """
    wanted = pipeline(f"{to}()" if isinstance(to, str) and to.isidentifier() else to)
    if wanted.gives == "hits" and wanted.is_source:
        return wanted
    if not any(stage.gives in DEFAULT_INDEX for stage in _stages(current)):
        raise PipelineError(f"{current} has no vectors that {wanted} could replace: give a whole pipeline.")

    def change(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        first = () if wanted.is_source else stages[:1]
        kept = stages[1:] if first == () and len(wanted) == 1 else () if wanted.gives == "hits" else _index(stages)
        return (*first, *wanted.stages, *kept)

    return _each_branch(current, change)


def _index(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The index and what follows it; nothing where a branch leaves it to the default."""
    return tuple(stages[next((i for i, stage in enumerate(stages) if stage.gives == "hits"), len(stages)) :])


def _each_branch(pipe: Pipeline, change: Change) -> Pipeline:
    """The pipeline with every branch that has vectors changed."""
    head, *rest = pipe.stages
    if head.branches:
        others = {name: value for name, value in head.get_params().items() if name != "branches"}
        branches = [_each_branch(branch, change) for branch in head.branches]
        return Pipeline(type(head)(*branches, **others), *rest)
    return pipe if head.gives == "hits" else Pipeline(*change(pipe.stages))


def _stages(pipe: Pipeline) -> list[Stage]:
    """All stages, those of the branches too."""
    return [part for stage in pipe for part in (stage, *(s for b in stage.branches for s in _stages(b)))]
