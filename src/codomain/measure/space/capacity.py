"""How many combinations of answers vectors of d dimensions can give, and how many a set of judgments asks for.

"On the Theoretical Limitations of Embedding-Based Retrieval" (2025). A rank below the sign rank of the judgments cannot order
them rightly; free embeddings, optimised for the judgments themselves with no text in between, are the best that any encoder
of d dimensions could do.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from codomain.errors import InputError
from codomain.measure.data.datasets import Qrels

_TEMPERATURE = 0.1
_RATE = 0.01
_LOOK = 10
"""Steps between two looks at the accuracy."""


def free_embedding_test(
    relevance: ArrayLike, dim: int, seed: int = 0, patience: int = 1_000, most: int = 50_000
) -> float:
    """The share of queries whose relevant documents all come before all others, with the best vectors of `dim` dimensions.

    `relevance` (m, n) is 1 where document j answers query i. Unit vectors of queries and documents are optimised by Adam on
    InfoNCE over all queries at once, until all are answered or the loss has not fallen for `patience` steps.

    >>> free_embedding_test(np.eye(4), dim=2)
    1.0

    Raises InputError for a matrix that is not of 0 and 1, a query without answers or with nothing else, or a single dimension.
    """
    A = np.asarray(relevance)
    if A.ndim != 2 or not np.isin(A, (0, 1)).all() or not (A.any(axis=1) & ~A.all(axis=1)).all():
        raise InputError("relevance is a matrix (queries, documents) of 0 and 1, with both in each row.")
    if dim < 2:
        raise InputError(f"unit vectors that can move have two dimensions or more, not {dim}.")
    wanted = A.astype(bool)
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((A.shape[0] + A.shape[1], dim))
    first, second = np.zeros_like(W), np.zeros_like(W)
    best_loss, best, since = np.inf, 0.0, 0
    for step in range(1, most + 1):
        lengths = np.linalg.norm(W, axis=1, keepdims=True)
        Z = W / lengths
        U, V = Z[: len(A)], Z[len(A) :]
        S = U @ V.T
        if step % _LOOK == 1:
            worst = np.where(wanted, S, np.inf).min(axis=1)
            best = max(best, float((worst > np.where(wanted, -np.inf, S).max(axis=1)).mean()))
            if best == 1:
                break
        loss, G = _info_nce(S / _TEMPERATURE, wanted)
        since = 0 if loss < best_loss - 1e-5 else since + 1
        best_loss = min(best_loss, loss)
        if since >= patience:
            break
        gradient = np.vstack([G @ V, G.T @ U]) / _TEMPERATURE
        gradient = (gradient - (gradient * Z).sum(axis=1, keepdims=True) * Z) / lengths  # through the norm
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        W -= _RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return best


def critical_n(dim: int, k: int = 2, start: int = 0, tries: int = 2, most: int = 60, seed: int = 0) -> int:
    """The most documents of which vectors of `dim` dimensions can return every combination of k, as far as optimisation finds.

    From `start` documents (or the k + 1 that the case needs) one more at a time, until `tries` seeds in a row fail. It is a
    best case: no text stands in the way.

    >>> critical_n(2)  # on a circle a query lies between two neighbors
    3

    Raises InputError as `free_embedding_test`.
    """
    n = max(start, k + 1)
    while n <= most:
        A = all_combinations(n, k)
        if not any(free_embedding_test(A, dim, seed + attempt) == 1 for attempt in range(tries)):
            return n - 1
        n += 1
    return most


def all_combinations(n: int, k: int = 2) -> NDArray[np.int8]:
    """Judgments (C(n, k), n) in which every combination of k of n documents answers a query.

    >>> all_combinations(3).tolist()
    [[1, 1, 0], [1, 0, 1], [0, 1, 1]]
    """
    rows = list(combinations(range(n), k))
    A = np.zeros((len(rows), n), np.int8)
    A[np.arange(len(rows))[:, None], np.array(rows)] = 1
    return A


class Pressure(NamedTuple):
    """Of the graph whose nodes are queries, joined where they share an answer.

    `density`: the share of pairs of queries that are joined; `strength`: the sum of a query's Jaccard similarities with all
    others, on average. The paper gives .0015 and .42 for SciFact, .085 and 28 for LIMIT.
    """

    density: float
    strength: float
    queries: int

    @property
    def dense(self) -> bool:
        """Whether the judgments combine documents as no common test collection does: single vectors will not do."""
        return self.strength > 5


def combination_pressure(qrels: Qrels) -> Pressure:
    """How much judgments ask for the same documents in different combinations.

    >>> combination_pressure({"a": {"x": 1, "y": 1}, "b": {"y": 1, "z": 1}, "c": {"w": 1}})
    Pressure(density=0.3333333333333333, strength=0.2222222222222222, queries=3)

    Raises InputError for fewer than two queries with answers.
    """
    import scipy.sparse

    answers = [[d for d, grade in judged.items() if grade > 0] for judged in qrels.values()]
    answers = [own for own in answers if own]
    if len(answers) < 2:
        raise InputError("combinations need at least two queries with answers.")
    place = {d: i for i, d in enumerate(dict.fromkeys(d for own in answers for d in own))}
    sizes = np.array([len(own) for own in answers])
    columns = np.array([place[d] for own in answers for d in own])
    indptr = np.concatenate([[0], sizes.cumsum()])
    A = scipy.sparse.csr_array((np.ones(len(columns)), columns, indptr), shape=(len(answers), len(place)))
    shared = (A @ A.T).tocoo()
    apart = shared.row != shared.col
    both = shared.data[apart]
    jaccard = both / (sizes[shared.row[apart]] + sizes[shared.col[apart]] - both)
    m = len(answers)
    return Pressure(float(apart.sum()) / (m * (m - 1)), float(jaccard.sum()) / m, m)


def _info_nce(S: NDArray[np.float64], wanted: NDArray[np.bool_]) -> tuple[float, NDArray[np.float64]]:
    """L = - sum_q sum_{r in R_q} log(e^s_r / (e^s_r + sum_{j not in R_q} e^s_j)) and dL/dS, both over the number of queries."""
    E = np.exp(S - S.max(axis=1, keepdims=True))
    others = np.where(wanted, 0, E).sum(axis=1, keepdims=True)
    share = np.where(wanted, E / (E + others), 1)
    pull = np.where(wanted, 1 / (E + others), 0).sum(axis=1, keepdims=True)
    return -float(np.log(share).sum()) / len(S), np.where(wanted, share - 1, E * pull) / len(S)
