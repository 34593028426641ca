"""How what a proof found differs from what the register expects: in either direction, and in which claims there are."""

from __future__ import annotations

from collections.abc import Sequence

from proofs.lib.claims import Claim
from proofs.lib.register import Entry


def differences(entry: Entry, claims: Sequence[Claim]) -> list[str]:
    """A sentence for each difference; none where all came out as expected."""
    found = {claim.claim: claim for claim in claims}
    told = []
    for words, expected in entry.claims.items():
        claim = found.get(words)
        if claim is None:
            told.append(f"missing, the proof did not say: {words}")
        elif expected and not claim.holds:
            told.append(f"expected to hold, does not: {claim}")
        elif claim.holds and not expected:
            told.append(f"expected not to hold, holds: {claim}")
    told += [f"new, not in the register: {claim}" for words, claim in found.items() if words not in entry.claims]
    return told
