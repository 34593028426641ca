"""A branch between two spaces: rows that have their new vectors are searched there, the others through the bridge."""

from __future__ import annotations

from typing import Any

import numpy as np

from codomain.arrays import Hits, merge_hits
from codomain.index.rescore import to_be_merged
from codomain.plan import Branch
from codomain.store.branches.branch import StoredBranch
from codomain.store.upgrade.bridge import Bridge


class BridgedBranch:
    """Like a `Branch` to whoever searches it: `sync`, then `search` with queries of the new encoder."""

    def __init__(self, new: StoredBranch, old: StoredBranch) -> None:
        self.new = new
        self.old = old
        self._bridge: Bridge | None = None
        self._moved = 0
        self._rows = 0

    @property
    def plan(self) -> Branch:
        """The new branch's."""
        return self.new.plan

    def check_encoder(self) -> None:
        """The new encoder must be the one that the upgrade began with."""
        self.new.check_encoder()

    def forget(self) -> None:
        """Drop the indexes of both sides."""
        self.new.forget()
        self.old.forget()

    def sync(self, rows: int, epoch: int) -> None:
        """Bring both sides up to the current transaction."""
        self.old.sync(rows, epoch)
        self.new.refresh()
        self._moved, self._rows = min(self.new.blocks.end(), rows), rows
        self.new.sync(self._moved, epoch)
        if self._bridge is None:
            self._bridge = Bridge.parse(self.new.backend.bridges.get(self.new.number, self.old.number))

    def search(
        self,
        queries: Any,
        k: int,
        allow: np.ndarray[Any, Any] | None,
        feedback: bool = True,
        inside: np.ndarray[Any, Any] | None = None,
    ) -> Hits:
        """The k best rows of both spaces, with scores of the new one; vectors of both are dense, and take no statistics."""
        with to_be_merged():
            parts = self._parts(queries, k, allow, feedback)
        if not parts:
            return Hits.empty(len(queries), k)
        return parts[0] if len(parts) == 1 else merge_hits(parts, k)

    def _parts(self, queries: Any, k: int, allow: np.ndarray[Any, Any] | None, feedback: bool) -> list[Hits]:
        parts = []
        if self._moved:
            parts.append(self.new.search(queries, k, None if allow is None else allow[: self._moved], feedback))
        if self._moved < self._rows:
            assert self._bridge is not None
            if self._moved:
                allow = np.ones(self._rows, bool) if allow is None else allow.copy()
                allow[: self._moved] = False
            bridge = self._bridge
            hits = self.old.search(bridge.queries(queries), k, allow, feedback, prepared=bridge.space == "stored")
            scores = np.where(hits.rows >= 0, bridge.scale * hits.scores + bridge.shift, -np.inf)
            parts.append(Hits(hits.rows, scores.astype(np.float32)))
        return parts
