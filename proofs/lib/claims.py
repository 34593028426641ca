"""How a proof ends: which of its claims hold, and an exit code that says whether all do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

from codomain.errors import CodomainError


def judge(claims: Mapping[str, bool]) -> NoReturn:
    """Print each claim with whether it holds; exit with 0 if all do, else with 1."""
    for claim, holds in claims.items():
        print(f"{'holds' if holds else 'DOES NOT HOLD':14} {claim}")
    sys.exit(0 if all(claims.values()) else 1)


def prove(main: Callable[[], None]) -> None:
    """Run a proof; where data or packages are missing, say which."""
    try:
        main()
    except (CodomainError, ImportError) as error:
        print(f"skipped: {error}")
