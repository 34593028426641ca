"""The pipeline: stages joined by `>>`, checked when built, printed as one line and read back from it.

encoder >> transform* >> index >> ranker*          fuse(branch, branch, ...) >> ranker*
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self

from codomain.errors import PipelineError
from codomain.kinds import in_words
from codomain.registry import stage_class
from codomain.stage import Stage, usage
from codomain.text import brief

if TYPE_CHECKING:
    from codomain.kinds import Kind, Modality
    from codomain.progress import Progress

_LONGEST = 20_000


class Pipeline:
    """Stages that fit: each takes what the one before it gives, in kind and in dimensions.

    >>> from codomain import pipeline
    >>> pipe = pipeline("static() >> truncate( 128 ) >> flat(metric='l2')")
    >>> str(pipe)
    "static() >> truncate(128) >> flat('l2')"
    >>> pipe.gives
    'hits'

    Raises PipelineError, naming both stages, where two neighbours do not fit.
    """

    def __init__(self, *stages: Stage) -> None:
        if not stages:
            raise PipelineError("a pipeline needs at least one stage.")
        self.stages = stages
        self.dim = self._check()

    @property
    def takes(self) -> tuple[Kind, ...]:
        """The kinds of value that the first stage takes; none where it is a source."""
        return self.stages[0].takes

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What the pipeline starts from, where its first stage is a source; else empty."""
        return self.stages[0].modalities

    @property
    def is_source(self) -> bool:
        """Whether the pipeline starts from items, not from vectors."""
        return self.stages[0].is_source

    @property
    def gives(self) -> Kind:
        """What the last stage gives."""
        return self.stages[-1].gives

    def __rshift__(self, other: Stage | Pipeline) -> Pipeline:
        if isinstance(other, Pipeline):
            return Pipeline(*self.stages, *other.stages)
        if isinstance(other, Stage):
            return Pipeline(*self.stages, other)
        return NotImplemented

    def __iter__(self) -> Iterator[Stage]:
        return iter(self.stages)

    def __len__(self) -> int:
        return len(self.stages)

    def __str__(self) -> str:
        return " >> ".join(str(s) for s in self.stages)

    def __repr__(self) -> str:
        return f"pipeline({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pipeline) and self.stages == other.stages

    def __hash__(self) -> int:
        return hash(self.stages)

    # --- items to vectors, and scikit-learn's manners -----------------------------------------------------------------

    def encode(self, items: Iterable[Any], queries: bool = False, progress: Progress | None = None) -> Any:
        """Items to vectors through encoder and transforms: float32 (n, d), a csr_array or Ragged; an index takes no part.

        >>> pipeline("static() >> truncate(64)").encode(["a red fox", "a blue whale"]).shape
        (2, 64)

        With `queries` the encoder and the transforms take the items as queries. Raises InputError for a lone text,
        PipelineError where there is no encoder or a transform is not fitted.
        """
        from codomain.encoding import encoded  # numpy is not needed to read an expression

        return encoded(self.stages, items, queries, progress)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the transforms on items, or on vectors (n, d) where the pipeline does not start with an encoder."""
        from codomain.encoding import fitted

        fitted(self.stages, X)
        return self

    def transform(self, X: Any) -> Any:
        """Items, or vectors (n, d), to vectors (n, k); a step of scikit-learn's pipelines from text on."""
        from codomain.encoding import transformed

        return transformed(self.stages, X)

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """`fit`, then `transform` of the same."""
        return self.fit(X, y).transform(X)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments of the stages as stage__argument, a second stage of one name as stage2__argument; and the expression."""
        own: dict[str, Any] = {"expression": str(self)}
        if deep:
            for name, stage in self._by_name().items():
                own |= {f"{name}__{argument}": value for argument, value in stage.get_params().items()}
        return own

    def set_params(self, **params: Any) -> Self:
        """Change arguments of stages, or the expression, as scikit-learn's grid search does; raises ValueError for unknown ones."""
        if "expression" in params:
            self.stages = pipeline(params.pop("expression")).stages
        changes: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            stage, _, argument = name.partition("__")
            known = self._by_name()
            if stage not in known or argument not in known[stage].get_params():
                raise ValueError(f"{self} has no parameter {name!r}")
            changes.setdefault(stage, {})[argument] = value
        if changes:
            self.stages = tuple(
                build_stage(type(stage), **{**stage.get_params(), **changes[name]}) if name in changes else stage
                for name, stage in self._by_name().items()
            )
        self.dim = self._check()
        return self

    def _by_name(self) -> dict[str, Stage]:
        named: dict[str, Stage] = {}
        for stage in self.stages:
            times = sum(one.name == stage.name for one in named.values()) + 1
            named[stage.name if times == 1 else f"{stage.name}{times}"] = stage
        return named

    def __sklearn_clone__(self) -> Pipeline:
        return pipeline(str(self))

    def __sklearn_is_fitted__(self) -> bool:
        from codomain.encoding import is_fitted

        return is_fitted(self.stages)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float32"]),
            input_tags=InputTags(string="text" in self.modalities, two_d_array=not self.is_source),
            requires_fit=not self.__sklearn_is_fitted__(),
        )

    def _repr_html_(self) -> str:
        from html import escape

        cells = " &rarr; ".join(f"<code>{escape(str(stage))}</code>" for stage in self.stages)
        gives = f"{escape(in_words(self.gives))}{f', {self.dim} dimensions' if self.dim else ''}"
        return f"<div>{cells}<br><small>gives {gives}</small></div>"

    def _check(self) -> int | None:
        """Walk the joints; the dimensions that come out at the end."""
        dim: int | None = None
        for position, after in enumerate(self.stages):
            before = self.stages[position - 1] if position else None
            if before is not None and before.gives not in after.takes:
                wanted, given = in_words(*after.takes, *after.modalities), in_words(before.gives)
                raise PipelineError(
                    f"{after} cannot follow {before}: it takes {wanted}, but {before.name}() gives {given}."
                )
            try:
                after.output_dim(None)
            except ValueError as error:  # whatever came before
                raise PipelineError(f"{after} {error}.") from None
            try:
                dim = after.output_dim(dim)
            except ValueError as error:
                raise PipelineError(f"{after} cannot follow {before}: it {error}, and {before} gives {dim}.") from None
            try:
                after.check(self.stages[:position])
            except ValueError as error:
                raise PipelineError(f"{after} cannot follow {before}: it {error}.") from None
        return dim


