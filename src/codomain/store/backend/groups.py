"""What a backend does, by topic. Documents, branches, sources and entries have numbers; ids of documents are keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from codomain.items import Media
from codomain.store.backend.values import (
    ChunkFields,
    ChunkHit,
    ChunkText,
    Detached,
    Entry,
    Event,
    ExportedDocument,
    StoredBlock,
    StoredChunk,
    StoredDocument,
)
from codomain.store.filters.where import Where
from codomain.vectors import Floats
from codomain.vectors import Rows as RowNumbers

Array = np.ndarray[Any, Any]


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


class Documents(Protocol):
    """Documents with their metadata."""

    def count(self) -> int:
        """How many there are."""
        ...

    def get(self, key: str) -> StoredDocument | None:
        """One document by id; None when there is none."""
        ...

    def known(self, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Number and digest of those ids that are there."""
        ...

    def matching(self, where: Where) -> list[int]:
        """Numbers of the documents that a filter matches."""
        ...

    def export(self, where: Where | None) -> Iterator[ExportedDocument]:
        """All documents, or those that a filter matches, by number, one by one."""
        ...

    def all(self) -> Iterator[StoredDocument]:
        """All documents, one by one."""
        ...

    def next_number(self) -> int:
        """The number that the next document gets."""
        ...

    def add(self, documents: Iterable[StoredDocument]) -> None:
        """Store documents; inside a transaction."""
        ...

    def set_source(self, number: int, source: int | None) -> None:
        """Say which source a document comes from; inside a transaction."""
        ...

    def delete(self, numbers: Sequence[int]) -> None:
        """Delete documents with their chunks, media and feedback, and mark their rows as deleted; inside a transaction."""
        ...


class Rows(Protocol):
    """Chunks of documents by row, and deleted rows."""

    def count(self) -> int:
        """How many chunks there are."""
        ...

    def next(self) -> int:
        """The row that the next chunk gets: so many there are, deleted ones included."""
        ...

    def add(self, chunks: Iterable[StoredChunk]) -> None:
        """Store chunks; inside a transaction."""
        ...

    def alive(self) -> RowNumbers:
        """The rows (n,) that are not deleted, ascending."""
        ...

    def deleted(self, stop: int | None = None) -> RowNumbers:
        """The deleted rows (n,) below `stop`, ascending."""
        ...

    def count_deleted(self, stop: int | None = None) -> int:
        """How many rows below `stop` are deleted."""
        ...

    def of(self, document: int) -> RowNumbers:
        """The rows (n,) of a document, ascending."""
        ...

    def owners(self, rows: RowNumbers) -> dict[int, int]:
        """The document of each row that is there."""
        ...

    def around(self, rows: RowNumbers) -> dict[int, int]:
        """The documents of these rows, by each of their rows."""
        ...

    def document_keys(self) -> list[tuple[int, str]]:
        """Every row with the id of its document, ascending."""
        ...

    def texts_between(self, start: int, stop: int) -> Iterator[ChunkText]:
        """The chunks from `start` to `stop` - 1, in any order."""
        ...

    def texts_of(self, rows: RowNumbers) -> Iterator[ChunkText]:
        """The chunks of these rows, in any order."""
        ...

    def hits(self, rows: Sequence[int]) -> dict[int, ChunkHit]:
        """What a search shows, by row."""
        ...

    def renumber(self, alive: RowNumbers) -> None:
        """Number these rows, which are all that are not deleted, 0, 1, 2, ...; inside a transaction."""
        ...


class Fields(Protocol):
    """Metadata, and the rows that filters match."""

    def rows_where(self, where: Where, start: int = 0) -> RowNumbers:
        """The rows (n,) from `start` on whose document a filter matches."""
        ...

    def chunks_where(self, where: Where | None) -> list[ChunkFields]:
        """The chunks of all documents, or of those that a filter matches, by document and row."""
        ...

    def rows_by_document(self, stop: int) -> Array:
        """Document and row (n, 2) of the chunks below `stop`, by document and row."""
        ...

    def metadata(self) -> Iterator[tuple[int, str]]:
        """Number and metadata of every document, as a JSON object."""
        ...


class Sources(Protocol):
    """The files that documents come from. One is complete once all its documents are stored."""

    def count(self) -> int:
        """How many there are."""
        ...

    def enter(self, paths: Iterable[str]) -> dict[str, int]:
        """Number of each path; one seen for the first time is entered as not complete. Inside a transaction."""
        ...

    def complete(self) -> dict[str, tuple[int, int, str]]:
        """Size, time in nanoseconds and stamp of the complete sources, by path."""
        ...

    def set_times(self, times: Iterable[tuple[str, int]]) -> None:
        """Write new times of sources; inside a transaction."""
        ...

    def set_complete(self, path: str, size: int, time: int, stamp: str) -> None:
        """Enter a source as complete; inside a transaction."""
        ...

    def paths(self) -> list[tuple[int, str]]:
        """Number and path of every source."""
        ...

    def documents(self, numbers: Sequence[int]) -> list[tuple[int, str]]:
        """Number and id of the documents of these sources."""
        ...

    def delete(self, numbers: Sequence[int]) -> None:
        """Forget sources that have no documents any more; inside a transaction."""
        ...


class MediaFiles(Protocol):
    """Images and sounds of documents."""

    def add(self, media: Mapping[int, Sequence[Media]]) -> None:
        """Store the media of documents by number; inside a transaction."""
        ...

    def of(self, documents: Sequence[int]) -> dict[int, tuple[Media, ...]]:
        """The media of documents by number, in their order; documents without any are left out."""
        ...

    def any(self) -> bool:
        """Whether there may be media."""
        ...

    def digests(self) -> dict[int, list[str]]:
        """The digests of all media by document."""
        ...


class Branches(Protocol):
    """The branches of pipelines, each under an expression of its own."""

    def add(self, expression: str, encoder: str) -> None:
        """Enter a branch with the fingerprint of its encoder; inside a transaction."""
        ...

    def get(self, expression: str) -> tuple[int, bytes | None] | None:
        """Number and fitted transforms of a branch, None before the fit; None where there is no such branch."""
        ...

    def encoder(self, expression: str) -> str:
        """The fingerprint of the encoder that the stored vectors come from."""
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

    def spans(self, branch: int) -> Array:
        """First row and number of rows (n, 2) of each block, ascending."""
        ...

    def end(self, branch: int) -> int:
        """The row after the last stored one."""
        ...

    def read(self, branch: int, start: int) -> Iterator[tuple[int, int, bytes]]:
        """First row, number of rows and data of the blocks that reach beyond row `start`, ascending."""
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
