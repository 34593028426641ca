"""Methods for event loops: the work is done in a thread, since databases, models and indexes wait for nobody."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


def in_thread(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """A method, or what a subclass has in its place, to be awaited.

    >>> import asyncio
    >>> class Fox:
    ...     def legs(self) -> int:
    ...         return 4
    ...     alegs = in_thread(legs)
    >>> asyncio.run(Fox().alegs())
    4
    """
    name = method.__name__

    @wraps(method)
    async def awaited(self: S, /, *args: P.args, **keywords: P.kwargs) -> T:
        import asyncio  # most programs have no event loop

        found: T = await asyncio.to_thread(getattr(self, name), *args, **keywords)
        return found

    awaited.__name__ = f"a{name}"
    awaited.__qualname__ = method.__qualname__.removesuffix(name) + awaited.__name__
    awaited.__doc__ = f"`{name}` for event loops: it works in a thread, and goes on where the caller stops waiting."
    return awaited
