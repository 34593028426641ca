"""The registry: what each name in an expression stands for, codomain's own stages and those of plugins."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from codomain.errors import MissingExtra, PipelineError
from codomain.stage import Stage

if TYPE_CHECKING:
    from codomain.vectors import Kind

_MODULES = {
    "static": "codomain.encode.text.static",
    "vectorfile": "codomain.encode.words.vectorfile",
    "st": "codomain.encode.text.transformer",
    "minilm": "codomain.encode.text.transformer",
    "late": "codomain.encode.text.late",
    "ngrams": "codomain.encode.text.lexical",
    "words": "codomain.encode.text.lexical",
    "splade": "codomain.encode.text.splade",
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
    "filtered": "codomain.index.filtered.filtered",
    "ivf_attr": "codomain.index.filtered.ivf_attr",
    "tiered": "codomain.index.tiered",
    "sdc": "codomain.index.sdc",
    "recompute": "codomain.index.recompute.recompute",
    "prototypes": "codomain.index.prototypes.prototypes",
    "bm25": "codomain.index.bm25",
    "multivector": "codomain.index.multi.multivector",
    "cascade": "codomain.index.multi.cascade",
    "sparse": "codomain.index.sparse.sparse",
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


def _load_plugin(name: str, plugin: Any) -> None:
    try:
        plugin.load()
    except Exception as error:  # a plugin may fail in any way; the user needs to know which one did
        raise PipelineError(f"the plugin stage {name}() ({plugin.value}) cannot be loaded: {error}") from error
    if name not in _registered:
        raise PipelineError(f"the plugin {plugin.value} was loaded but registers no stage named {name}().")
