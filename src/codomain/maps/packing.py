"""A map as bytes for its page: arrays, then a JSON header, all of it compressed.

    arrays         one after the other in the order of the header
    header         JSON: what is said of the map, and the length, type and form of each array by name
    last 4 bytes   length of the header, little-endian

Documents come along a Z-order curve, so that neighboring ones, which say the same, are compressed together. Forms of arrays:
"plain" as they are; "planes" the lowest bytes of all numbers, then the next ones; "delta" the same of the differences of neighbors
modulo the type's range.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_LENGTHS = (280, 200, 150, 110, 80, 65, 52, 42, 34, 27, 20, 0)
"""Characters of each text that a page may show."""
_BLOCKS, _SAMPLED = 20, 20
_LEVEL = 6


def along_curve(steps: np.ndarray) -> np.ndarray:
    """The order (n,) of places (n, 2) of 16 bits along a Z-order curve.

    >>> along_curve(np.array([[65535, 65535], [0, 0], [1, 0]], np.uint16)).tolist()
    [1, 2, 0]
    """
    code = np.zeros(len(steps), np.uint64)
    for bit in range(16):
        for axis in (0, 1):
            code |= ((steps[:, axis].astype(np.uint64) >> np.uint64(bit)) & np.uint64(1)) << np.uint64(2 * bit + axis)
    return np.argsort(code, kind="stable")


class Packer:
    """Compresses arrays under names as they come, so that their size is known, and a header after them.

    >>> packer = Packer()
    >>> packer.add("a", np.array([3, 4], np.uint16), "delta")
    >>> unpacked(packer.finish({"title": "t"}))["a"].tolist()
    [3, 4]
    """

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)  # 31: in gzip's format
        self._parts: list[bytes] = []

    def add(self, name: str, array: np.ndarray, form: str = "plain") -> None:
        """An array of float32 or of unsigned whole numbers, flattened."""
        flat = np.ascontiguousarray(array).ravel()
        flat = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
        if form == "delta":
            flat = np.diff(flat, prepend=flat.dtype.type(0))
        data = flat.tobytes() if form == "plain" else flat.view(np.uint8).reshape(-1, flat.itemsize).T.tobytes()
        self._take(name, data, flat.dtype.name, form)

    def add_texts(self, name: str, texts: Sequence[str]) -> None:
        """A list of texts, as JSON."""
        self._take(name, _json(texts), "json", "plain")

    def size(self) -> int:
        """Compressed bytes so far."""
        self._parts.append(self._deflate.flush(zlib.Z_SYNC_FLUSH))
        return sum(map(len, self._parts))

    def finish(self, header: Mapping[str, Any]) -> bytes:
        """All of it, once."""
        head = _json({**header, "arrays": self._entries})
        self._parts.append(self._deflate.compress(head + len(head).to_bytes(4, "little")))
        return b"".join([*self._parts, self._deflate.flush()])

    def _take(self, name: str, data: bytes, kind: str, form: str) -> None:
        self._entries.append({"name": name, "type": kind, "form": form, "length": len(data)})
        self._parts.append(self._deflate.compress(data))


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def unpacked(data: bytes) -> dict[str, Any]:
    """The header and the arrays by name of what `Packer` gave."""
    data = zlib.decompress(data, 31)
    length = int.from_bytes(data[-4:], "little")
    found: dict[str, Any] = json.loads(data[-4 - length : -4])
    at = 0
    for entry in found.pop("arrays"):
        part = data[at : at + entry["length"]]
        at += entry["length"]
        if entry["type"] == "json":
            found[entry["name"]] = json.loads(part)
        else:
            dtype = np.dtype(entry["type"]).newbyteorder("<")
            found[entry["name"]] = _array(part, dtype, entry["form"])
    return found


def _array(data: bytes, dtype: np.dtype, form: str) -> np.ndarray:
    if form == "plain":
        return np.frombuffer(data, dtype)
    planes = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1)
    numbers = np.ascontiguousarray(planes.T).view(dtype).ravel()
    return numbers if form == "planes" else np.cumsum(numbers, dtype=dtype)


def shortened(text: str, length: int) -> str:
    """A text on one line, cut at a space to at most so many characters and an ellipsis.

    >>> shortened("red  foxes\\nrun", 10), shortened("red", 10), shortened("redfoxes", 3)
    ('red foxes…', 'red', 'red…')
    """
    line = " ".join(text[: 2 * length + 40].split())
    if len(line) <= length and len(text) <= 2 * length + 40:
        return line
    cut = line[: length + 1].rpartition(" ")[0] if length < len(line) else line
    return (cut or line[:length]) + "…" if length else ""


def fitting_length(texts: Sequence[str], room: int) -> int:
    """How many characters of each text fit into so many compressed bytes, estimated on a part of them."""
    n = len(texts)
    block = max(n // (_BLOCKS * _SAMPLED), 1)
    chosen = [text for start in range(0, n, block * _SAMPLED) for text in texts[start : start + block]]
    for length in _LENGTHS:
        sample = "\n".join(shortened(text, length) for text in chosen).encode("utf-8", "replace")
        if len(zlib.compress(sample, _LEVEL)) * n / max(len(chosen), 1) <= room:
            return length
    return 0
