"""What a stage is: the base class and the registry of names. What each role promises is in `codomain.contracts`.

A stage is a class whose constructor arguments are literals or stages, each kept as an attribute of the same name.
That is all that is needed to print a stage as an expression, to read it back and to compare two of them.
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, wraps
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from codomain.errors import MissingExtra, PipelineError

if TYPE_CHECKING:
    from codomain.pipeline import Pipeline
    from codomain.vectors import Kind


class Stage:
    """One step of a pipeline, written `name(arguments)`; `a >> b` joins two stages into a pipeline."""

    name: ClassVar[str]
    summary: ClassVar[str]
    papers: ClassVar[tuple[int, ...]]
    takes: ClassVar[tuple[Kind, ...]]
    gives: ClassVar[Kind]

    def __rshift__(self, other: Stage | Pipeline) -> Pipeline:
        from codomain.pipeline import Pipeline

        return Pipeline(self) >> other

    def __str__(self) -> str:
        """The canonical expression: arguments that differ from their default, the first one without its name."""
        parts: list[str] = []
        for position, parameter in enumerate(self._parameters()):
            value = getattr(self, parameter.name)
            if parameter.kind is parameter.VAR_POSITIONAL:
                parts += [_literal(v) for v in value]
            elif parameter.default is parameter.empty or not _same(value, parameter.default):
                bare = position == 0 and parameter.kind is not parameter.KEYWORD_ONLY
                parts.append(_literal(value) if bare else f"{parameter.name}={_literal(value)}")
        return f"{self.name}({', '.join(parts)})"

    def __repr__(self) -> str:
        return str(self)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name, as scikit-learn expects them."""
        return {p.name: getattr(self, p.name) for p in self._parameters()}

    def output_dim(self, dim: int | None) -> int | None:
        """The dimensions this stage gives for input of `dim` dimensions; None where unknown or without meaning.

        Raises ValueError, worded as what the stage needs ("needs at least 256 dimensions"), when it cannot take `dim`.
        """
        return dim

    def check(self, before: Sequence[Stage]) -> None:
        """What kinds and dimensions do not say: whether the stage can follow these; all that comes before it is there.

        Raises ValueError, worded as what the stage needs ("needs packed bits"), when it cannot.
        """

    @classmethod
    @cache
    def _parameters(cls) -> tuple[inspect.Parameter, ...]:
        if cls.__init__ is object.__init__:
            return ()
        return tuple(inspect.signature(cls).parameters.values())


