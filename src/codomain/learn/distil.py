"""LEAF for a static student: fit a table of token rows so that their mean points where the teacher's vector points.

LEAF: Knowledge Distillation of Text Embedding Models with Teacher-Aligned Representations (2025): the squared distance of
unit vectors, `L = || y - y_hat ||^2`, on unlabelled texts; the student lands in the teacher's own space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from codomain.learn.contracts import Batcher, Objective
    from codomain.transform.training.checkpoint import Checkpoint

Progress = Callable[[str, int, int], None]

_NARROWEST = 1e-5
"""Share of the length below which a direction is no wider than its rounding errors."""


@dataclass(frozen=True)
class Bags:
    """Texts as weighted sets of token ids: text i owns `ids[offsets[i]:offsets[i + 1]]` and the weights beside them."""

    ids: np.ndarray
    weights: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: np.ndarray) -> Bags:
        """The chosen texts, in that order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        inside = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        at = np.repeat(self.offsets[rows], lengths) + inside
        return Bags(self.ids[at], self.weights[at], offsets)


def bags(tokenizer: Any, texts: Sequence[str], max_tokens: int, repeat: float) -> Bags:
    """Distinct tokens of every text, cut where the teacher's view of it ends; n occurrences weigh n ** `repeat`."""
    from scipy.sparse import csr_array

    tokenizer.no_padding()
    tokenizer.no_truncation()
    runs: list[np.ndarray] = []
    for start in range(0, len(texts), 4096):
        encoded = tokenizer.encode_batch(list(texts[start : start + 4096]), add_special_tokens=False)
        runs += [np.array(e.ids[: max_tokens - 2], np.int32) for e in encoded]
    ids, ends = np.concatenate(runs), np.concatenate([[0], np.cumsum([len(run) for run in runs])])
    counts = csr_array((np.ones(len(ids), np.float32), ids, ends), shape=(len(runs), tokenizer.get_vocab_size()))
    counts.sum_duplicates()
    return Bags(counts.indices, counts.data**repeat, counts.indptr.astype(np.int64))


def initial_table(rows: np.ndarray, texts: Bags, targets: np.ndarray, smooth: float, ridge: float) -> np.ndarray:
    """Teacher outputs of single tokens (V, d), weighted by a / (a + p(token)) and mapped onto the targets by ridge regression.

    The weights are those of smooth inverse frequency: A Simple but Tough-to-Beat Baseline for Sentence Embeddings (2017).
    """
    counts = np.bincount(texts.ids, texts.weights, minlength=len(rows)) + 1.0
    table = rows * (smooth / (smooth + counts / counts.sum()))[:, None]
    X = pool(table, texts)
    X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9)
    gram = X.T @ X + ridge * len(X) * np.eye(X.shape[1])
    return np.asarray(table @ np.linalg.solve(gram, X.T @ targets), np.float32)


def spread(table: np.ndarray, texts: Bags, exponent: float) -> tuple[np.ndarray, np.ndarray]:
    """The table (V, d) partly whitened, and the principal axes (d, d) of its text vectors, the widest first.

    With M = U diag(l) U' the second moment of the student's unit vectors, rows become r U diag(l ** -exponent) U'; an exponent
    of 0.5 would whiten. A sum of token rows has more of its length in the few widest directions than the teacher's vectors
    have, and this gives the others their say. The map is symmetric and has no rotation: the space stays the teacher's.
    """
    X = pool(table, texts).astype(np.float64)
    X /= np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-9)
    values, axes = np.linalg.eigh(X.T @ X / len(X))
    values, axes = values[::-1], axes[:, ::-1]
    gain = (np.maximum(values, _NARROWEST) / np.median(values)) ** -exponent
    return (table @ (axes * gain) @ axes.T).astype(np.float32), np.ascontiguousarray(axes, np.float32)


def pool(table: np.ndarray, texts: Bags) -> np.ndarray:
    """Weighted sum of each text's rows, float32 (n, d); zero for a text without tokens."""
    from scipy.sparse import csr_array

    shape = (len(texts), len(table))
    return np.asarray(csr_array((texts.weights, texts.ids, texts.offsets), shape=shape) @ table.astype(np.float32))


def train(
    table: np.ndarray,
    texts: Bags,
    targets: np.ndarray,
    *,
    epochs: int,
    batch: int,
    rate: float,
    seed: int = 0,
    progress: Progress | None = None,
    objective: Objective | None = None,
    batcher: Batcher | None = None,
    checkpoint: Checkpoint | None = None,
) -> np.ndarray:
    """The trained table, float32 (V, d), each row's norm being the token's pooling weight.

    By default the objective is the squared distance to the teacher's unit vectors `targets` (n, d), in batches of shuffled
    texts. Adam with a low rate that falls to zero: rows are seen too seldom for more. Holding rows to their start, leaving
    out tokens and copying similarities within a batch did not help.
    """
    from functools import partial

    import torch

    from codomain.learn.batching.shuffled import Shuffled
    from codomain.learn.objectives.distillation import EmbeddingDistillation
    from codomain.learn.token_table import TokenTable
    from codomain.learn.trainer import Trainer

    scale = float(np.linalg.norm(table, axis=1).mean())
    student = TokenTable(table / scale)
    Trainer(
        student,
        objective or EmbeddingDistillation(),
        batcher or Shuffled(batch),
        epochs,
        rate,
        weight_decay=0.0,
        warmup=50,
        seed=seed,
        optimizer=partial(torch.optim.Adam, betas=(0.9, 0.98), fused=True),
        progress=progress,
        checkpoint=checkpoint,
    ).fit([texts.take], targets)
    return student.rows.detach().numpy() * scale
