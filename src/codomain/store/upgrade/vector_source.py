"""Where the vectors of a branch that is being filled come from: its texts, or another branch that has them already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codomain.arrays import Rows
from codomain.store.branches.branch import StoredBranch

_PRECISE = ("float32", "float16", "float8_e4m3", "float8_e5m2", "int8")
"""Formats that are near enough to what the encoder returned for other transforms to be made from them."""


@dataclass(frozen=True)
class VectorSource:
    """Vectors by row for a branch: copied from `other` where it can be, else made from the texts."""

    branch: StoredBranch
    other: StoredBranch | None

    @property
    def cheap(self) -> bool:
        """Whether nothing has to be encoded."""
        return self.other is not None

    def vectors(self, rows: Rows) -> Any:
        """What the encoder returns for the rows, situated, before the transforms."""
        return self.branch.blocks.encoded(rows) if self.other is None else self.other.blocks.vectors(rows)


def source_of(branch: StoredBranch, others: Sequence[StoredBranch]) -> VectorSource:
    """The cheapest source among branches that are complete."""
    encoder = branch.plan.encoder
    assert encoder is not None
    for other in others:
        if other.encoder_fingerprint == encoder.fingerprint and other.blocks.keeps and _precise(other):
            return VectorSource(branch, other)
    return VectorSource(branch, None)


def _precise(branch: StoredBranch) -> bool:
    """Whether the stored rows are the encoder's, if in fewer bits."""
    if not branch.fitted or not branch.plan.transforms:
        return True
    codec = branch.plan.codec
    return len(branch.plan.transforms) == 1 and codec is not None and codec.kind in _PRECISE
