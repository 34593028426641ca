"""Which proofs a commit runs when there is time for a few only: a choice that differs from commit to commit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from proofs.lib.register import Entry


def rotated(entries: Sequence[Entry], commit: str, minutes: float) -> list[Entry]:
    """Proofs that take no more than the minutes together, in an order that only the commit's hash decides.

    Each one that fits alone is chosen by some commits; what stands in the order and does not fit any more is passed over.
    """
    chosen, left = [], minutes
    for entry in sorted(entries, key=lambda one: hashlib.sha256(f"{commit} {one.name}".encode()).digest()):
        if entry.minutes <= left:
            chosen.append(entry)
            left -= entry.minutes
    return chosen
