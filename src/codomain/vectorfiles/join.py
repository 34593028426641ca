"""Several sources of vectors side by side, and vectors for values of a category."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from codomain.arrays import Floats
from codomain.errors import InputError
from codomain.vectorfiles.unknown import value_vector


class _Source(Protocol):
    @property
    def dim(self) -> int: ...

    def query(self, keys: Any) -> Floats: ...


class Concat:
    """Several files as one: a vector is their vectors end to end, and nothing is copied before it is asked.

    A key is looked up in every part; a tuple has one key for each of them.

    >>> both = Concat(Featurizer(100, "part of speech"), Featurizer(100, "entity"))
    >>> both.query("NOUN").shape, both.query([("NOUN", "PLACE"), ("VERB", "NONE")]).shape
    ((14,), (2, 14))
    """

    def __init__(self, *parts: _Source) -> None:
        if not parts:
            raise InputError("Concat needs at least one vector file.")
        self.parts = parts

    @property
    def dim(self) -> int:
        """Dimensions of all parts together."""
        return sum(part.dim for part in self.parts)

    def __getitem__(self, key: Any) -> Floats:
        return self.query(key)

    def query(self, keys: Any) -> Floats:
        """The vector of a key or a tuple (d,), of a list of these (n, d), of a list of lists (n, longest, d)."""
        if not isinstance(keys, list):
            return np.concatenate([part.query(key) for part, key in zip(self.parts, self._split(keys), strict=True)])
        if any(isinstance(key, list) for key in keys):
            out = np.zeros((len(keys), max(map(len, keys)), self.dim), np.float32)
            for i, part in enumerate(keys):
                out[i, : len(part)] = self.query(part)
            return out
        columns = zip(*map(self._split, keys), strict=True) if keys else [()] * len(self.parts)
        return np.concatenate(
            [part.query(list(column)) for part, column in zip(self.parts, columns, strict=True)], axis=1
        )

    def similarity(self, a: Any, b: Any) -> float:
        """The cosine of two keys over all parts."""
        x, y = self.query(a).astype(np.float64), self.query(b).astype(np.float64)
        length = float(np.linalg.norm(x) * np.linalg.norm(y))
        return float(x @ y) / length if length else 0.0

    def _split(self, key: Any) -> tuple[Any, ...]:
        if not isinstance(key, tuple):
            return (key,) * len(self.parts)
        if len(key) != len(self.parts):
            raise InputError(f"{len(key)} keys do not fit {len(self.parts)} parts.")
        return key


class Featurizer:
    """Random unit vectors for the values of a category, such as parts of speech: no file, no table, log2 dimensions.

    Equal values have equal vectors in every process; `namespace` tells the values of one category from another's.

    >>> tags = Featurizer(100, "part of speech")
    >>> tags.dim, bool((tags["NOUN"] == tags["NOUN"]).all()), bool((tags["NOUN"] == tags["VERB"]).any())
    (7, True, False)
    """

    def __init__(self, n_values: int, namespace: str = "") -> None:
        if isinstance(n_values, bool) or not isinstance(n_values, int) or n_values < 1:
            raise InputError(f"a category has a whole number of values of at least 1, not {n_values!r}.")
        self.n_values = n_values
        self.namespace = namespace

    @property
    def dim(self) -> int:
        """The next whole number above log2 of the number of values; 4 at least."""
        return max(4, math.ceil(math.log2(self.n_values)))

    def __getitem__(self, key: Any) -> Floats:
        return self.query(key)

    def query(self, keys: Any) -> Floats:
        """The vector of a value (d,), or of a list (n, d)."""
        if not isinstance(keys, list | np.ndarray):
            return value_vector(keys, self.dim, self.namespace)
        return np.stack([self.query(key) for key in keys]) if len(keys) else np.zeros((0, self.dim), np.float32)
