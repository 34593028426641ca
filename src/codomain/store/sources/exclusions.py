"""Documents of files that were deleted by hand: `index` leaves them out until they are taken back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from codomain.text import clean

if TYPE_CHECKING:
    from codomain.store.collection import Collection


def excluded(collection: Collection) -> dict[str, str]:
    """The ids of deleted documents that stay deleted, with the files that they are in."""
    with collection.held() as backend:
        return backend.exclusions.all()


def take_back(collection: Collection, ids: Iterable[str] | None = None) -> int:
    """Let the next `index` bring deleted documents back, these or all of them; how many there were."""
    with collection.held() as backend:
        with collection.writing():
            known = backend.exclusions.all()
            chosen = [*known] if ids is None else [key for id in ids if (key := clean(id)) in known]
            backend.exclusions.remove(chosen)
            backend.sources.forget({known[key] for key in chosen})
        collection.state.changed()
    return len(chosen)
