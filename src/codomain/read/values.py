"""A value that is spelled as text, as in a cell of a table or in front matter: the plainest one that keeps all it says."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite

_INTEGER = re.compile(r"-?[1-9]\d{0,18}|0", re.ASCII)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_SCIENTIFIC = re.compile(r"-?\d(\.\d+[eE][+-]?\d{1,3}|[eE][+-]\d{1,3})", re.ASCII)


def typed(cell: str) -> str | int | float | None:
    """A cell as the plainest value that keeps all it says, text where a number would not; an empty cell is None.

    >>> [typed(cell) for cell in ("2020", "3.5", "007", "12e5", "1.5e-3", "", "nan")]
    [2020, 3.5, '007', '12e5', 0.0015, None, 'nan']
    >>> [typed(cell) for cell in ("1234567890123456789", "12345678901234567890", "0.1234567890123456789")]
    [1234567890123456789, '12345678901234567890', '0.1234567890123456789']
    """
    if not cell.strip():
        return None
    if _INTEGER.fullmatch(cell):
        whole = int(cell)
        return whole if -(2**63) <= whole < 2**63 else cell
    if _NUMBER.fullmatch(cell) or _SCIENTIFIC.fullmatch(cell):
        number = float(cell)
        if isfinite(number) and (len(cell) <= 15 or repr(number) == cell or Decimal(repr(number)) == Decimal(cell)):
            return number
    return cell
