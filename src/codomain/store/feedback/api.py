"""What a collection's user does: say what was right or wrong, take something back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from codomain.arrays import Floats, as_float32
from codomain.errors import InputError, PipelineError, StoreError
from codomain.store.feedback.replay import catch_up, correctable
from codomain.store.ids import DocumentId, document_ids
from codomain.store.reading.search import checked_text

if TYPE_CHECKING:
    from codomain.store.collection import Collection


def give(
    collection: Collection,
    query: str | Floats,
    good: DocumentId | Iterable[DocumentId],
    bad: DocumentId | Iterable[DocumentId],
) -> list[int]:
    """Enter verdicts into the journal and update the corrected vectors; the numbers of the entries.

    Raises InputError for a document that is not there or is both, PipelineError where there are no vectors to correct.
    """
    liked, disliked = _ids(good), _ids(bad)
    both = set(liked) & set(disliked)
    if both:
        raise InputError(f"the document {min(both)!r} cannot be good and bad for one query.")
    if not liked and not disliked:
        raise InputError("feedback needs the id of a document that was good or bad.")
    with collection.held():
        text, vector, encoder = _asked(collection, query)
        with collection.writing() as backend:
            if backend.journal.version() is None:
                backend.migrate()
            known = {key: number for key, (number, _) in backend.documents.known([*liked, *disliked]).items()}
            for key in (*liked, *disliked):
                if key not in known:
                    raise InputError(f"there is no document {key!r} in {collection.folder} to give feedback on.")
            verdicts = {known[key]: True for key in liked} | {known[key]: False for key in disliked}
            numbers = backend.journal.enter(verdicts, text, vector, encoder)
        collection.state.changed()
        catch_up(collection)
    return numbers


def forget(collection: Collection, entries: Iterable[int] | None) -> int:
    """Strike entries, None: all, and recompute the corrected vectors from the others; how many there were."""
    numbers = None if entries is None else [int(number) for number in entries]
    with collection.held():
        with collection.writing() as backend:
            struck = backend.journal.strike(numbers)
        collection.state.changed()
        catch_up(collection)
    return struck


def replay(collection: Collection) -> int:
    """Recompute all corrected vectors from the journal; how many updates that took. Raises StoreError during an upgrade."""
    with collection.held():
        with collection.writing() as backend:
            if collection.upgrading:
                raise StoreError(
                    f"an upgrade of {collection.folder} is under way: its end recomputes all corrected vectors."
                )
            backend.corrections.forget()
        collection.state.changed()
        return catch_up(collection)


def _ids(ids: DocumentId | Iterable[DocumentId]) -> list[str]:
    return list(dict.fromkeys(document_ids(ids)))


def _asked(collection: Collection, query: str | Floats) -> tuple[str | None, Floats | None, str | None]:
    """A query as the journal has it: its text, or its vector and the encoder that it comes from."""
    with collection.snapshot():
        branches = correctable(collection)
        if not branches:
            raise PipelineError(f"{collection.pipeline} has no index of vectors that feedback could correct.")
        for branch in branches if not collection.upgrading else ():
            branch.check_encoder()  # before anything is written
        if isinstance(query, str):
            return checked_text(query), None, None
        encoders: dict[str, Any] = {branch.encoder_fingerprint: branch.plan.encoder for branch in branches}
    if len(encoders) > 1:
        raise InputError(f"{collection.pipeline} has several encoders: give the query as a text.")
    (fingerprint, encoder), *_ = encoders.items()
    try:
        given = np.reshape(np.asarray(query, np.float32), (1, -1))
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"a query is a text, or a vector of {encoder.dim} numbers.") from None
    vector = as_float32(given, dim=encoder.dim, what="the query")[0]
    return None, vector, fingerprint
