"""The one training loop: updates over seeded batches, a schedule, early stopping on a validation value, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from codomain.errors import InputError
from codomain.transform.training.checkpoint import Checkpoint

Schedule = Callable[[int, float], float]
"""The steps done and the share of the training done, 0 to 1, to a factor of each optimizer's own learning rate."""

Progress = Callable[[str, int, int], None]
"""Called with a name, how much is done and the total."""


class Update(NamedTuple):
    """A loss of a batch, a scalar, and the optimizer that lowers it."""

    loss: Callable[[Any], Tensor]
    optimizer: torch.optim.Optimizer


class Outcome(NamedTuple):
    """Steps and epochs that were done, the best validation value and the epoch after which it was reached, counted from 1."""

    steps: int
    epochs: int
    best: float | None
    best_epoch: int | None


def warmup_linear(warmup: int) -> Schedule:
    """A rate that rises over `warmup` steps and falls linearly to zero over the whole training.

    >>> rate = warmup_linear(10)
    >>> rate(4, 0.0), rate(50, 0.5)
    (0.5, 0.5)
    """
    return lambda step, done: (1 - done) * min(1.0, (step + 1) / max(warmup, 1))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's generators begin at `seed` inside, and go on afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if _on_cuda() else []):
        torch.manual_seed(seed)
        yield


