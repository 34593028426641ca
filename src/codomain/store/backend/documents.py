"""What a backend does with documents, their rows, metadata, sources and media; documents and sources have numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from codomain.arrays import Rows as RowNumbers
from codomain.items import Media
from codomain.store.backend.values import (
    ChunkFields,
    ChunkHit,
    ChunkText,
    ExportedDocument,
    Fetched,
    StoredChunk,
    StoredDocument,
)
from codomain.store.filters.where import Where


class Namespaces(Protocol):
    """The namespaces that documents are in; the default one has no name."""

    def any(self) -> bool:
        """Whether there may be documents in another than the default one."""
        ...

    def counts(self) -> dict[str, int]:
        """How many documents each has that has any, by name."""
        ...

    def forget(self, name: str) -> None:
        """Forget the name of one that has no documents any more; inside a transaction."""
        ...


class Documents(Protocol):
    """Documents with their metadata."""

    def count(self, where: Where | None = None) -> int:
        """How many there are, or how many a filter matches."""
        ...

    def get(self, key: str) -> StoredDocument | None:
        """One document by id; None when there is none."""
        ...

    def known(self, keys: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Number and digest of those ids that are there."""
        ...

    def contents(self, keys: Sequence[str]) -> dict[str, StoredDocument]:
        """Those documents, by id, that are there."""
        ...

    def matching(self, where: Where) -> list[int]:
        """Numbers of the documents that a filter matches."""
        ...

    def export(
        self,
        where: Where | None,
        sort: str | None = None,
        descending: bool = False,
        offset: int = 0,
        limit: int | None = None,
    ) -> Iterator[ExportedDocument]:
        """All documents, or those that a filter matches, one by one: by number, or by a field; those without it are last."""
        ...

    def of(self, numbers: Sequence[int]) -> Iterator[StoredDocument]:
        """These documents, in any order."""
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

    def sources(self, numbers: Sequence[int]) -> dict[int, int]:
        """The number of the source of each of these documents that has one."""
        ...

    def set_source(self, number: int, source: int | None) -> None:
        """Say which source a document comes from; inside a transaction."""
        ...

    def rename(self, number: int, key: str) -> None:
        """Give a document another id, which none has; inside a transaction."""
        ...

    def namespace(self, number: int) -> str:
        """The namespace that a document is in."""
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
        """The rows (n,) of all namespaces that are not deleted, ascending."""
        ...

    def inside(self, start: int = 0) -> RowNumbers:
        """The rows (n,) from `start` on of all documents, ascending."""
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

    def hits(self, rows: Sequence[int], context: int = 0) -> dict[int, ChunkHit]:
        """What a search shows, by row, and the text that reaches so many characters beyond the chunk; "" where none."""
        ...

    def renumber(self, alive: RowNumbers) -> None:
        """Number these rows, which are all that are not deleted, 0, 1, 2, ...; inside a transaction."""
        ...


class Fields(Protocol):
    """Metadata, and the rows that filters match."""

    def rows_where(self, where: Where, start: int = 0, changed_since: int | None = None) -> RowNumbers:
        """The rows (n,) from `start` on whose document a filter matches; those below too whose metadata is of a later version."""
        ...

    def change(self, fields: Sequence[tuple[int, str, str]]) -> None:
        """Give documents, by number, other metadata and its digest, under a new version of the metadata; inside a transaction."""
        ...

    def version(self) -> int:
        """How often metadata of documents was changed."""
        ...

    def changed_since(self, version: int) -> RowNumbers:
        """The rows (n,) of documents whose metadata was changed later; until the rows are renumbered."""
        ...

    def chunks_where(self, where: Where | None) -> list[ChunkFields]:
        """The chunks of all documents, or of those that a filter matches, by document and row."""
        ...

    def rows_by_document(self, stop: int, start: int = 0, changed_since: int | None = None) -> np.ndarray[Any, Any]:
        """Document and row (n, 2) of the chunks below `stop`, by document and row: those from `start` on, and those whose
        metadata is of a later version.
        """
        ...

    def facets(self, field: str, where: Where | None) -> list[tuple[Any, int]]:
        """Each value of a field, or member of a list, with the number of documents that have it."""
        ...

    def names(self) -> list[str]:
        """The names of all fields, in order."""
        ...

    def any(self, field: str) -> bool:
        """Whether some document has a field."""
        ...

    def metadata(self, start: int = 0, changed_since: int | None = None) -> Iterator[tuple[int, str]]:
        """Number and metadata, as a JSON object, of every document, or of those with chunks that `rows_by_document` tells of."""
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

    def set_fetched(self, pages: Mapping[str, Fetched]) -> None:
        """Note what is known of web pages among the sources, by address; inside a transaction."""
        ...

    def fetched(self) -> dict[str, Fetched]:
        """What is known of web pages, by address."""
        ...

    def rename(self, path: str, new: str, time: int) -> int | None:
        """Write another path and time of a source; its number, None where the other path is there. Inside a transaction."""
        ...

    def forget(self, paths: Iterable[str]) -> None:
        """Enter sources as not complete, so that they are read again; inside a transaction."""
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


class Exclusions(Protocol):
    """Ids of documents of files that were deleted by hand."""

    def all(self) -> dict[str, str]:
        """The ids, with the paths of their sources."""
        ...

    def exclude(self, numbers: Sequence[int]) -> None:
        """Remember those of these documents that come from a file; inside a transaction."""
        ...

    def remove(self, keys: Iterable[str]) -> None:
        """Forget ids; inside a transaction."""
        ...

    def rename(self, source: str, new: str) -> None:
        """Follow a source that is called otherwise now; inside a transaction."""
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
