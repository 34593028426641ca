"""What a stage is: a class whose constructor arguments are literals or stages, each kept as an attribute of the same name.

That is all that is needed to print a stage as an expression, to read it back and to compare two of them.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from numbers import Integral, Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from codomain.text import brief

if TYPE_CHECKING:
    from codomain.kinds import Kind, Modality
    from codomain.pipeline import Pipeline


class Stage:
    """One step of a pipeline, written `name(arguments)`; `a >> b` joins two stages into a pipeline."""

    name: ClassVar[str]
    summary: ClassVar[str]
    papers: ClassVar[tuple[int, ...]]
    takes: ClassVar[tuple[Kind, ...]] = ()
    """Kinds of value that it follows; none for a source."""
    modalities: tuple[Modality, ...] = ()
    """What a source starts from: texts, images, ...; empty for every other stage."""
    branches: tuple[Pipeline, ...] = ()
    """The pipelines that it joins; empty for most."""
    gives: ClassVar[Kind]
    network: Any = None
    """The model of sentence-transformers that an encoder runs, loaded when it is asked for; None for a stage without one."""
    reads: ClassVar[str] = ""
    """The parameter that names a model or a file from outside codomain; empty for most stages."""
    reads_at_once: ClassVar[bool] = True
    """Whether what it names is read when the stage is built, not at the first text."""
    wants: ClassVar[str] = "load"
    """What it wants to do with what it names, as a user is asked."""
    unstorable: str = ""
    """Why no collection can keep the stage: what it was built from cannot be found again by its expression. Empty for most."""
    shared: ClassVar[bool] = False
    """Whether one object may serve all collections of a process, in several threads at once."""
    locked: Exception | None = None
    """Why the stage must not load what it names; None where it may."""
    formerly: ClassVar[str] = ""
    """The name that the stage had first, where it was renamed: what collections and fingerprints know it by, whatever it is called now."""

    first_parameters: ClassVar[dict[str, str]] = {}
    """The first names of parameters that were renamed, for the same reason."""

    @property
    def is_source(self) -> bool:
        """Whether a pipeline starts with it."""
        return bool(self.modalities)

    def __rshift__(self, other: Stage | Pipeline) -> Pipeline:
        from codomain.pipeline import Pipeline

        return Pipeline(self) >> other

    def __str__(self) -> str:
        """The canonical expression: arguments that differ from their default, the first one without its name."""
        return f"{self.name}({', '.join(self._arguments(_literal))})"

    @property
    def identity(self) -> str:
        """The canonical expression under the first name: equal for ever, so that stored keys and hashes stay valid."""
        return f"{self.formerly or self.name}({', '.join(self._arguments(_identity, self.first_parameters))})"

    def _arguments(
        self, written: Callable[[Any], str], names: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[str]:
        for position, parameter in enumerate(self._parameters()):
            value = getattr(self, parameter.name)
            if parameter.kind is parameter.VAR_POSITIONAL:
                yield from map(written, value)
            elif parameter.default is parameter.empty or not _same(value, parameter.default):
                bare = position == 0 and parameter.kind is not parameter.KEYWORD_ONLY
                yield written(value) if bare else f"{names.get(parameter.name, parameter.name)}={written(value)}"

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

    @property
    def asks_metric(self) -> str | None:
        """Of a source: the metric that the index of its vectors must have; None where any will do."""
        return None

    def check(self, before: Sequence[Stage]) -> None:
        """What kinds and dimensions do not say: whether the stage can follow these; all that comes before it is there.

        Raises ValueError, worded as what the stage needs ("needs packed bits"), when it cannot.
        """

    @classmethod
    def asks_for(cls, arguments: Mapping[str, Any]) -> str | None:
        """What it needs a user's word for, of its arguments by name: a model, a file or a server; None where it needs none."""
        source = arguments.get(cls.reads) if cls.reads else None
        return None if source is None else f"{cls.name}({source!r})"

    @classmethod
    @cache
    def _parameters(cls) -> tuple[inspect.Parameter, ...]:
        if cls.__init__ is object.__init__:
            return ()
        return tuple(inspect.signature(cls).parameters.values())


_LARGEST = (1 << 63) - 1


def check_int(name: str, value: Any, least: int = 1, most: int | None = None) -> int:
    """An argument as an int; raises ValueError, worded as what a stage needs, for anything but a whole number in range.

    >>> check_int("m", 32, 2, 512)
    32
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        found = int(value)
        if least <= found <= (_LARGEST if most is None else most):
            return found
    raise ValueError(f"needs {name} to be a whole number {_range(least, most)}, not {brief(value)}")


def check_float(name: str, value: Any, least: float = 0, most: float | None = None) -> float:
    """The same for any finite number, which is given back as it is."""
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:  # a whole number of more than 308 digits
            found = math.inf
        if math.isfinite(found) and found >= least and (most is None or found <= most):
            return value  # type: ignore[return-value]
    raise ValueError(f"needs {name} to be a number {_range(least, most)}, not {brief(value)}")


def _range(least: float, most: float | None) -> str:
    return f"of at least {least}" if most is None else f"from {least} to {most}"


def _literal(value: Any) -> str:
    if hasattr(value, "dtype") and hasattr(value, "item"):
        value = value.item()  # a number of numpy's is written as Python's
    return str(value) if isinstance(value, Stage) or hasattr(value, "stages") else repr(value)


def _identity(value: Any) -> str:
    inside = getattr(value, "stages", (value,))
    return " >> ".join(s.identity for s in inside) if isinstance(inside[0], Stage) else _literal(value)


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(value == default)


def usage(cls: type[Stage]) -> str:
    """A stage's arguments with their defaults, without types.

    >>> from codomain.registry import stage_class
    >>> usage(stage_class("truncate"))
    '(dim)'
    """
    parameters = [p.replace(annotation=p.empty) for p in cls._parameters()]
    return str(inspect.Signature(parameters))
