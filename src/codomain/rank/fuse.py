"""Join the hits of several retrieval branches into one list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from codomain.errors import PipelineError
from codomain.pipeline import Pipeline, pipeline
from codomain.registry import stage
from codomain.stage import Stage, check_float, check_int
from codomain.vectors import Floats, Hits, Rows, top_k

METHODS = ("rrf", "minmax", "zscore")


@stage("fuse", modalities=["text"], gives="hits")
class Fuse(Stage):
    """Several branches searched side by side, their hits joined by rank or by normalised score.

    `rrf` sums 1 / (c + rank) (Cormack et al., Reciprocal Rank Fusion, 2009). `zscore` and `minmax` measure how far each
    score lies above what a missed document has, in standard deviations or in ranges, and take the weighted sum. (Centring
    on the mean instead would shift all sums alike.)

    >>> from codomain import pipeline
    >>> str(pipeline("fuse(static() >> flat(), bm25(), weights=[2, 1])"))
    'fuse(static() >> flat(), bm25(), weights=[2, 1])'

    Raises PipelineError for fewer than two branches, a branch that gives no hits, an unknown method or wrong weights.
    """

    def __init__(
        self,
        *branches: Stage | Pipeline,
        method: str = "zscore",
        weights: Sequence[float] | None = None,
        c: int = 60,
        candidates: int = 1000,
    ) -> None:
        self.branches = tuple(pipeline(branch) for branch in branches)
        self.method = method
        self.weights = weights
        self.c = check_int("c", c, 0)
        self.candidates = check_int("candidates", candidates)
        if len(self.branches) < 2:
            raise PipelineError("fuse(...) needs at least two branches.")
        for branch in self.branches:
            if not branch.is_source:
                raise PipelineError(
                    f"fuse(...) cannot use the branch {branch}: a branch starts with an encoder or bm25()."
                )
        self.modalities = tuple(dict.fromkeys(m for branch in self.branches for m in branch.modalities))
        if method not in METHODS:
            raise PipelineError(f"fuse(...) has no method {method!r}: it knows {', '.join(METHODS)}.")
        if weights is not None:
            if not isinstance(weights, (list, tuple)) or len(weights) != len(branches):
                raise PipelineError(f"fuse(...) needs {len(branches)} weights of 0 or more, one for each branch.")
            if max(check_float("each weight", weight) for weight in weights) <= 0:
                raise PipelineError("fuse(...) needs a weight above 0.")

    def output_dim(self, dim: int | None) -> int | None:
        """Hits have no dimensions."""
        return None

    def depth(self, k: int) -> int:
        """How many hits each branch is asked for to give k."""
        return max(k, self.candidates)

    def combine(self, parts: Sequence[Hits], k: int) -> Hits:
        """Join one result per branch, each (q, any), into (q, k)."""
        weights = [1.0] * len(parts) if self.weights is None else self.weights
        fused = Hits.empty(len(parts[0].rows), k)
        for query in range(len(fused.rows)):
            rows, scores = self._join([(p.rows[query], p.scores[query]) for p in parts], weights)
            best, best_scores = top_k(scores, rows, k)
            fused.rows[query, : len(best)] = best
            fused.scores[query, : len(best)] = best_scores
        return fused

    def _join(self, parts: Sequence[tuple[Rows, Floats]], weights: Sequence[float]) -> tuple[Rows, Floats]:
        """One query: every row that some branch found, with its joined score."""
        every = np.sort(np.concatenate([rows[rows >= 0] for rows, _ in parts]))
        union = every[np.diff(every, prepend=-1) > 0]  # np.unique would import numpy.ma, a twentieth of a whole search
        total = np.zeros(len(union))
        for (rows, scores), weight in zip(parts, weights, strict=True):
            found = rows >= 0
            if found.any():
                total[np.searchsorted(union, rows[found])] += weight * self._scale(scores[found], bool(found.all()))
        return union, total.astype(np.float32)

    def _scale(self, scores: Floats, full: bool) -> NDArray[np.float64]:
        """One branch's scores, best first, on the common scale: 0 is what a document gets that the branch missed.

        Of a full list the lowest score stands for the documents beyond it. A list that is not full has all that the
        branch can find, and what it missed has the score 0: a lexical match counts even if it is the only one.
        """
        if self.method == "rrf":
            return 1.0 / (self.c + np.arange(1.0, len(scores) + 1))
        floor = float(scores.min()) if full else min(0.0, float(scores.min()))
        points = np.append(scores, floor).astype(np.float64)
        spread = float(np.ptp(points) if self.method == "minmax" else points.std())
        return (points[:-1] - floor) / (spread or 1.0)
