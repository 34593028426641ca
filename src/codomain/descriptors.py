"""How many files this process may have open, and room for more: what can be opened again is closed where room is short."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from codomain.errors import StoreError

_SPARE = 8
"""What opening a database (three files) or an index takes at a time."""

on_shortage: list[Callable[[], object]] = []
"""What is called where room is short, to close what is not in use."""


def limit() -> int | None:
    """The files that this process may have open at once (RLIMIT_NOFILE); None where the system sets no limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def make_room() -> None:
    """See to it that some files can be opened; raises StoreError, which names the limit, where nothing can be closed for it."""
    if has_room():
        return
    for close in on_shortage:
        close()
    if not has_room():
        raise StoreError(too_many())


def too_many() -> str:
    """The sentence for a process that can open no more files."""
    return (
        f"this process has too many files open: it may have {limit()}. Close collections that are not needed, or raise the "
        "limit (ulimit -n)."
    )


def has_room() -> bool:
    """Whether some more files can be opened."""
    made: list[int] = []
    try:
        made.append(os.open(os.devnull, os.O_RDONLY))
        while len(made) < _SPARE:
            made.append(os.dup(made[0]))
    except OSError as error:
        return error.errno not in (errno.EMFILE, errno.ENFILE)
    finally:
        for descriptor in made:
            os.close(descriptor)
    return True
