"""Where a network runs: the device that a stage names, or the best that is there."""

from __future__ import annotations

import re
from typing import Any

from codomain.errors import InputError

_DEVICE = re.compile(r"[a-z]+(:\d+)?")


def check_device(device: Any) -> str | None:
    """A device as stages keep it: None, the best that is there, for "auto"; else "cpu", "cuda", "cuda:1", "mps".

    Raises ValueError, worded as what a stage needs, for what is no name of a device.

    >>> check_device("auto"), check_device("cuda:1")
    (None, 'cuda:1')
    """
    if device is None or device == "auto":
        return None
    if isinstance(device, str) and _DEVICE.fullmatch(device):
        return device
    raise ValueError(f"needs device to be 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps', not {device!r}")


def torch_device(device: str | None, told: str) -> str:
    """The device of PyTorch that a stage runs on: the one that it names, else a GPU where there is one, else the processor.

    Raises InputError, which begins with `told`, for a device that is not there.
    """
    import torch

    there = _there(torch)
    if device is None:
        return str(torch.accelerator.current_accelerator()) if torch.accelerator.is_available() else "cpu"
    kind = device.partition(":")[0]
    if kind in ("cpu", "cuda", "mps"):
        found = device in there or device == "cpu:0"
    else:
        found = _works(torch, device)
    if not found:
        raise InputError(f"{told} needs the device {device}, and PyTorch finds none: it has {', '.join(there)}.")
    return device


def _there(torch: Any) -> list[str]:
    found = ["cpu"]
    if torch.cuda.is_available():
        found += ["cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        found += ["mps", "mps:0"]
    return found


def _works(torch: Any, device: str) -> bool:
    """Whether a device of another maker takes a number."""
    try:
        torch.zeros(1, device=device)
    except Exception:  # what is raised depends on the device
        return False
    return True
