"""How much of an index an outsider could read: by the vectors alone, with an encoder of his own and other texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from codomain.arrays import Floats
from codomain.errors import InputError
from codomain.measure.metrics.significance import interval
from codomain.transform.align.unpaired import UnpairedAlign

_BLOCK = 1024


@dataclass(frozen=True)
class Alignability:
    """What the attack came to; what needs known pairs is None without them.

    `accepted`: two starts of the outsider came to one map, and the pairs that it finds lie alike on both sides, which he can tell
    without a single pair; part of it may be wrong. `agreement` and `null`: of two starts, and
    of two random ones. `top1`: share of known texts whose own vector is nearest to the translated one among all of the index,
    with its 95 % interval; `chance` is that of guessing. `mean_rank` counts from one.
    """

    accepted: bool
    agreement: float
    null: float
    top1: float | None = None
    interval: tuple[float, float] | None = None
    mean_rank: float | None = None
    chance: float | None = None

    def __str__(self) -> str:
        found = (
            f"{'aligned' if self.accepted else 'not aligned'} (agreement {self.agreement:.2f}, null {self.null:.2f})"
        )
        if self.top1 is None or self.interval is None:
            return found
        low, high = self.interval
        return f"{found}, top-1 {self.top1:.3f} ({low:.3f} to {high:.3f}), mean rank {self.mean_rank:.1f}"


def alignability(vectors: Floats, probe_vectors: Floats, truth: Any = None, seed: int = 0) -> Alignability:
    """How much of an index `vectors` (m, d) an outsider could translate, who has `probe_vectors` (n, d') of other texts.

    The probe is another encoder's vectors of texts of the same kind, none of which need be in the index: `UnpairedAlign`
    is fitted from them. `truth=(probe vectors of texts that are in the index, their rows)`, which an outsider does not have,
    measures what he would get right; where it is small an alignment may still come with more vectors or known pairs.

    "Harnessing the Universal Geometry of Embeddings" (2025) showed the risk, with another method.

    >>> rng = np.random.default_rng(0)
    >>> index = np.repeat(rng.standard_normal((30, 16)), 40, axis=0) + 0.3 * rng.standard_normal((1200, 16))
    >>> rotation = np.linalg.qr(rng.standard_normal((16, 16)))[0]
    >>> order = rng.permutation(1200)
    >>> probe, index = index[order[:600]] @ rotation, index[order[600:]]
    >>> found = alignability(index, probe, truth=(index[:100] @ rotation, np.arange(100)))
    >>> found.accepted, found.top1 > 0.9
    (True, True)

    Raises InputError for too few vectors on either side, or a truth whose two parts do not belong together.
    """
    attack = UnpairedAlign(seed=seed)
    if truth is not None:
        known, rows = _known(truth, len(vectors))
    attack.fit(probe_vectors, vectors)
    result = Alignability(bool(attack.aligned_), float(attack.agreement_), float(attack.null_))
    if truth is None:
        return result
    ranks = _ranks(attack.guess(known), np.asarray(vectors, np.float32), rows)
    hits = (ranks == 1).astype(float)
    low, high = interval({str(i): float(hit) for i, hit in enumerate(hits)}, seed=seed)
    return Alignability(
        result.accepted, result.agreement, result.null,
        float(hits.mean()), (low, high), float(ranks.mean()), 1 / len(vectors),
    )  # fmt: skip


def _known(truth: Any, size: int) -> tuple[Floats, np.ndarray]:
    try:
        known, rows = truth
        known, rows = np.asarray(known, np.float32), np.asarray(rows)
    except (TypeError, ValueError):
        raise InputError(
            "truth is a pair: probe vectors (t, d) and the rows (t,) of the index that they stand for."
        ) from None
    if known.ndim != 2 or rows.shape != (len(known),) or len(rows) == 0 or not np.issubdtype(rows.dtype, np.integer):
        raise InputError(f"truth needs one row number for each vector, but has shapes {known.shape} and {rows.shape}.")
    if rows.min() < 0 or rows.max() >= size:
        raise InputError(f"truth names the row {rows.max()}, but the index has {size} rows.")
    return known, rows


def _ranks(guessed: Floats, vectors: Floats, rows: np.ndarray) -> np.ndarray:
    """The rank, from one, of its own row for each guess by cosine; rows that tie with it count as half."""
    lengths = np.linalg.norm(vectors, axis=1)
    directions = vectors / np.where(lengths > 0, lengths, 1)[:, None]
    ranks = np.empty(len(rows))
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        scores = guessed[part] @ directions.T
        own = scores[np.arange(len(scores)), rows[part]][:, None]
        ranks[part] = 1 + (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
    return ranks
