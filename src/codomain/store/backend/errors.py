"""Sentences that every backend says alike."""

from __future__ import annotations

from pathlib import Path

from codomain.errors import StoreError


class DiskFull(StoreError):
    """A step that the disk had no room for; nothing of it was written."""


def closed(folder: Path) -> str:
    """The sentence for a collection that was closed."""
    return f"the collection {folder} is closed: open it again to use it."


def missing(folder: Path) -> str:
    """The sentence for a folder without a collection."""
    return f"there is no collection at {folder}: codomain index FILES --into {folder} makes one."


def taken(folder: Path) -> str:
    """The sentence for a new collection where there is one."""
    return f"there is a collection at {folder} already."


def in_use(folder: Path) -> str:
    """The sentence for a new collection among other files."""
    return f"{folder} is in use: a collection needs a folder of its own."


def replaced(folder: Path) -> str:
    """The sentence for an open collection that is not in its folder any more."""
    return f"the collection {folder} was removed or replaced while it was open: nothing was written; open it again."


def damaged_vectors(first: int) -> str:
    """The sentence for a block of vectors that is not what was stored."""
    return f"the vectors from row {first} on are damaged (their checksum differs): codomain verify shows more."


def damaged_document(key: str) -> str:
    """What is said of a document whose entry cannot be read."""
    return f"the document {key!r} is damaged: codomain verify shows more."
