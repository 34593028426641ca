"""Train a model by an objective: codes to batches, batches to embeddings, embeddings to a loss, by the one training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from codomain.arrays import Floats
from codomain.errors import InputError
from codomain.learn.contracts import Batcher, Objective
from codomain.transform.training.checkpoint import Checkpoint
from codomain.transform.training.loop import Loop, Outcome, Progress, Update, seeded, warmup_linear

Column = Callable[[np.ndarray], Any]
"""Row numbers (n,) to what the model takes for these rows: a tensor, a dictionary of features."""


@dataclass
class Trainer:
    """Train `model` to lower `objective` on the batches of `batcher`; the same seed leads to the same weights.

    The model maps what a column returns, tensors moved to its device, to embeddings (n, d), or to a dictionary that has them as
    "sentence_embedding", as models of sentence-transformers do. The learning rate rises over `warmup` steps and falls
    linearly to zero. Biases and gains have no weight decay. `validate`, larger is better, is called after each epoch: the best
    epoch's weights are kept, and training ends after `patience` epochs without a better one. With a checkpoint an interrupted
    training continues.

    >>> from codomain.learn.batching.shuffled import Shuffled
    >>> from codomain.learn.objectives.distillation import EmbeddingDistillation
    >>> X = np.float32([[1, 0], [0, 1], [1, 1], [2, 1]])
    >>> model = nn.Linear(2, 2, bias=False)
    >>> trainer = Trainer(model, EmbeddingDistillation(), Shuffled(2), epochs=200, rate=0.1, weight_decay=0)
    >>> trainer.fit([vector_column(X)], labels=X[:, ::-1].copy()).steps
    400
    >>> model(torch.tensor([[3.0, 4.0]])).detach().numpy().round(1)
    array([[4., 3.]], dtype=float32)
    """

    model: nn.Module
    objective: Objective
    batcher: Batcher
    epochs: int
    rate: float
    weight_decay: float = 0.01
    warmup: int = 50
    clip: float | None = None
    seed: int = 0
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.AdamW
    validate: Callable[[], float] | None = None
    patience: int | None = None
    progress: Progress | None = None
    checkpoint: Checkpoint | None = None

    def fit(
        self,
        columns: Sequence[Column],
        labels: np.ndarray | Tensor | None = None,
        codes: np.ndarray | None = None,
        rows: int | None = None,
    ) -> Outcome:
        """Train on rows whose inputs are `columns`, whose labels are `labels` (n, ...) and of which the batcher sees `codes` (n, c).

        The number of rows is that of `codes`, of `labels` or `rows`, in this order; without codes each row has its own
        number. Raises InputError where neither says how many rows there are, for a number of columns or labels that the
        objective does not take, and for a loss that is not finite.
        """
        known = next((len(each) for each in (codes, labels) if each is not None), rows)
        if known is None:
            raise InputError("training needs codes, labels or the number of rows.")
        seen = np.arange(known)[:, None] if codes is None else np.asarray(codes)
        if labels is not None and len(labels) != known:
            raise InputError(f"training has codes of {known} rows and labels of {len(labels)}.")
        targets = None if labels is None else torch.as_tensor(labels)
        device = next((p.device for p in self.model.parameters()), torch.device("cpu"))
        modules = nn.ModuleList([self.model, self.objective.to(device)])

        def loss(batch: np.ndarray) -> Tensor:
            embeddings = [self._embed(_moved(column(batch), device)) for column in columns]
            own = None if targets is None else _moved(targets[torch.from_numpy(batch)], device)
            found = self.objective.compute_loss_from_embeddings(embeddings, own)
            return torch.stack([*found.values()]).sum() if isinstance(found, dict) else found

        def told(done: float) -> None:
            self.objective.progress = done

        with seeded(self.seed):
            return Loop(
                modules,
                [Update(loss, self._optimizer(modules))],
                lambda epoch: self.batcher(seen, epoch, self.seed),
                self.epochs,
                warmup_linear(self.warmup),
                self.clip,
                validate=self.validate,
                patience=self.patience,
                before_step=told,
                progress=self.progress,
                checkpoint=self.checkpoint,
            ).run()

    def _optimizer(self, modules: nn.Module) -> torch.optim.Optimizer:
        learned = [p for p in modules.parameters() if p.requires_grad]
        if not learned:
            raise InputError("the model has no weights that can be trained.")
        groups = [
            {"params": [p for p in learned if p.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [p for p in learned if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return self.optimizer([group for group in groups if group["params"]], lr=self.rate)

    def _embed(self, inputs: Any) -> Tensor:
        found = self.model(inputs)
        return found["sentence_embedding"] if isinstance(found, dict) else found  # type: ignore[no-any-return]


def _moved(inputs: Any, device: torch.device) -> Any:
    """Tensors, and those of a dictionary, on the device; anything else as it is."""
    if isinstance(inputs, dict):
        return {name: _moved(value, device) for name, value in inputs.items()}
    return inputs.to(device) if isinstance(inputs, Tensor) else inputs


def vector_column(X: Floats, rows: np.ndarray | None = None) -> Column:
    """Vectors (m, d) as a column; `rows` (n,) says which vector each row of the training has, by default its own."""
    return lambda batch: torch.from_numpy(X[batch if rows is None else rows[batch]])


def text_column(model: Any, texts: Sequence[str], rows: np.ndarray | None = None) -> Column:
    """Texts as a column, for a model of sentence-transformers; `rows` (n,) says which text each row has, by default its own."""

    def features(batch: np.ndarray) -> Any:
        # transformers' tokenizers give a BatchEncoding, which is no dict
        return dict(model.preprocess([texts[i] for i in (batch if rows is None else rows[batch])]))

    return features


def progress_callback(objective: Objective) -> Any:
    """A callback that tells an objective the share that is done, for the trainers of sentence-transformers.

    `SentenceTransformerTrainer(..., callbacks=[progress_callback(objective)])`.
    """
    from transformers import TrainerCallback

    class TellProgress(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
            objective.progress = state.global_step / max(state.max_steps, 1)

    return TellProgress()
