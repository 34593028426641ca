"""The registry: the class or function behind every name, by kind; codomain's own and those of plugins.

A name stands for one thing. codomain's own are imported when they are asked for (`_BUILT_IN`); a package offers others through
the entry-point group of the kind (`codomain.stages`, `codomain.metrics`, ...), or registers them when it is imported.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from codomain.errors import CodomainError, InputError, MissingExtra, PipelineError, RegistryError
from codomain.kinds import KINDS, MODALITIES
from codomain.stage import Stage

if TYPE_CHECKING:
    from codomain.kinds import Kind, Modality

Role = Literal["stage", "objective", "batcher", "miner", "metric", "task", "dataset", "reader", "recipe"]
"""The kinds of thing that have names."""

ROLES: tuple[Role, ...] = get_args(Role)

_BUILT_IN: dict[Role, dict[str, str]] = {
    "stage": {
        "static": "codomain.encode.text.static",
        **dict.fromkeys(
            ("openai", "cohere", "voyage", "ollama", "tei", "tei_tokens", "tei_sparse"), "codomain.encode.hosted"
        ),
        "encoder": "codomain.encode.called",
        "vectors": "codomain.encode.given",
        "vectorfile": "codomain.encode.words.vectorfile",
        "st": "codomain.encode.text.transformer",
        "minilm": "codomain.encode.text.transformer",
        "late": "codomain.encode.text.late",
        "onnx": "codomain.encode.onnx.encoder",
        "char_ngrams": "codomain.encode.text.lexical",
        "bag_of_words": "codomain.encode.text.lexical",
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
        "quantile_bins": "codomain.transform.quantize",
        "binary": "codomain.transform.quantize",
        "pq": "codomain.transform.product",
        "opq": "codomain.transform.product",
        "recurrent_binary": "codomain.transform.recurrent",
        "fitted": "codomain.transform.files",
        **dict.fromkeys(
            ("align", "unpaired_align", "relative", "low_rank_adapter", "siamese"), "codomain.transform.fitted"
        ),
        "flat": "codomain.index.flat",
        "hnsw": "codomain.index.hnsw",
        "ivf": "codomain.index.ivf",
        "ivfpq": "codomain.index.ivf",
        "auto": "codomain.index.auto",
        "filtered": "codomain.index.filtered.filtered",
        "ivf_attr": "codomain.index.filtered.ivf_attr",
        "tiered": "codomain.index.tiered",
        "sdc": "codomain.index.sdc",
        "rabitq": "codomain.index.rabitq.rabitq",
        "recompute": "codomain.index.recompute.recompute",
        "prototypes": "codomain.index.prototypes.prototypes",
        "bm25": "codomain.index.bm25",
        "multivector": "codomain.index.multi.multivector",
        "cascade": "codomain.index.multi.cascade",
        "sparse": "codomain.index.sparse.sparse",
        "fuse": "codomain.rank.fuse",
        "diversify": "codomain.rank.diversify",
    },
    "objective": {
        "contrastive": "codomain.learn.objectives.contrastive",
        "embedding_distillation": "codomain.learn.objectives.distillation",
        "stationary": "codomain.learn.objectives.stationary",
    },
    "batcher": {
        "no_duplicates": "codomain.learn.batching.no_duplicates",
        "shuffled": "codomain.learn.batching.shuffled",
    },
    "miner": {"hard_negatives": "codomain.learn.mining.hard_negatives"},
    "metric": {},
    "task": dict.fromkeys(("similarity", "pairs", "bitext", "classification"), "codomain.measure.tasks.kinds"),
    "dataset": dict.fromkeys(("debian", "wordnet", "verses"), "codomain.measure.data.shipped"),
    "reader": {
        **dict.fromkeys(("text", "markdown"), "codomain.read.text.documents"),
        **dict.fromkeys(("jsonl", "lines"), "codomain.read.text.tables"),
        **dict.fromkeys(("csv", "tsv"), "codomain.read.text.delimited"),
        **dict.fromkeys(("parquet", "arrow"), "codomain.read.formats.arrow"),
        "npy": "codomain.read.formats.npy",
        **dict.fromkeys(("xlsx", "ods"), "codomain.read.formats.workbook"),
        **dict.fromkeys(("odt", "odp"), "codomain.read.formats.opendocument"),
        **dict.fromkeys(("eml", "mbox"), "codomain.read.formats.mail"),
        "json": "codomain.read.text.json_file",
        "sql": "codomain.read.formats.database",
        "html": "codomain.read.formats.html",
        "pdf": "codomain.read.formats.pdf",
        "docx": "codomain.read.formats.word",
        "pptx": "codomain.read.formats.slides",
        "epub": "codomain.read.formats.epub",
        "rtf": "codomain.read.formats.rtf",
        "ipynb": "codomain.read.formats.notebook",
        "man": "codomain.read.formats.man",
    },
    "recipe": {"static": "codomain.learn.recipes.recipe"},
}
"""Where each of codomain's own names is defined, so that only what is in use is imported."""