@dataclass
class _Position:
    """Where a training stands: the epoch, the batch that comes next in it, and what early stopping has seen."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float = -math.inf
    best_epoch: int | None = None
    waited: int = 0


@dataclass
class Loop:
    """Train `model` by `updates`, one after the other for each batch.

    `batches(epoch)` returns the batches of an epoch, in whatever form the losses take. It may draw from torch's generators
    and from `generators`; a checkpoint keeps their states, so that an interrupted training continues with the same draws.
    With a checkpoint it must depend on nothing else: not on the model, say.

    `validate` is called after each epoch, the model in evaluation mode and without gradients; larger is better. The weights of
    the best epoch are the result, and training ends after `patience` epochs without a better one. `clip` bounds the norm of
    each update's gradient. `before_step` is called with the share of the training that is done, `progress` after each step.

    A loss that is not finite raises InputError, before it changes a weight.

    >>> line = nn.Linear(1, 1)
    >>> x = torch.arange(4.0)[:, None]
    >>> step = Update(lambda rows: ((line(x[rows]) - 3 * x[rows]) ** 2).mean(), torch.optim.SGD(line.parameters(), 0.1))
    >>> Loop(line, [step], lambda epoch: [[0, 1], [2, 3]], epochs=60).run().steps, round(line.weight.item(), 1)
    (120, 3.0)
    """

    model: nn.Module
    updates: Sequence[Update]
    batches: Callable[[int], Iterable[Any]]
    epochs: int
    schedule: Schedule | None = None
    clip: float | None = None
    validate: Callable[[], float] | None = None
    patience: int | None = None
    before_step: Callable[[float], None] | None = None
    progress: Progress | None = None
    checkpoint: Checkpoint | None = None
    generators: Sequence[np.random.Generator] = ()
    _at: _Position = field(default_factory=_Position, init=False, repr=False)
    _kept: dict[str, Tensor] | None = field(default=None, init=False, repr=False)

    def run(self) -> Outcome:
        """Train, or continue from the checkpoint; the model then has its final weights and is in evaluation mode."""
        self._at, self._rates = _Position(), [[g["lr"] for g in u.optimizer.param_groups] for u in self.updates]
        self._kept = _copy(self.model) if self.validate is not None else None
        begun = self._resume()
        while self._at.epoch < self.epochs and not self._stopped():
            self._epoch(begun)
            begun = None
        if self.checkpoint is not None:
            self._save(self._draws())
        if self._kept is not None:
            self.model.load_state_dict(self._kept)
        self.model.eval()
        at = self._at
        return Outcome(at.step, at.epoch, None if at.best_epoch is None else at.best, at.best_epoch)

    def _stopped(self) -> bool:
        return self.patience is not None and self._at.waited >= self.patience

    def _epoch(self, begun: _Interrupted | None) -> None:
        """One epoch, or the rest of one that was interrupted."""
        if begun is not None:
            self._restore_draws(begun.at_start)
        start = self._draws() if self.checkpoint is not None else None
        batches = list(self.batches(self._at.epoch))
        if begun is not None:
            self._restore_draws(begun.now)
        self.model.train()
        steps = max(self.epochs * len(batches), 1)
        for batch in batches[self._at.batch :]:
            # whole numbers divided once: as exact as a count of all steps
            done = (self._at.epoch * len(batches) + self._at.batch) / steps
            self._step(batch, done)
            self._at.batch += 1
            self._at.step += 1
            if self.progress is not None:
                self.progress("step", self._at.epoch * len(batches) + self._at.batch, steps)
            if self.checkpoint is not None and self.checkpoint.due():
                self._save(start)
        self._judge()
        self._at.epoch, self._at.batch = self._at.epoch + 1, 0

    def _step(self, batch: Any, done: float) -> None:
        if self.before_step is not None:
            self.before_step(done)
        factor = 1.0 if self.schedule is None else self.schedule(self._at.step, done)
        for (loss_of, optimizer), rates in zip(self.updates, self._rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            loss = loss_of(batch)
            if not torch.isfinite(loss):
                raise InputError(
                    f"the loss is {loss.item()} in epoch {self._at.epoch + 1}, batch {self._at.batch + 1}: "
                    "look for values that are not finite in its rows, or lower the learning rate."
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if self.clip is not None:
                clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], self.clip)
            optimizer.step()

    def _judge(self) -> None:
        """Keep the weights if they are the best so far."""
        if self.validate is None:
            return
        self.model.eval()
        with torch.no_grad():
            value = float(self.validate())
        at = self._at
        if value > at.best:
            at.best, at.best_epoch, at.waited, self._kept = value, at.epoch + 1, 0, _copy(self.model)
        else:
            at.waited += 1

    # --- checkpoints --------------------------------------------------------------------------------------------

    def _draws(self) -> dict[str, Any]:
        """The states of all generators."""
        cuda = torch.cuda.get_rng_state_all() if _on_cuda() else []
        return {
            "torch": torch.get_rng_state(),
            "cuda": cuda,
            "numpy": [generator.bit_generator.state for generator in self.generators],
        }

    def _restore_draws(self, draws: dict[str, Any]) -> None:
        torch.set_rng_state(draws["torch"])
        if draws["cuda"]:
            torch.cuda.set_rng_state_all(draws["cuda"])
        for generator, state in zip(self.generators, draws["numpy"], strict=True):
            generator.bit_generator.state = state

    def _save(self, start: dict[str, Any] | None) -> None:
        assert self.checkpoint is not None
        self.checkpoint.write(
            {
                "position": asdict(self._at),
                "model": self.model.state_dict(),
                "best": self._kept,
                "optimizers": [update.optimizer.state_dict() for update in self.updates],
                "draws at start": start,
                "draws": self._draws(),
            }
        )

    def _resume(self) -> _Interrupted | None:
        """Put everything back as the checkpoint has it; None where there is none."""
        saved = self.checkpoint.read() if self.checkpoint is not None else None
        if saved is None:
            return None
        self._at, self._kept = _Position(**saved["position"]), saved["best"]
        self.model.load_state_dict(saved["model"])
        for update, state in zip(self.updates, saved["optimizers"], strict=True):
            update.optimizer.load_state_dict(state)
        if not self._at.batch:
            self._restore_draws(saved["draws"])
            return None
        return _Interrupted(saved["draws at start"], saved["draws"])


class _Interrupted(NamedTuple):
    """States of the generators at the start of an epoch, and at the batch where it was interrupted."""

    at_start: dict[str, Any]
    now: dict[str, Any]


def _on_cuda() -> bool:
    """Whether anything runs there: asking its generators would start it."""
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
