"""The record of an upgrade in the database: where it leads from and to, and how far it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from codomain.store.backend.records import Meta

Mode = Literal["bridge", "reembed"]


@dataclass(frozen=True)
class UpgradeState:
    """An upgrade under way (`done` is false), or one that came through and keeps the old vectors."""

    source: str
    """The pipeline that it leads from, as an expression."""
    target: str
    mode: Mode
    done: bool = False
    keys: dict[str, str] = field(default_factory=dict)
    """The target's branches: by their expression, the name that they have in the database."""
    source_keys: dict[str, str] = field(default_factory=dict)
    dims: dict[str, int] = field(default_factory=dict)
    """Dimensions of the source's encoders by the name of the branch in the database: old rows are searched without asking those."""
    reports: list[dict[str, Any]] = field(default_factory=list)
    """What was measured of each bridge before it was used (`codomain.store.upgrade.bridge`)."""

    @classmethod
    def read(cls, meta: dict[str, str]) -> UpgradeState | None:
        """The upgrade that the entries `meta` name, if any."""
        return cls(**json.loads(meta["upgrade"])) if "upgrade" in meta else None

    def write(self, meta: Meta) -> None:
        """Put the record into the database; inside a transaction."""
        meta.set("upgrade", json.dumps(asdict(self)))

    def finished(self) -> UpgradeState:
        """The same after the cut-over."""
        return replace(self, done=True)


def next_generation(meta: Meta) -> None:
    """Tell every process that has the collection open to read its pipeline again; inside a transaction."""
    meta.count_up("generation")