_ALIASES: dict[Role, dict[str, str]] = {
    "stage": {
        "sentence_transformer": "st",
        "bins": "quantile_bins",
        "ngrams": "char_ngrams",
        "words": "bag_of_words",
    }
}
"""Other names of the same thing: short ones, and those of earlier versions."""

_NEEDS = {
    **dict.fromkeys(("sparse", "sdc", "recompute", "prototypes"), ("numba", "engines")),
    **dict.fromkeys(("st", "minilm", "late", "splade"), ("sentence_transformers", "learn")),
    **dict.fromkeys(("bag_of_words", "char_ngrams"), ("scipy", "engines")),
    "onnx": ("onnxruntime", "onnx"),
}
"""The package that a stage cannot do without, and the extra that brings it."""

_registered: dict[Role, dict[str, Any]] = {role: {} for role in ROLES}

T = TypeVar("T")
S = TypeVar("S", bound=Stage)


def register(role: Role, name: str) -> Callable[[T], T]:
    """Register a class, a function or an object under a name.

    >>> @register("metric", "share_of_vowels")
    ... def share_of_vowels(ranked, judged): ...
    >>> lookup("metric", "share_of_vowels").__name__
    'share_of_vowels'

    Raises RegistryError, naming both modules, where the name stands for something else; the same class once more, as
    after a reload, takes the place of the earlier one.
    """

    def enter(thing: T) -> T:
        taken = _registered[role].get(name)
        if taken is None and name in _ALIASES.get(role, {}):
            raise RegistryError(
                f"the {role} name {name!r} stands for {_ALIASES[role][name]}: {_home(thing)} cannot take it."
            )
        if taken is None and (home := _BUILT_IN[role].get(name, _module(thing))) != _module(thing):
            raise RegistryError(f"the {role} name {name!r} belongs to {home}: {_home(thing)} cannot take it.")
        if taken is not None and _home(taken) != _home(thing):
            raise RegistryError(f"the {role} name {name!r} is taken by {_home(taken)}: {_home(thing)} cannot take it.")
        _registered[role][name] = thing
        return thing

    return enter


def lookup(role: Role, name: str) -> Any:
    """What a name stands for: codomain's own, or a plugin's.

    >>> lookup("stage", "flat").gives
    'hits'

    Raises InputError (PipelineError for a stage) for an unknown name, with the nearest known one.
    """
    name = _ALIASES.get(role, {}).get(name, name)
    if name not in _registered[role]:
        if name in _BUILT_IN[role]:
            importlib.import_module(_BUILT_IN[role][name])
        elif (plugin := _plugins(role).get(name)) is not None:
            _load_plugin(role, name, plugin)
        else:
            raise _unknown(role, name)
    return _registered[role][name]


def names(role: Role) -> list[str]:
    """Every known name of a kind, aliases left out, sorted.

    >>> "flat" in names("stage"), "sentence_transformer" in names("stage")
    (True, False)
    """
    return sorted({*_BUILT_IN[role], *_plugins(role), *_registered[role]})


def aliases(role: Role, name: str) -> list[str]:
    """Other names of the same thing.

    >>> aliases("stage", "st")
    ['sentence_transformer']
    """
    return [other for other, own in _ALIASES.get(role, {}).items() if own == name]


def _unknown(role: Role, name: str) -> CodomainError:
    import difflib

    near = difflib.get_close_matches(name, [*names(role), *_ALIASES.get(role, {})], n=1)
    if role == "stage":
        hint = f"did you mean {near[0]}()?" if near else "codomain stages lists them."
        return PipelineError(f"there is no stage {name}(): {hint}")
    known = names(role)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}." if known else "none is registered."
    return InputError(f"there is no {role} {name!r}: {hint}")


