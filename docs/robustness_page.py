"""The page of what was tried and survived, from the records that `make fuzz`, `make soak` and `make robustness` write: tests/*/record.toml.

A record is a TOML file of [[row]] tables: what, tried, survived, day, processor; `kind` where it is not the folder's name.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
KINDS = {
    "kills": "Processes are killed at any moment. Survived: the collection opens, and nothing that was acknowledged is lost.",
    "faults": "System calls fail or are cut short. Survived: the collection opens, and nothing that was acknowledged is lost.",
    "damage": "Bytes of stored files are changed, cleared, cut off or added. Survived: `verify` or an error names the damage in one sentence, or all that is "
    "read is right; of a log (-wal), an earlier acknowledged state is. The process never crashes.",
    "pathological": "Files made to take long or much memory, by their kind. Survived: they are read, or refused in one sentence, within 20 seconds and 1.5 GB, "
    "and twice the size takes at most 2.5 times as long (time of the processor).",
    "fuzz": "Inputs are changed at random and led by the coverage of the code (atheris). Survived: the input is read, or refused in one "
    "sentence, within 20 seconds and 2.5 GB.",
}
"""The kinds of record, with what surviving means."""


def page(tests: Path = TESTS) -> list[str]:
    """All records, then each kind row by row; a kind that has no record is said to have none.

    Raises ValueError for a record of no known kind, or one that says that more survived than were tried.
    """
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    for path in sorted(tests.glob("*/record.toml")):
        for row in tomllib.loads(path.read_text(encoding="utf-8")).get("row", []):
            kind = row.get("kind", path.parent.name)
            if kind not in KINDS or not 0 <= row["survived"] <= row["tried"]:
                raise ValueError(f"{path} has a row that is none: {row}")
            rows[kind].append(row)
    lines = [
        "# Robustness",
        "",
        "What was tried against the readers, parsers and stored files, and what survived. `make soak` writes the records of kills and faults, `make robustness` those of damage and pathological files, `make fuzz` the last; "
        "each row is one of what their last run reached.",
        "",
        "| kind | tried | survived |",
        "|---|--:|--:|",
        *(
            f"| [{kind.capitalize()}](#{kind}) | {sum(r['tried'] for r in own):,} | {sum(r['survived'] for r in own):,} |"
            if own
            else f"| {kind.capitalize()} | not recorded yet | |"
            for kind, own in rows.items()
        ),
    ]
    for kind, own in rows.items():
        if own:
            lines += ["", f"## {kind.capitalize()}", "", KINDS[kind], ""]
            lines += ["| what | tried | survived | day | processor |", "|---|--:|--:|---|---|"]
            lines += [
                f"| {row['what']} | {row['tried']:,} | {row['survived']:,} | {row['day']} | {row['processor']} |"
                for row in own
            ]
    return lines
