"""What every text encoder of this folder shares: an argument `dim` that may be left open."""

from __future__ import annotations

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

    def __str__(self) -> str:
        defaults = {parameter.name: parameter.default for parameter in self._parameters()}
        given = [
            (i, name, value) for i, (name, value) in enumerate(self.get_params().items()) if value != defaults[name]
        ]
        return f"{self.name}({', '.join(repr(value) if i == 0 else f'{name}={value!r}' for i, name, value in given)})"
