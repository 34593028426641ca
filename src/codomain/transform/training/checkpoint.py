"""The state of an interrupted training in one safetensors file: tensors as such, the rest as JSON in its header."""

from __future__ import annotations

import json
import os
import time
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from codomain.errors import InputError
from codomain.files import failing

_MARK = "codomain training 1"


@dataclass
class Checkpoint:
    """Where a training keeps its state, and how often: not more often than every so many seconds, and at its end.

    `key` says what is trained: data, settings, seed. A training with another key is refused the file. A new state takes
    the place of the last one when it is complete: whenever the process is killed, one of the two is there.
    """

    path: Path
    key: str
    every: float = 60.0
    _last: float = field(default_factory=lambda: time.monotonic(), init=False, repr=False)

    def due(self) -> bool:
        """Whether the last state is old enough to be replaced."""
        return time.monotonic() - self._last >= self.every

    def write(self, state: dict[str, Any]) -> None:
        """Replace the file; nested dictionaries, lists, tuples, tensors, numbers, strings, None. Raises InputError if it cannot."""
        tensors: dict[str, torch.Tensor] = {}
        header = {"format": _MARK, "key": self.key, "state": json.dumps(_pack(state, tensors))}
        header["crc32"] = str(_crc(tensors, header["state"]))
        unfinished = self.path.with_name(self.path.name + ".part")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file(tensors, unfinished, header)
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.replace(self.path)
        except (OSError, SafetensorError) as error:
            unfinished.unlink(missing_ok=True)
            raise InputError(f"the checkpoint {self.path} cannot be written: {error}.") from None
        self._last = time.monotonic()

    def read(self) -> dict[str, Any] | None:
        """What was written last; None if nothing was. Raises InputError for a damaged file or one of another training."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                header = file.metadata() or {}
                if header.get("format") != _MARK:
                    raise InputError(f"{self.path} is not the checkpoint of a training: name another file.")
                if header["key"] != self.key:
                    raise InputError(
                        f"the checkpoint {self.path} is of a training with other data or settings: remove it, or name another."
                    )
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                # earlier versions wrote none
                if int(header.get("crc32", -1)) not in (-1, _crc(tensors, header["state"])):
                    raise ValueError
                return _unpack(json.loads(header["state"]), tensors)  # type: ignore[no-any-return]
        except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError):
            raise InputError(f"the checkpoint {self.path} is damaged: remove it to begin again.") from None

    def remove(self) -> None:
        """Delete the file. Raises StoreError if it cannot be deleted."""
        with failing(self.path):
            self.path.unlink(missing_ok=True)


def _pack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """JSON that names each tensor; dictionaries as pairs, since JSON has no numbers as keys."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        # a copy: tensors that share memory, as tied weights do, cannot be saved
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, _pack(each, tensors)] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [_pack(each, tensors) for each in value]}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a checkpoint cannot hold {type(value).__name__}")


def _crc(tensors: dict[str, torch.Tensor], state: str) -> int:
    """CRC-32 over the bytes of all tensors, in the order of their names, and of what names them."""
    crc = zlib.crc32(state.encode())
    for name in sorted(tensors):
        crc = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, crc)
    return crc


def _unpack(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(each, tensors) for key, each in content}
    found = [_unpack(each, tensors) for each in content]
    return tuple(found) if kind == "tuple" else found
