"""The backends by name, and the one that a folder has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codomain.errors import StoreError
from codomain.store.backend.errors import missing
from codomain.store.backend.protocol import Backend
from codomain.store.sqlite.backend import SqliteBackend

BACKENDS: dict[str, type[Backend]] = {"sqlite": SqliteBackend}
"""Each is held to its promises by tests/contracts/test_backend.py."""


def exists(folder: Path) -> bool:
    """Whether a folder has a database of any backend."""
    return any(backend.exists(folder) for backend in BACKENDS.values())


def open_backend(folder: Path) -> Backend:
    """Open the database of a folder; StoreError when there is none or it cannot be read."""
    for backend in BACKENDS.values():
        if backend.exists(folder):
            return backend.open(folder)
    raise StoreError(missing(folder))


def create_database(folder: Path, fill: Callable[[Backend], None], kind: str = "sqlite") -> None:
    """Make a database that `fill` has filled; StoreError when the folder has one or is in use."""
    BACKENDS[kind].create(folder, fill)