def pipeline(expression: str | Stage | Pipeline) -> Pipeline:
    """Read a pipeline expression; a stage or a pipeline is taken as it is.

    >>> from codomain import pipeline
    >>> str(pipeline("fuse(static() >> flat(), bm25(), method='rrf')"))
    "fuse(static() >> flat(), bm25(), method='rrf')"

    Raises PipelineError with one sentence for anything that is not a chain of known stages with literal arguments.
    """
    if isinstance(expression, Pipeline):
        return expression
    if isinstance(expression, Stage):
        return Pipeline(expression)
    if not isinstance(expression, str):
        raise PipelineError(f"{expression!r} is not a pipeline: it is written as text or built from stages.")
    return _as_pipeline(_parse(expression), expression)


def canonical(expression: str) -> str:
    """The one spelling of an expression: defaults dropped, the first argument bare, single spaces.

    >>> from codomain.pipeline import canonical
    >>> canonical("truncate(dim=64)>>int8( )")
    'truncate(64) >> int8()'
    """
    return str(pipeline(expression))


def _parse(text: str) -> Any:
    if len(text) > _LONGEST:
        raise PipelineError(f"the pipeline expression is {len(text)} characters long; {_LONGEST} are allowed.")
    if not text.strip():
        raise PipelineError("the pipeline expression is empty.")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _value(tree.body, text)
    except SyntaxError as error:
        raise PipelineError(
            f"cannot read the pipeline {_short(text)}: {error.msg} at character {error.offset}."
        ) from None
    except (RecursionError, MemoryError, ValueError) as error:
        raise PipelineError(f"cannot read the pipeline {_short(text)}: {error or 'nested too deeply'}.") from None


def _value(node: ast.expr, text: str) -> Any:
    """A node's value: a chain of stages, a stage, or a literal."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
        left, right = _value(node.left, text), _value(node.right, text)
        return _as_pipeline(left, text) >> _as_pipeline(right, text)
    if isinstance(node, ast.Call):
        return _call(node, text)
    if isinstance(node, ast.Name):
        raise PipelineError(
            f"{node.id} in {_short(text)} is neither a stage nor a literal: a stage is written {node.id}()."
        )
    try:
        value = ast.literal_eval(node)
        if any(isinstance(n, ast.Constant) and isinstance(n.value, int) and n.value >= 1 << 63 for n in ast.walk(node)):
            raise PipelineError(f"{brief(value)} in {_short(text)} is too large a number.")
        return value
    except (ValueError, TypeError, SyntaxError):
        what = ast.get_source_segment(text.strip(), node) or type(node).__name__
        raise PipelineError(f"{what} in {_short(text)} is not allowed: stages take literals or other stages.") from None


def _call(node: ast.Call, text: str) -> Stage:
    if not isinstance(node.func, ast.Name):
        raise PipelineError(f"cannot read the pipeline {_short(text)}: a stage is called by its plain name.")
    cls = stage_class(node.func.id)
    if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
        raise PipelineError(f"{cls.name}() in {_short(text)} cannot take starred arguments.")
    arguments = [_value(a, text) for a in node.args]
    keywords = {str(k.arg): _value(k.value, text) for k in node.keywords}
    if len(keywords) < len(node.keywords):
        raise PipelineError(f"{cls.name}() in {_short(text)} is given the same argument twice.")
    return build_stage(cls, *arguments, **keywords)


def build_stage(cls: type[Stage], /, *arguments: Any, **keywords: Any) -> Stage:
    """Construct a stage; wrong arguments become a PipelineError that shows the right ones."""
    signature = inspect.signature(cls)
    try:
        signature.bind(*arguments, **keywords)
    except TypeError as error:
        raise PipelineError(f"{cls.name}(): {error}; it is written {cls.name}{usage(cls)}.") from None
    try:
        return cls(*arguments, **keywords)
    except (TypeError, ValueError, OverflowError) as error:
        raise PipelineError(f"{cls.name}(): {error}.") from None


def _as_pipeline(value: Any, text: str) -> Pipeline:
    if isinstance(value, Pipeline):
        return value
    if isinstance(value, Stage):
        return Pipeline(value)
    raise PipelineError(f"cannot read the pipeline {_short(text)}: {brief(value)} is not a stage.")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return f'"{text}"' if len(text) <= 80 else f'"{text[:77]}..."'
