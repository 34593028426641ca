"""The documents of a collection with a vector each, in one state of its database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.arrays import Floats, as_float32, unit_rows
from codomain.errors import InputError

if TYPE_CHECKING:
    from codomain.store import Collection

_ROWS = 16_384


@dataclass
class Documents:
    """Ids, titles, texts, metadata and vectors (n, d) of documents; those without a vector have zeros."""

    ids: list[str]
    titles: list[str]
    texts: list[str]
    metadata: list[dict[str, Any]]
    vectors: Floats
    left_out: int = 0
    """Documents beyond the most that were asked for."""

    def __len__(self) -> int:
        return len(self.ids)


def read(collection: Collection, where: str | Mapping[str, Any] | None, most: int, seed: int) -> Documents:
    """All documents, those that a filter matches, or a sample of `most` of them.

    A document of several chunks has the mean of their unit vectors. Raises InputError where there is none, PipelineError for a
    collection without dense vectors.
    """
    from codomain.store.reading.by_vector import document_vectors
    from codomain.store.reading.hits import loaded
    from codomain.store.reading.listing import parsed_filter

    with collection.snapshot():
        backend = collection.backend
        found = list(backend.documents.export(parsed_filter(backend, where)))
        if not found:
            said = "has no documents" if where is None else "has no documents that match the filter"
            raise InputError(f"{collection.folder} {said}: there is nothing to draw.")
        every = len(found)
        if every > most:
            chosen = np.sort(np.random.default_rng(seed).choice(every, most, replace=False))
            found = [found[place] for place in chosen.tolist()]
        numbers = [document.number for document in found]
        branch = collection.first_dense
        if branch is None or "vector" in branch.plan.modalities:
            vectors = document_vectors(collection, numbers)
        else:
            pairs = backend.fields.rows_by_document(collection.rows)
            vectors = _means(collection, np.asarray(numbers), pairs, branch.plan.encoder.dim)  # type: ignore[union-attr]
    return Documents(
        [document.key for document in found],
        [document.title or "" for document in found],
        [document.text for document in found],
        [loaded(document.metadata, document.key) for document in found],
        vectors,
        every - len(found),
    )


def _means(collection: Collection, numbers: np.ndarray, pairs: np.ndarray, dim: int) -> Floats:
    """The vector of each document: its row's, or the mean of its rows' unit vectors; zeros without a row."""
    pairs = pairs[np.isin(pairs[:, 0], numbers)]
    owners, rows = pairs[:, 0], pairs[:, 1]
    order = np.argsort(rows, kind="stable")
    vectors = np.empty((len(rows), dim), np.float32)
    for start in range(0, len(rows), _ROWS):  # sorted rows are read in one go
        part = order[start : start + _ROWS]
        vectors[part] = as_float32(collection.vectors(rows[part]))
    first = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]]) if len(owners) else owners
    alone, count = owners[first], np.diff(np.r_[first, len(owners)])
    several = np.repeat(count > 1, count)
    if several.any():  # `pairs` come by document
        vectors[several] = unit_rows(vectors[several])
    means = np.add.reduceat(vectors, first, axis=0) if len(first) else vectors
    means /= count[:, None]
    found = np.zeros((len(numbers), means.shape[1]), np.float32)
    place = np.searchsorted(alone, numbers)
    place[place == len(alone)] = 0
    if len(alone):
        has = alone[place] == numbers
        found[has] = means[place[has]]
    return found
