"""The database of a collection, as the collection sees it.

What a backend promises:

- **Isolation.** All reads inside one `reading()` or `writing()` see one state of the database. There is one writer at a
  time, in any process; readers do not wait for it, and it does not wait for them.
- **Durability.** When `writing()` has ended without an error, what was written is on disk and outlasts the process and the
  machine. A transaction that fails or is killed has written nothing.
- **Numbers.** Rows are numbered 0, 1, 2, ... in the order of adding. A number is not used again until `rows.renumber`.
- **Threads.** A backend may be used from any thread, by one at a time: the collection holds a lock.

- **Namespaces.** A backend that was opened sees all documents; `within` sees those of one namespace: ids and paths are looked
  up, documents and sources gone through, and new ones entered in that one alone. What takes numbers of documents or rows is
  the same for both.

What is said to be done "inside a transaction" is called inside `writing()`. Each backend raises StoreError, with a
sentence for the user, inside `sentences()`, `reading()` and `writing()`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, Self

from codomain.store.backend.documents import Documents, Exclusions, Fields, MediaFiles, Namespaces, Rows, Sources
from codomain.store.backend.records import Checks, History, Meta
from codomain.store.backend.vectors import Blocks, Branches, Bridges, Corrections, Journal, Unread


class Backend(Protocol):
    """An open database of one collection."""

    folder: Path
    """The collection's folder: indexes are written beside the database, and sentences name it."""

    namespace: str | None
    """The namespace that is seen, "" the default one; None: all."""

    def within(self, namespace: str) -> Self:
        """The same database, open only once, of one namespace. It need not be there: the first document makes it."""
        ...

    @property
    def database(self) -> str:
        """What sentences call the database."""
        ...

    # --- the life of a database -------------------------------------------------------------------------------------

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether a folder has a database of this backend."""
        ...

    @classmethod
    def create(cls, folder: Path, fill: Callable[[Self], None]) -> None:
        """Make a database that `fill` has filled, which appears whole or not at all; StoreError where it cannot be."""
        ...

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the database of a folder; StoreError when it is missing, damaged or of a newer version."""
        ...

    def close(self) -> None:
        """End every use of this connection; may be called again."""
        ...

    # --- transactions -------------------------------------------------------------------------------------------------

    def sentences(self) -> AbstractContextManager[None]:
        """Turn the database's own errors inside into StoreError."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """One state of the database for all reads inside; inside another transaction, that one's."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """One transaction, written whole or not at all; waits for another writer, then raises StoreError.

        Raises StoreError as well where the database is not in its folder any more, DiskFull where there is no room.
        """
        ...

    def changes(self) -> int:
        """A number that differs once another connection has written; inside `reading()`, of the state that it sees."""
        ...

    # --- maintenance --------------------------------------------------------------------------------------------------

    def backup(self, folder: Path, beside: Callable[[], None]) -> None:
        """Copy one state of the database into a new or empty folder, after `beside` has put other files there; others may write.

        The copy appears whole or not at all. Raises StoreError for a folder that is in use or cannot be written.
        """
        ...

    def overwrite_deleted(self) -> None:
        """From now on, overwrite what is deleted with zeros, through this connection."""
        ...

    def log_is_empty(self) -> bool:
        """Write all of a log into the database and empty it; False where another process still reads it."""
        ...

    def check_in_place(self) -> None:
        """Raises StoreError where the database was removed or replaced since it was opened."""
        ...

    def release_reserve(self) -> bool:
        """Give back room that was set aside for a full disk; whether there was any."""
        ...

    def migrate(self) -> None:
        """Bring the tables of an older format up to date; inside a transaction. Readers do not need it."""
        ...

    def shrink(self) -> None:
        """Return the space of what was deleted to the file system; outside any transaction."""
        ...

    def bytes(self) -> int:
        """What the database takes on disk."""
        ...

    # --- what is in it, by topic --------------------------------------------------------------------------------------

    @property
    def meta(self) -> Meta:
        """Single entries by name."""
        ...

    @property
    def history(self) -> History:
        """What was done to the collection as a whole."""
        ...

    @property
    def namespaces(self) -> Namespaces:
        """The namespaces that documents are in."""
        ...

    @property
    def documents(self) -> Documents:
        """Documents with their metadata."""
        ...

    @property
    def rows(self) -> Rows:
        """Chunks of documents by row, and deleted rows."""
        ...

    @property
    def fields(self) -> Fields:
        """Metadata, and the rows that filters match."""
        ...

    @property
    def sources(self) -> Sources:
        """The files that documents come from."""
        ...

    @property
    def exclusions(self) -> Exclusions:
        """Documents of files that were deleted by hand, and stay so."""
        ...

    @property
    def media(self) -> MediaFiles:
        """Images and sounds of documents."""
        ...

    @property
    def branches(self) -> Branches:
        """The branches of pipelines."""
        ...

    @property
    def blocks(self) -> Blocks:
        """Vectors of branches."""
        ...

    @property
    def bridges(self) -> Bridges:
        """Maps between the branches of an upgrade."""
        ...

    @property
    def unread(self) -> Unread:
        """Rows that an encoder did not read whole."""
        ...

    @property
    def journal(self) -> Journal:
        """The journal of feedback."""
        ...

    @property
    def corrections(self) -> Corrections:
        """Vectors after feedback."""
        ...

    @property
    def checks(self) -> Checks:
        """What is wrong in the database."""
        ...
