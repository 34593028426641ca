"""How a proof ends: its claims, printed and as JSON, and an exit code that compares them with the register.

0   every claim came out as proofs/register.toml expects
1   one came out otherwise, one is missing or new, or the proof broke off
3   not run, or run with arguments of which the register expects nothing: neither a success nor a failure
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from proofs.lib.claims import Claim, unique
from proofs.lib.comparison import differences
from proofs.lib.register import REGISTER, find

AS_EXPECTED, DIFFERS, NOT_RUN = 0, 1, 3
OUTCOME = "CODOMAIN_PROOF_OUTCOME"
"""The environment variable that names the file for the outcome as JSON."""


def needs(register: Path = REGISTER) -> None:
    """End the script where the machine lacks what it needs; before the imports that would fail without it."""
    entry = find(Path(sys.argv[0]), sys.argv[1:], register)
    if entry and (reason := entry.lacks()):
        print(f"not run: {reason}")
        _write({"not_run": reason})
        sys.exit(NOT_RUN)


def prove(main: Callable[[], Sequence[Claim]], register: Path = REGISTER) -> NoReturn:
    """Run the script's claims and exit. An error inside `main` is left to end the script, with code 1."""
    needs(register)
    claims = unique(main())
    print()
    for claim in claims:
        print(f"{'holds' if claim.holds else 'DOES NOT HOLD':14} {claim}")
    _write({"claims": [claim.data() for claim in claims]})
    entry = find(Path(sys.argv[0]), sys.argv[1:], register)
    if entry is None:
        print("the register expects nothing of these arguments")
        sys.exit(NOT_RUN)
    told = differences(entry, claims)
    print("\n".join(told) or "as expected by proofs/register.toml")
    sys.exit(DIFFERS if told else AS_EXPECTED)


def _write(outcome: dict[str, object]) -> None:
    if path := os.environ.get(OUTCOME):
        Path(path).write_text(json.dumps(outcome, ensure_ascii=False, indent=1), encoding="utf-8")
