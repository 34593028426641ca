"""Stored files with forged checksums: changed bytes whose checksums are made to fit, so that what lies behind them is reached."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

from codomain.index.array_files import _HEAD, _meta_crc
from codomain.vectorfiles.storage import _meta_digest


def forge_index(folder: Path) -> None:
    """Give the files of a saved index the sizes and checksums that its meta.json then names."""
    meta = _read(folder)
    if meta is None or not isinstance(meta.get("files"), dict):
        return
    for name, entry in meta["files"].items():
        if isinstance(entry, dict) and (folder / name).is_file():
            data = (folder / name).read_bytes()
            entry |= {"bytes": len(data), "crc32": zlib.crc32(data)}
            if "head_crc32" in entry:
                entry["head_crc32"] = zlib.crc32(data[:_HEAD])
    meta.pop("crc32", None)
    _write(folder, meta | {"crc32": _meta_crc(meta)})


def forge_vectors(folder: Path) -> None:
    """Give the files of a vector file the checksums that its meta.json then names; each fits its own size."""
    meta = _read(folder)
    if meta is None or not isinstance(meta.get("arrays"), dict):
        return
    for name, entry in meta["arrays"].items():
        if isinstance(entry, dict) and (folder / f"{name}.bin").is_file():
            data = (folder / f"{name}.bin").read_bytes()
            entry["blake2b"] = hashlib.blake2b(data, digest_size=16).hexdigest()
    meta.pop("blake2b", None)
    _write(folder, meta | {"blake2b": _meta_digest(meta)})


def forged_covers(data: bytes) -> bytes:
    """What an index covers, with the checksum of what it says."""
    try:
        covers = json.loads(data)
        covers.pop("crc32", None)
        return json.dumps(covers | {"crc32": zlib.crc32(json.dumps(covers, sort_keys=True).encode())}).encode()
    except (ValueError, AttributeError, TypeError, RecursionError):
        return data


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return meta if isinstance(meta, dict) else None


def _write(folder: Path, meta: dict[str, Any]) -> None:
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
