"""What is made when it is first asked for, so that importing stays instant: names of a package, regular expressions."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast


def exports(
    package: str, homes: Mapping[str, str], submodules: Iterable[str] = ()
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package whose names live in other modules.

    >>> get, listed = exports("codomain.measure", {"evaluate": "codomain.measure.tasks.evaluation"})
    >>> get("evaluate").__name__, listed()
    ('evaluate', ['evaluate'])

    Raises AttributeError, as an attribute should, for any other name.
    """
    inside = frozenset(submodules)

    def get(name: str) -> Any:
        if name in homes:
            value = getattr(importlib.import_module(homes[name]), name)
        elif name in inside:
            return importlib.import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted({*homes, *inside})


def lazy_pattern(pattern: str) -> re.Pattern[str]:
    """A regular expression that is compiled when one of its methods is first called; one of large classes takes milliseconds.

    >>> lazy_pattern("[0-9]+").findall("7 and 12")
    ['7', '12']
    """
    return cast("re.Pattern[str]", _LazyPattern(pattern))


class _LazyPattern:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def __getattr__(self, name: str) -> Any:
        value = getattr(re.compile(self._pattern), name)
        setattr(self, name, value)  # the next call finds it without this function
        return value
