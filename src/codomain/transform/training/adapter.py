"""How a low-rank adapter is trained: in-batch and mined negatives, early stopping, and the choice of alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from codomain.arrays import Floats
from codomain.transform.adapt.low_rank import ALPHAS, residual
from codomain.transform.align.maps import Doubles
from codomain.transform.training.loop import Loop, Update, seeded

if TYPE_CHECKING:
    from codomain.transform.adapt.low_rank import LowRankAdapter

_SCALE = 20.0
_POOL = 30
"""Nearest wrong documents that hard negatives are drawn from, anew each epoch."""
_VALIDATION = 0.15
_PATIENCE = 5
_FOLDS = 5
_INTERVAL = 1.96
"""Standard errors that a gain on held-out pairs must exceed."""
_WEIGHT_DECAY = 0.01

Weights = tuple[Floats, Floats, Floats]


class PairSplit(NamedTuple):
    """Down, up and bias of each side, the alpha that validation chose, and what pairs held out gained in mean reciprocal rank."""

    query: Weights
    documents: Weights
    alpha: float
    gain: float


class _Pairs(NamedTuple):
    """Unit queries (n, d), unit documents (m, d), the row of the right one for each query, and all that are right for it."""

    Q: Floats
    D: Floats
    right: np.ndarray
    known: list[np.ndarray]


class Residual(nn.Module):
    """x + B dropout(A x) + b, scaled to length one; B and b begin at zero, so the first step is the encoder as it is."""

    def __init__(self, dim: int, rank: int, dropout: float) -> None:
        super().__init__()
        self.down = nn.Linear(dim, rank, bias=False)
        self.up = nn.Linear(rank, dim)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Unit vectors (n, d) to unit vectors (n, d)."""
        return normalize(x + self.up(self.dropout(self.down(x))), dim=-1)

    def weights(self) -> Weights:
        """A, B and b as arrays."""
        return tuple(t.detach().numpy().copy() for t in (self.down.weight, self.up.weight, self.up.bias))  # type: ignore[return-value]


def train(adapter: LowRankAdapter, Q: Floats, D: Floats, right: np.ndarray) -> PairSplit:
    """Unit queries (n, d), unit documents (m, d) and the row of the right one for each query."""
    rng = np.random.default_rng(adapter.seed)
    pairs = _Pairs(Q, D, right, _positives(Q, right))
    gain = _held_out_gain(adapter, pairs, rng)
    learn, held = _split(np.arange(len(right)), right, rng)
    query, document = _learnt(adapter, pairs, learn, held, rng)
    if gain.mean() <= _INTERVAL * gain.std(ddof=1) / np.sqrt(len(gain)):
        return PairSplit(query, document, 0.0, 0.0)
    ranks = _ranks_by_alpha(query, document, pairs, held)
    return PairSplit(query, document, ALPHAS[int(ranks.mean(axis=1).argmax())], float(gain.mean()))


def _held_out_gain(adapter: LowRankAdapter, pairs: _Pairs, rng: np.random.Generator) -> Doubles:
    """What each pair gains in reciprocal rank (n,) from an adapter that saw neither it nor its document.

    Pairs that stop the training or choose alpha cannot judge as well, as the best epoch leads by luck too; and 15 % of 1,500 do
    not tell a gain of .02 from none. So five adapters are trained, as the one that is kept, for a fifth of the pairs each.
    """
    gain = np.zeros(len(pairs.right))
    documents = np.array_split(rng.permutation(np.unique(pairs.right)), _FOLDS)
    for fold in documents:
        held = np.flatnonzero(np.isin(pairs.right, fold))
        learn, stop = _split(np.flatnonzero(~np.isin(pairs.right, fold)), pairs.right, rng)
        query, document = _learnt(adapter, pairs, learn, stop, rng)
        best = int(_ranks_by_alpha(query, document, pairs, stop).mean(axis=1).argmax())
        judged = _ranks_by_alpha(query, document, pairs, held)
        gain[held] = judged[best] - judged[0]
    return gain


