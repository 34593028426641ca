"""What a collection knows of the servers of its encoders: the dimensions of their vectors, and what was paid for these."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from codomain.endpoints.usage import Usage
from codomain.store.backend import Backend

_ENTRY = "servers"
"""The entry of `meta`: by encoder, under the name that does not change when its server moves."""


def remember(backend: Backend, encoders: Iterable[Any], spent: Mapping[str, Usage]) -> None:
    """Count what was spent, and keep the dimensions; inside a transaction."""
    hosted = {encoder.identity: encoder for encoder in encoders if hasattr(encoder, "known_dim")}
    new = {name: usage for name, usage in spent.items() if name in hosted}
    if not new:
        return
    known = _read(backend.meta.get(_ENTRY))
    for name, usage in new.items():
        total = usage_of(known.get(name))
        total.add(usage)
        known[name] = {"dim": hosted[name].dim, "usage": total.dump()}
    backend.meta.set(_ENTRY, json.dumps(known))


def recall(meta: Mapping[str, str], encoders: Iterable[Any]) -> None:
    """Tell encoders their dimensions, so that a collection opens without asking a server."""
    known = _read(meta.get(_ENTRY)) if _ENTRY in meta else {}
    for encoder in encoders if known else ():
        dim = known.get(getattr(encoder, "identity", ""), {}).get("dim")
        if getattr(encoder, "known_dim", 0) is None and isinstance(dim, int) and dim > 0:
            encoder.known_dim = dim


def spending(backend: Backend) -> dict[str, dict[str, Any]]:
    """What was paid for the vectors, by encoder, in plain values."""
    return {name: usage_of(entry).dump() for name, entry in _read(backend.meta.get(_ENTRY)).items()}


def notes(backend: Backend) -> list[str]:
    """A sentence for each encoder of a server."""
    found = _read(backend.meta.get(_ENTRY))
    return [f"for the vectors of this collection {name} was sent {usage_of(entry)}." for name, entry in found.items()]


def usage_of(entry: Any) -> Usage:
    """The counts of an entry; none where it is damaged."""
    try:
        return Usage.parse(entry["usage"])
    except (ValueError, TypeError, KeyError):
        return Usage()


def _read(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return {name: entry for name, entry in found.items() if isinstance(entry, dict)} if isinstance(found, dict) else {}
