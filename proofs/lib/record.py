"""The committed record of proofs: what a run on one machine found, written as TOML, and the page of the docs about it."""

from __future__ import annotations

import json
import platform
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proofs.lib.register import ROOT, Entry
from proofs.lib.state import NOT_RUN, Outcome

RECORD = ROOT / "proofs" / "last_run.toml"


def load(path: Path = RECORD) -> tuple[dict[str, str], dict[str, Outcome]]:
    """The head (day, processor) and the outcomes of the proofs that were run, by name; empty where nothing was recorded."""
    if not path.is_file():
        return {}, {}
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    rows = [row for row in found.get("proof", []) if "day" in row]
    return found["run"], {
        row["name"]: Outcome(
            row["name"], row["outcome"], row.get("told", []), row["minutes"],
            [{"claim": claim, "value": value} for claim, value in row.get("values", {}).items()], row["day"],
        )
        for row in rows
    }  # fmt: skip


def text(entries: Sequence[Entry], outcomes: Mapping[str, Outcome], day: str) -> str:
    """The record of the outcomes at hand; a proof without one is recorded as not run."""
    lines = [
        "# Written by `python proofs/run.py --record`: what `make proofs` found. Not to be edited by hand.", "",
        "[run]", f"day = {_quoted(day)}", f"processor = {_quoted(processor())}",
    ]  # fmt: skip
    for entry in entries:
        outcome = outcomes.get(entry.name) or Outcome(entry.name, NOT_RUN, [entry.lacks() or "no time was left for it"])
        lines += ["", "[[proof]]", f"name = {_quoted(entry.name)}", f"outcome = {_quoted(outcome.word)}"]
        if outcome.word != NOT_RUN:
            lines += [f"day = {_quoted(outcome.day)}", f"minutes = {outcome.minutes:.2f}"]
        if outcome.told:
            lines.append(f"told = [{', '.join(map(_quoted, outcome.told))}]")
        if outcome.claims:
            lines.append("[proof.values]")
            lines += [f"{_quoted(claim['claim'])} = {_value(claim)}" for claim in outcome.claims]
    return "\n".join(lines) + "\n"


def processor() -> str:
    """The processor's name and the number of its cores, as the system tells them."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in told if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(names)} cores"


def _value(claim: Mapping[str, Any]) -> str:
    value = claim["value"]
    return _quoted(value) if isinstance(value, str) else f"{value:.6g}"


def _quoted(words: str) -> str:
    """A TOML string: JSON's escapes are among TOML's."""
    return json.dumps(words, ensure_ascii=False)
