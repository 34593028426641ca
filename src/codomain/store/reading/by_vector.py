"""Searches that start from vectors: one that is given, or those of documents that are there, weighted and summed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from codomain.arrays import Floats, Rows, as_float32, unit_rows
from codomain.errors import InputError, PipelineError
from codomain.items import Item, Media
from codomain.plan import Branch, encode, encode_queries
from codomain.plan import first_dense as first_dense_of
from codomain.store.branches.branch import StoredBranch
from codomain.store.ids import DocumentId, document_id, document_ids
from codomain.text import brief

if TYPE_CHECKING:
    from codomain.store.collection import Collection

Weighted = DocumentId | Iterable[DocumentId] | Mapping[DocumentId, float]
"""Documents by id, each with the weight 1 or the one that is given; a negative weight leads away from it."""

_HEAVIEST = float(np.finfo(np.float32).max)


class VectorQuery(NamedTuple):
    """A query vector (1, d) for one branch: as its encoder gives them, or `prepared` as its index has them."""

    branch: Branch
    vector: Floats
    prepared: bool
    without: Rows
    """Rows that are not an answer: those of the documents that the query was made of."""


def given_vector(collection: Collection, vector: Any) -> VectorQuery:
    """A vector (d,) of the pipeline's first dense encoder; inside `snapshot`.

    Raises PipelineError where there is no such encoder, InputError for another number of dimensions and for NaN.
    """
    branch = _branch(collection)
    dim = branch.encoder.dim  # type: ignore[union-attr]
    try:
        found = np.asarray(vector, np.float32)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"a query vector is a list or an array of {dim} numbers.") from None
    if found.shape != (dim,):
        raise InputError(f"a query vector of {branch.stages[0]} has the shape ({dim},), not {found.shape}.")
    encoded = as_float32(found[None], what="the query vector")
    if "vector" in branch.modalities:  # the pipeline's own start may scale it
        encoded = encode_queries(branch.encoder, [Item("", (Media("vector", encoded[0]),))])  # type: ignore[arg-type]
    return VectorQuery(branch, encoded, False, np.empty(0, np.int64))


def with_vector(collection: Collection, text: str, vector: Any) -> Item:
    """A text and a vector as one query, each for the branches that take it."""
    given_vector(collection, vector)  # refuses what is none
    return Item(text, (Media("vector", np.asarray(vector, np.float32)),))


def like_documents(collection: Collection, like: Weighted) -> VectorQuery:
    """The weighted sum of the unit vectors of documents, a document's being the mean of its chunks'; inside `snapshot`.

    Where the metric is l2 it is their weighted mean, at their own lengths.

    A document at the origin is one like others there, and has no direction elsewhere.

    Raises InputError for a document that is not there or has a vector of zeros, and for weights that are no numbers or cancel out.
    """
    weights = _weights(like)
    branch = _branch(collection)
    backend = collection.backend
    known = backend.documents.known(list(weights))
    for key in weights:
        if key not in known:
            raise InputError(f"there is no document {key!r} in {collection.folder}.")
    rows = {key: backend.rows.of(number) for key, (number, _) in known.items()}
    stored = collection.state.searched[branch.name]
    # what is stored is compared with what is stored; while a bridge leads to new vectors, the documents are encoded for them
    prepared = isinstance(stored, StoredBranch) and stored.blocks.keeps
    of_length_one = branch.index.metric != "l2"  # distances tell lengths, products should not
    total, weight_of_all = np.zeros(1), sum(map(abs, weights.values()))
    pointing = []
    for key, weight in weights.items():
        if prepared:
            vectors = as_float32(stored.vectors(rows[key]))  # type: ignore[union-attr]
        else:
            vectors = as_float32(encode(branch.encoder, collection.items(rows[key])))  # type: ignore[arg-type]
        middle = (unit_rows(vectors) if of_length_one else vectors).mean(axis=0, keepdims=True)
        pointing += [key] if middle.any() else []
        total = total + weight * (unit_rows(middle)[0] if of_length_one else middle[0] / weight_of_all)
    if not np.any(total) and (of_length_one or pointing):
        if not pointing:
            raise InputError(f"the document {next(iter(weights))!r} has a vector of zeros, which points nowhere.")
        raise InputError("the weighted documents cancel out: there is no direction left to search in.")
    return VectorQuery(branch, as_float32(total[None]), prepared, np.concatenate(list(rows.values())))


def document_vectors(collection: Collection, numbers: Sequence[int]) -> Floats:
    """A vector (n, d) for each document: its own where it came with one, else what the first dense branch stores.

    A document of several chunks has the mean of their unit vectors. Inside `snapshot`. Raises PipelineError without a
    dense branch.
    """
    branch = collection.first_dense
    if branch is None:
        raise PipelineError(f"{collection.pipeline} has no encoder of dense vectors, so its documents have none.")
    backend = collection.backend
    dim: int = branch.plan.encoder.dim  # type: ignore[union-attr]
    if not numbers:
        return np.empty((0, dim), np.float32)
    if "vector" in branch.plan.modalities:
        own = backend.media.of(numbers)
        return np.stack([_own(own[number]) for number in numbers])
    found = []
    for number in numbers:
        vectors = as_float32(collection.vectors(backend.rows.of(number)))
        found.append(vectors[0] if len(vectors) == 1 else unit_rows(vectors).mean(axis=0))
    return as_float32(np.stack(found))


def _own(media: Sequence[Media]) -> Floats:
    return next(np.asarray(medium.data, np.float32) for medium in media if medium.modality == "vector")


def _weights(like: Weighted) -> dict[str, float]:
    if not isinstance(like, Mapping):
        weights = dict.fromkeys(document_ids(like), 1.0)
    else:
        weights = {}
        for key, weight in like.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not abs(weight) <= _HEAVIEST:
                raise InputError(
                    f"the weight of the document {brief(key)} is {brief(weight)}, which is no finite number."
                )
            weights[document_id(key)] = float(weight)
    if not weights:
        raise InputError("like needs the id of a document.")
    return weights


def _branch(collection: Collection) -> Branch:
    branch = first_dense_of(collection.state.root)
    if branch is None:
        raise PipelineError(f"{collection.pipeline} has no encoder of dense vectors, so no vector can be searched.")
    return branch
