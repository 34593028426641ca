"""Documents that several files hold: each is entered for the file that was read last, and the others are remembered.

A document goes with the file that it is entered for. The files that held it before are then read again, for it may still be in
one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from codomain.errors import StoreError
from codomain.store.backend import Backend

_ENTRY = "repeated"


def note(backend: Backend, pairs: Iterable[tuple[int, int]]) -> None:
    """Remember of sources, by number, that the first has documents now that the second had; inside a transaction."""
    pairs = set(pairs)
    if not pairs:
        return
    known = _known(backend)
    before = sum(map(len, known.values()))
    for last, other in pairs:
        known.setdefault(last, set()).add(other)
    if sum(map(len, known.values())) > before:
        _enter(backend, known)


def read_again(backend: Backend, numbers: Iterable[int], *, gone: bool) -> set[str]:
    """Take files for unread that may hold documents which sources have lost; their paths. Inside a transaction.

    `gone`: the sources are not there any more either.
    """
    known = _known(backend)
    lost = set(numbers)
    if known.keys().isdisjoint(lost):
        return set()
    others, todo = set[int](), list(lost)
    while todo:  # what one had from another, that may have had from a third
        fresh = known.get(todo.pop(), set()) - others
        others |= fresh
        todo += fresh
    if gone:
        for number in lost:
            held = known.pop(number, set())
            for last, before in known.items():
                if number in before:
                    known[last] = (before | held) - {number, last}
        _enter(backend, known)
        others -= lost
    paths = {path for number, path in backend.sources.paths() if number in others}
    backend.sources.forget(paths)
    return paths


def _known(backend: Backend) -> dict[int, set[int]]:
    written = backend.meta.get(_ENTRY)
    try:
        return (
            {}
            if written is None
            else {int(last): set(map(int, before)) for last, before in json.loads(written).items()}
        )
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise StoreError(
            f"{backend.database} has {written!r:.40} as its entry {_ENTRY!r}, which is no list of files: it is damaged."
        ) from None


def _enter(backend: Backend, known: dict[int, set[int]]) -> None:
    kept = {str(last): sorted(before) for last, before in sorted(known.items()) if before}
    if kept:
        backend.meta.set(_ENTRY, json.dumps(kept))
    else:
        backend.meta.delete(_ENTRY)
