"""What a proof answers: claims as data, each with the value that was measured and the bar that it was held to."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Claim:
    """One claim. Its wording is the key in register.toml, so it holds no measured figure: that is the value's place."""

    claim: str
    holds: bool
    value: float | str
    bar: str

    def __str__(self) -> str:
        value = self.value if isinstance(self.value, str) else f"{self.value:.4g}"
        measured = ", ".join(part for part in (value, self.bar) if part)
        return f"{self.claim} ({measured})" if measured else self.claim

    def data(self) -> dict[str, Any]:
        """The claim for JSON."""
        return asdict(self)


def at_least(claim: str, value: float, bar: float) -> Claim:
    """A claim that value >= bar."""
    return Claim(claim, _measured(claim, value) >= bar, float(value), f"at least {bar:g}")


def at_most(claim: str, value: float, bar: float) -> Claim:
    """A claim that value <= bar."""
    return Claim(claim, _measured(claim, value) <= bar, float(value), f"at most {bar:g}")


def above(claim: str, value: float, bar: float) -> Claim:
    """A claim that value > bar."""
    return Claim(claim, _measured(claim, value) > bar, float(value), f"above {bar:g}")


def below(claim: str, value: float, bar: float) -> Claim:
    """A claim that value < bar."""
    return Claim(claim, _measured(claim, value) < bar, float(value), f"below {bar:g}")


def shown(claim: str, holds: Any, value: float | str = "") -> Claim:
    """A claim whose bar stands in its words: whether it holds, and what was seen."""
    return Claim(claim, bool(holds), value if isinstance(value, str) else _measured(claim, value), "")


def unique(claims: Iterable[Claim]) -> list[Claim]:
    """The claims as a list; ValueError where there are none or where two have the same words."""
    found = list(claims)
    words = [claim.claim for claim in found]
    if not found or len({*words}) < len(words):
        raise ValueError(f"a proof needs claims, each in words of its own: {words}")
    return found


def _measured(claim: str, value: float) -> float:
    """The value; ValueError for NaN, which is below every bar and above every other without having been measured."""
    if math.isnan(value):
        raise ValueError(f"nothing was measured for: {claim}")
    return float(value)
