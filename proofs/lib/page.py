"""The page docs/proofs.md: every proof, what is expected of its claims, and what the recorded run found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proofs.lib import record, register
from proofs.lib.register import Entry
from proofs.lib.state import DIFFERS, PASSED, Outcome

INTRODUCTION = """\
# Proofs

A proof measures on real data what a paper claims, or what these pages say. Each of its claims is compared with what
[proofs/register.toml](../proofs/register.toml) expects, and a difference in either direction fails: a claim that stopped
holding, and one that began to. A proof that lacks data or a package is not run, which is never a success.

| | |
|---|---|
| `make proofs` | all of them; what has passed is not run again until the source, the data sets' readers or the proof change |
| `make proofs FRESH=1` | all of them again |
| `make proofs ROOM=index` | those of a room, or one: `ROOM=index/tiered` |
| `make proofs QUICK=1` | eight minutes of them, others at every commit; CI runs this |
| `make proofs RECORD=1` | write what was found to `proofs/last_run.toml`, from which this page is made |
| `python proofs/index/tiered.py` | one by itself: exit code 0 as expected, 1 otherwise, 3 not run |
"""


def page() -> list[str]:
    """The lines of the page."""
    entries = register.load()
    head, outcomes = record.load()
    lines = [INTRODUCTION, _sentence(entries, head, outcomes)]
    for room in dict.fromkeys(entry.name.split("/")[0] for entry in entries):
        lines += ["", f"## {room}", "", "| proof | last run | minutes | needs |", "|---|---|--:|---|"]
        own = [entry for entry in entries if entry.name.startswith(f"{room}/")]
        lines += [_row(entry, outcomes.get(entry.name)) for entry in own]
        lines += ["", "| claim | expected | measured |", "|---|---|---|"]
        for entry in own:
            lines += _claims(entry, outcomes.get(entry.name))
    return lines


def _sentence(entries: Sequence[Entry], head: Mapping[str, str], outcomes: Mapping[str, Outcome]) -> str:
    """When all were run last, or that they never were; and what is on record."""
    known = [outcomes[entry.name] for entry in entries if entry.name in outcomes]
    if not known:
        return "No run is on record."
    passed, differ = (sum(one.word == word for one in known) for word in (PASSED, DIFFERS))
    days = sorted(one.day for one in known)
    since = days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    whole = (
        f"The last full run: {since}."
        if len(known) == len(entries)
        else f"No full run is on record: {len(known)} of {len(entries)} proofs were run, {since}."
    )
    return f"{whole} On {head['processor']}: {passed} came out as expected, {differ} did not."


def _row(entry: Entry, outcome: Outcome | None) -> str:
    script = f"[{entry.name.split('/', 1)[1]}](../{entry.script})"
    needs = ", ".join([*(f"`{name}`" for name in entry.data), *([entry.extra] if entry.extra else [])])
    if outcome is None:
        return f"| {script} | not run | about {entry.minutes:g} | {needs} |"
    return f"| {script} | {outcome.word}, {outcome.day} | {outcome.minutes:.1f} | {needs} |"


def _claims(entry: Entry, outcome: Outcome | None) -> list[str]:
    measured = {claim["claim"]: claim["value"] for claim in outcome.claims} if outcome else {}
    name = entry.name.split("/", 1)[1]
    return [
        f"| {name}: {_cell(claim)} | {'holds' if expected else 'does not hold'} | {_cell(_value(measured.get(claim)))} |"
        for claim, expected in entry.claims.items()
    ]


def _value(value: float | str | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else f"{value:.4g}"


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
