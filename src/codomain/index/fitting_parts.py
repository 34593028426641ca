"""Whether the parts of a saved index fit together: checksums only say that they are what somebody has written.

A file with forged checksums, of a collection that comes from elsewhere, would otherwise make compiled code read outside its arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from codomain.errors import InputError

Index = TypeVar("Index")

_READ_WHOLE = 1 << 24
"""Numbers up to which every one is looked at when an index is opened; of larger arrays type, shape and ends alone."""


def fitting(load: Callable[[Index, Path], Index]) -> Callable[[Index, Path], Index]:
    """A `load` that raises InputError for whatever it cannot make an index of."""

    @wraps(load)
    def loaded(self: Index, folder: Path) -> Index:
        try:
            return load(self, folder)
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            ArithmeticError,
            AssertionError,
            MemoryError,
        ) as error:
            raise InputError(
                f"{folder} holds parts of an index that do not fit together ({type(error).__name__}): rebuild the index."
            ) from None

    return loaded


def need(fits: bool | np.bool_) -> None:
    """Raises ValueError where it does not hold; inside a `fitting` load."""
    if not fits:
        raise ValueError


def need_kinds(*arrays: tuple[np.ndarray[Any, Any], str, int]) -> None:
    """Arrays with the kinds of numpy types ("iu", "f") and the numbers of axes that they must have."""
    for array, kinds, axes in arrays:
        need(array.dtype.kind in kinds and array.ndim == axes)


def need_rows(rows: np.ndarray[Any, Any], n: int) -> None:
    """Row numbers: whole, one axis, each from 0 to n - 1."""
    need_kinds((rows, "iu", 1))
    if 0 < len(rows) <= _READ_WHOLE:
        need(rows.min() >= 0 and rows.max() < n)


def need_starts(starts: np.ndarray[Any, Any], total: int) -> None:
    """Where lists begin, and in the end the length of them all: from 0, never falling, to `total`."""
    need_kinds((starts, "iu", 1))
    need(len(starts) > 0 and starts[0] == 0 and starts[-1] == total)
    if len(starts) <= _READ_WHOLE:
        need(not (starts[1:] < starts[:-1]).any())
