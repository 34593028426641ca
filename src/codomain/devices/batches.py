"""How many texts a network takes at once: by the memory that is free, half as many where that was too many."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from codomain.errors import InputError, notice

T = TypeVar("T")


def free_bytes(device: str) -> int | None:
    """Bytes that are free where a network runs; None where nobody says."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    if device.startswith("cpu"):
        try:
            with open("/proc/meminfo", encoding="ascii") as lines:
                return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
        except (OSError, ValueError, StopIteration):  # not on this system
            return None
    return None


def at_once(device: str, tokens: int, width: int) -> int:
    """How many texts of so many tokens a network of that width is given at once.

    On a processor those of about 512 tokens together, up to 64: more are padded more and no longer fit its cache. On another
    device as many as take half of its free memory, up to 1,024; 32 where it does not say.

    >>> at_once("nowhere", 128, 384)
    32
    """
    tokens = max(tokens, 1)
    # of a layer: some 16 float32 arrays of a token's width, and attention of up to 24 heads between all tokens
    each = 64 * width * tokens + 96 * tokens * tokens
    free = free_bytes(device)
    on_processor = device.startswith("cpu")
    most = max(1, min(64, 512 // tokens)) if on_processor else 1024
    if free is None:
        return most if on_processor else 32
    size = 1
    while 2 * size <= most and 2 * size * each <= free // 2:
        size *= 2
    return size


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left: of Python, PyTorch or onnxruntime, on a processor or another device.

    >>> out_of_memory(MemoryError()), out_of_memory(ValueError("a shape"))
    (True, False)
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    told = str(error).lower()
    return any(words in told for words in _NO_MEMORY)


_NO_MEMORY = ("out of memory", "failed to allocate memory", "not enough memory", "can't allocate memory", "bad_alloc")


class Batches:
    """How many texts a network takes at once: halved, for good, where there was no memory for more."""

    def __init__(self, size: int, told: str) -> None:
        self.size, self.told = size, told
        self.halved = 0
        """How often it was halved."""

    def run(self, work: Callable[[int], T], most: int | None = None) -> T:
        """What `work(size)` gives, with half the size each time that it ran out of memory; `most` is enough this time.

        Raises InputError where there is none for a single text.
        """
        while True:
            size = self.size if most is None else max(1, min(self.size, most))
            try:
                return work(size)
            except Exception as error:  # PyTorch and onnxruntime have classes of their own
                if not out_of_memory(error):
                    raise
                if size == 1:
                    raise InputError(f"{self.told} has no memory for a single text: {_first(error)}") from error
            self.size, self.halved = self.size // 2, self.halved + 1
            _give_back()
            notice(
                f"{self.told} ran out of memory with {2 * self.size:,} texts at once and goes on with {self.size:,}."
            )


def _first(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0].rstrip(".") + "."


def _give_back() -> None:
    """Return the memory that PyTorch keeps for later, where it is loaded and keeps any."""
    import sys

    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
