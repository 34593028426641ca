"""What a document is called by: a text, or a whole number, which means the text of its digits everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from codomain.errors import InputError
from codomain.text import brief, clean

DocumentId = str | int
"""How a caller names a document."""


def document_id(given: Any) -> str:
    """The id of a document as it is stored.

    >>> document_id(7), document_id(np.int64(7)), document_id("7")
    ('7', '7', '7')

    Raises InputError for anything but a text or a whole number.
    """
    if isinstance(given, str):
        return clean(str(given))
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        try:
            return str(int(given))
        except ValueError:
            raise InputError("the id is a number of over 4,300 digits: give it as a text.") from None
    raise InputError(f"the id {brief(given)} is neither a text nor a whole number.")


def document_ids(given: DocumentId | Iterable[DocumentId]) -> list[str]:
    """The ids of one document or of several, in their order.

    >>> document_ids("a"), document_ids([1, "b"])
    (['a'], ['1', 'b'])

    Raises InputError for anything but texts and whole numbers.
    """
    if isinstance(given, str | int | np.integer):
        return [document_id(given)]
    try:
        return [document_id(one) for one in given]
    except TypeError:
        raise InputError(f"{brief(given)} is no id and no list of ids.") from None
