"""Parts by name and arguments: read from an object, checked when one is made."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from codomain.errors import InputError, MissingExtra
from codomain.registry import Role, lookup


def arguments_of(thing: object) -> dict[str, Any]:
    """The arguments of an object's constructor, which it keeps as attributes of the same name.

    >>> from codomain.learn.batching.shuffled import Shuffled
    >>> arguments_of(Shuffled(8))
    {'size': 8}

    Raises TypeError for a class that keeps one of them under another name.
    """
    if type(thing).__init__ is object.__init__:
        return {}
    found = {}
    for name in inspect.signature(type(thing)).parameters:
        if not hasattr(thing, name):
            raise TypeError(f"{type(thing).__name__} does not keep its argument {name} as an attribute")
        found[name] = getattr(thing, name)
    return found


def make(role: Role, name: str, arguments: Mapping[str, Any] | None = None) -> Any:
    """The registered thing of that name, made with the arguments.

    >>> make("batcher", "shuffled", {"size": 8}).size
    8

    Raises InputError for an unknown name or argument, with the nearest known one, and for a value out of range; MissingExtra
    for an objective without torch.
    """
    if role == "objective" and find_spec("torch") is None:
        raise MissingExtra(f"the objective {name}", "learn")
    cls = lookup(role, name)
    given = dict(arguments or {})
    known = inspect.signature(cls).parameters
    for argument in given:
        if argument not in known:
            near = difflib.get_close_matches(argument, list(known), n=1) or sorted(known)
            hint = f"did you mean {near[0]}?" if len(near) == 1 else f"it has {', '.join(near) or 'none'}."
            raise InputError(f"the {role} {name!r} has no argument {argument!r}: {hint}")
    missing = [n for n, p in known.items() if p.default is p.empty and n not in given]
    if missing:
        raise InputError(f"the {role} {name!r} needs {', '.join(missing)}.")
    try:
        return cls(**given)
    except (TypeError, ValueError) as error:
        raise InputError(f"the {role} {name!r} {error}.") from None
