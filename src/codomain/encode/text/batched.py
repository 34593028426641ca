"""How many texts a stage gives its model at once."""

from __future__ import annotations

from typing import Any

from codomain.devices.batches import Batches, at_once
from codomain.encode.text.window import WindowedModel

_CHARACTERS = 4
"""Of a token, about."""
_MOST = 1024
"""Texts at once."""


class Batched(WindowedModel):
    """A `WindowedModel` that says how many texts are run at once, or leaves it to their lengths and the free memory."""

    batch_size: int | None

    @property
    def _batches(self) -> Batches:
        """How many texts at once: those that were asked for, less where they did not fit."""
        held: Batches | None = self.__dict__.get("_batches_held")
        if held is None:
            held = self.__dict__.setdefault("_batches_held", Batches(self.batch_size or _MOST, str(self)))
        return held

    def _at_once(self, characters: int) -> int:
        """How many texts at once, of which the longest has so many characters."""
        if self.batch_size is not None:
            return self.batch_size
        model = self._model
        tokens = min(characters // _CHARACTERS + 2, self._lease.longest or characters)
        return at_once(str(model.device), tokens, _width(model))


def _width(model: Any) -> int:
    """Dimensions of a token's vector inside a network; those of a large one where it does not say."""
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    return int(getattr(config, "hidden_size", None) or 1024)
