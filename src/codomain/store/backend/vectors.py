"""What a backend does with branches, their vectors, and the feedback that corrects these; branches and entries have numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from codomain.arrays import Floats
from codomain.store.backend.values import Detached, Entry, StoredBlock, UnreadCounts


class Branches(Protocol):
    """The branches of pipelines, each under an expression of its own."""

    def add(self, expression: str, encoder: str) -> None:
        """Enter a branch with the fingerprint of its encoder; inside a transaction."""
        ...

    def get(self, expression: str) -> tuple[int, bytes | None] | None:
        """Number and fitted transforms of a branch, None before the fit; None where there is no such branch."""
        ...

    def encoder(self, expression: str) -> str:
        """The fingerprint of the encoder that the stored vectors come from; raises KeyError where there is no such branch."""
        ...

    def expressions(self) -> list[str]:
        """All branches."""
        ...

    def save_state(self, number: int, state: bytes) -> None:
        """Store fitted transforms; inside a transaction."""
        ...

    def delete(self, number: int) -> None:
        """Remove a branch with its vectors, corrections and bridges; inside a transaction."""
        ...


class Blocks(Protocol):
    """Vectors of branches, as bytes, in blocks of consecutive rows."""

    def add(self, branch: int, block: StoredBlock) -> None:
        """Store a block; inside a transaction."""
        ...

    def spans(self, branch: int) -> np.ndarray[Any, Any]:
        """First row and number of rows (n, 2) of each block, ascending."""
        ...

    def fingerprint(self, branch: int) -> str | None:
        """That of what made the rows of the last block that are no encoder's output; None where there is none."""
        ...

    def end(self, branch: int) -> int:
        """The row after the last stored one."""
        ...

    def read(self, branch: int, start: int) -> Iterator[tuple[int, int, bytes]]:
        """First row, number of rows and data of the blocks that reach beyond row `start`, ascending.

        Raises StoreError, as `data` and `parts` do, for a block that differs from its checksum; it is compared once.
        """
        ...

    def all(self, branch: int) -> Iterator[StoredBlock]:
        """All blocks, ascending."""
        ...

    def data(self, branch: int, first: int) -> bytes:
        """The data of the block that begins with a row."""
        ...

    def parts(self, branch: int, first: int, starts: Iterable[int], size: int) -> Iterator[bytes]:
        """So many bytes from each start within a block, without reading the rest."""
        ...

    def row_bytes(self, branch: int) -> int | None:
        """Bytes of a row, by the first block at hand; None where there is none."""
        ...

    def total_bytes(self, branch: int) -> int:
        """Bytes of all blocks."""
        ...

    def delete(self, branch: int, first: int | None = None, below: int | None = None) -> None:
        """Remove the block that begins with `first`, or the blocks of rows below a row, or all; inside a transaction."""
        ...


class Unread(Protocol):
    """Rows that an encoder did not read whole, by branch."""

    def enter(self, branch: int, rows: Iterable[tuple[int, int]]) -> None:
        """Note rows with the tokens of each that were not read, 0 for one without any vector; inside a transaction."""
        ...

    def counts(self, branch: int) -> UnreadCounts:
        """What is noted of rows that are not deleted."""
        ...

    def forget(self, branch: int) -> None:
        """Drop what is noted of a branch; inside a transaction."""
        ...


class Bridges(Protocol):
    """Maps from a new branch to an old one, while an upgrade is under way."""

    def add(self, new: int, old: int, state: bytes) -> None:
        """Store a bridge; inside a transaction."""
        ...

    def get(self, new: int, old: int) -> bytes:
        """A bridge by the numbers of its branches."""
        ...

    def pairs(self) -> dict[str, str]:
        """The old branch of each new one, by their expressions."""
        ...


class Journal(Protocol):
    """The journal of feedback: documents liked or disliked for a query, in the order in which it came."""

    def version(self) -> int | None:
        """How often journal or corrections have changed; None where there never was feedback."""
        ...

    def touch(self) -> None:
        """Tell every process that journal or corrections have changed; inside a transaction."""
        ...

    def count(self) -> int:
        """How many entries there are, where there was feedback."""
        ...

    def entries(self, after: int = 0, limit: int = -1) -> Iterator[Entry]:
        """The entries with a higher number than `after`, in order; at most `limit` where it is not negative."""
        ...

    def enter(
        self, verdicts: Mapping[int, bool], query: str | None, vector: Floats | None, encoder: str | None
    ) -> list[int]:
        """Append a verdict on each document: the numbers of the entries. Inside a transaction."""
        ...

    def strike(self, numbers: Sequence[int] | None) -> int:
        """Remove entries, None: all, and every correction with them: how many entries. Inside a transaction."""
        ...

    def detach(self, texts: Mapping[str, tuple[str | None, str]]) -> list[Detached]:
        """Set aside the feedback on documents, by id, that have this title and text; inside a transaction."""
        ...

    def attach(self, detached: Sequence[Detached]) -> None:
        """Give what was set aside to the documents that have those ids now; inside the same transaction."""
        ...


class Corrections(Protocol):
    """Vectors of rows after feedback, by branch, searched in the place of those in blocks."""

    def count(self) -> int:
        """How many there are, where there was feedback."""
        ...

    def read(self, branch: int) -> Iterator[tuple[int, int, bytes]]:
        """Row, checksum and data of each, by row."""
        ...

    def write(self, branch: int, row: int, checksum: int, data: bytes) -> None:
        """Store the vector of a row; inside a transaction."""
        ...

    def reach(self, branch: int) -> tuple[str, int] | None:
        """The space of a branch's corrections and the last entry that is in them; None where there are none."""
        ...

    def set_reach(self, branch: int, fingerprint: str, entry: int) -> None:
        """Enter the space of a branch's corrections and the last entry that is in them; inside a transaction."""
        ...

    def forget(self, branch: int | None = None) -> None:
        """Remove the corrections of a branch, or all of them; inside a transaction."""
        ...