def whole(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """An argument as an int; raises ValueError, worded as what a stage needs, for anything but a whole number in range.

    >>> whole("m", 32, 2, 512)
    32
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        found = int(value)
        if found >= least and (most is None or found <= most):
            return found
    raise ValueError(f"needs {name} to be a whole number {_range(least, most)}, not {value!r}")


def number(name: str, value: Any, least: float = 0, most: float | None = None) -> float:
    """The same for any finite number, which is given back as it is."""
    if isinstance(value, Real) and not isinstance(value, bool):
        found = float(value)
        if math.isfinite(found) and found >= least and (most is None or found <= most):
            return value  # type: ignore[return-value]
    raise ValueError(f"needs {name} to be a number {_range(least, most)}, not {value!r}")


def _range(least: float, most: float | None) -> str:
    return f"of at least {least}" if most is None else f"from {least} to {most}"


def _literal(value: Any) -> str:
    if hasattr(value, "dtype") and hasattr(value, "item"):
        value = value.item()  # a number of numpy's is written as Python's
    return str(value) if isinstance(value, Stage) or hasattr(value, "stages") else repr(value)


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


# --- registry --------------------------------------------------------------------------------------------------

_MODULES = {
    "static": "codomain.encode.static",
    "vectorfile": "codomain.encode.vectorfile",
    "st": "codomain.encode.transformer",
    "minilm": "codomain.encode.transformer",
    "late": "codomain.encode.late",
    "ngrams": "codomain.encode.lexical",
    "words": "codomain.encode.lexical",
    "splade": "codomain.encode.splade",
    "normalize": "codomain.transform.reduce",
    "truncate": "codomain.transform.reduce",
    "pca": "codomain.transform.reduce",
    "svd": "codomain.transform.reduce",
    "random_projection": "codomain.transform.project",
    "kernel_pca": "codomain.transform.project",
    "autoencoder": "codomain.transform.autoencoder",
    "spectral_band": "codomain.transform.band",
    "float16": "codomain.transform.quantize",
    "float8": "codomain.transform.quantize",
    "int8": "codomain.transform.quantize",
    "int4": "codomain.transform.quantize",
    "int2": "codomain.transform.quantize",
    "bins": "codomain.transform.quantize",
    "binary": "codomain.transform.quantize",
    "pq": "codomain.transform.product",
    "opq": "codomain.transform.product",
    "recurrent_binary": "codomain.transform.recurrent",
    "fitted": "codomain.transform.files",
    "flat": "codomain.index.flat",
    "hnsw": "codomain.index.hnsw",
    "ivf": "codomain.index.ivf",
    "ivfpq": "codomain.index.ivf",
    "auto": "codomain.index.auto",
    "filtered": "codomain.index.filtered",
    "ivf_attr": "codomain.index.ivf_attr",
    "tiered": "codomain.index.tiered",
    "sdc": "codomain.index.sdc",
    "recompute": "codomain.index.recompute.stage",
    "prototypes": "codomain.index.prototypes.stage",
    "bm25": "codomain.index.bm25",
    "multivector": "codomain.index.multi.multivector",
    "cascade": "codomain.index.multi.cascade",
    "sparse": "codomain.index.sparse.stage",
    "fuse": "codomain.rank.fuse",
    "diversify": "codomain.rank.diversify",
}
"""Where each of codomain's own names is defined, so that only the stages in use are imported."""

_NEEDS = {
    **dict.fromkeys(("sparse", "sdc", "recompute", "prototypes"), ("numba", "engines")),
    **dict.fromkeys(("st", "minilm", "late", "splade"), ("sentence_transformers", "learn")),
}
"""The package that a stage cannot do without, and the extra that brings it."""

_registered: dict[str, type[Stage]] = {}

S = TypeVar("S", bound=Stage)


def stage(name: str, *, takes: Sequence[Kind], gives: Kind, papers: Sequence[int] = ()) -> Callable[[type[S]], type[S]]:
    """Register a class under the name it has in expressions; the first line of its docstring is its summary."""

    def register(cls: type[S]) -> type[S]:
        cls.name, cls.takes, cls.gives, cls.papers = name, tuple(takes), gives, tuple(papers)
        cls.summary = (inspect.getdoc(cls) or "").split("\n", 1)[0]
        if "__init__" in vars(cls):
            cls.__init__ = _one_sentence(cls.__init__)  # type: ignore[method-assign]
        _registered[name] = cls
        return cls

    return register


def _one_sentence(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor whose ValueError is a PipelineError that names the stage, in Python as in an expression."""

    @wraps(init)
    def checked(self: Stage, *arguments: Any, **keywords: Any) -> None:
        try:
            init(self, *arguments, **keywords)
        except ValueError as error:
            raise PipelineError(f"{self.name}() {error}.") from None

    return checked


def stage_class(name: str) -> type[Stage]:
    """The class behind a name: codomain's own, or a plugin's through the entry-point group `codomain.stages`.

    >>> stage_class("flat").gives
    'hits'

    Raises PipelineError for an unknown name, with the nearest known one.
    """
    if name not in _registered:
        if name in _MODULES:
            importlib.import_module(_MODULES[name])
        else:
            plugin = _plugins().get(name)
            if plugin is None:
                known = sorted({*_MODULES, *_plugins(), *_registered})
                import difflib

                near = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}()?" if near else "codomain stages lists them."
                raise PipelineError(f"there is no stage {name}(): {hint}")
            _load_plugin(name, plugin)
    return _registered[name]


def require(*stages: Stage) -> None:
    """Raise MissingExtra, before any work is done, for a stage whose packages are not installed."""
    from importlib.util import find_spec

    for stage in stages:
        package, extra = _NEEDS.get(stage.name, ("", ""))
        if package and find_spec(package) is None:
            raise MissingExtra(f"{stage.name}()", extra)
        for value in stage.get_params().values():
            require(*getattr(value, "stages", ()))  # a pipeline inside a stage


def all_stages(broken: Callable[[PipelineError], None] | None = None) -> Iterator[type[Stage]]:
    """Every known stage class, by name; `broken` is told of each plugin that cannot be loaded, else it is an error."""
    for name in sorted({*_MODULES, *_plugins(), *_registered}):
        try:
            cls = stage_class(name)
        except PipelineError as error:
            if broken is None:
                raise
            broken(error)
            continue
        yield cls


def _plugins() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group="codomain.stages")}


def usage(cls: type[Stage]) -> str:
    """A stage's arguments with their defaults, without types.

    >>> usage(stage_class("truncate"))
    '(dim)'
    """
    parameters = [p.replace(annotation=p.empty) for p in cls._parameters()]
    return str(inspect.Signature(parameters))


def _load_plugin(name: str, plugin: Any) -> None:
    try:
        plugin.load()
    except Exception as error:  # a plugin may fail in any way; the user needs to know which one did
        raise PipelineError(f"the plugin stage {name}() ({plugin.value}) cannot be loaded: {error}") from error
    if name not in _registered:
        raise PipelineError(f"the plugin {plugin.value} was loaded but registers no stage named {name}().")
