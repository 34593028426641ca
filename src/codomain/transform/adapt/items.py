"""Item vectors that learn from use: each success or failure of what was tried moves the items near the query."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from codomain.arrays import Floats, Rows, as_float32
from codomain.errors import InputError
from codomain.stage import check_float, check_int

_ARRAYS = ("start", "theta", "born", "gone")
_JOURNAL = ("queries", "chosen", "success", "weight", "shown", "shown_ends")


class RankedItems(NamedTuple):
    """Items for one query, best first: rows (k,) int64, and the probability (k,) with which each was put first."""

    rows: Rows
    propensities: Floats


class _Event(NamedTuple):
    query: Floats
    chosen: int
    success: bool
    weight: float  # NaN: one over the softmax of its moment
    shown: Rows


def coefficients(p: np.ndarray, chosen: int, y: float, weight: float) -> np.ndarray:
    """How far each of n items, whose softmax is p (n,), goes against the query: p_i - [i = chosen] y w.

    y is 1 for a success and 0 for a failure. Below 0 is ours: a failure then takes back what a success of the same weight
    would give, as long as the item is likelier than one of n; in the paper a failure tells the chosen item from no other.

    >>> coefficients(np.array([0.5, 0.25, 0.25]), 0, y=1, weight=2)
    array([-1.5 ,  0.25,  0.25])
    """
    step = p.astype(np.float64)
    if y > 0 or p[chosen] > 1 / len(p):
        step[chosen] -= y * weight
    return step


class OnlineItems:
    """Vectors of tools or other items as the weights of a softmax classifier, corrected by feedback on those tried.

    With theta_i the vector of item i and p = softmax(kappa q . theta) over the `neighbours` items nearest to the query q,
    feedback y in {0, 1} on the chosen item c moves each of them by the estimated gradient of the cross-entropy,
    theta_i -= lr ((p_i - [i = c] y w) q + anchor (theta_i - theta_i at the start)), w = min(1 / p_c, clip).
    "Online-Optimized RAG for Tool Use and Function Calling" (2025); kappa, clip, anchor and the neighbourhood are ours: with
    unit vectors the plain softmax is flat, and sampling from it serves any item to anyone.

    The best item is served, or with the probability `explore` one drawn from p; its propensity, handed back with the
    feedback, is then the p_c of the weight. With `repel` a failure pushes the item away (`coefficients`). Every feedback is in the journal: `replay` repeats it, `rollback` takes it back,
    `changes` gives what it moved. Scores are inner products: the length of a vector is part of what was learnt.

    >>> items = OnlineItems(lr=0.1).fit(np.eye(3, dtype=np.float32))
    >>> query = np.float32([0.6, 0.5, 0])
    >>> items.serve(query, k=2).rows
    array([0, 1])
    >>> for _ in range(3):
    ...     items.feedback(query, shown=[0, 1], chosen=1, success=True)
    >>> items.serve(query, k=2).rows
    array([1, 0])
    """

    def __init__(
        self,
        lr: float = 0.01,
        kappa: float = 5.0,
        explore: float = 0.0,
        clip: float = 20.0,
        anchor: float = 1e-3,
        neighbors: int = 64,
        repel: float = 0.0,
        seed: int = 0,
    ) -> None:
        try:
            self.lr = check_float("lr", lr)
            self.kappa = check_float("kappa", kappa)
            self.explore = check_float("explore", explore, 0, 1)
            self.clip = check_float("clip", clip, 1)
            self.anchor = check_float("anchor", anchor)
            self.neighbors = check_int("neighbors", neighbors, 2)
            self.repel = check_float("repel", repel)
            self.seed = check_int("seed", seed, 0)
        except ValueError as error:
            raise InputError(f"OnlineItems {error}.") from None
        self._rng = np.random.default_rng(seed)

    def fit(self, vectors: Floats) -> Self:
        """Start from item vectors (n, d), as encoded from their descriptions; any journal is dropped."""
        vectors = as_float32(vectors, what="the item vectors")
        n = len(vectors)
        self.start, self.theta = vectors.copy(), vectors.copy()
        self.born, self.gone = np.zeros(n, np.int64), np.full(n, -1, np.int64)
        self._journal: list[_Event] = []
        return self

    def __len__(self) -> int:
        """Items that can be served."""
        return int((self.gone < 0).sum())

    @property
    def events(self) -> int:
        """Feedback in the journal."""
        return len(self._journal)

    def serve(self, query: Floats, k: int = 5) -> RankedItems:
        """The k best items for a query (d,), the first of them perhaps an exploratory draw; fewer where there are fewer."""
        q = self._query(query)
        near, p = self._near(self.theta, self.gone < 0, q)
        # greedily the best is first with probability 1 - explore, and anything near with explore p
        first = self.explore * p
        if len(near):
            first[0] += 1 - self.explore
        order = np.arange(len(near))
        if self.explore and len(near) and self._rng.random() < self.explore:
            drawn = int(self._rng.choice(len(near), p=p / p.sum()))
            order = np.concatenate([[drawn], np.delete(order, drawn)])
        if k > len(near):
            rest = np.setdiff1d(np.flatnonzero(self.gone < 0), near)
            rest = rest[np.argsort(-(self.theta[rest] @ q), kind="stable")]
            near, first = np.concatenate([near, rest]), np.concatenate([first, np.zeros(len(rest))])
            order = np.concatenate([order, np.arange(len(order), len(near))])
        return RankedItems(near[order[:k]], first[order[:k]].astype(np.float32))

    def feedback(
        self, query: Floats, shown: Rows | list[int], chosen: int, success: bool, propensity: float | None = None
    ) -> None:
        """Tell that of the items `shown` for a query (d,) the one tried, `chosen`, was right or was not.

        `propensity` is that of an exploratory draw, as `serve` gave it. Raises InputError for items that are not there.
        """
        q = self._query(query)
        shown = np.asarray(shown, np.int64).reshape(-1)
        for row in (chosen, *shown.tolist()):
            if not 0 <= row < len(self.gone) or self.gone[row] >= 0:
                raise InputError(f"there is no item {row} to give feedback on.")
        if chosen not in shown:
            raise InputError(f"item {chosen} was chosen but is not among the items shown.")
        if propensity is not None and not 0 < propensity <= 1:
            raise InputError(f"a propensity is above 0 and at most 1, not {propensity}.")
        weight = np.nan if propensity is None else min(1 / propensity, self.clip)
        event = _Event(q.copy(), int(chosen), bool(success), float(weight), shown)
        self._update(self.theta, self.gone < 0, event)
        self._journal.append(event)

    def add(self, vectors: Floats) -> Rows:
        """New items (m, d), at once among those served; their rows."""
        vectors = as_float32(vectors, dim=self.theta.shape[1], what="the item vectors")
        first = len(self.theta)
        self.start, self.theta = np.concatenate([self.start, vectors]), np.concatenate([self.theta, vectors])
        self.born = np.concatenate([self.born, np.full(len(vectors), self.events)])
        self.gone = np.concatenate([self.gone, np.full(len(vectors), -1)])
        return np.arange(first, len(self.theta))

    def remove(self, rows: Rows | list[int]) -> None:
        """Serve and move these items no longer; other items keep their numbers."""
        rows = np.asarray(rows, np.int64).reshape(-1)
        if len(rows) and (rows.min() < 0 or rows.max() >= len(self.gone)):
            raise InputError(f"items are numbered 0 to {len(self.gone) - 1}: {rows.tolist()} cannot be removed.")
        self.gone[rows] = np.where(self.gone[rows] < 0, self.events, self.gone[rows])

    def changes(self) -> tuple[Rows, Floats]:
        """The items that feedback has moved: rows (m,) and their vectors (m, d) now; originals are `start`."""
        rows = np.flatnonzero((self.theta != self.start).any(axis=1) & (self.gone < 0))
        return rows, self.theta[rows]

    def distances(self) -> Floats:
        """How far each item (n,) has moved from where it started: a few large ones are items that absorb all others."""
        return np.asarray(np.linalg.norm(self.theta - self.start, axis=1), np.float32)

    def replay(self, events: int | None = None) -> Floats:
        """The vectors (n, d) after the first `events` of the journal, recomputed from the start; None: after all."""
        stop = self.events if events is None else events
        if not 0 <= stop <= self.events:
            raise InputError(f"the journal has {self.events} entries, so {stop} cannot be replayed.")
        theta = self.start.copy()
        for t in range(stop):
            alive = (self.born <= t) & ((self.gone < 0) | (self.gone > t))
            self._update(theta, alive, self._journal[t])
        return theta

    def rollback(self, events: int) -> None:
        """Take back the feedback after the first `events`; items added or removed since stay so."""
        self.theta = self.replay(events)
        del self._journal[events:]
        self.born = np.minimum(self.born, events)
        self.gone = np.where(self.gone < 0, -1, np.minimum(self.gone, events))

    def state(self) -> dict[str, np.ndarray]:
        """Vectors and journal by name."""
        journal, dim = self._journal, self.theta.shape[1]
        return {name: getattr(self, name) for name in _ARRAYS} | {
            "queries": np.array([e.query for e in journal], np.float32).reshape(-1, dim),
            "chosen": np.array([e.chosen for e in journal], np.int64),
            "success": np.array([e.success for e in journal], bool),
            "weight": np.array([e.weight for e in journal], np.float64),
            "shown": np.concatenate([np.zeros(0, np.int64), *(e.shown for e in journal)]),
            "shown_ends": np.cumsum([len(e.shown) for e in journal]).astype(np.int64),
        }

    def restore(self, state: dict[str, np.ndarray]) -> Self:
        """Bring back what `state` gave; raises InputError when an array is missing."""
        for name in (*_ARRAYS, *_JOURNAL):
            if name not in state:
                raise InputError(f"the saved state of the items lacks {name}.")
        for name in _ARRAYS:
            setattr(self, name, np.array(state[name]))
        shown = np.split(state["shown"], state["shown_ends"][:-1]) if len(state["shown_ends"]) else []
        columns = [state[name].tolist() for name in ("chosen", "success", "weight")]
        self._journal = [_Event(*entry) for entry in zip(np.array(state["queries"]), *columns, shown, strict=True)]
        return self

    def _update(self, theta: Floats, alive: np.ndarray, event: _Event) -> None:
        q, chosen, success, weight, _ = event
        near, p = self._near(theta, alive, q, chosen)
        place = int(np.flatnonzero(near == chosen)[0])
        if np.isnan(weight):
            weight = min(1 / max(float(p[place]), 1e-12), self.clip)
        step = coefficients(p, place, 1.0 if success else -self.repel, weight)
        pull = self.anchor * (theta[near] - self.start[near])
        theta[near] -= (self.lr * (step[:, None] * q + pull)).astype(np.float32)

    def _near(self, theta: Floats, alive: np.ndarray, q: Floats, chosen: int | None = None) -> tuple[Rows, np.ndarray]:
        """The nearest items, best first, and their softmax; a chosen item is always among them."""
        rows = np.flatnonzero(alive)
        scores = theta[rows] @ q
        if len(rows) > self.neighbors:
            nearest = np.argpartition(-scores, self.neighbors - 1)[: self.neighbors]
            if chosen is not None and chosen not in rows[nearest]:
                nearest[-1] = np.searchsorted(rows, chosen)
            rows, scores = rows[nearest], scores[nearest]
        order = np.lexsort((rows, -scores))
        rows, scores = rows[order], self.kappa * scores[order].astype(np.float64)
        p = np.exp(scores - scores.max(initial=-np.inf)) if len(rows) else scores
        return rows, p / p.sum() if len(rows) else p

    def _query(self, query: Floats) -> Floats:
        if not hasattr(self, "theta"):
            raise InputError("OnlineItems has no items yet: call fit with their vectors first.")
        return as_float32(np.reshape(query, (1, -1)), dim=self.theta.shape[1], what="the query").reshape(-1)
