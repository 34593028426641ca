"""Numbers and lists for people: two digits that count, and no more."""

from __future__ import annotations

import math
from collections.abc import Sequence


def written(value: float | None, share: bool = False) -> str:
    """A number with two digits that count: percent for shares, whole from 10 on; near 1 two digits of what is missing to it.

    >>> written(0.1234), written(0.1234, share=True), written(12345), written(0.9987), written(float("nan"))
    ('0.12', '12 %', '12,345', '0.9987', 'unknown')
    """
    if value is None or math.isnan(value):
        return "unknown"
    if share:
        return f"{_digits(100 * value, 100)} %"
    if math.isinf(value):
        return "unlimited" if value > 0 else "-unlimited"
    return _digits(value, 1)


def listed(parts: Sequence[str]) -> str:
    """Parts as in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def fraction(times: int) -> str:
    """How much of something is left that is so many times smaller.

    >>> [fraction(times) for times in (2, 4, 8, 32)]
    ['half', 'a quarter', 'an eighth', 'a 32nd']
    """
    return {2: "half", 4: "a quarter", 8: "an eighth", 32: "a 32nd"}.get(times, f"1/{times}")


def _digits(value: float, whole: float) -> str:
    """Two digits that count; between 90 % of `whole` and all of it, two of the difference, without ending zeros."""
    if value == 0:
        return "0"
    if 0.9 * whole < value < whole:
        least = 2 if whole == 1 else 0
        decimals = min(6, 1 - math.floor(math.log10(whole - value)))
        text = f"{math.floor(value * 10**decimals + 0.5 - 1e-9) / 10**decimals:.{decimals}f}"
        if float(text) >= whole:  # rounding must not say all where it is not
            text = f"{whole - 10.0**-decimals:.{decimals}f}"
        kept = text.rstrip("0")
        return text[: max(len(kept), text.index(".") + 1 + least)].rstrip(".")
    if abs(value) >= 9.95:
        return f"{value:,.0f}"
    decimals = 1 - math.floor(math.log10(abs(value)))
    if decimals > 6:
        return f"{value:.2g}"
    text = f"{value:.{decimals}f}"
    return f"{value:.0f}" if float(value).is_integer() else text
