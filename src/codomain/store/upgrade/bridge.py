"""From the new encoder's queries to the old vectors: fitted on a sample, chosen and measured on rows it has not seen.

Three parts of a sample: one to fit every alignment that applies, one to choose among them, one to measure the choice.
Queries are the first sentences of documents, each with its document as the one right answer; what the old and the new encoder
themselves find with them, in the same sample, is what the bridge is measured against.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from codomain.arrays import Floats
from codomain.errors import InputError
from codomain.index.flat import Flat

Space = Literal["encoder", "stored"]

_SENTENCE = re.compile(r"(?<=[.!?])\s")
_WORDS = 24
_LEAST = 30
_PARTS = (0.6, 0.2, 0.2)
"""Shares of the sample to fit on, to choose with and to measure with."""
_DRAWS = 1_000
_DEPTH = 50
"""Best rows of a query on which scores of the two spaces are compared."""


@dataclass(frozen=True)
class Bridge:
    """How queries of the new encoder are asked of the old rows, and what their scores are in the new space.

    `align` maps new query vectors to the space of the old encoder, or of the rows as they are stored where that encoder is
    gone; None where both pipelines have one encoder. score_new ~ scale * score_old + shift.
    """

    align: Any
    space: Space
    scale: float
    shift: float

    def queries(self, vectors: Floats) -> Floats:
        """New query vectors (q, d_new) as old ones (q, d_old)."""
        return vectors if self.align is None else cast(Floats, self.align.transform(vectors))

    def dump(self) -> bytes:
        """The bridge as a safetensors file."""
        from safetensors.numpy import save

        facts = {"space": self.space, "scale": self.scale, "shift": self.shift, "method": ""}
        arrays: dict[str, np.ndarray] = {}
        if self.align is not None:
            facts["method"] = self.align.method
            arrays = {f"align.{name}": np.array(a, order="C") for name, a in self.align.state().items()}
        arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        return save(arrays)

    @classmethod
    def parse(cls, data: bytes) -> Bridge:
        """Read what `dump` gave."""
        from safetensors.numpy import load

        arrays = load(data)
        facts = json.loads(arrays.pop("facts").tobytes())
        align = None
        if method := facts.pop("method"):
            from codomain.transform.align.align import Align

            align = Align(method).restore({name.removeprefix("align."): a for name, a in arrays.items()})
        return cls(align, **facts)


@dataclass(frozen=True)
class Side:
    """One space of a sample: documents (n, k) as they are scored, and queries (q, k) for some of them."""

    documents: Floats
    queries: Floats
    metric: Any

    def scores(self, queries: Floats) -> Floats:
        """Scores (q, n) of all documents."""
        hits = Flat(self.metric).build(self.documents).search(queries, len(self.documents))
        scores = np.empty(hits.scores.shape, np.float32)
        np.put_along_axis(scores, hits.rows, hits.scores, axis=1)
        return scores


@dataclass(frozen=True)
class Sample:
    """What a bridge is fitted and measured on: n documents, of which `asked` (q,) have a query.

    `pairs` are vectors to align, new ones (n, d_new) and old ones (n, d_old) of the documents; `query_pairs` those of the
    queries, None where the old encoder cannot be asked any more. `prepare` takes aligned queries to the old side's form.
    """

    old: Side
    new: Side
    asked: np.ndarray
    pairs: tuple[Floats, Floats]
    new_queries: Floats
    query_pairs: tuple[Floats, Floats] | None
    prepare: Any


def question(passage: str) -> str:
    """A query that the passage answers: its first sentence, past the title where there is more.

    >>> question("Alps\\nThe highest is Mont Blanc. It is in France.")
    'The highest is Mont Blanc.'
    """
    title, _, body = passage.partition("\n")
    words = _SENTENCE.split((body or title).strip(), maxsplit=1)[0].split()
    return " ".join(words[:_WORDS])


def fit(sample: Sample, space: Space, seed: int = 0) -> tuple[Bridge, dict[str, Any]]:
    """The best bridge, fitted on all pairs, and what was measured of it on queries that chose nothing.

    Raises InputError for a sample that is too small to fit, to choose and to measure.
    """
    n = len(sample.old.documents)
    if len(sample.asked) < _LEAST:
        raise InputError(
            f"a bridge is fitted and measured on {_LEAST} documents at least, and here are {len(sample.asked)}: "
            "--mode reembed needs no bridge."
        )
    part = np.random.default_rng(seed).choice(3, n, p=_PARTS)
    fitting, choosing, measuring = (np.flatnonzero(part[sample.asked] == i) for i in range(3))
    trials = []
    for method, pairs in _choices(sample):
        align = _aligned(method, pairs, sample, np.flatnonzero(part == 0), fitting)
        found = _measure(sample, align, choosing)
        trials.append((float(np.mean(found.ndcg) + np.mean(found.of_old)), method, pairs, align))
    _, method, pairs, align = max(trials, key=lambda trial: trial[0])  # of equals the first: the simplest
    scale, shift = _score_map(sample, align, choosing, seed)
    measured = _measure(sample, align, measuring)
    final = _aligned(method, pairs, sample, np.arange(n), np.arange(len(sample.asked)))
    report = {"sample": n, "queries": len(measuring), "method": method, "pairs": pairs} | measured.summary(seed)
    return Bridge(final, space, scale, shift), report


def _choices(sample: Sample) -> list[tuple[str, str]]:
    if sample.pairs[0] is sample.pairs[1]:
        return [("", "")]  # one encoder: nothing to align
    from codomain.transform.align.align import candidates

    methods = candidates(sample.pairs[0].shape[1], sample.pairs[1].shape[1])
    kinds = ["documents"] + ["documents and queries"] * (sample.query_pairs is not None)
    return [(method, kind) for method in methods for kind in kinds]


def _aligned(method: str, pairs: str, sample: Sample, documents: np.ndarray, queries: np.ndarray) -> Any:
    if not method:
        return None
    from codomain.transform.align.align import Align

    new, old = (side[documents] for side in sample.pairs)
    if pairs == "documents and queries":
        assert sample.query_pairs is not None
        new = np.concatenate([new, sample.query_pairs[0][queries]])
        old = np.concatenate([old, sample.query_pairs[1][queries]])
    return Align(cast(Any, method)).fit(new, old)


@dataclass(frozen=True)
class _Measured:
    """nDCG@10 of each query through the bridge, in the old and in the new space; shares of the ten best of these two."""

    ndcg: Floats
    old: Floats
    new: Floats
    of_old: Floats
    of_new: Floats

    def summary(self, seed: int) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        drawn = rng.integers(len(self.ndcg), size=(_DRAWS, len(self.ndcg)))
        ratios = _ratio(self.ndcg[drawn].mean(axis=1), self.old[drawn].mean(axis=1))
        low, high = np.quantile(ratios, [0.025, 0.975])
        numbers = {
            "ndcg@10": self.ndcg.mean(),
            "old_ndcg@10": self.old.mean(),
            "new_ndcg@10": self.new.mean(),
            "ratio_to_old": _ratio(self.ndcg.mean(), self.old.mean()),
            "ratio_low": low,
            "ratio_high": high,
            "ratio_to_new": _ratio(self.ndcg.mean(), self.new.mean()),
            "recall_of_old@10": self.of_old.mean(),
            "recall_of_new@10": self.of_new.mean(),
        }
        return {name: round(float(value), 4) for name, value in numbers.items()}


def _ratio(part: Any, whole: Any) -> Any:
    return np.where(np.asarray(whole) > 0, part / np.maximum(whole, 1e-12), 1.0)


def _measure(sample: Sample, align: Any, queries: np.ndarray) -> _Measured:
    right = sample.asked[queries]
    bridged = sample.old.scores(_bridged(sample, align, queries))
    old = sample.old.scores(sample.old.queries[queries])
    new = sample.new.scores(sample.new.queries[queries])
    return _Measured(
        *(_ndcg(scores, right) for scores in (bridged, old, new)), *(_shared(bridged, scores) for scores in (old, new))
    )


def _bridged(sample: Sample, align: Any, queries: np.ndarray) -> Floats:
    vectors = sample.new_queries[queries]
    return cast(Floats, sample.prepare(vectors if align is None else align.transform(vectors)))


def _ndcg(scores: Floats, right: np.ndarray) -> Floats:
    """nDCG@10 where one document is right: 1 / log2(1 + rank), ties to its disadvantage."""
    rank = (scores >= scores[np.arange(len(right)), right][:, None]).sum(axis=1)
    return np.where(rank <= 10, 1 / np.log2(1 + rank), 0).astype(np.float32)


def _shared(scores: Floats, others: Floats) -> Floats:
    """Share of the ten best of `others` that are among the ten best of `scores`."""
    k = min(10, scores.shape[1])
    best, wanted = (np.argpartition(-s, k - 1, axis=1)[:, :k] for s in (scores, others))
    return np.array([len(np.intersect1d(a, b)) / k for a, b in zip(best, wanted, strict=True)], np.float32)


def _score_map(sample: Sample, align: Any, queries: np.ndarray, seed: int) -> tuple[float, float]:
    """Scale and shift that make bridged scores comparable with new ones, where half of the rows are in each space.

    Least squares pull uncertain scores to the middle, equal mean and deviation keep their spread: what ranks better is taken.
    """
    bridged = sample.old.scores(_bridged(sample, align, queries))
    new = sample.new.scores(sample.new.queries[queries])
    depth = min(_DEPTH, bridged.shape[1])
    top = np.argpartition(-bridged, depth - 1, axis=1)[:, :depth]
    x, y = (np.take_along_axis(scores, top, axis=1).ravel().astype(np.float64) for scores in (bridged, new))
    spread, slope = x.std(), 1.0
    if spread > 0:
        slope = max(float(np.cov(x, y, bias=True)[0, 1] / spread**2), 1e-6)
    moved = np.random.default_rng(seed).random(bridged.shape[1]) < 0.5
    right = sample.asked[queries]
    best, chosen = -1.0, (1.0, 0.0)
    for scale in (slope, float(y.std() / spread) if spread > 0 and y.std() > 0 else 1.0):
        shift = float(y.mean() - scale * x.mean())
        mixed = np.where(moved, new, scale * bridged + shift).astype(np.float32)
        if (quality := float(_ndcg(mixed, right).mean())) > best:
            best, chosen = quality, (scale, shift)
    return chosen
