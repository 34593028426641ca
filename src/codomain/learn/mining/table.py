"""The candidates of queries as flat arrays: what miners return, filters shorten and trainings read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from codomain.errors import InputError

_MARK = "codomain candidates 1"
_DTYPES = {"offsets": np.int64, "rows": np.int64, "scores": np.float32, "positive": np.bool_}


@dataclass(frozen=True, eq=False)
class CandidateTable:
    """Documents of each query: query i owns `rows[offsets[i]:offsets[i + 1]]` and the scores and flags beside them.

    Positives come first, then negatives; each by falling score, equal ones by row. `of` builds one from pairs.

    >>> table = CandidateTable.of(2, [[0, 5], [0, 3], [0, 4]], [0.9, 0.2, 0.8], [True, False, False])
    >>> table.rows, table.positive, len(table)
    (array([5, 4, 3]), array([ True, False, False]), 2)

    Raises InputError for arrays that do not fit each other.
    """

    offsets: np.ndarray
    """int64 (q + 1,)"""
    rows: np.ndarray
    """int64 (n,)"""
    scores: np.ndarray
    """float32 (n,)"""
    positive: np.ndarray
    """bool (n,)"""

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype))
        n = self.rows.shape
        fits = len(n) == 1 and n == self.scores.shape == self.positive.shape and self.offsets.ndim == 1
        if (
            not fits
            or not len(self.offsets)
            or self.offsets[0]
            or self.offsets[-1] != n[0]
            or (np.diff(self.offsets) < 0).any()
        ):
            raise InputError(
                "a table of candidates needs rows, scores and flags of equal length, and offsets that divide them."
            )
        if n[0] and self.rows.min() < 0:
            raise InputError("a table of candidates has a negative row number.")

    @classmethod
    def of(cls, queries: int, pairs: Any, scores: Any, positive: Any) -> CandidateTable:
        """From pairs (n, 2) of a query's and a document's number in any order, with score and flag of each."""
        pairs = np.asarray(pairs, np.int64).reshape(-1, 2)
        scores, positive = np.asarray(scores, np.float32), np.asarray(positive, np.bool_)
        if len(pairs) and not (pairs[:, 0].min() >= 0 and pairs[:, 0].max() < queries):
            raise InputError(f"a table of candidates for {queries} queries has pairs of others.")
        order = np.lexsort((pairs[:, 1], -scores, ~positive, pairs[:, 0]))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(pairs[:, 0], minlength=queries))])
        return cls(offsets, pairs[order, 1], scores[order], positive[order])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def queries(self) -> np.ndarray:
        """The query of each candidate, int64 (n,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def keep(self, which: np.ndarray) -> CandidateTable:
        """The candidates that a mask (n,) selects, of as many queries as before."""
        counts = np.bincount(self.queries[which], minlength=len(self))
        return CandidateTable(
            np.concatenate([[0], np.cumsum(counts)]), self.rows[which], self.scores[which], self.positive[which]
        )

    def negatives(self, count: int) -> np.ndarray:
        """The first `count` negatives of each query, int64 (q, count); -1 where there are fewer."""
        wrong = self.keep(~self.positive)
        out = np.full((len(self), count), -1)
        place = np.arange(len(wrong.rows)) - np.repeat(wrong.offsets[:-1], np.diff(wrong.offsets))
        first = place < count
        out[wrong.queries[first], place[first]] = wrong.rows[first]
        return out

    def tuples(self, negatives: int) -> np.ndarray:
        """Rows to train on, int64 (n, 2 + negatives): a query, one of its positives, its first negatives.

        A query with several positives stands in several rows, one with fewer negatives in none.

        >>> table = CandidateTable.of(2, [[0, 5], [0, 3], [0, 4], [1, 1]], [0.9, 0.2, 0.8, 0.7], [True, False, False, True])
        >>> table.tuples(2)
        array([[0, 5, 4, 3]])
        """
        wrong = self.negatives(negatives)
        full = np.asarray((wrong >= 0).all(axis=1))
        right = self.keep(self.positive & full[self.queries])
        return np.concatenate([right.queries[:, None], right.rows[:, None], wrong[right.queries]], axis=1)

    def save(self, path: str | Path) -> None:
        """Write one safetensors file; raises InputError when it cannot be written."""
        from safetensors.numpy import save

        path = Path(path)
        unfinished = path.with_name(path.name + ".part")
        try:
            unfinished.write_bytes(save({name: getattr(self, name) for name in _DTYPES}, {"format": _MARK}))
            unfinished.replace(path)
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise InputError(f"{path} cannot be written: {error.strerror or error}.") from None

    @classmethod
    def load(cls, path: str | Path) -> CandidateTable:
        """Read what `save` wrote; raises InputError for a missing, damaged or foreign file."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                if (file.metadata() or {}).get("format") != _MARK:
                    raise InputError(f"{path} is not a table of candidates.")
                return cls(**{name: file.get_tensor(name) for name in _DTYPES})
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or 'no such file'}.") from None
        except SafetensorError:
            raise InputError(f"{path} is damaged: mine the candidates again.") from None
