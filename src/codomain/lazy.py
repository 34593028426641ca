"""Names of a package that are imported when they are first asked for, so that importing the package stays instant."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any


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
