"""Files of numpy (.npy), damaged ones too: numpy reads their head as Python's own syntax, and may fail there in any way."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np


def open_npy(source: str | Path | IO[bytes], *, mapped: bool = False) -> np.ndarray[Any, Any]:
    """The array in a file, mapped or read.

    >>> import io
    >>> open_npy(io.BytesIO(b"no array"))
    Traceback (most recent call last):
    ValueError: it is no array of numpy, or damaged

    Raises ValueError, worded as what the file is, for one that is damaged; OSError for one that cannot be read.
    """
    try:
        array: np.ndarray[Any, Any] = np.load(source, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (OSError, MemoryError):
        raise
    except Exception:
        raise ValueError("it is no array of numpy, or damaged") from None
    if not isinstance(array, np.ndarray):  # an .npz under that name
        raise ValueError("it holds several arrays of numpy, not one")
    return array
