"""What every text encoder of this folder shares: an argument `dim` that may be left open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from codomain.stage import Stage


class TextEncoder(Stage):
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
