"""Databases to hold to the contract of `codomain.store.backend`, of every registered backend: fixtures and what is in them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from codomain.store.backend import Backend
from codomain.store.backend.choose import BACKENDS, create_database, open_backend
from codomain.store.backend.values import StoredChunk, StoredDocument

TEXTS = {"a": ("fox", '{"n": 1}'), "b": ("whale", '{"n": 2, "tags": ["sea"]}'), "c": ("heron", "{}")}
"""Documents by id, each of two chunks: rows 0 and 1 are of "a", 2 and 3 of "b", 4 and 5 of "c"."""


def fill(backend: Backend) -> None:
    backend.meta.set("epoch", "0")
    backend.branches.add("branch", "encoder one")


@pytest.fixture(params=BACKENDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    create_database(tmp_path / "c", fill, request.param)
    return tmp_path / "c"


@pytest.fixture
def backend(folder: Path) -> Iterator[Backend]:
    backend = open_backend(folder)
    yield backend
    backend.close()


@pytest.fixture
def filled(backend: Backend) -> Backend:
    with backend.writing():
        sources = backend.sources.enter(["x.txt", "y.txt"])
        add(backend, sources["x.txt"])
    return backend


def add(backend: Backend, source: int | None = None, keys: str = "abc") -> None:
    number, row = backend.documents.next_number(), backend.rows.next()
    for place, key in enumerate(keys):
        text, metadata = TEXTS[key]
        backend.documents.add(
            [StoredDocument(number + place, key, source, f"title of {key}", text, metadata, f"digest of {key}", 1.5)]
        )
        first = row + 2 * place
        backend.rows.add(
            [
                StoredChunk(first, number + place, 0, 2, None),
                StoredChunk(first + 1, number + place, 2, len(text), '["h"]'),
            ]
        )


def numbers(backend: Backend) -> dict[str, int]:
    return {key: number for key, (number, _) in backend.documents.known([*TEXTS]).items()}


@pytest.fixture
def corrected(filled: Backend) -> Backend:
    branch, _ = filled.branches.get("branch")  # type: ignore[misc]
    with filled.writing():
        filled.journal.enter({numbers(filled)["b"]: True}, "whale", None, None)
        for row, data in ((3, b"old"), (3, b"new"), (0, b"first")):
            filled.corrections.write(branch, row, zlib.crc32(data), data)
        filled.corrections.set_reach(branch, "space", 1)
    return filled
