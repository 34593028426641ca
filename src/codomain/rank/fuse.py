"""Join the hits of several retrieval branches into one list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from codomain.arrays import Floats, Hits, Rows, top_k
from codomain.errors import PipelineError
from codomain.pipeline import Pipeline, pipeline
from codomain.registry import stage
from codomain.stage import Stage, check_float, check_int

Part = tuple[Rows, Floats]
"""What one branch found for a query: rows, -1 where there are no more, and scores."""

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

    @property
    def scaled_by_scores(self) -> bool:
        """Whether joined scores depend on the scores of all candidates, not on ranks alone."""
        return self.method != "rrf"

    def combine(self, parts: Sequence[Hits], k: int, scale: Sequence[Hits] | None = None) -> Hits:
        """Join one result per branch, each (q, any), into (q, k).

        `scale` is what the branches find without the filter that `parts` keep to: scores are measured by it, so that they are
        comparable between filters.
        """
        weights = [1.0] * len(parts) if self.weights is None else self.weights
        fused = Hits.empty(len(parts[0].rows), k)
        for query in range(len(fused.rows)):
            measured = parts if scale is None else scale
            rows, scores = self._join(
                [(p.rows[query], p.scores[query]) for p in parts],
                [(p.rows[query], p.scores[query]) for p in measured],
                weights,
            )
            best, best_scores = top_k(scores, rows, k)
            fused.rows[query, : len(best)] = best
            fused.scores[query, : len(best)] = best_scores
        return fused

    def _join(self, parts: Sequence[Part], scale: Sequence[Part], weights: Sequence[float]) -> tuple[Rows, Floats]:
        """One query: every row that some branch found, with its joined score."""
        every = np.sort(np.concatenate([rows[rows >= 0] for rows, _ in parts]))
        union = every[np.diff(every, prepend=-1) > 0]  # np.unique would import numpy.ma, a twentieth of a whole search
        total = np.zeros(len(union))
        for (rows, scores), by, weight in zip(parts, scale, weights, strict=True):
            found = rows >= 0
            if not found.any():
                continue
            if self.method == "rrf":
                total[np.searchsorted(union, rows[found])] += weight / (self.c + np.arange(1.0, found.sum() + 1))
                continue
            base, spread = self._measure(*by)
            missed = _floor(rows, scores)
            # a document that the branch missed has the floor of what it found, on the scale of what it finds at all
            total += weight * ((missed - base) / spread)
            total[np.searchsorted(union, rows[found])] += weight * (
                (scores[found].astype(np.float64) - missed) / spread
            )
        return union, total.astype(np.float32)

    def _measure(self, rows: Rows, scores: Floats) -> tuple[float, float]:
        """What is 0 on the common scale, and what is 1: the score of a missed document, and the spread of all."""
        floor = _floor(rows, scores)
        points = np.append(scores[rows >= 0], floor).astype(np.float64)
        return floor, float(np.ptp(points) if self.method == "minmax" else points.std()) or 1.0


def _floor(rows: Rows, scores: Floats) -> float:
    """The score that stands for documents that a branch did not find.

    Of a full list it is the lowest one. A list that is not full has all that the branch can find, and what it missed has the
    score 0: a lexical match counts even if it is the only one.
    """
    found = scores[rows >= 0]
    if not len(found):
        return 0.0
    return float(found.min()) if len(found) == len(rows) else min(0.0, float(found.min()))
