"""One namespace of a collection: the same methods, on the documents of one tenant alone."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from codomain.arrays import Floats, Rows
from codomain.errors import InputError, StoreError
from codomain.items import Item as Passage
from codomain.store.collection import Collection
from codomain.text import brief, clean

_LONGEST = 256
"""Characters of a name."""


def namespace_name(given: Any) -> str:
    """The name of a namespace as it is stored; "" and None are the default one.

    >>> namespace_name("acme"), namespace_name(None)
    ('acme', '')

    Raises InputError for what is no name.
    """
    if given is None:
        return ""
    if not isinstance(given, str):
        raise InputError(f"the name of a namespace is a text, not {brief(given)}.")
    # nothing is made of it that could be the name of another: two names that differ are two namespaces
    if given != clean(given) or given != given.strip() or len(given) > _LONGEST or not given.isprintable():
        raise InputError(
            f"{brief(given)} is no name of a namespace: one has at most {_LONGEST} characters that can be printed, and no "
            "blanks around them."
        )
    return given


class Namespace(Collection):
    """What `Collection.namespace` returns. It shares pipeline, indexes and connection with its collection.

    >>> import codomain as cd, tempfile
    >>> with cd.create(tempfile.mkdtemp() + "/notes", "bm25()") as notes:
    ...     acme = notes.namespace("acme")
    ...     _ = acme.add([{"id": "a", "text": "a red fox"}])
    ...     [hit.id for hit in acme.search("fox")], notes.search("fox"), notes.namespaces()
    (['a'], [], {'acme': 1})
    """

    def __init__(self, collection: Collection, name: str) -> None:
        self.folder = collection.folder
        self.lock = collection.lock
        self.state = collection.state
        self.name = name
        self.backend = collection.state.backend.within(name)
        self._collection = collection

    def __repr__(self) -> str:
        return f"{self._collection!r}.namespace({self.name!r})"

    def close(self) -> None:
        """Does nothing: whoever opened the collection closes it."""

    def check_open(self) -> None:
        """Raises StoreError once the collection is closed."""
        self._collection.check_open()

    def namespace(self, name: str | None) -> Collection:
        """This one; raises InputError for another, which the collection knows."""
        if namespace_name(name) != self.name:
            raise InputError(f"this is the namespace {self.name!r} of {self.folder}: ask the collection for another.")
        return self

    # --- by row: rows are numbered through all namespaces ---------------------------------------------------------------

    def texts(self, rows: Rows) -> list[str]:
        """Passages by row, "" for rows of other namespaces."""
        with self.snapshot():
            return [text if own else "" for text, own in zip(super().texts(rows), self._own(rows), strict=True)]

    def items(self, rows: Rows) -> list[str | Passage]:
        """Passages by row, with the media of their documents, "" for rows of other namespaces."""
        with self.snapshot():
            return [item if own else "" for item, own in zip(super().items(rows), self._own(rows), strict=True)]

    def vectors(self, rows: Rows) -> Floats:
        """Stored vectors (n, d) by row; raises InputError for rows of other namespaces."""
        with self.snapshot():
            if not all(self._own(rows)):
                raise InputError(f"some of these rows are not of the namespace {self.name!r}.")
            return super().vectors(rows)

    def _own(self, rows: Rows) -> list[bool]:
        inside = self.state.filters.inside(self.backend)
        assert inside is not None  # that of a name is always known
        asked = np.asarray(rows, np.int64)
        return cast("list[bool]", ((asked >= 0) & (asked < len(inside)) & inside[asked % max(len(inside), 1)]).tolist())


def _of_the_whole(name: str) -> Any:
    def refuse(self: Namespace, *_: Any, **__: Any) -> Any:
        raise StoreError(
            f"{name} is about a whole collection: it is a method of the collection, not of its namespace {self.name!r}."
        )

    refuse.__name__ = name
    refuse.__doc__ = "Raises StoreError: it is about the whole collection."
    return refuse


WHOLE = (
    "namespaces", "delete_namespace", "history", "log", "replay_feedback", "reindex", "reindex_in_background", "upgrade",
    "prepare_offline",
    "continue_upgrade", "continue_upgrade_in_background", "rollback", "drop_old", "compact", "backup", "verify", "notes",
    "rechunk", "info",
)  # fmt: skip
"""Methods that a namespace does not have: they are about all documents, or tell of those of others."""

for _name in WHOLE:
    setattr(Namespace, _name, _of_the_whole(_name))
