"""The mean local dimension of a model's token vectors while it trains, for the trainers of transformers and sentence-transformers."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import TrainerCallback

from codomain.arrays import Floats
from codomain.errors import InputError
from codomain.measure.space.geometry import local_dimension, turning_point

_LOG = logging.getLogger("codomain")
_BATCH = 32
_LEAST = 10
"""Token vectors below which a local dimension tells nothing."""


class DimensionPoint(NamedTuple):
    """One measurement: after so many steps and epochs, the mean local dimension and the last training loss (NaN before one)."""

    step: int
    epoch: float
    dimension: float
    loss: float


class LocalDimensionCallback(TrainerCallback):
    """Watch the mean local dimension of a model's token vectors of some texts while a trainer runs, and name its turn.

    For `Trainer` of transformers, whose tokenizer is its `processing_class`, and `SentenceTransformerTrainer`. It measures before
    the first step, then every `every` steps, or after each epoch. `texts` are always the same ones: texts of the task that the
    model does not learn from, or a mapping of tensors "input_ids" (n, t) and "attention_mask" for models without tokenizer.
    `layer` is that of the hidden states, -1 the last; `sample` tokens are looked at, `neighbors` around each.

    `history` holds the points, and the trainer's log gets them as "local_dimension". `turn` is the point of the least dimension
    once it has risen from there by the share `rise`, which is also said by the logger "codomain": from there on the model may be
    over-fitting. `stop=True` ends the training then. "Less is More: Local Intrinsic Dimensions of Contextual Language
    Models" (2025).

    >>> callback = LocalDimensionCallback(["a red fox", "tax law"], every=50)
    >>> callback.history, callback.turn
    ([], None)

    Raises InputError without texts, for arguments out of range, or where texts come without a tokenizer.
    """

    def __init__(
        self,
        texts: Sequence[str] | Mapping[str, torch.Tensor],
        layer: int = -1,
        every: int | None = None,
        sample: int = 1_000,
        neighbors: int = 128,
        max_length: int = 128,
        rise: float = 0.05,
        stop: bool = False,
        seed: int = 0,
    ) -> None:
        if isinstance(texts, str) or not len(texts):
            raise InputError("a local dimension needs a list of texts, or tensors of token ids.")
        if isinstance(texts, Mapping) and "input_ids" not in texts:
            raise InputError(f"tensors of texts need 'input_ids', not only {', '.join(map(repr, texts))}.")
        for name, value, least in (
            ("every", every, 1),
            ("sample", sample, 1),
            ("neighbors", neighbors, 3),
            ("max_length", max_length, 1),
        ):
            if value is not None and value < least:
                raise InputError(f"{name} is {least} at least, not {value!r}.")
        turning_point([], rise)
        self.texts, self.layer, self.every, self.sample = texts, layer, every, sample
        self.neighbors, self.max_length, self.rise, self.stop, self.seed = neighbors, max_length, rise, stop, seed
        self.history: list[DimensionPoint] = []
        self._loss = math.nan

    @property
    def turn(self) -> DimensionPoint | None:
        """The point of the least dimension, None while it has not risen from one."""
        at = turning_point([point.dimension for point in self.history], self.rise)
        return None if at is None else self.history[at]

    def measure(self, model: Any, tokenizer: Any = None) -> float:
        """The mean local dimension of a model as it is now, in evaluation mode; also without any trainer."""
        X = token_vectors(model, self.texts, tokenizer, self.layer, self.max_length)
        if len(X) < _LEAST:
            raise InputError(
                f"the texts have {len(X)} tokens: a local dimension needs {_LEAST} at least, better thousands."
            )
        return float(local_dimension(X, neighbors=self.neighbors, sample=self.sample, seed=self.seed).mean())

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure the model before its first step, unless a training continues."""
        if not self.history:
            self._record(state, control, kwargs)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        """Remember the last training loss."""
        self._loss = float((logs or {}).get("loss", self._loss))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure every `every` steps."""
        if self.every is not None and state.global_step % self.every == 0:
            self._record(state, control, kwargs)

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure after each epoch where no number of steps was given."""
        if self.every is None:
            self._record(state, control, kwargs)

    def _record(self, state: Any, control: Any, given: dict[str, Any]) -> None:
        turned = self.turn is not None
        dimension = self.measure(given["model"], given.get("processing_class"))
        point = DimensionPoint(int(state.global_step), float(state.epoch or 0), dimension, self._loss)
        self.history.append(point)
        state.log_history.append({"local_dimension": dimension, "step": point.step, "epoch": point.epoch})
        if (turn := self.turn) is not None and not turned:
            _LOG.warning(
                "the local dimension has risen to %.2f from %.2f at step %d: from there on the model may be over-fitting.",
                dimension, turn.dimension, turn.step,
            )  # fmt: skip
            if self.stop:
                control.should_training_stop = True


def token_vectors(
    model: Any,
    texts: Sequence[str] | Mapping[str, torch.Tensor],
    tokenizer: Any = None,
    layer: int = -1,
    max_length: int = 128,
) -> Floats:
    """The hidden states (tokens, d) of all texts in a layer, padding left out; the model stays in the mode that it was in.

    Raises InputError where texts come without a tokenizer, or the model has no such layer.
    """
    network, own = _network(model)
    device = next(network.parameters()).device
    was_training, found = network.training, []
    network.eval()
    try:
        with torch.inference_mode():
            for batch in _batches(texts, tokenizer or own, max_length):
                states = network(
                    **{name: t.to(device) for name, t in batch.items()}, output_hidden_states=True
                ).hidden_states
                if not -len(states) <= layer < len(states):
                    raise InputError(f"the model has {len(states)} layers of states: there is no layer {layer}.")
                kept = batch.get("attention_mask", torch.ones_like(batch["input_ids"])).bool()
                found.append(states[layer].float().cpu()[kept].numpy())
    finally:
        network.train(was_training)
    return np.concatenate(found)


def _network(model: Any) -> tuple[Any, Any]:
    """The transformer inside, and the tokenizer that comes with it where one does."""
    while hasattr(model, "module"):  # as trainers wrap it for several devices
        model = model.module
    first = model[0] if isinstance(model, torch.nn.Sequential) and len(model) else None
    if first is not None and hasattr(first, "auto_model"):
        return first.auto_model, getattr(model, "tokenizer", None)
    return model, None


def _batches(texts: Any, tokenizer: Any, max_length: int) -> Any:
    if isinstance(texts, Mapping):
        n = len(texts["input_ids"])
        return ({name: t[i : i + _BATCH] for name, t in texts.items()} for i in range(0, n, _BATCH))
    if tokenizer is None or not callable(tokenizer):
        raise InputError(
            "the trainer has no tokenizer: give it as processing_class, or give texts as tensors of token ids."
        )
    return (
        dict(
            tokenizer(
                [*texts[i : i + _BATCH]], truncation=True, max_length=max_length, padding=True, return_tensors="pt"
            )
        )
        for i in range(0, len(texts), _BATCH)
    )
