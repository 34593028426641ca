"""The stored rows of one branch: blocks of vectors in the database, in whatever form the branch's index takes.

Dense rows and codes are bytes of one width. Lists of vectors and sparse rows have no width: their block is a safetensors
file of a few arrays. Rows whose vectors were dropped, because the branch's index does not need them, are recomputed on the way.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np

from codomain.arrays import Ragged, Rows
from codomain.encode.text.window import cuts_are_counted
from codomain.errors import StoreError
from codomain.items import Item
from codomain.plan import Branch, encode
from codomain.read.situated import situate
from codomain.store.backend import Backend
from codomain.store.backend.values import StoredBlock
from codomain.store.reading.passages import items_of

_ENCODED_AT_ONCE = 2_048

Array = np.ndarray[Any, Any]


def joined(parts: Sequence[Any]) -> Any:
    """Blocks of rows, one after the other."""
    if isinstance(parts[0], Ragged):
        return Ragged.join(parts)
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import scipy.sparse

    return scipy.sparse.csr_array(scipy.sparse.vstack(parts, format="csr"))


def part(rows: Any, start: int, stop: int) -> Any:
    """Rows start to stop - 1."""
    if isinstance(rows, Ragged):
        return rows.take(np.arange(start, max(start, min(stop, count(rows)))))
    return rows[start:stop]


def count(rows: Any) -> int:
    """How many rows there are."""
    return len(rows.offsets) - 1 if isinstance(rows, Ragged) else int(rows.shape[0])


class Blocks:
    """The rows of a branch in the database, which is numbered `id` there."""

    def __init__(self, plan: Branch, backend: Backend, situated: float) -> None:
        self.plan = plan
        self.backend = backend
        self.situated = situated
        self.id: int | None = None
        self.fitted = not plan.needs_fit

    @property
    def number(self) -> int:
        """What the branch is called in the database; call after the branch's `refresh`."""
        assert self.id is not None
        return self.id

    @property
    def keeps(self) -> bool:
        """Whether vectors stay once the index covers them."""
        return self.plan.index.keeps_vectors

    @property
    def fingerprint(self) -> str:
        """What rows are stamped with: encoder and fitted transforms, or the encoder alone before the fit."""
        return self.plan.fingerprint if self.fitted else cast(Any, self.plan.encoder).fingerprint

    def append(self, first: int, rows: Any) -> None:
        """Store rows, in the form in which `read` returns them, as first, first + 1, ...; inside a transaction."""
        data = _pack(rows)
        block = StoredBlock(first, count(rows), self.fingerprint, not self.fitted, zlib.crc32(data), data)
        self.backend.blocks.add(self.number, block)

    def read(self, start: int, stop: int | None = None) -> Iterator[tuple[int, Any]]:
        """The rows from `start` on, block by block: (first row, rows). Up to `stop`, dropped rows are recomputed."""
        expected = start
        for first, number, data in self.backend.blocks.read(self.number, start):
            if first > expected:
                yield from self._recomputed(expected, first)
            yield max(first, start), part(self._unpack(data, first, number), max(0, start - first), number)
            expected = first + number
        if stop is not None and expected < stop:
            yield from self._recomputed(expected, stop)

    def end(self) -> int:
        """The row after the last stored one; call after the branch's `refresh`."""
        return self.backend.blocks.end(self.number)

    def drop(self, rows: int) -> None:
        """Forget the vectors of the first rows, where the index does not need them; inside a transaction."""
        if not self.keeps:
            self.backend.blocks.delete(self.number, below=rows)

    def vectors(self, rows: Rows) -> Any:
        """Rows decoded to float32: read from the blocks that hold them, recomputed where there is none."""
        table = self.backend.blocks.spans(self.number)
        place = np.searchsorted(table[:, 0], rows, side="right") - 1
        stored = (place >= 0) & (rows < table[place].sum(axis=1)) if len(table) else np.zeros(len(rows), bool)
        if not stored.all():
            return self.encode(rows)
        codec = self.plan.codec if self.fitted else None
        if not self.plan.fixed_width:
            parts, order = [], []
            for block in np.unique(place):
                first, number = table[block].tolist()
                data = self.backend.blocks.data(self.number, first)
                inside = np.flatnonzero(place == block)
                held = self._unpack(data, first, number)
                chosen = rows[inside] - first
                parts.append(held.take(chosen) if isinstance(held, Ragged) else held[chosen])
                order.append(inside)
            if not parts:
                return self.encode(rows)
            back = np.argsort(np.concatenate(order))
            together = joined(parts)
            return together.take(back) if isinstance(together, Ragged) else together[back]
        found = self._read_places(rows, table[:, 0], place)
        return found if codec is None else codec.decode(found)

    def encode(self, rows: Rows) -> Any:
        """Rows recomputed from the texts as they were made first, float32; deleted rows say nothing."""
        vectors = self.encoded(rows)
        if self.fitted:
            for transform in self.plan.transforms:
                vectors = transform.transform(vectors)
        return vectors

    def encoded(self, rows: Rows) -> Any:
        """Rows as the encoder returns them: before the transforms, but situated in their documents."""
        items, wanted, owner = self._items_around(rows)
        encoder = self.plan.encoder
        assert encoder is not None
        with cuts_are_counted():
            vectors = encode(encoder, items)
        if owner is not None:
            vectors = situate(vectors, owner, self.situated)
        return vectors if wanted is None else vectors[wanted]

    def _items_around(self, rows: Rows) -> tuple[list[str | Item], Array | None, Array | None]:
        """Items to encode, the places of `rows` in them, and, where chunks are situated, the document of each."""
        if not self.situated or not self.plan.is_dense:
            return items_of(self.backend, rows), None, None
        owner = self.backend.rows.around(rows)
        if len(set(owner.values())) == len(owner):
            return items_of(self.backend, rows), None, None
        owner |= {row: -1 - row for row in rows.tolist() if row not in owner}  # deleted: documents of their own
        together = np.array(sorted(owner), np.int64)
        documents = np.array([owner[row] for row in together.tolist()])
        return items_of(self.backend, together), np.searchsorted(together, rows), documents

    def _recomputed(self, start: int, stop: int) -> Iterator[tuple[int, Any]]:
        for first in range(start, stop, _ENCODED_AT_ONCE):
            rows = np.arange(first, min(stop, first + _ENCODED_AT_ONCE))
            vectors = self.encode(rows)
            codec = self.plan.codec if self.fitted else None
            yield first, vectors if codec is None else codec.encode(vectors)

    def _unpack(self, data: bytes, first: int, number: int) -> Any:
        damaged = StoreError(
            f"the vectors from row {first} on in {self.backend.folder} are damaged: codomain verify shows more."
        )
        if not self.plan.fixed_width:
            try:
                rows = _unpack_file(data)
            except Exception as error:  # safetensors has errors of its own, not exported
                raise damaged from error
            if count(rows) != number:
                raise damaged
            return rows
        dtype, width = self.form
        if len(data) != number * width * dtype.itemsize:
            raise damaged
        return np.frombuffer(data, dtype).reshape(number, width)

    @property
    def form(self) -> tuple[np.dtype[Any], int]:
        """Type and width of a stored dense row."""
        if self.fitted and (codec := self.plan.codec) is not None:
            return np.dtype(codec.dtype), codec.width
        encoder = cast(Any, self.plan.encoder)
        width = encoder.dim
        if self.fitted:
            for transform in self.plan.transforms:
                width = cast(Any, transform).output_dim(width) or width
        return np.dtype(np.float32), width

    def empty(self) -> Any:
        """No rows, in the stored form."""
        if self.plan.kind == "multi":
            return Ragged(np.empty((0, cast(Any, self.plan.encoder).dim), np.float32), np.zeros(1, np.int64))
        if self.plan.kind == "sparse":
            import scipy.sparse

            return scipy.sparse.csr_array((0, cast(Any, self.plan.encoder).dim), dtype=np.float32)
        dtype, width = self.form
        return np.empty((0, width), dtype)

    def _read_places(self, rows: Rows, firsts: Array, place: Array) -> Array:
        """Single dense rows out of their blocks, without reading the rest of these."""
        dtype, width = self.form
        size = width * dtype.itemsize
        found = np.empty((len(rows), width), dtype)
        for block in np.unique(place):
            first = int(firsts[block])
            inside = np.flatnonzero(place == block)
            starts = ((rows[inside] - first) * size).tolist()
            for here, row in zip(inside, self.backend.blocks.parts(self.number, first, starts, size), strict=True):
                found[here] = np.frombuffer(row, dtype)
        return found


def _pack(rows: Any) -> bytes:
    if isinstance(rows, np.ndarray):
        return np.ascontiguousarray(rows).tobytes()
    from safetensors.numpy import save

    if isinstance(rows, Ragged):
        return save({"values": np.ascontiguousarray(rows.values), "offsets": rows.offsets})
    shape = np.array(rows.shape, np.int64)
    return save({"data": rows.data, "indices": rows.indices, "indptr": rows.indptr, "shape": shape})


def _unpack_file(data: bytes) -> Any:
    from safetensors.numpy import load

    arrays = load(data)
    if "values" in arrays:
        return Ragged(arrays["values"], arrays["offsets"])
    import scipy.sparse

    shape = tuple(arrays["shape"].tolist())
    return scipy.sparse.csr_array((arrays["data"], arrays["indices"], arrays["indptr"]), shape=shape)
