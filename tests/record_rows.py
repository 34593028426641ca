"""The records of robustness, tests/*/record.toml, which docs/robustness.md shows."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping

from proofs.lib.record import processor


def rows_of(command: str, counts: Mapping[str, tuple[int, int]]) -> str:
    """A record: a row for each thing, with its cases tried and survived.

    >>> print(rows_of("make robustness", {"covers.json": (200, 200)}).split("day")[0])
    # Written by `make robustness`: cases tried and survived, a row for each thing. Not to be edited by hand.
    <BLANKLINE>
    [[row]]
    what = "covers.json"
    tried = 200
    survived = 200
    <BLANKLINE>
    """
    lines = [
        f"# Written by `{command}`: cases tried and survived, a row for each thing. Not to be edited by hand.",
    ]
    day = datetime.date.today().isoformat()
    for what, (tried, survived) in counts.items():
        row = {"what": what, "tried": tried, "survived": survived, "day": day, "processor": processor()}
        lines += ["", "[[row]]", *(f"{name} = {json.dumps(value)}" for name, value in row.items())]
    return "\n".join(lines) + "\n"
