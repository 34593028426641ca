"""A durable, searchable collection of documents in one folder."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from codomain.errors import InputError, PipelineError, StoreError
from codomain.items import Item as Passage
from codomain.items import Query
from codomain.plan import PlanNode
from codomain.progress import Progress
from codomain.stage import Stage
from codomain.store.branch import MOST_TO_FIT
from codomain.store.filters.sql import to_sql
from codomain.store.filters.where import Where, parse_where
from codomain.store.hits import Hit
from codomain.store.passages import items_of, passages_of
from codomain.store.row_ids import delete_documents
from codomain.store.schema import DATABASE, closed, connect, sentences, writing
from codomain.store.search import search_many
from codomain.store.state import CollectionState
from codomain.text import clean
from codomain.vectors import Floats, Rows

if TYPE_CHECKING:
    from codomain.pipeline import Pipeline
    from codomain.store.ingest import AddReport, Item
    from codomain.store.upgrade.state import Mode

T = TypeVar("T")


class Collection(CollectionState):
    """Documents with their vectors and indexes: add, update, delete, search. Safe to use from several threads.

    >>> import codomain as cd, tempfile
    >>> with cd.create(tempfile.mkdtemp() + "/notes", "bm25()") as notes:
    ...     _ = notes.add([{"id": "a", "text": "a red fox"}, {"id": "b", "text": "a blue whale"}])
    ...     [hit.id for hit in notes.search("whales")]
    ['b']
    """

    def __init__(self, folder: Path, root: PlanNode | None = None) -> None:
        self.lock = threading.RLock()
        self._closed = False
        db = connect(folder)
        try:
            with sentences(folder):
                super().__init__(folder, db, root)
        except KeyError as missing:
            db.close()
            raise StoreError(
                f"{folder / DATABASE} lacks its entry {missing}: it is not a codomain collection."
            ) from None
        except BaseException:
            db.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database as soon as no other thread is using it; every later use raises StoreError."""
        with self.lock:  # SQLite crashes where a statement that runs loses its connection
            self._closed = True
            self.db.close()

    def check_open(self) -> None:
        """Raises StoreError once the collection is closed."""
        if self._closed:
            raise StoreError(closed(self.folder))

    @contextmanager
    def held(self) -> Iterator[sqlite3.Connection]:
        """The database, for this thread alone; raises StoreError once the collection is closed."""
        with self.lock, sentences(self.folder):
            self.check_open()
            yield self.db

    def __repr__(self) -> str:
        return f"Collection({str(self.folder)!r})"

    def __len__(self) -> int:
        with self.held() as db:
            return int(db.execute("SELECT count(*) FROM documents").fetchone()[0])

    # --- writing -------------------------------------------------------------------------------------------------

    def add(self, items: Iterable[Item], progress: Progress | None = None) -> AddReport:
        """Add documents, or update those whose id is there already; unchanged ones are left alone.

        An item is a text, a dict with `text` or `media` and optionally `id`, `title` and `metadata`, `Media`, an array (of
        the one modality beside text that the pipeline starts from), or a `Record`. Each batch is acknowledged, through `progress` and by returning, only when it is on disk.

        Raises InputError for an item that cannot be stored, StoreError when the collection cannot be written.
        """
        if isinstance(items, str | Mapping):
            raise InputError("add takes a list of documents; a single one is written [document].")
        from codomain.store.ingest import add_records  # readers do without

        with sentences(self.folder):
            return add_records(self, items, progress=progress)

    def delete(self, ids: Iterable[str]) -> int:
        """Delete documents by id; how many there were."""
        if isinstance(ids, str):
            ids = [ids]
        return self._delete("key IN (SELECT value FROM json_each(?))", [json.dumps(list(ids))])

    def delete_where(self, where: str | Mapping[str, Any] | Where) -> int:
        """Delete the documents that a filter matches; how many there were."""
        condition, parameters = to_sql(parse_where(where))
        return self._delete(
            f"id IN (SELECT d.id FROM documents d LEFT JOIN sources s ON s.id = d.source WHERE {condition})", parameters
        )

    def _delete(self, condition: str, parameters: Sequence[Any]) -> int:
        with self.held():
            with self.writing():
                found = [n for (n,) in self.db.execute(f"SELECT id FROM documents WHERE {condition}", parameters)]
                delete_documents(self.db, found)
            self.changed()
        return len(found)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction for the branches that the database has now."""
        with self.held(), writing(self.db, self.folder) as db:
            if self.outdated:
                self._read()
            yield db

    def fit_if_ready(self, rows: int) -> None:
        """Fit transforms as soon as the sample that they want is there; inside a transaction."""
        if rows >= MOST_TO_FIT and not self.moving:
            for branch in self.vector_branches:
                branch.fit(rows)

    # --- reading -------------------------------------------------------------------------------------------------

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads inside see one state of the database, whatever other processes write."""
        with self.held():
            nested = self.db.in_transaction
            if not nested:
                self.db.execute("BEGIN")
            try:
                self._sync()
                yield
            finally:
                if not nested and self.db.in_transaction:
                    self.db.execute("COMMIT")

    def search(
        self,
        query: Query,
        k: int = 10,
        where: str | Mapping[str, Any] | Where | None = None,
        explain: bool = False,
        feedback: bool = True,
    ) -> list[Hit]:
        """The k best documents for a query, best first, each with its best chunk.

        A query is a text, or media of a modality that the pipeline starts from, such as an image as an array. `where` filters by metadata (see `codomain.store.filters.where`); `explain` adds each branch's rank and score;
        with `feedback` off, what `feedback` has moved counts as it was.

        Raises WhereError for a filter that cannot be read, StoreError when the collection cannot be.
        """
        return self.search_many([query], k, where, explain, feedback)[0]

    def search_many(
        self,
        queries: Sequence[Query],
        k: int = 10,
        where: str | Mapping[str, Any] | Where | None = None,
        explain: bool = False,
        feedback: bool = True,
    ) -> list[list[Hit]]:
        """`search` for several queries at once, encoded together."""
        return search_many(self, queries, k, where, explain, feedback)

    # --- what rankers ask ------------------------------------------------------------------------------------------

    def texts(self, rows: Rows) -> list[str]:
        """Passages by row."""
        with self.held() as db:
            return passages_of(db, rows)

    def items(self, rows: Rows) -> list[str | Passage]:
        """Passages by row, with the media of their documents."""
        with self.held() as db:
            return items_of(db, rows)

    def vectors(self, rows: Rows) -> Floats:
        """Stored vectors (n, d) by row, as the first branch with a dense encoder holds them."""
        with self.held():
            branch = self.first_dense
            if branch is None:
                raise PipelineError(f"{self.pipeline} has no encoder of dense vectors, so its documents have none.")
            return cast(Floats, branch.vectors(rows))

    def get(self, id: str) -> dict[str, Any] | None:
        """A document by id: id, text, title and metadata; None when there is none."""
        with self.held() as db:
            sql = "SELECT key, text, title, metadata FROM documents WHERE key = ?"
            row = db.execute(sql, [clean(id)]).fetchone()
        return None if row is None else {"id": row[0], "text": row[1], "title": row[2], "metadata": json.loads(row[3])}

    # --- feedback (the work is in store/feedback) ---------------------------------------------------------------------

    def feedback(self, query: str | Floats, good: str | Iterable[str] = (), bad: str | Iterable[str] = ()) -> list[int]:
        """Tell which documents, by id, were right or wrong for a query, a text or a vector (d,) of the encoder.

        Their vectors move towards the query or away from it, in a shadow that searches use instead; stored vectors stay
        as they are. Gives the numbers of the new entries of the journal, for `forget_feedback`. During an upgrade they are
        entered only, and count when it ends.
        "Online-Optimized RAG for Tool Use and Function Calling" (2025).

        Raises InputError for a document that is not there, PipelineError where the pipeline has no vectors to move.
        """
        from codomain.store.feedback.api import give

        return give(self, query, good, bad)

    def feedback_journal(self) -> list[dict[str, Any]]:
        """All feedback in the order in which it came: entry, at, query, id, liked."""
        from codomain.store.feedback.journal import as_json, entries

        with self.snapshot():
            return [as_json(entry) for entry in entries(self.db)]

    def forget_feedback(self, entries: Iterable[int] | None = None) -> int:
        """Take back entries of the journal, or all of it: what is left counts as if it were all there ever was."""
        from codomain.store.feedback.api import forget

        return forget(self, entries)

    def replay_feedback(self) -> int:
        """Recompute all shadows from the journal, on the documents that are there now; how many updates that took."""
        from codomain.store.feedback.api import replay

        return replay(self)

    # --- maintenance (the work is in store/maintenance.py) --------------------------------------------------------------

    def reindex(self) -> bool:
        """Fit what is not fitted and build the indexes for all rows; False when all was up to date."""
        from codomain.store.maintenance import reindex

        return reindex(self)

    def reindex_in_background(self) -> Future[bool]:
        """`reindex` in a thread with a connection of its own; searches go on and find the new index when it is there.

        The future's result is that of `reindex`, or raises what it raised.
        """
        return self._in_background(Collection.reindex, "reindex")

    def _in_background(self, work: Callable[[Collection], T], name: str) -> Future[T]:
        self.check_open()

        def run() -> T:
            with Collection(self.folder) as other:
                return work(other)

        threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        future = threads.submit(run)
        threads.shutdown(wait=False)
        return future

    def upgrade(
        self,
        to: str | Stage | Pipeline,
        mode: Mode = "bridge",
        sample: int = 2_000,
        floor: float = 0.9,
        progress: Progress | None = None,
        seed: int = 0,
    ) -> list[dict[str, Any]]:
        """Set off to another encoder, other transforms, another index or a whole pipeline; `continue_upgrade` gets there.

        The collection answers all the time. With mode "bridge" queries use the new encoder from now on: rows without new
        vectors are found through a map fitted on a `sample` of rows, the others in the new space. With mode "reembed" the
        old pipeline answers until all rows have new vectors. The old ones are kept until `drop_old`; `rollback` goes back.

        Gives what was measured of each bridge: nDCG@10 for known items through it, in the old space and in the new.

        Raises StoreError when an upgrade is under way or there is no bridge between the two, and its subclass BelowFloor,
        with the measurements as `reports`, when the bridge keeps less than `floor` of the old nDCG@10, interval included.
        """
        from codomain.store.upgrade.begin import begin

        return begin(self, to, mode, sample, floor, seed, progress).reports

    def continue_upgrade(self, progress: Progress | None = None) -> None:
        """Embed what the upgrade has left, then answer with the new vectors alone; continues where it was interrupted."""
        from codomain.store.upgrade.steps import resume

        resume(self, progress)

    def continue_upgrade_in_background(self) -> Future[None]:
        """`continue_upgrade` in a thread with a connection of its own; searches see every batch as it comes."""
        return self._in_background(Collection.continue_upgrade, "upgrade")

    def rollback(self, progress: Progress | None = None) -> None:
        """Go back to the pipeline before the upgrade, at any point until `drop_old`."""
        from codomain.store.upgrade.steps import rollback

        rollback(self, progress)

    def drop_old(self) -> None:
        """Forget the vectors of the pipeline before the upgrade; `compact` gives their room back."""
        from codomain.store.upgrade.steps import drop_old

        drop_old(self)

    def compact(self) -> None:
        """Give back the room of deleted documents: rows are renumbered, vectors and database rewritten."""
        from codomain.store.maintenance import compact

        compact(self)

    def verify(self) -> list[str]:
        """Check everything against everything; one sentence for each fault, none when all is well."""
        from codomain.store.maintenance import verify

        return verify(self)

    def info(self) -> dict[str, Any]:
        """Counts, sizes in bytes, pipeline and the state of the indexes."""
        from codomain.store.maintenance import info

        return info(self)
