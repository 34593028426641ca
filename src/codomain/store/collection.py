"""A durable, searchable collection of documents in one folder."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, overload
from weakref import WeakSet

import codomain.files as files
from codomain.arrays import Floats, Rows
from codomain.errors import InputError, PipelineError, StoreError
from codomain.items import Item as Passage
from codomain.items import Query
from codomain.plan import PlanNode, modalities_of
from codomain.progress import Progress
from codomain.stage import Stage
from codomain.store.asynchronous import in_thread
from codomain.store.backend import Backend
from codomain.store.backend.choose import open_backend
from codomain.store.backend.errors import DiskFull, closed
from codomain.store.backend.values import ChunkFields, Event
from codomain.store.branches.branch import MOST_TO_FIT, StoredBranch
from codomain.store.exchange.tables import to_arrow, to_pandas, to_polars
from codomain.store.filters.where import Where, parse_where
from codomain.store.ids import DocumentId, document_ids
from codomain.store.reading.by_vector import VectorQuery, Weighted, given_vector, like_documents, with_vector
from codomain.store.reading.hits import Answers
from codomain.store.reading.listing import as_html, count, documents, facets, get, listed, parsed_filter, sort_key
from codomain.store.reading.passages import items_of, passages_of
from codomain.store.reading.search import Syntax, Wanted, search_by_vector, search_many
from codomain.store.settings import Settings
from codomain.store.state import CollectionState
from codomain.store.writing import UNCHANGED

if TYPE_CHECKING:
    from codomain.pipeline import Pipeline
    from codomain.store.upgrade.state import Mode
    from codomain.store.writing.ingest import AddReport, Item

T = TypeVar("T")

_open: WeakSet[Collection] = WeakSet()
"""The collections of this process that are open, as far as anybody has them."""
_listing = threading.Lock()  # held to change or go through them


class Collection:
    """Documents with their vectors and indexes: add, update, delete, search. Safe to use from several threads.

    >>> import codomain as cd, tempfile
    >>> with cd.create(tempfile.mkdtemp() + "/notes", "bm25()") as notes:
    ...     _ = notes.add([{"id": "a", "text": "a red fox"}, {"id": "b", "text": "a blue whale"}])
    ...     [hit.id for hit in notes.search("whales")]
    ['b']
    """

    def __init__(self, folder: Path, root: PlanNode | None = None) -> None:
        self.folder = folder
        self.lock = threading.RLock()
        self._closed = False
        whole = open_backend(folder)
        self.backend = whole.within("")
        """The database, of the default namespace; `state.backend` sees all."""
        try:
            with self.backend.sentences():
                self.state = CollectionState(whole, root)
        except KeyError as missing:
            self.backend.close()
            raise StoreError(
                f"{self.backend.database} lacks its entry {missing}: it is not a codomain collection."
            ) from None
        except (ValueError, TypeError, AttributeError) as error:
            self.backend.close()
            raise StoreError(
                f"the entries of {self.backend.database} cannot be read by this version of codomain ({error}): "
                "it was made by another version, or is damaged."
            ) from None
        except BaseException:
            self.backend.close()
            raise
        with _listing:
            _open.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database as soon as no other thread is using it; every later use raises StoreError."""
        with self.lock:  # a database may crash where a statement that runs loses its connection
            self._closed = True
            self.backend.close()
            if not self.state.uses:
                self.state.let_go(everything=True)

    def check_open(self) -> None:
        """Raises StoreError once the collection is closed."""
        if self._closed:
            raise StoreError(closed(self.folder))

    @contextmanager
    def held(self) -> Iterator[Backend]:
        """The database, for this thread alone; raises StoreError once the collection is closed."""
        with self.lock, self.backend.sentences():
            self.check_open()
            self.state.uses += 1
            try:
                yield self.backend
            finally:
                self.state.uses -= 1

    def __repr__(self) -> str:
        return f"Collection({str(self.folder)!r})"

    def _repr_html_(self) -> str:
        return as_html(self)

    def __len__(self) -> int:
        with self.held() as backend:
            return backend.documents.count()

    # --- namespaces -------------------------------------------------------------------------------------------------------

    name = ""
    """The namespace whose documents are meant: the default one has no name."""

    def namespace(self, name: str | None) -> Collection:
        """One namespace: the same methods, on its documents alone. It is there with the first document that is added.

        An id names one document in each namespace. What is called on the collection itself is about its default namespace, which
        "" and None name too; upgrades, indexes, backups, `verify` and `info` are about all. See docs/store.md.
        """
        from codomain.store.namespace import Namespace, namespace_name

        return Namespace(self, found) if (found := namespace_name(name)) else self

    def namespaces(self) -> dict[str, int]:
        """The namespaces that have documents, with their number; the default one is called ""."""
        with self.held() as backend:
            return backend.namespaces.counts()

    def delete_namespace(self, name: str | None, *, erase: bool = False) -> int:
        """Delete all documents of a namespace and what is remembered of its files; how many. With `erase` as by `erase`."""
        from codomain.store.erase import delete_namespace

        return delete_namespace(self.namespace(name), erase)

    def _in(self, namespace: str | None) -> Collection:
        return self if namespace is None else self.namespace(namespace)

    # --- what it is made of, as the last snapshot saw it --------------------------------------------------------------

    @property
    def pipeline(self) -> Pipeline:
        """What new rows are written for."""
        return self.state.pipeline

    @property
    def settings(self) -> Settings:
        """How documents become chunks."""
        return self.state.settings

    @property
    def rows(self) -> int:
        """Rows of all chunks, deleted ones included."""
        return self.state.rows

    @property
    def branches(self) -> list[StoredBranch]:
        """The branches that hold every row: those of `pipeline`."""
        return self.state.branches

    @property
    def vector_branches(self) -> list[StoredBranch]:
        """Those of `branches` that store vectors."""
        return self.state.vector_branches

    @property
    def first_dense(self) -> StoredBranch | None:
        """The first of `branches` with an encoder of dense vectors; None without one."""
        return self.state.first_dense

    @property
    def upgrading(self) -> bool:
        """Whether an upgrade is under way."""
        return self.state.upgrading

    # --- writing -------------------------------------------------------------------------------------------------

    def add(
        self,
        items: Iterable[Item] | Any,
        progress: Progress | None = None,
        *,
        text_field: str | None = None,
        title_field: str | None = None,
        id_field: str | None = None,
        vector_field: str | None = None,
        namespace: str | None = None,
    ) -> AddReport:
        """Add documents, or update those whose id is there already; unchanged ones are left alone.

        An item is a text, a dict with `text` or `media` and optionally `id`, `title` and `metadata`, `Media`, an array (of
        the one modality beside text that the pipeline starts from), or a `Record`. They may come from any iterable. Of a table
        (a data frame of pandas or polars, an Arrow table, a data set of `datasets`) each row is a document; its text, title
        and id come from the usual columns or from those that are named, the others are metadata. Where the pipeline starts
        from vectors() the column "vector", or the one that is named, has them.

        Each batch is acknowledged, through `progress` and by returning, only when it is on disk.

        Raises InputError for an item that cannot be stored, StoreError when the collection cannot be written.
        """
        from codomain.store.writing.ingest import add_items  # readers do not need it

        columns = {
            "text_field": text_field,
            "title_field": title_field,
            "id_field": id_field,
            "vector_field": vector_field,
        }
        with self.backend.sentences():
            return add_items(self._in(namespace), items, progress, columns)

    def update(
        self,
        id: DocumentId,
        metadata: Mapping[str, Any] | None = None,
        *,
        text: str = UNCHANGED,
        title: str | None = UNCHANGED,
        namespace: str | None = None,
    ) -> None:
        """Change a document that is there: fields of its metadata (None removes one), its text or its title.

        Other metadata alone costs no encoding: vectors and feedback stay. Raises InputError for a document that is not there.
        """
        from codomain.store.writing.update import update

        update(self._in(namespace), id, metadata, text, title)

    def update_where(
        self, where: str | Mapping[str, Any] | Where, metadata: Mapping[str, Any], *, namespace: str | None = None
    ) -> int:
        """Change fields of all documents that a filter matches (None removes one); nothing is encoded; how many there were."""
        from codomain.store.writing.update import update_where

        return update_where(self._in(namespace), where, metadata)

    def delete(self, ids: DocumentId | Iterable[DocumentId], *, namespace: str | None = None) -> int:
        """Delete documents by id; how many there were."""
        keys = document_ids(ids)
        return self._in(namespace)._delete(
            lambda backend: [number for number, _ in backend.documents.known(keys).values()]
        )

    def delete_where(self, where: str | Mapping[str, Any] | Where, *, namespace: str | None = None) -> int:
        """Delete the documents that a filter matches; how many there were."""
        parsed = parse_where(where)

        return self._in(namespace)._delete(partial(self.state.documents_where, parsed))

    def erase(self, ids: DocumentId | Iterable[DocumentId], *, namespace: str | None = None) -> int:
        """Delete documents so that no file of the collection holds a part of them; how many. Takes as long as `compact`.

        Raises StoreError where another process still reads the log: they are deleted then, and erasing again goes on.
        """
        from codomain.store.erase import erase

        return erase(self._in(namespace), ids)

    def _delete(self, choose: Callable[[Backend], list[int]]) -> int:
        def delete() -> int:
            with self.writing() as backend:
                found = choose(backend)
                # what comes from a file is not brought back by the next `index_files`
                backend.exclusions.exclude(found)
                backend.documents.delete(found)
            self.state.changed()
            return len(found)

        with self.held() as held:
            try:
                return delete()
            except DiskFull:
                if not held.release_reserve():
                    raise
                return delete()

    @contextmanager
    def writing(self) -> Iterator[Backend]:
        """A transaction for the branches that the database has now."""
        with self.held() as backend, backend.writing():
            self.state.refresh()
            yield backend

    def refresh(self) -> None:
        """Take over pipeline and branches as another process may have changed them."""
        with self.held() as backend, backend.reading():
            self.state.refresh()

    def fit_if_ready(self, rows: int) -> None:
        """Fit transforms as soon as the sample that they want is there; inside a transaction."""
        if rows >= MOST_TO_FIT and not self.upgrading:
            for branch in self.vector_branches:
                branch.fit(rows)

    # --- reading -------------------------------------------------------------------------------------------------

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """All reads inside see one state of the database, whatever other processes write."""
        with self.held() as backend, backend.reading():
            self.state.sync()
            yield

    def search(
        self,
        query: Query | None = None,
        k: int = 10,
        where: str | Mapping[str, Any] | Where | None = None,
        explain: bool = False,
        feedback: bool = True,
        *,
        vector: Any = None,
        like: Weighted | None = None,
        offset: int = 0,
        sort: str | None = None,
        min_score: float | None = None,
        min_similarity: float | None = None,
        max_per_source: int | None = None,
        context: int = 0,
        syntax: Syntax = "plain",
        typos: bool = False,
        namespace: str | None = None,
    ) -> Answers:
        """The k best documents for a query, best first, each with its best chunk.

        A query is a text, or media of a modality that the pipeline starts from, such as an image as an array. Instead of it
        `vector` is a vector (d,) of the first dense encoder, and `like` the id of a document, several ids, or a weight for
        each (negative: away from it); both search the first dense branch alone. Where a branch starts from vectors(), a
        text and a vector may be given together. `where` filters by metadata (see
        `codomain.store.filters.where`); `offset` leaves out the best ones, `sort` orders the hits by a field ("-year": from
        the highest), `min_score` and `min_similarity` leave out weaker hits, `max_per_source` takes so many documents of a
        file at most, `context` adds so many characters around the chunk, `namespace` searches another than
        the default one. With `feedback` off, what `feedback` has moved counts as it was.
        `explain` changes nothing here: every hit carries its places in the branches.

        A text is plain by default. With `syntax="query"` it may hold phrases in quotes, +must, -not, begin* and title:word:
        a document has what must be there, or a phrase, and lacks what must not, whatever branch finds it; encoders are
        given the plain words. With `typos` a word that no document holds also stands for those one letter away.

        Raises WhereError for a filter that cannot be read, InputError for other values that cannot be, StoreError when the
        collection cannot be read.
        """
        wanted = Wanted(k, offset, sort, min_score, min_similarity, max_per_source, context)
        if vector is not None and isinstance(query, str) and "vector" in modalities_of(self.state.root):
            query, vector = with_vector(self, query, vector), None
        if (query is not None) + (vector is not None) + (like is not None) != 1:
            raise InputError("search takes a query, a vector or like, one of them.")
        if query is not None:
            return search_many(self._in(namespace), [query], where, feedback, wanted, syntax, typos)[0]

        def ask(collection: Collection) -> VectorQuery:
            return given_vector(collection, vector) if like is None else like_documents(collection, like)

        return search_by_vector(self._in(namespace), ask, where, feedback, wanted)

    def search_many(
        self,
        queries: Sequence[Query],
        k: int = 10,
        where: str | Mapping[str, Any] | Where | None = None,
        explain: bool = False,
        feedback: bool = True,
        *,
        offset: int = 0,
        sort: str | None = None,
        min_score: float | None = None,
        min_similarity: float | None = None,
        max_per_source: int | None = None,
        context: int = 0,
        syntax: Syntax = "plain",
        typos: bool = False,
        namespace: str | None = None,
    ) -> list[Answers]:
        """`search` for several queries at once, encoded together."""
        wanted = Wanted(k, offset, sort, min_score, min_similarity, max_per_source, context)
        return search_many(self._in(namespace), queries, where, feedback, wanted, syntax, typos)

    # --- what rankers ask ------------------------------------------------------------------------------------------

    def texts(self, rows: Rows) -> list[str]:
        """Passages by row."""
        with self.held() as backend:
            return passages_of(backend, rows)

    def items(self, rows: Rows) -> list[str | Passage]:
        """Passages by row, with the media of their documents."""
        with self.held() as backend:
            return items_of(backend, rows)

    def vectors(self, rows: Rows) -> Floats:
        """Stored vectors (n, d) by row, as the first branch with a dense encoder holds them."""
        with self.snapshot():
            branch = self.first_dense
            if branch is None:
                raise PipelineError(f"{self.pipeline} has no encoder of dense vectors, so its documents have none.")
            return cast(Floats, branch.vectors(rows))

    @overload
    def get(  # type: ignore[overload-overlap]  # a text is an iterable of texts
        self, id: DocumentId, include: Sequence[str] = (), *, namespace: str | None = None
    ) -> dict[str, Any] | None: ...
    @overload
    def get(
        self, id: Iterable[DocumentId], include: Sequence[str] = (), *, namespace: str | None = None
    ) -> list[dict[str, Any] | None]: ...
    def get(
        self, id: DocumentId | Iterable[DocumentId], include: Sequence[str] = (), *, namespace: str | None = None
    ) -> Any:
        """A document by id: id, text, title and metadata, None when there is none; of several ids a list in their order.

        With include=["vector"] also its vector (d,) as the first dense branch stores it, (n, d) for n chunks.
        """
        return get(self._in(namespace), id, include)

    def documents(
        self,
        where: str | Mapping[str, Any] | Where | None = None,
        *,
        sort: str | None = None,
        offset: int = 0,
        limit: int | None = None,
        namespace: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Documents, or those that a filter matches, one by one, as `get` returns them, with their `source`.

        They come in the order of adding, or of a field ("-year": from the highest; documents without it are last), all in
        the state of the moment when the first is asked for. Raises WhereError for a filter that cannot be read.
        """
        return documents(self._in(namespace), where, sort, offset, limit)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self.documents()

    def ids(self, where: str | Mapping[str, Any] | Where | None = None, *, namespace: str | None = None) -> list[str]:
        """The ids of all documents, or of those that a filter matches, in the order of adding."""
        with self.held():
            return [document.key for document in listed(self._in(namespace), where, None, 0, None)]

    def to_arrow(
        self,
        where: str | Mapping[str, Any] | Where | None = None,
        include: Sequence[str] = (),
        *,
        namespace: str | None = None,
    ) -> Any:
        """A pyarrow.Table of documents: id, title, text, a column for each field; `include` adds "vector" and "source".

        `add` takes it back: the same documents, and with their vectors in a pipeline that starts from vectors().
        """
        return to_arrow(self._in(namespace), where, include)

    def to_pandas(
        self,
        where: str | Mapping[str, Any] | Where | None = None,
        include: Sequence[str] = (),
        *,
        namespace: str | None = None,
    ) -> Any:
        """`to_arrow` as a pandas.DataFrame."""
        return to_pandas(self._in(namespace), where, include)

    def to_polars(
        self,
        where: str | Mapping[str, Any] | Where | None = None,
        include: Sequence[str] = (),
        *,
        namespace: str | None = None,
    ) -> Any:
        """`to_arrow` as a polars.DataFrame."""
        return to_polars(self._in(namespace), where, include)

    def count(self, where: str | Mapping[str, Any] | Where | None = None, *, namespace: str | None = None) -> int:
        """How many documents there are, or how many a filter matches."""
        return count(self._in(namespace), where)

    def facets(
        self, field: str, where: str | Mapping[str, Any] | Where | None = None, *, namespace: str | None = None
    ) -> list[tuple[Any, int]]:
        """The values of a field with the number of documents that have each, the most frequent first.

        The members of a list count each; `_source` is the file that a document comes from.
        """
        return facets(self._in(namespace), field, where)

    def distinct(
        self, field: str, where: str | Mapping[str, Any] | Where | None = None, *, namespace: str | None = None
    ) -> list[Any]:
        """The values of a field, in order; of lists, their members."""
        found = facets(self._in(namespace), field, where)
        return sorted((value for value, _ in found), key=sort_key)

    # --- what measurements ask, inside `snapshot` -----------------------------------------------------------------------

    def live_rows(self) -> Rows:
        """The rows (n,) that are not deleted, ascending."""
        with self.held() as backend:
            return backend.rows.inside()

    def row_ids(self) -> list[tuple[int, str]]:
        """Every row that is not deleted with the id of its document, ascending."""
        with self.held() as backend:
            return backend.rows.document_keys()

    def chunks_where(self, where: str | Mapping[str, Any] | Where | None = None) -> list[ChunkFields]:
        """Row, document number, id and metadata (as JSON) of the chunks that a filter matches, by document and row."""
        with self.held() as backend:
            return backend.fields.chunks_where(parsed_filter(backend, where))

    # --- for event loops ------------------------------------------------------------------------------------------------

    asearch = in_thread(search)
    asearch_many = in_thread(search_many)
    aadd = in_thread(add)
    aupdate = in_thread(update)
    adelete = in_thread(delete)
    aget = in_thread(get)
    acount = in_thread(count)

    # --- history --------------------------------------------------------------------------------------------------------

    def history(self) -> list[Event]:
        """What was done to the collection as a whole, the oldest first: at (seconds since 1970), event, detail."""
        with self.held() as backend:
            return backend.history.all()

    def log(self, event: str, detail: str = "") -> None:
        """Enter an event into the history."""
        with self.writing() as backend:
            backend.history.add(event, detail)

    # --- feedback (the work is in store/feedback) ---------------------------------------------------------------------

    def feedback(
        self,
        query: str | Floats,
        good: DocumentId | Iterable[DocumentId] = (),
        bad: DocumentId | Iterable[DocumentId] = (),
        *,
        namespace: str | None = None,
    ) -> list[int]:
        """Tell which documents, by id, were right or wrong for a query, a text or a vector (d,) of the encoder.

        Their vectors move towards the query or away from it, as corrected vectors that searches use instead; stored
        vectors stay as they are. Returns the numbers of the new entries of the journal, for `forget_feedback`. During an
        upgrade they are entered only, and count when it ends.
        "Online-Optimized RAG for Tool Use and Function Calling" (2025).

        Raises InputError for a document that is not there, PipelineError where the pipeline has no vectors to move.
        """
        from codomain.store.feedback.api import give

        return give(self._in(namespace), query, good, bad)

    def feedback_journal(self) -> list[dict[str, Any]]:
        """All feedback in the order in which it came: entry, at, query, id, liked."""
        with self.snapshot():
            return [entry.as_json() for entry in self.backend.journal.entries()]

    def forget_feedback(self, entries: Iterable[int] | None = None) -> int:
        """Take back entries of the journal, or all of it: what is left counts as if it were all there ever was."""
        from codomain.store.feedback.api import forget

        return forget(self, entries)

    def replay_feedback(self) -> int:
        """Recompute all corrected vectors from the journal, on the documents that are there now; how many updates that took."""
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
        rechunk: bool = False,
    ) -> list[dict[str, Any]]:
        """Set off to another encoder, other transforms, another index or a whole pipeline; `continue_upgrade` gets there.

        The collection answers all the time. With mode "bridge" queries use the new encoder from now on: rows without new
        vectors are found through a map fitted on a `sample` of rows, the others in the new space. With mode "reembed" the
        old pipeline answers until all rows have new vectors. The old ones are kept until `drop_old`; `rollback` goes back.

        Chunks stay as they were cut. A CutWarning says how many are longer than what a new encoder reads; with `rechunk` their
        documents are cut again first.

        Returns what was measured of each bridge: nDCG@10 for known items through it, in the old space and in the new.

        Raises StoreError when an upgrade is under way or there is no bridge between the two, and its subclass BelowFloor,
        with the measurements as `reports`, when the bridge keeps less than `floor` of the old nDCG@10, interval included.
        """
        from codomain.store.trust import asked_for
        from codomain.store.upgrade.begin import begin

        asked_for(f"{to}()" if isinstance(to, str) and to.isidentifier() else to)
        return begin(self, to, mode, sample, floor, seed, progress, rechunk).reports

    def prepare_offline(
        self,
        encoder: str | Stage | Pipeline = "static()",
        sample: int = 2_000,
        floor: float = 0.5,
        progress: Progress | None = None,
        seed: int = 0,
    ) -> list[dict[str, Any]]:
        """Let searches go on while the server of the collection's encoder is away: by an encoder of this machine and a bridge.

        The bridge is fitted and measured as that of an upgrade, on a `sample` of the rows; the server is sent their first
        sentences. From then on a search that does not reach it is answered through the bridge, which is said.

        Returns what was measured of each branch. Raises InputError for a collection without an encoder behind a server,
        StoreError during an upgrade, and its subclass BelowFloor where the bridge keeps less than `floor` of the nDCG@10.
        """
        from codomain.store.trust import asked_for
        from codomain.store.upgrade.offline import prepare

        asked_for(f"{encoder}()" if isinstance(encoder, str) and encoder.isidentifier() else encoder)
        return prepare(self, encoder, sample, floor, seed, progress)

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
        """Forget the vectors of the pipeline before the upgrade; `compact` frees their space."""
        from codomain.store.upgrade.steps import drop_old

        drop_old(self)

    def compact(self) -> None:
        """Free the space of deleted documents: rows are renumbered, vectors and database rewritten."""
        from codomain.store.maintenance import compact

        compact(self)

    def backup(self, path: str | Path) -> None:
        """Copy the collection into a new or empty folder, with vectors and indexes; others may write to it meanwhile.

        The copy is of one state, and a collection like any other. Raises StoreError when the folder is in use.
        """
        from codomain.store.backup import backup

        backup(self, Path(path).absolute())

    def verify(self) -> list[str]:
        """Check everything against everything; one sentence for each fault, none when all is well."""
        from codomain.store.maintenance import verify

        return verify(self)

    def notes(self, count: bool = False) -> list[str]:
        """A sentence for what searches may miss though nothing is wrong: text that no vector holds, indexes of earlier versions.

        Text that an encoder did not read is counted as documents are added; with `count` it is counted now where the
        collection was made before that.
        """
        from codomain.store.chunking.unread import notes

        with self.snapshot():
            return notes(self, count)

    def rechunk(
        self, progress: Progress | None = None, chunk_size: int | None = None, overlap: int | None = None
    ) -> int:
        """Cut the documents again that have a chunk which an encoder does not read whole, and encode them; how many.

        With `chunk_size` or `overlap`, in tokens, all are cut by these, which are the collection's settings from now on; what was
        done stays where this is interrupted, and doing it again does the rest. Raises StoreError during an upgrade, InputError for
        sizes that cannot be.
        """
        from codomain.store.chunking.rechunk import rechunk

        return rechunk(self, progress=progress, size=chunk_size, overlap=overlap)

    def info(self) -> dict[str, Any]:
        """Counts, sizes in bytes, pipeline and the state of the indexes."""
        from codomain.store.maintenance import info

        return info(self)


def _let_go_of_indexes() -> None:
    """Close the mapped files of collections that nobody is using now; their next search opens them again."""
    with _listing:
        collections = list(_open)
    for collection in collections:
        if not collection.lock.acquire(blocking=False):
            continue
        try:
            if not collection.state.uses:
                collection.state.let_go()
        finally:
            collection.lock.release()


files.on_shortage.append(_let_go_of_indexes)
