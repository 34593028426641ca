"""One retrieval branch of a collection: its vectors in the database, its index beside it, and the rows newer than the index.

The blocks in the database are the truth; `codomain.store.branches.index_files` keeps what `reindex` builds from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from codomain import __version__
from codomain.arrays import Hits, Rows, merge_hits
from codomain.contracts import Index
from codomain.encode.frozen import as_stored
from codomain.encode.text.encoder import TEXT_VERSION
from codomain.errors import StoreError
from codomain.index.rescore import to_be_merged
from codomain.items import Item
from codomain.plan import Branch
from codomain.registry import stage_class
from codomain.store.backend import Backend
from codomain.store.branches.blocks import Blocks, count, joined, part
from codomain.store.branches.index_files import IndexFiles
from codomain.store.branches.transform_state import dump_transforms, restore_transforms
from codomain.store.feedback.corrections import CorrectedVectors, ScoringSpace, read
from codomain.store.reading.passages import items_of, passages, passages_of

LEAST_TO_FIT = 1_000
MOST_TO_FIT = 50_000
_LARGE = 100_000
"""Rows of an index from which it is not written again for few rows."""
_FEW_ROWS, _FEW_TEXTS = 100, 1_000
"""Such an index has one row in so many beside it at most: vectors are scanned there, texts are read when it is opened."""
_SCANNED_BYTES = 1 << 26
"""Rows of flat() that are read from the database when the collection is opened; more are mapped from a file beside it."""

Array = np.ndarray[Any, Any]


class BranchGone(StoreError):
    """A branch that the database does not know: another process has dropped it, or the database is damaged."""

    def __init__(self, folder: Path, key: str) -> None:
        super().__init__(f"the collection {folder} does not know its own branch {key}.")


class StoredBranch:
    """A branch of the pipeline at work in a collection: `sync` to the database, then `search`."""

    def __init__(self, plan: Branch, backend: Backend, situated: float = 0, key: str | None = None) -> None:
        self.plan = plan
        self.backend = backend
        self.folder = backend.folder
        self.key = plan.identity if key is None else key  # its name in the database
        self.index_files = IndexFiles(backend.folder, self.key)
        self.blocks = Blocks(plan, backend, situated)
        self._checked = self._settled = False
        self.forget()

    def forget(self) -> None:
        """Drop index, tail and corrections; the next `sync` opens what is there then."""
        self.index: Any = None
        self.tail: Index | None = None
        self.corrections = CorrectedVectors()
        self._opened = 0  # rows in the index as it was loaded
        self.covered = 0  # rows in the index now: a text index takes in newer rows itself
        self.synced = 0  # rows in index and tail
        self.removed: Rows = np.empty(0, np.int64)

    @property
    def fitted(self) -> bool:
        """Whether rows are stored in the index's form yet, not as the encoder gave them."""
        return self.blocks.fitted

    @property
    def number(self) -> int:
        """What the branch is called in other tables; call after `refresh`."""
        return self.blocks.number

    # --- what the database knows ---------------------------------------------------------------------------------

    def register(self) -> None:
        """Enter the branch into a new collection."""
        encoder = self.plan.encoder
        fingerprint = encoder.fingerprint if encoder else self.plan.identity
        self.backend.branches.add(self.key, fingerprint)
        self._checked = self._settled = True

    def refresh(self) -> None:
        """Read the branch's entry: its number, and the transforms if somebody has fitted them since."""
        entry = self.backend.branches.get(self.key)
        if entry is None:
            raise BranchGone(self.folder, self.key)
        self.blocks.id, state = entry
        if state is not None and not self.fitted:
            restore_transforms(self.plan.transforms, state)
            self.blocks.fitted = True
            self.forget()  # another process fitted them: what the tail holds are rows as they were before
        elif state is None:
            self.blocks.fitted = not self.plan.needs_fit  # also after a fit whose transaction did not come through

    def check_encoder(self) -> None:
        """Refuse to mix vectors: the encoder must be the one that the collection was made with."""
        if self.plan.encoder is None or self._checked:
            return
        self.settle()
        encoder = self.plan.encoder
        if encoder.fingerprint != self.encoder_fingerprint:
            raise StoreError(
                f"the vectors of {self.folder} were made with another version of {encoder}, and vectors of two encoders "
                f'cannot be mixed: codomain upgrade {self.folder} --to "{encoder}" moves the collection to this one.'
            )
        self._check_files()
        self._checked = True

    def _check_files(self) -> None:
        """Refuse a transform whose file holds another one than that of the stored vectors."""
        files = [one for one in self.plan.transforms if getattr(one, "reads", "") == "path"]
        if files and self.fitted and self.blocks.id is not None:
            stored = self.backend.blocks.fingerprint(self.number)
            if stored is not None and stored != self.blocks.fingerprint:
                raise StoreError(
                    f"the vectors of {self.folder} were made with another transform than "
                    f"{' and '.join(map(str, files))} now holds: put the earlier file back, or index into a new collection."
                )

    def settle(self) -> None:
        """Take the encoder as it was when the vectors were stored, where it can still be had so."""
        if self.plan.encoder is None or self._settled:
            return
        encoder, *rest = self.plan.stages
        self.plan.stages = (as_stored(encoder, self.encoder_fingerprint), *rest)
        self._settled = True

    @property
    def earlier(self) -> bool:
        """Whether the vectors were made by an earlier form of the encoder, which goes on answering."""
        return getattr(self.plan.encoder, "text_version", TEXT_VERSION) < TEXT_VERSION

    def made_before(self, epoch: int) -> bool:
        """Whether the index file of a text index is of an earlier version, which is not used."""
        return self.plan.encoder is None and self.index_files.outdated(self._index_fingerprint, epoch)

    @property
    def encoder_fingerprint(self) -> str:
        """The fingerprint of the encoder that the stored vectors come from."""
        try:
            return self.backend.branches.encoder(self.key)
        except KeyError:
            raise BranchGone(self.folder, self.key) from None

    def fit(self, rows: int) -> bool:
        """Fit the transforms on a sample of the stored rows and write every raw row as codes; inside a transaction.

        Returns False, and changes nothing, while there is nothing to fit or too little to fit it on.
        """
        self.refresh()
        if self.fitted or rows < LEAST_TO_FIT:
            return False
        self.settle()
        raw = joined([vectors for _, vectors in self.blocks.read(0)])
        sample = raw if len(raw) <= MOST_TO_FIT else raw[np.random.default_rng(0).choice(len(raw), MOST_TO_FIT, False)]
        self.plan.fit(sample)
        self.save_transforms()
        for first, number in self.backend.blocks.spans(self.number).tolist():
            self.backend.blocks.delete(self.number, first)
            self.append(first, raw[first : first + number])
        self.forget()
        return True

    def save_transforms(self) -> None:
        """Put the fitted transforms into the database; inside a transaction."""
        self.blocks.fitted = True
        self.backend.branches.save_state(self.number, dump_transforms(self.plan.transforms))

    def append(self, first: int, vectors: Any) -> None:
        """Store encoder output as rows first, first + 1, ...; inside a transaction."""
        self.blocks.append(first, self.plan.codes(vectors) if self.fitted else vectors)

    # --- what an index may ask (codomain.contracts.RowReader) -----------------------------------------------------------

    def texts(self, rows: Rows) -> list[str]:
        """What the rows say."""
        return passages_of(self.backend, rows)

    def items(self, rows: Rows) -> list[str | Item]:
        """What the rows say, with the media of their documents."""
        return items_of(self.backend, rows)

    def vectors(self, rows: Rows) -> Any:
        """Stored vectors by row, decoded to float32; recomputed where the index does not need stored ones."""
        return self.blocks.vectors(rows)

    def encode(self, rows: Rows) -> Any:
        """Vectors by row, recomputed from the texts."""
        self.check_encoder()
        return self.blocks.encode(rows)

    # --- index and tail --------------------------------------------------------------------------------------------

    def sync(self, rows: int, epoch: int) -> None:
        """Bring index and tail up to the `rows` rows that the current transaction sees."""
        self.refresh()
        self.settle()
        self._open_index(rows, epoch)
        if rows > self.synced:
            self._extend(rows)
        self._remove_dead()
        if self.scores_comparable and self.corrections.seen != self.backend.journal.version():
            self.corrections = read(self.backend, self.number, self.blocks.fingerprint, self.space)

    def _open_index(self, rows: int, epoch: int) -> None:
        """Load the index that covers most, if it covers more than the one at hand."""
        if not self.fitted or not rows:
            return
        found = self.index_files.open(
            self._index_fingerprint, epoch, rows, lambda path: self.plan.open(path, self), above=self._opened
        )
        if found is not None:
            self.forget()
            covered, self.index = found
            self.covered = self.synced = self._opened = covered

    def _indexes(self, epoch: int) -> list[tuple[int, Path]]:
        return self.index_files.usable(self._index_fingerprint, epoch)

    @property
    def _index_fingerprint(self) -> str:
        """What an index must have been made by and for: this version of the code, the expression, encoder and transforms."""
        vectors = self.plan.fingerprint if self.plan.encoder else self.plan.index.version
        return hashlib.sha256(f"{__version__}\n{self.plan.identity}\n{vectors}".encode()).hexdigest()

    def _extend(self, rows: int) -> None:
        """Take in the rows that came after the index: text into the text index, vectors into an exact tail."""
        if self.plan.encoder is None:
            self._append(passages(self.backend, self.synced, rows), rows)
            return
        for first, codes in self.blocks.read(self.synced, rows):
            codes = part(codes, 0, rows - first)
            if self._grows:
                self._append(codes, first + count(codes))
            else:
                self._extend_tail(codes)
                self.synced = first + count(codes)  # block by block: after an interruption it goes on from here
        self.synced = rows

    @property
    def _grows(self) -> bool:
        """Whether the index takes in newer rows itself: its scores are its own, and no scan beside it could give them."""
        return self.fitted and not self.scores_comparable

    @property
    def scores_comparable(self) -> bool:
        """Whether a scan computes the scores of the index: rows beside it can be merged with its own."""
        return self.plan.scores_comparable

    @property
    def space(self) -> ScoringSpace:
        """How rows are scored."""
        return ScoringSpace.of(self._metric, self.plan.codec if self.fitted else None)

    @property
    def _metric(self) -> Any:
        return self.plan.index.metric if self.fitted else "ip"

    def _append(self, rows: Any, covered: int) -> None:
        if self.index is None:
            self.index = self.plan.build(rows, self)
        else:
            self.plan.add(self.index, rows)
        self.covered = self.synced = covered

    def _extend_tail(self, rows: Any) -> None:
        """Take rows into the exact tail: in the index's form, or before the fit as the encoder gave them."""
        rows = self.plan.for_index(rows) if self.fitted else rows
        if self.tail is None:
            flat = cast(Any, stage_class("flat"))(metric=self._metric)
            self.tail = flat.build(rows, self.plan.codec if self.fitted else None)
        else:
            self.tail.add(rows)

    def _remove_dead(self) -> None:
        if self.backend.rows.count_deleted(self.synced) == len(self.removed):
            return
        dead = self.backend.rows.deleted(self.synced)
        new = np.setdiff1d(dead, self.removed)
        if self.index is not None:
            self.index.remove(new[new < self.covered])
        if self.tail is not None:
            self.tail.remove(new[new >= self.covered] - self.covered)
        self.removed = dead

    def search(
        self,
        queries: Any,
        k: int,
        allow: Array | None,
        feedback: bool = True,
        prepared: bool = False,
        inside: Array | None = None,
    ) -> Hits:
        """The k best rows; `queries` are texts for a text index, else encoder output (q, d).

        With `feedback`, corrected vectors answer for the rows that have one. `prepared` queries have been through the transforms.
        Scores that take statistics of the rows take them of those `inside`, a namespace; None: of all.
        """
        if not prepared:
            queries = self.prepared(queries)
        if feedback and len(self.corrections):
            stored = self.stored if inside is None else partial(self.stored, inside=inside)
            return self.corrections.search(queries, k, allow, self.synced, stored)
        return self.stored(queries, k, allow, inside)

    def prepared(self, queries: Any) -> Any:
        """Queries as the index takes them."""
        return self.plan.query_vectors(queries) if self.plan.encoder is not None and self.fitted else queries

    def stored(self, queries: Any, k: int, allow: Array | None, inside: Array | None = None) -> Hits:
        """The k best rows over index and tail, as they are stored."""
        index = self.index if self.covered else None
        if index is not None and inside is not None:
            index = index.within(inside)
        if index is not None and self.tail is not None:
            with to_be_merged():
                return merge_hits([index.search(queries, k, self._inside(allow)), self._newer(queries, k, allow)], k)
        if self.tail is not None:
            return self._newer(queries, k, allow)
        return (
            Hits.empty(len(queries) if isinstance(queries, list) else count(queries), k)
            if index is None
            else index.search(queries, k, self._inside(allow))
        )

    def _inside(self, allow: Array | None) -> Array | None:
        return None if allow is None else allow[: self.covered]

    def _newer(self, queries: Any, k: int, allow: Array | None) -> Hits:
        """The k best rows of the tail."""
        assert self.tail is not None
        hits = self.tail.search(queries, k, None if allow is None else allow[self.covered :])
        return Hits(np.where(hits.rows >= 0, hits.rows + self.covered, -1), hits.scores)

    def reindex(self, rows: int, epoch: int) -> bool:
        """Write an index that covers all rows; False when there is one already. Call after `sync`."""
        damaged = self.index_files.drop_damaged()
        if self._scanned or not rows:
            return False
        if not self.fitted or (not damaged and self._opened == rows and self._indexes(epoch)):
            return False
        if damaged:  # and what was read from it with it
            self.forget()
            self.sync(rows, epoch)
        if not damaged and self._nearly_all(rows, epoch):
            return False
        index: Any = self.index
        grown = self._grows and 2 * self._opened >= rows  # else what it learnt of the rows is of too few
        if self.plan.encoder is None:
            index = index if index is not None else self.plan.build([], self)
        elif not grown and (index is None or self._opened < rows / 2 or self.plan.index.chooses_by_size):
            stored = [codes for _, codes in self.blocks.read(0, rows)] or [self.blocks.empty()]
            index = self.plan.build(joined(stored), self)
            index.remove(self.removed)
        else:
            for _, newer in self.blocks.read(self.covered, rows):
                self.plan.add(index, newer)
            index.remove(self.removed)
        self.index_files.publish(index, rows, self._index_fingerprint, epoch)
        self.forget()
        return True

    def _nearly_all(self, rows: int, epoch: int) -> bool:
        """Whether so few rows are beside a large index that searching them costs less than writing all of it again."""
        few = self._opened // (_FEW_TEXTS if self.plan.encoder is None else _FEW_ROWS)
        return self._opened >= _LARGE and rows - self._opened <= few and bool(self._indexes(epoch))

    @property
    def _scanned(self) -> bool:
        """Whether the rows are scanned as the database has them: an index file would only repeat them."""
        if not (self.plan.fixed_width and self.plan.index.holds_rows_only and self.fitted):
            return False
        if not self.synced:
            return True
        dtype, width = self.blocks.form
        return self.synced * width * dtype.itemsize <= _SCANNED_BYTES

    def drop_covered(self, rows: int, epoch: int) -> None:
        """Forget stored vectors that an index beside the database does not need; inside a transaction."""
        if any(covered >= rows for covered, _ in self._indexes(epoch)):
            self.blocks.drop(rows)

    def index_faults(self) -> Iterator[str]:
        """A sentence for each index folder whose files are not what was written; they are rebuilt by `reindex`."""
        for fault in self.index_files.faults():
            yield f"{self.plan.name}: the index is damaged and not used ({fault}); codomain reindex rebuilds it."

    def info(self) -> dict[str, Any]:
        """The branch's state in plain values; call after `sync`."""
        return {
            "expression": self.plan.name,
            "rows_in_index": self.synced if self._scanned else self._opened,
            "rows_newer": 0 if self._scanned else self.synced - self._opened,
            "fitted": self.fitted,
            "vector_bytes": self.backend.blocks.total_bytes(self.number),
        }
