"""What a backend does with single entries, the history and its own faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from codomain.store.backend.values import Event


class Meta(Protocol):
    """Single entries, texts by name."""

    def all(self) -> dict[str, str]:
        """Every entry."""
        ...

    def get(self, name: str) -> str | None:
        """One entry; None where there is none."""
        ...

    def set(self, name: str, value: str) -> None:
        """Write an entry; inside a transaction."""
        ...

    def delete(self, name: str) -> None:
        """Remove an entry if it is there; inside a transaction."""
        ...

    def count_up(self, name: str) -> None:
        """Add 1 to an entry that is a number, 0 where there is none; inside a transaction."""
        ...


class History(Protocol):
    """What was done to the collection as a whole."""

    def add(self, event: str, detail: str = "") -> None:
        """Enter an event with the present time; also outside a transaction."""
        ...

    def all(self) -> list[Event]:
        """All events, the oldest first."""
        ...


class Checks(Protocol):
    """What is wrong in the database, a sentence each."""

    def integrity(self) -> list[str]:
        """Damage to the database itself, as it says so."""
        ...

    def rows(self) -> Iterator[str]:
        """Rows that are missing, and chunks and documents that do not belong together."""
        ...

    def feedback(self) -> Iterator[str]:
        """Damage in journal and corrections."""
        ...

    def media(self) -> Iterator[str]:
        """Media that are not what was stored, or belong to no document."""
        ...

    def blocks(self) -> Iterator[str]:
        """Vectors that belong to no branch."""
        ...