def _learnt(
    adapter: LowRankAdapter, pairs: _Pairs, learn: np.ndarray, stop: np.ndarray, rng: np.random.Generator
) -> tuple[Weights, Weights]:
    """Weights of both sides after the epoch that was best on the pairs `stop`."""
    Q, D, right, known = pairs
    queries, documents = torch.from_numpy(Q), torch.from_numpy(D)
    with seeded(adapter.seed):
        f = Residual(Q.shape[1], adapter.rank, adapter.dropout)
        g = Residual(Q.shape[1], adapter.rank, adapter.dropout) if adapter.side == "both" else nn.Identity()
        sides = nn.ModuleList([f, g])

        def batches(epoch: int) -> list[tuple[np.ndarray, np.ndarray]]:
            sides.eval()
            with torch.no_grad():
                mined = _mined(f(queries[learn]), g(documents), [known[i] for i in learn], adapter.negatives, rng)
            return [(learn[some], mined[some]) for some in _batches(len(learn), adapter.batch_size, rng)]

        def loss(batch: tuple[np.ndarray, np.ndarray]) -> Tensor:
            rows, mined = batch
            return _infonce(f(queries[rows]), g, documents, right[rows], mined, [known[i] for i in rows])

        def reciprocal_rank() -> float:
            return float(_reciprocal_ranks(f(queries[stop]), g(documents), right[stop]).mean())

        optimizer = torch.optim.AdamW(sides.parameters(), lr=adapter.lr, weight_decay=_WEIGHT_DECAY)
        Loop(
            sides, [Update(loss, optimizer)], batches, adapter.epochs, validate=reciprocal_rank, patience=_PATIENCE
        ).run()
    return _snapshot(f, g)


def _split(pairs: np.ndarray, right: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Of these pairs those to learn from and those to validate on, without a document on both sides."""
    documents = rng.permutation(np.unique(right[pairs]))
    held = np.isin(right[pairs], documents[: max(2, round(_VALIDATION * len(documents)))])
    return pairs[~held], pairs[held]


def _positives(Q: Floats, right: np.ndarray) -> list[np.ndarray]:
    """For each row the documents that are right for its query, which may stand in several rows."""
    by_query: dict[bytes, list[int]] = {}
    for row, document in zip(Q, right.tolist(), strict=True):
        by_query.setdefault(row.tobytes(), []).append(document)
    return [np.array(by_query[row.tobytes()]) for row in Q]


def _mined(queries: Tensor, documents: Tensor, known: list[np.ndarray], count: int, rng: Any) -> np.ndarray:
    """Rows (n, count) of wrong documents out of the nearest; -1 where there are not so many."""
    import faiss

    index = faiss.IndexFlatIP(documents.shape[1])
    index.add(documents.numpy())
    depth = min(_POOL + max(len(k) for k in known), len(documents))
    nearest = index.search(queries.numpy(), depth)[1]
    mined = np.full((len(known), count), -1)
    for row, (found, right) in enumerate(zip(nearest, known, strict=True)):
        wrong = found[~np.isin(found, right)][:_POOL]
        drawn = rng.permutation(wrong)[:count]
        mined[row, : len(drawn)] = drawn
    return mined


def _infonce(
    q: Tensor, g: nn.Module, documents: Tensor, right: np.ndarray, mined: np.ndarray, known: list[np.ndarray]
) -> Tensor:
    """Symmetric InfoNCE; what is right for a query is never its negative."""
    hard = np.unique(mined[mined >= 0])
    columns = np.concatenate([right, hard])
    wrong_ones = np.array([np.isin(columns, k) for k in known])
    own = torch.arange(len(right))
    scores = _SCALE * q @ g(documents[columns]).T
    masked = torch.from_numpy(wrong_ones)
    masked[own, own] = False
    scores = scores.masked_fill(masked, -torch.inf)
    return (cross_entropy(scores, own) + cross_entropy(scores[:, : len(right)].T, own)) / 2


def _batches(n: int, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Batches of nearly equal size: a rest of two rows would have next to no negatives."""
    return np.array_split(rng.permutation(n), max(1, round(n / size)))


def _reciprocal_ranks(queries: Tensor, documents: Tensor, right: np.ndarray) -> np.ndarray:
    ranks = []
    for start in range(0, len(queries), 1024):
        scores = queries[start : start + 1024] @ documents.T
        own = scores[torch.arange(len(scores)), torch.from_numpy(right[start : start + 1024])]
        ranks.append(1 + (scores > own[:, None]).sum(dim=1))
    return 1 / torch.cat(ranks).double().numpy()


def _snapshot(f: Residual, g: nn.Module) -> tuple[Weights, Weights]:
    nothing = np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32), np.zeros(0, np.float32)
    return f.weights(), g.weights() if isinstance(g, Residual) else nothing


def _ranks_by_alpha(query: Weights, document: Weights, pairs: _Pairs, rows: np.ndarray) -> Doubles:
    """Reciprocal ranks (5, n) of some pairs under every alpha, zero first."""
    ranks = []
    for alpha in ALPHAS:
        q = residual(pairs.Q[rows], *query, alpha)
        d = residual(pairs.D, *document, alpha) if len(document[2]) else pairs.D
        ranks.append(_reciprocal_ranks(torch.from_numpy(q), torch.from_numpy(d), pairs.right[rows]))
    return np.array(ranks)
