"""Can a new model's queries search an old model's gallery? Accuracy of every version against every earlier one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codomain.arrays import Floats, as_float32
from codomain.errors import InputError


def compatibility_matrix(
    queries: Sequence[Floats], query_labels: NDArray[np.int64], galleries: Sequence[Floats], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """C (T, T): 1-NN accuracy by cosine of the queries of model t against the gallery of model k <= t; NaN above.

    `queries[t]` (q, d) and `galleries[t]` (n, d) are the vectors of version t of the model for the same samples. A query that
    is zero is wrong. Raises InputError where numbers of versions, rows or dimensions do not fit together.

    >>> X = np.eye(3, dtype=np.float32)
    >>> compatibility_matrix([X, X[[1, 0, 2]]], np.arange(3), [X, X], np.arange(3)).round(2)
    array([[1.  ,  nan],
           [0.33, 0.33]])
    """
    if len(queries) != len(galleries) or not len(queries):
        raise InputError(f"each version needs queries and a gallery, not {len(queries)} and {len(galleries)}.")
    asked = [_unit(Q, len(query_labels), "queries", t) for t, Q in enumerate(queries)]
    stored = [_unit(G, len(labels), "gallery", t) for t, G in enumerate(galleries)]
    if not len(labels) or not len(query_labels):
        raise InputError("compatibility needs one query and one row of a gallery at least.")
    C = np.full((len(queries), len(queries)), np.nan)
    for t, Q in enumerate(asked):
        for k, G in enumerate(stored[: t + 1]):
            if Q.shape[1] != G.shape[1]:
                raise InputError(f"queries {t} have {Q.shape[1]} dimensions, gallery {k} has {G.shape[1]}.")
            nearest = (Q @ G.T).argmax(axis=1)
            C[t, k] = ((np.asarray(labels)[nearest] == query_labels) & Q.any(axis=1)).mean()
    return C


def average_compatibility(C: NDArray[np.float64]) -> tuple[float, float]:
    """AC, the share of pairs t > k with C[t, k] > C[k, k], and AA, the mean of C over t >= k.

    AC 1: every update searches every older gallery better than that gallery's own model did.
    "Stationary Representations" (2024). Raises InputError for fewer than two versions.

    >>> average_compatibility(np.array([[0.5, np.nan], [0.75, 1]]))
    (1.0, 0.75)
    """
    C = np.asarray(C, np.float64)
    if C.ndim != 2 or C.shape[0] != C.shape[1] or len(C) < 2:
        raise InputError(f"compatibility is a square matrix of two versions or more, not of shape {C.shape}.")
    t, k = np.tril_indices(len(C), -1)
    return float((C[t, k] > C[k, k]).mean()), float(C[np.tril_indices(len(C))].mean())


def _unit(X: Floats, rows: int, what: str, version: int) -> Floats:
    X = as_float32(X, what=f"the {what} of version {version}")
    if len(X) != rows:
        raise InputError(f"the {what} of version {version} have {len(X)} rows for {rows} labels.")
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return np.asarray(X / np.where(norms > 0, norms, 1), np.float32)
