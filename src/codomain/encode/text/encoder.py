"""What every text encoder of this folder shares: how texts are read, and an argument `dim` that may be left open."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

from codomain.stage import Stage
from codomain.text import clean, for_encoders

TEXT_VERSION = 2
"""How texts are read: as they came (1), or in one Unicode form, see `codomain.text.for_encoders` (2)."""


class ReadsText(Stage):
    """An encoder that reads texts in one Unicode form, and for vectors that are stored already as it read them before.

    A fingerprint covers the version: `_stamped` adds it.
    """

    text_version: int = TEXT_VERSION

    def earlier(self) -> Self | None:
        """The same encoder as it was before texts had one form; None where this is it."""
        if self.text_version == 1:
            return None
        before = copy.copy(self)
        for name in ("fingerprint", "_table"):
            before.__dict__.pop(name, None)
        before.text_version = 1
        return before

    def _read(self, text: str) -> str:
        return clean(text) if self.text_version == 1 else for_encoders(text)

    def _stamped(self, digest: str) -> str:
        """What a fingerprint is made of, with the way in which texts are read; nothing is added for the first."""
        return digest if self.text_version == 1 else f"{digest} text={self.text_version}"


class TextEncoder(ReadsText):
    """A stage whose argument `dim` may be None, while its attribute `dim` is always the true number.

    The argument is kept as `_dim`, so the stage is printed, compared and cloned as it was written.
    """

    _dim: int | None

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's arguments by name."""
        names = [parameter.name for parameter in self._parameters()]
        return {name: self._dim if name == "dim" else getattr(self, name) for name in names}

    def _arguments(
        self, written: Callable[[Any], str], names: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[str]:
        defaults = {parameter.name: parameter.default for parameter in self._parameters()}
        for position, (name, value) in enumerate(self.get_params().items()):
            if value != defaults[name]:
                yield written(value) if position == 0 else f"{names.get(name, name)}={written(value)}"
