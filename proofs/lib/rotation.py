"""Which proofs a commit runs when there is time for a few only: a choice that differs from commit to commit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from proofs.lib.register import Entry


def rotated(entries: Sequence[Entry], commit: str, minutes: float) -> list[Entry]:
    """Proofs that take no more than the minutes together, in an order that only the commit's hash decides.

    Those that take at most half of the minutes, so that there is a choice of several; each is chosen by some commits. What stands
    in the order and does not fit any more is passed over.
    """
    chosen, left = [], minutes
    quick = [entry for entry in entries if entry.minutes <= minutes / 2]
    for entry in sorted(quick, key=lambda one: hashlib.sha256(f"{commit} {one.name}".encode()).digest()):
        if entry.minutes <= left:
            chosen.append(entry)
            left -= entry.minutes
    return chosen