@cache
def _plugins(role: Role) -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=f"codomain.{role}s")}


def _load_plugin(role: Role, name: str, plugin: Any) -> None:
    failed = PipelineError if role == "stage" else InputError
    call = "()" if role == "stage" else ""
    try:
        plugin.load()
    except Exception as error:  # a plugin may fail in any way; the user needs to know which one did
        raise failed(f"the plugin {role} {name}{call} ({plugin.value}) cannot be loaded: {error}") from error
    if name not in _registered[role]:
        raise failed(f"the plugin {plugin.value} was loaded but registers no {role} named {name}{call}.")


def _module(thing: Any) -> str:
    return str(getattr(thing, "__module__", type(thing).__module__))


def _home(thing: Any) -> str:
    """Where something is from: its module and name; what was read from a file says which, too."""
    home = f"{_module(thing)}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"
    return home if callable(thing) or not hasattr(thing, "path") else f"{home} of {thing.path}"


# --- stages -----------------------------------------------------------------------------------------------------


def stage(
    name: str,
    *,
    gives: Kind,
    takes: Sequence[Kind] = (),
    modalities: Sequence[Modality] = (),
    papers: Sequence[int] = (),
    formerly: str | None = None,
) -> Callable[[type[S]], type[S]]:
    """Register a class under the name it has in expressions; the first line of its docstring is its summary.

    A stage `takes` kinds of value from the one before it, or it is a source and starts from `modalities`.

    `formerly` is its first name where it was renamed: what is stored goes on using it.

    Raises RegistryError for a name that stands for another class, and for a stage that takes nothing, or both.
    """
    if bool(takes) == bool(modalities) or not {*takes} <= {*KINDS} or not {*modalities} <= {*MODALITIES}:
        raise RegistryError(
            f"the stage {name}() takes kinds ({', '.join(KINDS)}) or starts from modalities ({', '.join(MODALITIES)}): "
            f"takes={[*takes]} and modalities={[*modalities]} do not say which."
        )

    def enter(cls: type[S]) -> type[S]:
        register("stage", name)(cls)
        cls.name, cls.takes, cls.gives, cls.papers = name, tuple(takes), gives, tuple(papers)
        if modalities:
            cls.modalities = tuple(modalities)
        cls.formerly = formerly or ""
        cls.summary = (inspect.getdoc(cls) or "").split("\n", 1)[0]
        if "__init__" in vars(cls):
            cls.__init__ = _one_sentence(cls.__init__)  # type: ignore[method-assign]
        for method in ("encode_documents", "encode_queries") if modalities else ():
            encode = getattr(cls, method, None)
            if encode is not None and encode not in _CHECKED:
                setattr(cls, method, _of_lists(encode))
        return cls

    return enter


def _one_sentence(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor whose ValueError is a PipelineError that names the stage, in Python as in an expression."""

    @wraps(init)
    def checked(self: Stage, *arguments: Any, **keywords: Any) -> None:
        try:
            init(self, *arguments, **keywords)
        except ValueError as error:
            raise PipelineError(f"{self.name}() {error}.") from None

    return checked


def _of_lists(encode: Callable[..., Any]) -> Callable[..., Any]:
    """An encoder's method that refuses a lone text, of which it would encode every letter."""

    @wraps(encode)
    def checked(self: Stage, items: Any, *arguments: Any, **keywords: Any) -> Any:
        if isinstance(items, str | bytes):
            raise InputError(f"{self} takes a list of items; a single one is written [item].")
        return encode(self, items, *arguments, **keywords)

    _CHECKED.add(checked)
    return checked


_CHECKED: set[Callable[..., Any]] = set()
"""The methods that refuse a lone text already; a class inherits them as they are."""


def stage_class(name: str) -> type[Stage]:
    """The class of a stage by name or alias.

    >>> stage_class("flat").gives
    'hits'

    Raises PipelineError for an unknown name, with the nearest known one.
    """
    cls: type[Stage] = lookup("stage", name)
    return cls


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
    """Every known stage class, by name; a plugin that cannot be loaded is reported to `broken`, else it is an error."""
    for name in names("stage"):
        try:
            cls = stage_class(name)
        except PipelineError as error:
            if broken is None:
                raise
            broken(error)
            continue
        yield cls
