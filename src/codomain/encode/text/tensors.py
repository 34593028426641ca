"""Tensors of a safetensors file as read-only memory maps: what is not touched is never read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from codomain.errors import InputError

TYPES = {
    "I8": np.int8,
    "U8": np.uint8,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
    "I32": np.int32,
    "I64": np.int64,
}
LONGEST_HEADER = 100_000_000


def map_tensors(path: str | Path) -> dict[str, np.ndarray]:
    """Every tensor of the file by name; the format is a length, a JSON header and the raw bytes.

    Raises InputError for a missing, cut-off or malformed file and for tensor types that numpy does not have.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 0 < length <= min(size - 8, LONGEST_HEADER):
                raise ValueError("its header is cut off")
            header = json.loads(file.read(length))
        raw = np.memmap(path, np.uint8, mode="r")
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            start, stop = (8 + length + int(offset) for offset in entry["data_offsets"])
            if entry["dtype"] not in TYPES or not 8 + length <= start <= stop <= size:
                raise ValueError(f"tensor {name} is {entry['dtype']}, bytes {start} to {stop} of {size}")
            tensors[name] = raw[start:stop].view(TYPES[entry["dtype"]]).reshape(entry["shape"])
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"{path} is not a safetensors file that can be used: {error}.") from None
    return tensors
